"""From the engine's graph to a trace record: what was computed, with values and gradients."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .._util.callers import line_at
from .._util.keywords import near_names
from ..engine.autograd import ABSENT, Node, TensorBase, fit
from ..engine.collector import Collector, Failure
from ..errors import DtypeError, GraphError
from ..ops.work import backward_work, forward_work, kept_bytes
from . import describe
from . import record as r
from .checking import Operations
from .graphs import Graph
from .groups import Path
from .names import Names
from .picture import Options
from .record import Gradient, NodeRecord, Record, Share
from .scopes import labels, module_paths
from .summary import Summaries, Summary

NUMBERS = "biuf"  # kinds of dtypes
FLOAT = np.dtype(float)


@near_names
def graph(
    output: Any, model: Any = None, names: Mapping[str, Any] | None = None, **options: Any
) -> Graph:
    """The graph that `output` (a loss, or any result) was computed by, as it is now.

    output: a tensor, or tuples, lists and dicts of tensors in any nesting, as layers return them.
    model: its parameters appear under their names; or a list of models.
    names: a dict of tensors by name, such as `locals()`.
    options: show, depth, roll, parameters, rankdir, constants, legend, engine (see `Options`).
    Values and gradients of all operations appear where the computation ran inside
    `with dls.trace():`; else those of up to 16 elements. Taken before backward() it shows no
    gradients: take it again afterwards.

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> dls.graph((x**2).sum())
    <Graph: 2 operations, 1 parameters, gradients not computed>
    """
    check_names(names)
    outputs = list(_tensors(output))
    roots = [tensor._node for tensor in outputs if tensor._node is not None]
    if not roots:
        raise GraphError(
            "this tensor has no graph: it was not computed from a tensor that requires grad "
            "(or was, under no_grad). Give requires_grad=True to an input, and the result of a "
            "computation to graph()."
        )
    models = [] if model is None else model if isinstance(model, list) else [model]
    known = Settled(_ancestors(roots), roots, Names(outputs, models, names), models)
    return Graph(known.record(), Options.of(options), known.operations())


def check_names(names: Any) -> None:
    """DtypeError unless these are tensors by name."""
    if names is not None and not isinstance(names, Mapping):
        raise DtypeError("names is a dict of tensors by name, {\"X\": X} or locals(), not a "
                         f"{type(names).__name__}")


def settled(
    collector: Collector, error: BaseException | None = None,
    given: Mapping[str, Any] | None = None,
) -> "Settled":
    """All that a trace has seen, with the numbers of this moment; `error`: what ended it."""
    nodes = _ancestors(collector.nodes)
    used = {edge for node in nodes for edge in (*node.edges, *_origins(node))
            if edge.__class__ is Node}
    roots = [node for node in nodes if node not in used]
    names = Names([], collector.modules, given)
    return Settled(nodes, roots, names, collector.modules,
                   None if error is None else collector, error)


def _origins(node: Node) -> tuple[Node | None, ...]:
    return node.trace.origins if node.trace is not None else ()


def _ancestors(nodes: Sequence[Node]) -> list[Node]:
    """These and all that they were computed from, without gradients too, oldest first."""
    found = set(nodes)
    work = list(found)
    while work:
        node = work.pop()
        for before in (*node.edges, *_origins(node)):
            if before.__class__ is Node and before not in found:
                found.add(before)
                work.append(before)
    return sorted(found, key=lambda node: node.seq)


def _tensors(output: Any) -> Iterator[TensorBase]:
    """The tensors of a result; DtypeError where it holds anything else but None."""
    if isinstance(output, TensorBase):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, (tuple, list)):
        for value in output:
            yield from _tensors(value)
    elif hasattr(output, "named_parameters"):
        raise DtypeError("graph() takes what a model returns: dls.graph(model(x), model)")
    elif output is not None:
        raise DtypeError("graph() takes a tensor, or tuples, lists and dicts of tensors, not a "
                         f"{type(output).__name__}")


class Settled:
    """The state of the nodes of one record at one moment; the record is written afterwards.

    Numbers, gradients, names and marks may change later, so they are looked at here, at once: for
    each value of the record there is a draft, which knows them. All else is left until the record
    is wanted: it would take longer than a step of small operations.
    """

    def __init__(
        self, nodes: list[Node], roots: Sequence[Node], names: Names, models: Sequence[Any],
        collector: Collector | None = None, error: BaseException | None = None,
    ) -> None:
        self.nodes = nodes
        self.roots = set(roots)
        self.devices = {node.device.array_type: node.device for node in nodes}
        self.names = names
        self.models = models
        self.marks = {node: node.scope for node in nodes if node.scope is not None}
        self.ids: dict[Any, str] = {}
        # Inputs before their users: a method, and its arguments. Closures would be ten objects
        # each, and have the garbage collector run all the time.
        self.drafts: list[tuple[Any, ...]] = []
        self.edges: list[tuple[str, str, int]] = []
        self.ran = any(root.grad is not None or root.saved is None for root in roots
                       if _is_tracked(root))
        self.summaries = Summaries()
        self.backward_ran = False  # through any operation
        self.given = self._given()
        self.shares: dict[Any, list[_Arrived]] = {}
        self.failure: Failure | None = None
        self.meta = {}
        if nodes:
            self.meta = {"device": str(nodes[-1].device), "dtype": str(nodes[-1].dtype)}
        if error is not None:
            self.meta["error"] = f"{type(error).__name__}: {error}".removesuffix(": ")
        for node in nodes:
            tails = [self.ids[edge] if edge.__class__ is Node else self._input(node, slot, edge)
                     for slot, edge in enumerate(node.edges)]
            made = self._new_id(node)
            self._operation(node, made)
            self._connect(tails, made)
        if error is not None and collector is not None and collector.failure is not None and (
                collector.failure.message in str(error)):
            self.failure = collector.failure
            self._failed(collector.failure, collector)
        self.shares = {self.ids[edge]: self._arrived(edge, given)
                       for edge, given in self.given.items() if edge in self.ids}
        self.summaries.settle()
        self.given.clear()

    @property
    def bytes(self) -> int:
        """The memory of the arrays that were looked at, which the nodes hold until they go."""
        return self.summaries.bytes

    def record(self) -> Record:
        """The whole computation, once; of one that ended in an error, with what raised it."""
        self.paths, self.inside = self._paths()
        self.leaf_paths = self._leaf_paths()
        self.lines: dict[tuple[int, int], str] = {}
        self.labels: dict[int, str] = {}  # by id of the op, which its nodes keep
        records = tuple([write(self, *known) for write, *known in self.drafts])
        self.drafts.clear()
        edges = tuple([r.Edge(*edge) for edge in self.edges])
        return Record(records, edges, self.meta)

    def operations(self) -> Operations:
        """The engine's nodes by their ids, as long as they are kept elsewhere."""
        return WeakValueDictionary({self.ids[node]: node for node in self.nodes})

    def _paths(self) -> tuple[dict[Node, Path], Path]:
        """The modules around each node, and around the operation that failed."""
        paths = module_paths(self.nodes, self.marks)
        if self.failure is None:
            return paths, ()
        calls = self.failure.calls
        inside = labels([*(node.trace.calls for node in self.nodes if node.trace), calls])[calls]
        return paths, inside

    def _leaf_paths(self) -> dict[TensorBase, Path]:
        """A leaf belongs to the module that all its users are in."""
        found: dict[TensorBase, Path] = {}
        for node in self.nodes:
            for edge in node.edges:
                if isinstance(edge, TensorBase):
                    path = self.paths[node]
                    found[edge] = _common(found.get(edge, path), path)
        if self.models:  # what is not theirs came from outside
            own = self.names.parameters
            found |= {leaf: () for leaf in found if leaf not in own}
        return found

    def _new_id(self, key: Any) -> str:
        return self.ids.setdefault(key, f"n{len(self.ids)}")

    def _connect(self, tails: Sequence[str | None], made: str) -> None:
        self.edges += [(tail, made, slot) for slot, tail in enumerate(tails) if tail is not None]

    def _number(self, array: Any) -> int | None:
        """The number of the summary of an array; None: it has none."""
        if array.__class__ is np.ndarray and array.dtype.kind in NUMBERS:
            return self.summaries.add(array)
        if array is None or getattr(array, "dtype", FLOAT).kind not in NUMBERS:
            return None
        device = self.devices.get(type(array))
        return self.summaries.add(array, None if device is None else device.to_host)

    def _summary(self, number: int | None) -> Summary | None:
        return None if number is None else self.summaries[number]

    # --- inputs ----------------------------------------------------------------------------------

    def _input(self, node: Node, slot: int, edge: Node | TensorBase | None) -> str | None:
        """The id of what an operation was made from; None for an input left out."""
        origin = node.trace.origins[slot] if node.trace is not None else None
        if origin is not None:
            return self.ids[origin]
        if not isinstance(edge, (Node, TensorBase)):
            return self._constant(node, slot)
        if edge not in self.ids and isinstance(edge, TensorBase):
            self._leaf(edge)
        return self.ids[edge]

    def _leaf(self, leaf: TensorBase) -> None:
        data = leaf._data
        grad = self._total(leaf) if leaf._grad is None else leaf._grad._data
        made, name = self._new_id(leaf), self.names.get(leaf) or leaf.name or ""
        self.drafts.append((Settled._written_leaf, leaf, made, name, data.dtype,
                            tuple(data.shape), data.nbytes, self._number(data), grad is not None,
                            self._number(grad)))

    def _written_leaf(
        self, leaf: TensorBase, made: str, name: str, dtype: Any, shape: tuple[int, ...],
        size: int, value: int | None, computed: bool, grad: int | None,
    ) -> NodeRecord:
        return NodeRecord(
            made, name=name, kind="param", shape=shape, dtype=_name(dtype),
            path=self.leaf_paths.get(leaf, ()), value=self._summary(value),
            gradient=self._gradient(made, computed, grad), bytes=size)

    def _constant(self, node: Node, slot: int) -> str | None:
        """An input that needs no gradient: an array is drawn once, a number at each use."""
        if node.edges[slot] is ABSENT:
            return None
        known, value = _value_of_input(node, slot)
        if not known:
            if node.op.input_name(slot) in _optional(type(node.op).forward):
                return None
            made = self._new_id((node, slot))
            self.drafts.append((Settled._written_unknown, node, made))
            return made
        if value is None:
            return None
        own_name = node.trace.names[slot] if node.trace is not None else ""
        return self._array((node, slot), value, own_name, node)

    def _array(self, use: Any, value: Any, own_name: str, node: Node | None) -> str:
        """The id of an array or number that no operation made; `node`: the one that uses it."""
        array = hasattr(value, "shape") and value.ndim > 0
        name = self.names.get(id(value)) or own_name
        kind = self.names.kinds.get(id(value), "input" if array or name else "const")
        key = (id(value), "input") if array or name else use
        if key in self.ids:
            return self.ids[key]
        made = self._new_id(key)
        outside = kind == "input" and bool(array or name)
        shape = tuple(value.shape) if hasattr(value, "shape") else ()
        dtype = value.dtype if hasattr(value, "dtype") else node.dtype if node else ""
        self.drafts.append((Settled._written_array, None if outside else node, made, name, kind,
                            shape, dtype, getattr(value, "nbytes", 0), self._number(value),
                            outside))
        return made

    def _written_unknown(self, node: Node, made: str) -> NodeRecord:
        return NodeRecord(made, kind="input", shape=None, dtype="", path=self.paths[node])

    def _written_array(
        self, node: Node | None, made: str, name: str, kind: r.Kind, shape: tuple[int, ...],
        dtype: Any, size: int, number: int | None, outside: bool,
    ) -> NodeRecord:
        return NodeRecord(
            made, name=name, kind=kind, shape=shape, dtype=_name(dtype),
            path=() if outside else self.inside if node is None else self.paths[node],
            value=self._summary(number), bytes=size)

    # --- operations ------------------------------------------------------------------------------

    def _operation(self, node: Node, made: str) -> None:
        """Draft the record of an operation."""
        value, grad = node.value, node.grad
        computed = grad is not None if value is not None else self.ran
        self.backward_ran = self.backward_ran or (computed and _is_tracked(node))
        back = None if node.trace is None else node.trace.back_seconds
        self.drafts.append((Settled._written, node, made, value, self._number(value), computed,
                            self._number(grad), back))

    def _written(
        self, node: Node, made: str, value: Any, number: int | None, computed: bool,
        grad: int | None, back: float | None,
    ) -> NodeRecord:
        op, kind, trace = node.op, "op", node.trace
        tracked = _is_tracked(node)
        if node in self.roots:
            kind = "output"
            if tracked and all(length == 1 for length in node.shape):
                kind = "loss"
        return NodeRecord(
            made, self._label(op), self.names.get(node), kind,  # type: ignore[arg-type]
            tuple(node.shape), _name(node.dtype), self.paths[node],
            source="" if trace is None else self._line(trace.place),
            formula=_formula(type(op).__doc__),
            operands=tuple(name.lstrip("*") for name in op.inputs),
            value=self._summary(number),
            gradient=self._gradient(made, computed, grad) if tracked else None,
            saved=tuple(n.lstrip("*") for n in node.plan.names if n not in ("needs", "shapes"))
            if tracked else (),
            **_costs(node, value, back),
        )

    def _label(self, op: Any) -> str:
        label = self.labels.get(id(op))
        if label is None:
            label = self.labels[id(op)] = describe.operation(op)
        return label

    def _line(self, place: tuple[Any, int]) -> str:
        code, instruction = place
        key = id(code), instruction
        if key not in self.lines:
            self.lines[key] = line_at(code, instruction)
        return self.lines[key]

    def _failed(self, failure: Failure, collector: Collector) -> None:
        """The operation that raised an error: it has inputs, and no value."""
        made = f"n{len(self.ids)}-failed"
        tails: list[str | None] = []
        self.devices |= {x.device.array_type: x.device for x in failure.operands
                         if isinstance(x, TensorBase)}
        for slot, x in enumerate(failure.operands):
            data = getattr(x, "_data", x)
            node = getattr(x, "_node", None) or collector.made_by.get(id(data))
            tail = self.ids.get(node)
            if tail is None and isinstance(x, TensorBase) and x.requires_grad:
                if x not in self.ids:
                    self._leaf(x)
                tail = self.ids[x]
            elif tail is None and (isinstance(data, (int, float, bool)) or hasattr(data, "dtype")):
                tail = self._array((made, slot), data, getattr(x, "name", None) or "", None)
            tails.append(tail)
        self.drafts.append((Settled._written_failure, failure, made))
        self._connect(tails, made)

    def _written_failure(self, failure: Failure, made: str) -> NodeRecord:
        return NodeRecord(
            made, describe.operation(failure.op), kind="op", shape=None, dtype="",
            path=self.inside, source=failure.source, formula=_formula(type(failure.op).__doc__),
            failed=failure.message)

    # --- gradients -------------------------------------------------------------------------------

    def _given(self) -> dict[Any, list[tuple[Node, Any]]]:
        """Of each node and leaf: who gave what to its gradient, in the order it arrived."""
        found: dict[Any, list[tuple[Node, Any]]] = defaultdict(list)
        for node in reversed(self.nodes):
            for edge, share, asked in node.trace.given if node.trace is not None else ():
                if not asked or getattr(edge, "_grad", None) is None:
                    found[edge].append((node, share))
        return found

    def _total(self, leaf: TensorBase) -> Any:
        """The sum of what came to a gradient that was reset since; None: nothing did."""
        total = None
        for node, share in self.given.get(leaf, ()):
            share = fit(share, leaf, node)
            total = share if total is None else total + share
        return total

    def _arrived(self, edge: Any, given: list[tuple[Node, Any]]) -> "list[_Arrived]":
        of = edge if edge.__class__ is Node else edge._data
        found = []
        for node, share in given:
            shape = share.shape if share.shape != of.shape else None
            if shape is not None or share.dtype is not of.dtype:
                share = fit(share, edge, node)
            number = self._number(share)
            assert number is not None
            found.append((self.ids[node], number, shape))
        return found

    def _gradient(self, made: str, computed: bool, number: int | None) -> Gradient:
        shares = []
        for source, values, shape in self.shares.get(made, ()):
            summary = self.summaries[values]
            shares.append(Share(source, summary.norm, summary, shape))
        return Gradient(computed, self._summary(number), tuple(shares))


_Arrived = tuple[str, int, tuple[int, ...] | None]  # a share: from, values, shape before a sum


def _costs(node: Node, value: Any, back: float | None) -> dict[str, Any]:
    """The work, memory and time of an operation that a trace has seen."""
    trace = node.trace
    if trace is None:
        return {}
    made = (value, *trace.extras)
    work = backward_work(node.plan, trace.inputs, made, ()).flops if _is_tracked(node) else None
    return {
        "flops": forward_work(node.op, trace.inputs, made).flops, "flops_back": work,
        "bytes": kept_bytes(node.plan, trace.inputs, made), "seconds": trace.seconds,
        "seconds_back": back,
    }


def _is_tracked(node: Node) -> bool:
    """Return whether a gradient flows through it."""
    return any(node.plan.needs)


def _common(a: Path, b: Path) -> Path:
    depth = 0
    while depth < min(len(a), len(b)) and a[depth] == b[depth]:
        depth += 1
    return a[:depth]


def _value_of_input(node: Node, slot: int) -> tuple[bool, Any]:
    """(is it known?, the value of an input that needs no gradient)."""
    if node.edges[slot] is not None:
        return True, node.edges[slot]  # a number
    if node.trace is not None:
        return True, node.trace.inputs[slot]
    name = node.op.inputs[slot] if slot < len(node.op.inputs) else ""
    if node.saved is not None and name in node.plan.names:
        return True, node.saved[node.plan.names.index(name)]
    return False, None


@cache
def _name(dtype: Any) -> str:
    """str(dtype), which NumPy works out in 3 us, once."""
    return str(dtype)


@cache
def _formula(documentation: str | None) -> str:
    """The first line of an operation's documentation: its mathematics."""
    return inspect.cleandoc(documentation or "").partition("\n")[0]


@cache
def _optional(forward: Callable[..., Any]) -> frozenset[str]:
    """Inputs of an operation that may be left out."""
    parameters = inspect.signature(forward).parameters.values()
    return frozenset(p.name for p in parameters if p.default is not p.empty)

