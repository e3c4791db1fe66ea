"""The graph of a model in an ONNX file, as the file has it: its operators, names and weights."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.modes import no_grad
from ..errors import Error, FormatError
from ..io.onnx_import import OnnxModel, import_onnx
from ..io.onnx_model import DTYPES as TYPES
from ..io.onnx_model import Attribute, GraphProto, ModelProto, NodeProto, ValueInfo
from ..io.onnx_steps import arrays_of
from ..io.protobuf import decode
from ..io.reading import as_path, check_regular, reading, short, size_of
from . import describe
from .graphs import Graph
from .groups import Path as Modules
from .record import Edge, Kind, NodeRecord, Record
from .summary import Summary

MOST = 2**26  # bytes of weights up to which a model is run once, to see the shapes of its values
QUIET = {  # options, and the values that nobody needs to be told of
    "dilations": "1", "group": "1", "strides": "1", "pads": "0", "alpha": "1", "beta": "1",
    "auto_pad": "'NOTSET'", "storage_order": "0", "ceil_mode": "0", "count_include_pad": "0",
}

Shapes = dict[str, tuple[tuple[int, ...] | None, str]]  # of each value, and its dtype


def onnx_graph(path: str | os.PathLike[str]) -> Graph:
    """Return the graph of the model in an ONNX file, also of one with operators not known here.

    Shapes are those that the file states, else those of a run on zeros, lengths that may vary being
    1 in it: a note says so. FormatError for broken files.

        viz.onnx_graph("model.onnx").save("model.html")
    """
    place = as_path(path)
    with reading(place):
        with check_regular(place).open("rb") as file:
            data = file.read(size_of(file))
        graph = decode(ModelProto, data).graph
        if graph is None or not graph.node:
            raise FormatError("it holds no graph with nodes: it is no ONNX model")
        arrays = arrays_of(graph, place.parent)
    shapes = _stated(graph)
    shapes.update({name: (a.shape, str(a.dtype)) for name, a in arrays.items()})
    meta = {"model": place.name}
    wanted = [name for node in graph.node for name in node.output if name]
    if any(name not in shapes for name in wanted):
        note = "shapes: those that the file states"
        if sum(a.nbytes for a in arrays.values()) <= MOST:
            found, free = _of_a_run(place)
            shapes = {**found, **shapes}
            note = f"shapes: of a run with {', '.join(free)} = 1" if found and free else (
                "" if found else note)
        meta |= {"shapes": note} if note else {}
    return Graph(_Reader(graph, arrays, shapes).record(meta))


def _stated(graph: GraphProto) -> Shapes:
    """The shapes that the file states, where it states all lengths."""
    found: Shapes = {}
    for info in (*graph.value_info, *graph.input, *graph.output):
        shape = _lengths(info)
        kind = info.type.tensor_type if info.type is not None else None
        if shape is not None and kind is not None and all(isinstance(n, int) for n in shape):
            dtype = np.dtype(TYPES[kind.elem_type]).name if kind.elem_type in TYPES else ""
            found[info.name] = tuple(int(n) for n in shape), dtype
    return found


def _lengths(info: ValueInfo) -> list[int | str] | None:
    """The lengths of a value; a name, or "any", where one may vary."""
    kind = info.type.tensor_type if info.type is not None else None
    if kind is None or kind.shape is None:
        return None
    return [d.dim_param or d.dim_value or "any" for d in kind.shape.dim]


def _of_a_run(path: Path) -> tuple[Shapes, list[str]]:
    """The shapes of all values of a run on zeros, and the names of lengths that were 1 in it."""
    found: Shapes = {}
    free: list[str] = []
    try:
        model = import_onnx(path)
        inputs = []
        for info in model._inputs:
            lengths = _lengths(info)
            if lengths is None:
                return {}, []
            free += [n for n in lengths if isinstance(n, str) and n not in free]
            kind = info.type.tensor_type if info.type is not None else None
            dtype = np.dtype(TYPES.get(kind.elem_type if kind is not None else 1, "f4"))
            inputs.append(np.zeros([n if isinstance(n, int) else 1 for n in lengths], dtype))
        with no_grad(), np.errstate(all="ignore"):
            _Noting.run(model, inputs, found)
    except (Error, ArithmeticError, MemoryError):  # it can be drawn, though not be run
        pass
    return found, free


class _Noting(dict[str, Any]):
    """Values of a run; notes the shape of each when it is made."""

    def __init__(self, found: Shapes) -> None:
        super().__init__()
        self.found = found

    def __setitem__(self, name: str, value: Any) -> None:
        if hasattr(value, "shape"):
            self.found.setdefault(name, (tuple(value.shape), str(value.dtype)))
        super().__setitem__(name, value)

    def __ior__(self, other: Any) -> "_Noting":  # type: ignore[override, misc]
        for name, value in dict(other).items():
            self[name] = value
        return self

    @staticmethod
    def run(model: OnnxModel, inputs: list[Any], found: Shapes) -> None:
        """Run the steps of the model one by one."""
        values = _Noting(found)
        values |= model._constants
        values |= {name: getattr(holder, attribute) for name, holder, attribute in model._held}
        values |= dict(zip(model.input_names, model._checked(inputs, None)))
        model._run_all(model._steps, values)


class _Reader:
    """Makes the record of one graph."""

    def __init__(self, graph: GraphProto, arrays: dict[str, Any], shapes: Shapes) -> None:
        self.graph, self.arrays, self.shapes = graph, arrays, shapes
        self.ids: dict[str, str] = {}
        self.records: list[NodeRecord] = []
        self.edges: list[Edge] = []
        users: dict[str, list[Modules]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                users[name].append(_modules(node))
        self.paths = {name: _common(paths) for name, paths in users.items()}

    def record(self, meta: dict[str, str]) -> Record:
        """The nodes in the order of the file, each leaf before its first user."""
        ends = {info.name for info in self.graph.output}
        for info in self.graph.input:
            if info.name not in self.arrays:
                self._leaf(info.name)
        for number, node in enumerate(self.graph.node):
            tails = [(slot, self._leaf(name)) for slot, name in enumerate(node.input) if name]
            made = f"o{number}"
            outputs = [name for name in node.output if name]
            shape, dtype = self.shapes.get(outputs[0] if outputs else "", (None, ""))
            end = next((name for name in outputs if name in ends), "")
            self.records.append(NodeRecord(
                made, _label(node), end, "output" if end else "op", shape, dtype,
                _modules(node), source=node.name))
            self.edges += [Edge(tail, made, slot) for slot, tail in tails]
            self.ids.update(dict.fromkeys(outputs, made))
        return Record(tuple(self.records), tuple(self.edges), meta)

    def _leaf(self, name: str) -> str:
        """The id of what is called `name`; a record is made of an input or a weight."""
        if name not in self.ids:
            self.ids[name] = f"v{len(self.records)}"
            array = self.arrays.get(name)
            shape, dtype = self.shapes.get(name, (None, ""))
            kind: Kind = "input"
            if array is not None:
                kind = "param" if array.dtype.kind == "f" and array.ndim else "const"
            value = None
            if array is not None and array.dtype.kind in "biuf":
                value = Summary.of(array)
            self.records.append(NodeRecord(
                self.ids[name], "", name, kind, shape, dtype,
                self.paths.get(name, ()) if kind != "input" else (), value=value))
        return self.ids[name]


def _label(node: NodeProto) -> str:
    """Conv(kernel_shape=[3, 3], pads=1): those options that are short and not as usual."""
    shown = []
    for option in node.attribute:
        value = _plain(option)
        if value is not None and QUIET.get(option.name) != value:
            shown.append(f"{option.name}={value}")
    kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    return f"{kind}({', '.join(shown)})" if shown else kind


def _plain(option: Attribute) -> str | None:
    if option.type == 1:
        return describe.number(option.f or 0.0)
    if option.type == 2:
        return str(option.i or 0)
    if option.type == 3:
        return short(bytes(option.s or b"").decode("utf-8", "replace"))
    if option.type == 7 and len(option.ints) <= 8:
        same = set(option.ints)
        return str(option.ints[0]) if len(same) == 1 and len(option.ints) > 1 else (
            "[" + ", ".join(map(str, option.ints)) + "]")
    return None


def _modules(node: NodeProto) -> Modules:
    """The modules that the name of a node speaks of: "/layer1/conv1/Conv" is in two."""
    return tuple(part for part in node.name.split("/")[:-1] if part)


def _common(paths: Iterable[Modules]) -> Modules:
    def shared() -> Iterator[str]:
        for parts in zip(*paths):
            if len(set(parts)) > 1:
                return
            yield parts[0]

    return tuple(shared())


