"""From the engine's graph to a trace record: what was computed, with values and gradients."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from ..autograd import Node, TensorBase, topological_order
from ..errors import DtypeError, GraphError
from . import record as r
from .graphs import Graph
from .groups import Path
from .picture import Options
from .record import Gradient, NodeRecord, Record, Share, Summary
from .scopes import module_paths


def graph(
    output: Any, model: Any = None, names: Mapping[str, Any] | None = None, **options: Any
) -> Graph:
    """The graph that `output` (a loss, or any result) was computed by, as it is now.

    output: a tensor, or tuples, lists and dicts of tensors in any nesting, as layers return them.
    model: its parameters appear under their names.   names: a dict of tensors by name, such as
    `locals()`.   options: show, depth, rankdir, constants, legend, engine (see `Options`).
    Values and gradients of all operations appear where the computation ran inside
    `with dls.trace():`; else those of up to 16 elements. Taken before backward() it shows no
    gradients: take it again afterwards.
    """
    outputs = list(_tensors(output))
    made = [tensor for tensor in outputs if tensor._node is not None]
    if not made:
        raise GraphError(
            "this tensor has no graph: it was not computed from a tensor that requires grad "
            "(or was, under no_grad). Give requires_grad=True to an input, and the result of a "
            "computation to graph()."
        )
    recorder = _Recorder(made, _names(outputs, model, names), model)
    return Graph(recorder.record(), Options(**options))


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


def _names(
    outputs: list[TensorBase], model: Any, names: Mapping[str, Any] | None
) -> dict[Any, str]:
    """A name for each node, leaf and array; the model's names win over a tensor's own."""
    found: dict[Any, str] = {}

    def add(name: str, tensor: Any) -> None:
        if isinstance(tensor, TensorBase) and name:
            found.setdefault(tensor._node or tensor, name)
            if tensor._node is None:
                found.setdefault(id(tensor._data), name)

    for name, parameter in model.named_parameters() if model is not None else ():
        add(name, parameter)
    for output in outputs:
        add(output.name or "", output)
    for name, tensor in (names or {}).items():
        if not name.startswith("_"):
            add(getattr(tensor, "name", None) or name, tensor)
    return found


class _Recorder:
    """Collects the nodes of one record, inputs before their users."""

    def __init__(
        self, outputs: list[TensorBase], names: dict[Any, str], model: Any = None
    ) -> None:
        self.roots = [output._node for output in outputs if output._node is not None]
        self.device = outputs[0].device
        self.names = names
        self.nodes = topological_order(self.roots)[::-1]
        self.paths = module_paths(self.nodes)
        self.ids: dict[Any, str] = {}
        self.records: list[NodeRecord] = []
        self.edges: list[r.Edge] = []
        self.ran = any(root.grad is not None or root.saved is None for root in self.roots)
        self.leaf_paths = self._leaf_paths()
        if model is not None:  # what is not the model's came from outside
            own = {parameter for _, parameter in model.named_parameters()}
            self.leaf_paths |= {leaf: () for leaf in self.leaf_paths if leaf not in own}

    def record(self) -> Record:
        """The whole computation."""
        for node in self.nodes:
            inputs = [self._input(node, slot, edge) for slot, edge in enumerate(node.edges)]
            made = self._new_id(node)
            self.records.append(self._operation(node, made))
            self.edges += [
                r.Edge(tail, made, slot) for slot, tail in enumerate(inputs) if tail is not None
            ]
        meta = {"device": str(self.device), "dtype": str(self.roots[0].dtype)}
        return Record(tuple(self._with_shares()), tuple(self.edges), meta)

    def _leaf_paths(self) -> dict[TensorBase, Path]:
        """A leaf belongs to the module that all its users are in."""
        found: dict[TensorBase, Path] = {}
        for node in self.nodes:
            path = self.paths[node]
            for edge in node.edges:
                if isinstance(edge, TensorBase):
                    before, depth = found.get(edge, path), 0
                    while depth < min(len(before), len(path)) and before[depth] == path[depth]:
                        depth += 1
                    found[edge] = path[:depth]
        return found

    def _new_id(self, key: Any) -> str:
        return self.ids.setdefault(key, f"n{len(self.ids)}")

    # --- inputs ----------------------------------------------------------------------------------

    def _input(self, node: Node, slot: int, edge: Node | TensorBase | None) -> str | None:
        """The id of what an operation was made from; None for an input left out."""
        if not isinstance(edge, (Node, TensorBase)):
            return self._constant(node, slot)
        if edge not in self.ids and isinstance(edge, TensorBase):
            data = edge._data
            grad = None if edge._grad is None else edge._grad._data
            self.records.append(NodeRecord(
                self._new_id(edge), name=self.names.get(edge) or edge.name or "", kind="param",
                shape=tuple(data.shape), dtype=str(data.dtype), path=self.leaf_paths[edge],
                value=self._summary(data),
                gradient=Gradient(grad is not None, self._summary(grad)),
            ))
        return self.ids[edge]

    def _constant(self, node: Node, slot: int) -> str | None:
        """An input that needs no gradient: an array is drawn once, a number at each use."""
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
        array = hasattr(value, "shape") and value.ndim > 0
        name = self.names.get(id(value), "")
        key = (id(value), "input") if array or name else (node, slot)
        if key not in self.ids:
            shape = tuple(value.shape) if hasattr(value, "shape") else ()
            dtype = str(value.dtype) if hasattr(value, "dtype") else str(node.dtype)
            self.records.append(NodeRecord(
                self._new_id(key), name=name, kind="input" if array or name else "const",
                shape=shape, dtype=dtype, path=() if array or name else self.paths[node],
                value=self._summary(value),
            ))
        return self.ids[key]

    # --- operations ------------------------------------------------------------------------------

    def _operation(self, node: Node, made: str) -> NodeRecord:
        op, kind = node.op, "op"
        if node in self.roots:
            kind = "loss" if all(length == 1 for length in node.shape) else "output"
        computed = node.grad is not None if node.value is not None else self.ran
        return NodeRecord(
            made, op.label(), self.names.get(node, ""), kind,  # type: ignore[arg-type]
            tuple(node.shape), str(node.dtype), self.paths[node],
            source=node.trace.source if node.trace else "",
            formula=_formula(type(op).__doc__),
            value=self._summary(node.value),
            gradient=Gradient(computed, self._summary(node.grad)),
            saved=tuple(n.lstrip("*") for n in node.plan.names if n not in ("needs", "shapes")),
        )

    def _with_shares(self) -> list[NodeRecord]:
        """The records, with what each use added to the gradient where that was traced."""
        by_number = {node.seq: self.ids[node] for node in self.nodes}
        shares = {
            self.ids[node]: tuple(
                Share(by_number[user], self._norm(share))
                for user, share in node.trace.contributions if user in by_number
            )
            for node in self.nodes if node.trace is not None
        }
        return [
            replace(x, gradient=replace(x.gradient, shares=shares[x.id]))
            if x.gradient is not None and shares.get(x.id) else x
            for x in self.records
        ]

    def _norm(self, array: Any) -> float | None:
        summary = self._summary(array)
        return None if summary is None else summary.norm

    def _summary(self, array: Any) -> Summary | None:
        if array is None:
            return None
        on_device = isinstance(array, self.device.array_type)
        return Summary.of(self.device.to_host(array) if on_device else array)


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

