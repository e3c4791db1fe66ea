"""explain: the chain rule that made one gradient, step by step from the loss to a parameter."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..engine.autograd import (
    ABSENT,
    Node,
    TensorBase,
    as_tensor,
    fit,
    leading_to,
    propagate,
    topological_order,
)
from ..engine.graph_errors import check_overwritten
from ..engine.observer import Observer
from ..errors import DtypeError, GraphError
from ..tensors.gradients import Checkpoint
from ..viz import describe
from ..viz.scopes import module_paths
from . import derivatives
from .explanation import LONGEST, Explanation, Shape, Share, Step, Total

Edge = Any  # a node or a leaf


@near_names
def explain(
    loss: Any, parameter: Any, names: Any = None, *, longest: int = LONGEST
) -> Explanation:
    """Explain how dL/d(parameter) comes about: each step of the chain rule, with shapes.

        with dls.trace():
            loss = F.cross_entropy(model(x), y)
            loss.backward()
        print(dls.explain(loss, model[0].weight, model))

    loss: what is differentiated. parameter: a leaf, or any tensor that the loss was computed from.
    names: a model, whose parameters appear under their names, or a dict of tensors such as
    `locals()`.
    longest: how many steps are printed before neighbours that repeat are rolled up ("x 12").
    The formulas are those that the operations declare. The norms of all shares are there where
    the computation was traced and backward() ran, or where backward() has not run yet; else only
    shapes and formulas are left. Source lines are there if it was traced.
    GraphError: the loss has no graph, or does not depend on the parameter.

    >>> w = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> loss = (w**2).sum()
    >>> [step.op for step in dls.explain(loss, w).steps]
    ['sum', 'power_of(p=2)']
    """
    root = _root(loss)
    target = _target(parameter)
    known = _names(loss, parameter, names)
    if root is target:
        name = known.get(root, "loss")
        return Explanation(name, name, tuple(root.shape), 1, (), norm=None,
                           notes=("this is the loss itself: dL/dL = 1",), longest=longest)
    order = topological_order([root])
    useful = leading_to({target: None}, order)
    if root not in useful:
        raise _independent(loss, parameter, known, order)
    return _Way(root, target, order, useful, known).explanation(longest)


# --- what is asked for ---------------------------------------------------------------------------


def _root(loss: Any) -> Node:
    if not isinstance(loss, TensorBase):
        raise DtypeError(f"explain(loss, parameter) takes tensors, and the loss is a "
                         f"{type(loss).__name__}: not float(loss) or loss.numpy()")
    if loss._node is None:
        raise GraphError(
            "this loss has no graph: it was not computed from a tensor that requires grad, or was "
            "under no_grad, or came back from detach(). Give explain the result of the computation."
        )
    return loss._node


def _target(parameter: Any) -> Edge:
    if not isinstance(parameter, TensorBase):
        hint = " (names are not looked up: write model[0].weight)" * isinstance(parameter, str)
        raise DtypeError("explain(loss, parameter) takes tensors, and the parameter is a "
                         f"{type(parameter).__name__}{hint}")
    if not parameter.requires_grad:
        raise GraphError("this parameter does not require grad, so it has no gradient: give it "
                         "requires_grad_() before the loss is computed")
    return parameter if parameter._node is None else parameter._node


def _names(loss: Any, parameter: Any, names: Any) -> dict[Edge, str]:
    """Names of leaves and nodes; a model's come first, then the dict's, then the tensors' own."""
    found: dict[Edge, str] = {}
    if hasattr(names, "named_parameters"):
        given = dict(names.named_parameters())
    else:
        given = {k: v for k, v in (names or {}).items() if not k.startswith("_")}
    for name, tensor in given.items():
        if isinstance(tensor, TensorBase):
            found.setdefault(tensor._node or tensor, name)
        elif hasattr(tensor, "named_parameters") and not isinstance(tensor, type):
            for inner, x in tensor.named_parameters():
                found.setdefault(x, inner)
    for tensor, name in ((parameter, "W"), (loss, "loss")):
        found.setdefault(tensor._node or tensor, tensor.name or name)
    return found


def _independent(loss: Any, parameter: Any, names: Mapping[Edge, str], order: Sequence[Node]
                 ) -> GraphError:
    """The error for a loss that a parameter has no part in."""
    leaves = {e for node in order for e in node.edges if isinstance(e, TensorBase)}
    called = [names.get(x) or x.name or f"a leaf of shape {x.shape}"  # type: ignore[attr-defined]
              for x in leaves]
    more = f" and {len(called) - 6} more" if len(called) > 6 else ""
    known = f"It depends on {', '.join(sorted(called)[:6])}{more}." if called else ""
    inside = any(isinstance(node.op, Checkpoint) for node in order)
    hint = "Was it used at all, detached on the way (detach, numpy, no_grad), or replaced by a " \
        "new tensor since?"
    if inside:
        hint = "What is used inside dls.checkpoint cannot be explained: its graph is not kept."
    return GraphError(f"the loss does not depend on {names[parameter._node or parameter]} "
                      f"{tuple(parameter.shape)}: its gradient is 0. {known}\n{hint}")


# --- the walk ------------------------------------------------------------------------------------


class _Shares(Observer):
    """The shares that a walk gives to each slot of a node, of those that lead to the parameter."""

    def __init__(self, leads: Callable[[Edge], bool]) -> None:
        self.leads = leads
        self.given: dict[tuple[Node, int], Any] = {}
        self.raw: dict[tuple[Node, int], Shape] = {}  # before broadcasting was undone

    def ran(
        self, node: Node, dy: Any, shares: tuple[Any, ...], seconds: float, asked: bool
    ) -> None:
        """Keep the shares of a rule."""
        for slot, (edge, share) in enumerate(zip(node.edges, shares)):
            if share is not None and self.leads(edge):
                self.raw[node, slot] = tuple(share.shape)
                self.given[node, slot] = fit(share, edge, node)


@contextmanager
def _set_aside(nodes: Sequence[Node]) -> Iterator[None]:
    """Let a walk run no hooks, and leave no gradients for pictures."""
    before = [(node, node.hooks, node.grad) for node in nodes]
    for node in nodes:
        node.hooks = None
    try:
        yield
    finally:
        for node, hooks, grad in before:
            node.hooks, node.grad = hooks, grad


class _Way:
    """The nodes between a loss and a parameter, and what is known of the gradients on them."""

    def __init__(
        self, root: Node, target: Edge, order: Sequence[Node], useful: set[Any],
        names: dict[Edge, str],
    ) -> None:
        self.root, self.target = root, target
        self.nodes = [node for node in order if node in useful and node is not target]
        self.reached = {*useful, target}
        self.notes: list[str] = []
        self.paths = module_paths(order[::-1])
        self.names = names
        for i, node in enumerate(reversed(self.nodes), 1):
            names.setdefault(node, f"v{i}")
        self.given, self.raw = self._shares()
        self.uses = self._arriving()

    def explanation(self, longest: int) -> Explanation:
        """All steps, and the sums between them."""
        steps = tuple(self._step(i, node) for i, node in enumerate(self.nodes, 1))
        shape = tuple(self.target.shape)
        total = self._norm_of_sum(self.target)
        stored = getattr(getattr(self.target, "_grad", None), "_data", None)
        if total is not None and stored is not None:
            norm = _norm(stored, self.target)
            if not math.isclose(norm, total, rel_tol=1e-3, abs_tol=1e-12):
                self.notes.append(f"{self.names[self.target]}.grad has norm "
                                  f"{describe.number(norm)}: it holds other gradients, too (of "
                                  "another backward(), or another loss)")
        return Explanation(self.names[self.root], self.names[self.target], shape, self._ways(),
                           steps, self._totals(), total, tuple(self.notes), longest)

    def _ways(self) -> int:
        """The number of paths from the loss to the target."""
        ways: dict[Edge, int] = defaultdict(int)
        ways[self.root] = 1
        for node in self.nodes:
            for edge in node.edges:
                if self._leads(edge):
                    ways[edge] += ways[node]
        return ways[self.target]

    def _leads(self, edge: Edge) -> bool:
        return isinstance(edge, (Node, TensorBase)) and edge in self.reached

    def _shares(self) -> tuple[dict[tuple[Node, int], Any], dict[tuple[Node, int], Shape]]:
        """(the share that goes to each slot, its shape before broadcasting was undone)."""
        if all(node.trace is not None and any(not x.asked for x in node.trace.given)
               for node in self.nodes):
            return self._kept()
        blocked = next((n for n in self.nodes if n.saved is None
                        or isinstance(n.op, Checkpoint)), None)
        if blocked is not None:
            if blocked.saved is None:
                self.notes.append("backward() has freed the values: only shapes and formulas are "
                                  "left. Run it inside `with dls.trace():`, or call explain before "
                                  "backward()")
            return {}, {}
        try:
            for node in self.nodes:
                check_overwritten(node)
        except GraphError as error:
            self.notes.append(f"the norms are not known: {str(error).splitlines()[0]}")
            return {}, {}
        return self._computed()

    def _kept(self) -> tuple[dict[tuple[Node, int], Any], dict[tuple[Node, int], Shape]]:
        """The shares that the trace kept of the last backward()."""
        given: dict[tuple[Node, int], Any] = {}
        raw: dict[tuple[Node, int], Shape] = {}
        for node in self.nodes:
            assert node.trace is not None
            for edge in {e for e in node.edges if self._leads(e)}:
                slots = [i for i, e in enumerate(node.edges) if e is edge]
                arrived = [x for x in node.trace.given if x.edge is edge and not x.asked]
                if len(arrived) > len(slots):
                    note = "backward() ran more than once: these are the shares of the last time"
                    self.notes += [note] * (note not in self.notes)
                for slot, share in zip(slots, arrived[-len(slots):]):
                    raw[node, slot] = tuple(share.share.shape)
                    given[node, slot] = fit(share.share, edge, node)
        return given, raw

    def _computed(self) -> tuple[dict[tuple[Node, int], Any], dict[tuple[Node, int], Shape]]:
        """The rules run here: backward() has not been called, and nothing is freed or stored."""
        device = self.root.device
        ones = device.from_host(np.ones(self.root.shape, self.root.dtype))
        loss = as_tensor(ones, device, self.root)
        seen = _Shares(self._leads)
        with _set_aside(self.nodes):
            propagate([(loss, ones)], True, False, [self.target], seen)
        if any(node.hooks for node in self.nodes):
            self.notes.append("the norms are those before hooks, which backward() will run")
        return seen.given, seen.raw

    # --- steps -----------------------------------------------------------------------------------

    def _step(self, number: int, node: Node) -> Step:
        op: Any = type(node.op)
        shares = tuple(self._share(node, slot, edge) for slot, edge in enumerate(node.edges)
                       if self._leads(edge))
        return Step(
            number, self.names[node], describe.operation(node.op), self._call(node),
            derivatives.value(op), tuple(node.shape), node.trace.source if node.trace else "",
            self.paths.get(node, ()), shares,
            None if node is self.root else self._norm_of_sum(node),
        )

    def _share(self, node: Node, slot: int, edge: Edge) -> Share:
        operand = node.op.input_name(slot)
        op: Any = type(node.op)
        rule = derivatives.derivative(op, operand)
        names = {"y": self.names[node]}
        for i, other in enumerate(node.edges):
            names[node.op.input_name(i)] = self._operand(node, i, other)
        formula, words = derivatives.formula_part(rule)
        exact = derivatives.is_formula(formula, names, node.op.parameters)
        text = derivatives.substituted(formula, names, exact) if formula else "not declared"
        latex = derivatives.formula_latex(formula, names) if exact else \
            derivatives.words_latex(formula or "not declared", names)
        if words:
            text += f", {derivatives.substituted(words, names, False)}"
            latex += derivatives.words_latex(f", {words}", names)
        share = self.given.get((node, slot))
        return Share(
            self.names.get(edge) or self._operand(node, slot, edge), operand, rule, text, latex,
            tuple(edge.shape), self._summed(node, slot, edge),
            None if share is None else _norm(share, node),
        )

    def _summed(self, node: Node, slot: int, edge: Edge) -> str:
        """The sum that undoes broadcasting, where there was any."""
        before: Shape = self.raw.get((node, slot), ())
        if (node, slot) not in self.raw:
            before = tuple(node.shape) if node.op.broadcasts and not self.raw else edge.shape
        after: Shape = tuple(edge.shape)
        lead = len(before) - len(after)
        if before == after or lead < 0:
            return ""
        axes = [*range(lead), *(lead + i for i, n in enumerate(after) if n != before[lead + i])]
        where = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
        return f"sum over {where}: {before} -> {after}"

    def _operand(self, node: Node, slot: int, edge: Edge) -> str:
        """Name an operand: its name, a number as it is, else the op's own name for it."""
        if isinstance(edge, (Node, TensorBase)):
            name = self.names.get(edge) or getattr(edge, "name", None)
            if name:
                return name
        elif isinstance(edge, (bool, int, float)):
            return describe.number(edge)
        if node.trace is not None and slot < len(node.trace.names) and node.trace.names[slot]:
            return node.trace.names[slot]
        return node.op.input_name(slot)

    def _call(self, node: Node) -> str:
        parts = []
        for slot, edge in enumerate(node.edges):
            if edge is ABSENT:
                continue
            own, name = node.op.input_name(slot), self._operand(node, slot, edge)
            shape = getattr(edge, "shape", None)
            if shape is None and node.trace is not None:
                value = node.trace.inputs[slot]
                if value is None:
                    continue
                shape = getattr(value, "shape", None)
            text = name if own == name else f"{own}={name}"
            parts.append(text + (f" {tuple(shape)}" if shape is not None else ""))
        return f"{describe.operation(node.op)}: {', '.join(parts)}"

    # --- sums ------------------------------------------------------------------------------------

    def _arriving(self) -> dict[Edge, list[tuple[int, Node, int]]]:
        """Of each value: the steps (number, node, slot) that give a share of its gradient."""
        found: dict[Edge, list[tuple[int, Node, int]]] = defaultdict(list)
        for number, node in enumerate(self.nodes, 1):
            for slot, edge in enumerate(node.edges):
                if self._leads(edge):
                    found[edge].append((number, node, slot))
        return found

    def _totals(self) -> tuple[Total, ...]:
        found = []
        for edge, uses in self.uses.items():
            if len(uses) < 2:
                continue
            norms = tuple(None if (share := self.given.get((node, slot))) is None
                          else _norm(share, node) for _, node, slot in uses)
            steps = tuple(number for number, _, _ in uses)
            found.append(Total(self.names[edge], steps, norms, steps[-1], self._norm_of_sum(edge)))
        return tuple(found)

    def _norm_of_sum(self, edge: Edge) -> float | None:
        """The norm of the whole gradient of a value; None if a share of it is not known."""
        if not self.given:
            return None
        total = None
        for _, node, slot in self.uses.get(edge, ()):
            share = self.given.get((node, slot))
            if share is not None:
                total = share if total is None else total + share
        return None if total is None else _norm(total, self.root)


def _norm(array: Any, owner: Any) -> float:
    host = np.asarray(owner.device.to_host(array), np.float64)
    return float(np.linalg.norm(host.reshape(-1)))
