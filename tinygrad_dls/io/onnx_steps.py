"""An ONNX graph as steps that can be run: nodes in their order, options, arrays, branches."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ..errors import DataError, Error, FormatError

# Operators are registered when their modules are imported.
from . import onnx_attention_operators as onnx_attention_operators
from . import onnx_control_operators as onnx_control_operators
from . import onnx_conv_operators as onnx_conv_operators
from . import onnx_detection_operators as onnx_detection_operators
from . import onnx_index_operators as onnx_index_operators
from . import onnx_loss_operators as onnx_loss_operators
from . import onnx_norm_operators as onnx_norm_operators
from . import onnx_pool_operators as onnx_pool_operators
from . import onnx_recurrent_operators as onnx_recurrent_operators
from . import onnx_reduce_operators as onnx_reduce_operators
from . import onnx_resize_operators as onnx_resize_operators
from . import onnx_shape_operators as onnx_shape_operators
from . import onnx_type_operators as onnx_type_operators
from .onnx_model import (
    Attribute,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfo,
    array_of,
    dtype_of,
)
from .onnx_operators import OPERATORS, Operator
from .protobuf import decode
from .reading import Array, short, size_of

OPSETS = (7, 28)  # versions of the operators that are read
DOMAINS = ("", "ai.onnx")
GRAPH = 5  # the type of an option that is a graph
DEEPEST = 8  # graphs in graphs


class Branch(NamedTuple):
    """A graph that a node may run; it sees the values around it."""

    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    constants: dict[str, Array]
    captured: tuple[str, ...]  # values from around it


class Step(NamedTuple):
    """One node, ready to run."""

    operator: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[str, Any]
    types: tuple[int, ...]  # ONNX's types of the inputs, 0 where the file does not say
    what: str
    done: tuple[str, ...] = ()  # values that no later step needs

    @property
    def captured(self) -> tuple[str, ...]:
        """Values that its branches take from around it."""
        branches = [v for v in self.options.values() if isinstance(v, Branch)]
        return tuple({name: None for branch in branches for name in branch.captured})


def checked_model(model: ModelProto) -> tuple[GraphProto, int]:
    """The graph and the version of its operators; FormatError where all of it cannot be known."""
    graph = model.graph
    if graph is None or not graph.node or not graph.output:
        raise FormatError("it holds no graph with nodes and outputs: it is not an ONNX model")
    versions = [o.version for o in model.opset_import if o.domain in DOMAINS]
    opset = max(versions, default=0)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise FormatError(f"its operators are those of opset {opset}; known are {OPSETS[0]} to "
                          f"{OPSETS[1]}")
    unknown = sorted({f"{n.domain}.{n.op_type}".lstrip(".") for n in graph.node
                      if n.domain not in DOMAINS or n.op_type not in OPERATORS})
    if unknown:
        named = ", ".join(unknown[:40]) + (" ..." if len(unknown) > 40 else "")
        raise FormatError(f"these operators are not known here: {named}")
    for info in graph.input:
        if code := _type_of(info):
            dtype_of(code, f"its input {short(info.name)}")
    return graph, opset


def _type_of(info: ValueInfo) -> int:
    """ONNX's type of a value, 0 where the file does not say it."""
    kind = info.type.tensor_type if info.type is not None else None
    return kind.elem_type if kind is not None else 0


def steps_of(graph: GraphProto, arrays: dict[str, Array], around: dict[str, int],
           depth: int = 0) -> tuple[Step, ...]:
    """The nodes, each after those it takes values from; `around`: other values, and their types."""
    made_by = {o for n in graph.node for o in n.output if o}
    types = {**around, **{i.name: _type_of(i) for i in (*graph.value_info, *graph.input)},
             **{t.name: t.data_type for t in graph.initializer}}
    known = {*arrays, *around, *(i.name for i in graph.input)}
    own = known - set(around)
    steps: list[Step] = []
    for node in graph.node:
        what = f"{node.op_type} {short(node.name or ', '.join(node.output))}"
        for name in node.input:
            if name and name not in known:
                why = ("which is made later: its nodes go in a circle, or are in no order"
                       if name in made_by else "which nothing makes")
                raise FormatError(f"{what} takes {short(name)}, {why}")
        options = _options(node, what, {name: types.get(name, 0) for name in known}, depth)
        for name in node.output:
            if name and name in own:
                raise FormatError(f"{what} makes {short(name)} a second time")
            known.add(name or "")
            own.add(name or "")
        if not any(node.output):
            raise FormatError(f"{what} has no output")
        outputs = list(node.output)
        while not outputs[-1]:
            outputs.pop()
        if isinstance(options.get("to"), int):
            types[outputs[0]] = options["to"]
        steps.append(Step(OPERATORS[node.op_type], tuple(node.input), tuple(outputs), options,
                          tuple(types.get(name, 0) for name in node.input), what))
    if missing := [o.name for o in graph.output if o.name not in known]:
        raise FormatError(f"nothing makes its output {short(missing[0])}")
    return _with_ends(steps, {o.name for o in graph.output})


def _with_ends(steps: list[Step], outputs: set[str]) -> tuple[Step, ...]:
    """The steps, each with the values that nobody needs after it."""
    needed, found = set(outputs), []
    for step in reversed(steps):
        touched = {*step.inputs, *step.outputs, *step.captured} - {""}
        found.append(step._replace(done=tuple(sorted(touched - needed))))
        needed |= touched
    return tuple(found[::-1])


def _branch(raw: bytes, what: str, around: dict[str, int], depth: int) -> Branch:
    """A graph among the options of a node, which may use all values that are known there."""
    graph = decode(GraphProto, raw)
    if graph.input or depth > DEEPEST:
        raise FormatError(f"{what}: a graph with inputs of its own, or too deep, which is not "
                          "known here")
    unknown = sorted({n.op_type for n in graph.node
                      if n.domain not in DOMAINS or n.op_type not in OPERATORS})
    if unknown:
        raise FormatError(f"{what}: these operators are not known here: {', '.join(unknown[:40])}")
    constants = {t.name: array_of(t) for t in graph.initializer}
    steps = steps_of(graph, constants, around, depth)
    used = {*(n for s in steps for n in (*s.inputs, *s.captured)), *(o.name for o in graph.output)}
    made = {*constants, *(n for s in steps for n in s.outputs)}
    captured = tuple(sorted((used & set(around)) - made))
    return Branch(steps, tuple(o.name for o in graph.output), constants, captured)


def _options(node: NodeProto, what: str, around: dict[str, int], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for a in node.attribute:
        if a.name in found:
            raise FormatError(f"{what} has its option {short(a.name)} twice")
        if a.type == GRAPH and node.op_type == "If":
            found[a.name] = _branch(a.g, what, around, depth + 1)
        else:
            found[a.name] = _option(a, what)
    return found


def _option(a: Attribute, what: str) -> Any:
    kinds: dict[int, Any] = {1: a.f or 0.0, 2: a.i or 0, 3: bytes(a.s or b""), 6: a.floats,
                             7: a.ints, 8: [bytes(s) for s in a.strings]}
    if a.type == 4 and a.t is not None:
        return array_of(a.t)
    if a.type not in kinds:
        raise FormatError(f"{what}: its option {short(a.name)} is of type {a.type}, which is not "
                          "known here")
    return kinds[a.type]


def arrays_of(graph: GraphProto, folder: Path) -> dict[str, Array]:
    """The initializers, from this file or from those beside it."""
    found: dict[str, Array] = {}
    outside = _Outside(folder)
    for tensor in graph.initializer:
        if not tensor.name or tensor.name in found:
            raise FormatError(f"it has two initializers {short(tensor.name)}, or one without name")
        raw = outside.read(tensor) if tensor.data_location else None
        found[tensor.name] = array_of(tensor, raw)
    return found


class _Outside:
    """Data in files beside the model; in all no more bytes than those files have."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.left = folder, dict[str, int]()

    def read(self, tensor: TensorProto) -> bytes:
        entries = {e.key: e.value for e in tensor.external_data}
        name = entries.get("location", "")
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or parts[0] == "/" or any(c in name for c in "\\:\0"):
            raise FormatError(f"tensor {short(tensor.name)} lies in {short(name)}, which is "
                              "not a file beside the model: nothing else is read")
        path = self.folder.joinpath(*parts)
        try:
            offset = int(entries.get("offset", "0")[:20])
            with path.open("rb") as file:
                size = size_of(file)
                length = int(entries.get("length", str(size - offset))[:20])
                left = self.left.setdefault(name, size)
                if offset < 0 or length < 0 or offset + length > size or length > left:
                    raise FormatError(f"tensor {short(tensor.name)} takes {length} bytes from byte "
                                      f"{offset} of {name}, which has {size}, {left} of them not "
                                      "read yet")
                self.left[name] = left - length
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise DataError(f"{path}, in which tensor {short(tensor.name)} lies, cannot be read "
                            f"({error.strerror or error})") from error
        except ValueError as error:
            if isinstance(error, Error):
                raise
            raise FormatError(f"tensor {short(tensor.name)} has no valid place in {name}"
                              ) from error
