"""From the engine's graph to a trace record: what was computed, with values and gradients."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .._util.keywords import near_names
from ..engine.autograd import ABSENT, Node, TensorBase, fit
from ..engine.collector import Collector, Failure, Given
from ..errors import DtypeError, GraphError
from ..ops.work import backward_work, forward_work, kept_bytes
from . import describe
from . import record as r
from .checking import Operations
from .graphs import Graph
from .groups import Path
from .picture import Options
from .record import Gradient, NodeRecord, Record, Share
from .scopes import labels, module_paths
from .summary import SAMPLE, Summary

NUMBERS = "biuf"  # kinds of dtypes


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
    recorder = _Recorder(_ancestors(roots), roots, _Names(outputs, models, names), models)
    return Graph(recorder.record(), Options.of(options), recorder.operations())


def check_names(names: Any) -> None:
    """DtypeError unless these are tensors by name."""
    if names is not None and not isinstance(names, Mapping):
        raise DtypeError("names is a dict of tensors by name, {\"X\": X} or locals(), not a "
                         f"{type(names).__name__}")


def recorded(
    collector: Collector, error: BaseException | None = None,
    given: Mapping[str, Any] | None = None, operations: Operations | None = None,
) -> Record:
    """The record of all that a trace has seen; `error`: what ended it.

    `operations` is filled with the engine's nodes, for checks.
    """
    nodes = _ancestors(collector.nodes)
    used = {edge for node in nodes for edge in (*node.edges, *_origins(node)) if edge is not None
            and isinstance(edge, Node)}
    roots = [node for node in nodes if node not in used]
    names = _Names([], collector.modules, given)
    recorder = _Recorder(nodes, roots, names, collector.modules)
    record = recorder.record(None if error is None else collector, error)
    if operations is not None:
        operations.update(recorder.operations())
    return record


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


class _Names:
    """The names of leaves, nodes and arrays; a model's names win over a tensor's own."""

    def __init__(
        self, outputs: Sequence[TensorBase], models: Sequence[Any],
        names: Mapping[str, Any] | None,
    ) -> None:
        self.found: dict[Any, str] = {}
        self.kinds: dict[int, r.Kind] = {}  # of arrays that belong to a model
        for model in models:
            for name, tensor in model.named_parameters():
                self._add(name, tensor)
                self.kinds[id(tensor._data)] = "param"
            for name, tensor in model.named_buffers() if hasattr(model, "named_buffers") else ():
                self._add(name, tensor)
                self.kinds[id(tensor._data)] = "buffer"
        for output in outputs:
            self._add(output.name or "", output)
        for name, tensor in (names or {}).items():
            if not name.startswith("_"):
                self._add(getattr(tensor, "name", None) or name, tensor)

    def _add(self, name: str, tensor: Any) -> None:
        if isinstance(tensor, TensorBase) and name:
            self.found.setdefault(tensor._node or tensor, name)
            if tensor._node is None:
                self.found.setdefault(id(tensor._data), name)

    def get(self, key: Any) -> str:
        """The name of a node, a leaf or the id of an array; "" without one."""
        return self.found.get(key, "")


class _Recorder:
    """Collects the nodes of one record, inputs before their users."""

    def __init__(
        self, nodes: list[Node], roots: Sequence[Node], names: _Names, models: Sequence[Any]
    ) -> None:
        self.nodes = nodes
        self.roots = set(roots)
        self.devices = {node.device.array_type: node.device for node in nodes}
        self.names = names
        self.paths = module_paths(nodes)
        self.ids: dict[Any, str] = {}
        self.records: list[NodeRecord] = []
        self.edges: list[r.Edge] = []
        self.ran = any(root.grad is not None or root.saved is None for root in roots
                       if _is_tracked(root))
        self.leaf_paths = self._leaf_paths()
        if models:  # what is not theirs came from outside
            own = {parameter for model in models for _, parameter in model.named_parameters()}
            self.leaf_paths |= {leaf: () for leaf in self.leaf_paths if leaf not in own}
        self.shares = self._shares()
        self.summaries: dict[int, tuple[Any, Summary]] = {}  # by id of the array, which stays alive

    def record(
        self, collector: Collector | None = None, error: BaseException | None = None
    ) -> Record:
        """The whole computation; of one that ended in an error, with what raised it."""
        for node in self.nodes:
            inputs = [self._input(node, slot, edge) for slot, edge in enumerate(node.edges)]
            made = self._new_id(node)
            self.records.append(self._operation(node, made))
            self.edges += [
                r.Edge(tail, made, slot) for slot, tail in enumerate(inputs) if tail is not None
            ]
        meta = {}
        if self.nodes:
            last = self.nodes[-1]
            meta = {"device": str(last.device), "dtype": str(last.dtype)}
        if error is not None and collector is not None:
            meta["error"] = f"{type(error).__name__}: {error}".removesuffix(": ")
            if collector.failure is not None and collector.failure.message in str(error):
                self._failed(collector.failure, collector)
        shares = {self.ids[edge]: found for edge, found in self.shares.items() if edge in self.ids}
        records = [
            replace(x, gradient=replace(x.gradient, shares=self._shown(shares[x.id])))
            if x.gradient is not None and x.id in shares else x for x in self.records
        ]
        return Record(tuple(records), tuple(self.edges), meta)

    def operations(self) -> Operations:
        """The engine's nodes by their ids, as long as they are kept elsewhere."""
        return WeakValueDictionary({self.ids[node]: node for node in self.nodes})

    def _leaf_paths(self) -> dict[TensorBase, Path]:
        """A leaf belongs to the module that all its users are in."""
        found: dict[TensorBase, Path] = {}
        for node in self.nodes:
            for edge in node.edges:
                if isinstance(edge, TensorBase):
                    path = self.paths[node]
                    found[edge] = _common(found.get(edge, path), path)
        return found

    def _new_id(self, key: Any) -> str:
        return self.ids.setdefault(key, f"n{len(self.ids)}")

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
        grad = self._arrived(leaf) if leaf._grad is None else leaf._grad._data
        self.records.append(NodeRecord(
            self._new_id(leaf), name=self.names.get(leaf) or leaf.name or "", kind="param",
            shape=tuple(data.shape), dtype=str(data.dtype), path=self.leaf_paths.get(leaf, ()),
            value=self._summary(data), gradient=Gradient(grad is not None, self._summary(grad)),
            bytes=data.nbytes,
        ))

    def _constant(self, node: Node, slot: int) -> str | None:
        """An input that needs no gradient: an array is drawn once, a number at each use."""
        if node.edges[slot] is ABSENT:
            return None
        known, value = _value_of_input(node, slot)
        if not known:
            if node.op.input_name(slot) in _optional(type(node.op).forward):
                return None
            made = self._new_id((node, slot))
            path = self.paths[node]
            self.records.append(NodeRecord(made, kind="input", shape=None, dtype="", path=path))
            return made
        if value is None:
            return None
        own_name = node.trace.names[slot] if node.trace is not None else ""
        return self._array((node, slot), value, own_name, str(node.dtype), self.paths[node])

    def _array(self, use: Any, value: Any, own_name: str, dtype: str, path: Path) -> str:
        """The record of an array or number that no operation made."""
        array = hasattr(value, "shape") and value.ndim > 0
        name = self.names.get(id(value)) or own_name
        kind = self.names.kinds.get(id(value), "input" if array or name else "const")
        key = (id(value), "input") if array or name else use
        if key not in self.ids:
            shape = tuple(value.shape) if hasattr(value, "shape") else ()
            if kind == "input" and (array or name):
                path = ()
            self.records.append(NodeRecord(
                self._new_id(key), name=name, kind=kind, shape=shape,
                dtype=str(value.dtype) if hasattr(value, "dtype") else dtype, path=path,
                value=self._summary(value), bytes=getattr(value, "nbytes", 0),
            ))
        return self.ids[key]

    # --- operations ------------------------------------------------------------------------------

    def _operation(self, node: Node, made: str) -> NodeRecord:
        op, kind = node.op, "op"
        tracked = _is_tracked(node)
        if node in self.roots:
            kind = "output"
            if tracked and all(length == 1 for length in node.shape):
                kind = "loss"
        computed = node.grad is not None if node.value is not None else self.ran
        return NodeRecord(
            made, describe.operation(op), self.names.get(node), kind,  # type: ignore[arg-type]
            tuple(node.shape), str(node.dtype), self.paths[node],
            source=node.trace.source if node.trace else "",
            formula=_formula(type(op).__doc__),
            operands=tuple(name.lstrip("*") for name in op.inputs),
            value=self._summary(node.value),
            gradient=Gradient(computed, self._summary(node.grad)) if tracked else None,
            saved=tuple(n.lstrip("*") for n in node.plan.names if n not in ("needs", "shapes"))
            if tracked else (),
            **_costs(node),
        )

    def _failed(self, failure: Failure, collector: Collector) -> None:
        """The operation that raised an error: it has inputs, and no value."""
        path = labels([*(node.trace.calls for node in self.nodes if node.trace), failure.calls])
        inside = path[failure.calls]
        made, tails = f"n{len(self.ids)}-failed", []
        self.devices |= {x.device.array_type: x.device for x in failure.operands
                         if isinstance(x, TensorBase)}
        for slot, x in enumerate(failure.operands):
            data = getattr(x, "_data", x)
            node = getattr(x, "_node", None) or collector.made_by.get(id(data))
            if node in self.ids:
                tails.append((slot, self.ids[node]))
            elif isinstance(x, TensorBase) and x.requires_grad:
                if x not in self.ids:
                    self._leaf(x)
                tails.append((slot, self.ids[x]))
            elif isinstance(data, (int, float, bool)) or hasattr(data, "dtype"):
                name = getattr(x, "name", None) or ""
                tails.append((slot, self._array((made, slot), data, name, "", inside)))
        self.records.append(NodeRecord(
            made, describe.operation(failure.op), kind="op", shape=None, dtype="", path=inside,
            source=failure.source, formula=_formula(type(failure.op).__doc__),
            failed=failure.message,
        ))
        self.edges += [r.Edge(tail, made, slot) for slot, tail in tails]

    # --- gradients -------------------------------------------------------------------------------

    def _shares(self) -> dict[Any, list[tuple[Node, Given]]]:
        """Of each node and leaf: who gave what to its gradient, in the order it arrived."""
        found: dict[Any, list[tuple[Node, Given]]] = defaultdict(list)
        for node in reversed(self.nodes):
            for given in node.trace.given if node.trace is not None else ():
                if not given.asked or getattr(given.edge, "_grad", None) is None:
                    found[given.edge].append((node, given))
        return found

    def _arrived(self, leaf: TensorBase) -> Any:
        """The sum of what came to a gradient that was reset since; None: nothing did."""
        total = None
        for node, given in self.shares.get(leaf, ()):
            share = fit(given.share, leaf, node)
            total = share if total is None else total + share
        return total

    def _shown(self, shares: list[tuple[Node, Given]]) -> tuple[Share, ...]:
        return tuple(self._share(node, given) for node, given in shares)

    def _summary(self, array: Any) -> Summary | None:
        if array is None or getattr(array, "dtype", np.dtype(float)).kind not in NUMBERS:
            return None
        if id(array) not in self.summaries:
            device = self.devices.get(type(array))
            on_host = array if device is None else device.to_host(array)
            self.summaries[id(array)] = array, Summary.of(on_host)
        return self.summaries[id(array)][1]

    def _share(self, node: Node, given: Given) -> Share:
        edge, share, _ = given
        summed = share.shape != edge.shape
        array = fit(share, edge, node)
        whole = None if getattr(edge, "_grad", None) is None else edge._grad._data
        large = array.__class__ is np.ndarray and array.size > SAMPLE
        if whole is not None and large and np.array_equal(array, whole):
            array = whole  # the only share, as nearly always: it is summed up already
        values = self._summary(array)
        assert values is not None
        return Share(self.ids[node], values.norm, values, tuple(share.shape) if summed else None)


def _costs(node: Node) -> dict[str, Any]:
    """The work, memory and time of an operation that a trace has seen."""
    trace = node.trace
    if trace is None:
        return {}
    made = (node.value, *trace.extras)
    back = backward_work(node.plan, trace.inputs, made, ()).flops if _is_tracked(node) else None
    return {
        "flops": forward_work(node.op, trace.inputs, made).flops, "flops_back": back,
        "bytes": kept_bytes(node.plan, trace.inputs, made), "seconds": trace.seconds,
        "seconds_back": trace.back_seconds,
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
def _formula(documentation: str | None) -> str:
    """The first line of an operation's documentation: its mathematics."""
    return inspect.cleandoc(documentation or "").partition("\n")[0]


@cache
def _optional(forward: Callable[..., Any]) -> frozenset[str]:
    """Inputs of an operation that may be left out."""
    parameters = inspect.signature(forward).parameters.values()
    return frozenset(p.name for p in parameters if p.default is not p.empty)

