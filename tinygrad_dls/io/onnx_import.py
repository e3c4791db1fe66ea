"""Reading ONNX files: a Module that runs the graph with our operations, and can be trained."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from ..autograd import TensorBase
from ..device import Device
from ..errors import DataError, Error, FormatError, ShapeError
from ..nn import Module, Parameter
from ..ops.call import tensor_of
from ..tensors import Tensor
from . import onnx_layer_operators as onnx_layer_operators  # operators are registered when these
from . import onnx_shape_operators as onnx_shape_operators  # are imported
from .onnx_model import (
    Attribute,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfo,
    array_of,
)
from .onnx_operators import OPERATORS, Args, Operator, host
from .protobuf import decode
from .reading import Array, as_path, reading, short, size_of

OPSETS = (7, 23)  # versions of the operators that are read
DOMAINS = ("", "ai.onnx")


class Step(NamedTuple):
    """One node, ready to run."""

    operator: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[str, Any]
    what: str
    done: tuple[str, ...]  # values that no later step needs


class OnnxModel(Module):
    """What an ONNX file computes, as a module; made by `import_onnx`.

    Takes its inputs in the order of `input_names` and returns a tensor, or a tuple of them in the
    order of `output_names`. Weights are parameters under their names in the file, with modules
    for the dots: "fc1.weight" is `model.fc1.weight`.
    """

    def __init__(self, steps: tuple[Step, ...], inputs: tuple[ValueInfo, ...],
                 outputs: tuple[str, ...], opset: int, metadata: dict[str, str]) -> None:
        self._steps, self._inputs, self._opset = steps, inputs, opset
        self.input_names = tuple(i.name for i in inputs)
        self.output_names = outputs
        self.metadata = metadata
        self._held: tuple[tuple[str, Module, str], ...] = ()
        self._constants: dict[str, Array] = {}

    def hold(self, weights: dict[str, Array], buffers: Iterable[str],
             constants: dict[str, Array]) -> None:
        """Take the file's arrays: weights as parameters, `buffers` of them as buffers."""
        held, still = [], set(buffers)
        for name, array in weights.items():
            holder, attribute = self._place(name)
            if name in still:
                holder.register_buffer(attribute, Tensor(array))
            else:
                setattr(holder, attribute, Parameter(array))
            held.append((name, holder, attribute))
        self._held = tuple(held)
        self._constants = constants

    def _place(self, name: str) -> tuple[Module, str]:
        """The module and the attribute for a name with dots."""
        *lead, last = [re.sub(r"\W", "_", part) or "_" for part in name.split(".")]
        holder: Module = self
        for part in lead:
            part = _free(holder, part, Module)
            if part not in vars(holder):
                setattr(holder, part, Module())
            holder = vars(holder)[part]
        return holder, _free(holder, last, None)

    def forward(self, *inputs: Any) -> Any:
        """The outputs for these inputs: one tensor, or a tuple."""
        values: dict[str, Any] = dict(self._constants)
        for name, holder, attribute in self._held:
            values[name] = getattr(holder, attribute)
        device = next((values[n].device for n, _, _ in self._held), None)
        values |= dict(zip(self.input_names, self._checked(inputs, device)))
        for step in self._steps:
            made = self._run(step, [values[n] if n else None for n in step.inputs], device)
            values |= dict(zip(step.outputs, made))
            for name in step.done:
                del values[name]
        found = tuple(v if isinstance(v, TensorBase) else Tensor(v, device=device)
                      for v in (values[n] for n in self.output_names))
        return found[0] if len(found) == 1 else found

    def _checked(self, inputs: Sequence[Any], device: Device | None) -> list[Any]:
        if len(inputs) != len(self._inputs):
            raise DataError(f"this model takes {len(self._inputs)} inputs, "
                            f"{', '.join(self.input_names)}, not {len(inputs)}")
        found = []
        for given, info in zip(inputs, self._inputs):
            x: Any = given if isinstance(given, TensorBase) else Tensor(given, device=device)
            wanted = _shape_of(info)
            if wanted is not None and (len(wanted) != x.ndim or any(
                    isinstance(n, int) and n != m for n, m in zip(wanted, x.shape))):
                shown = ", ".join(map(str, wanted))
                raise ShapeError(f"input {info.name!r} of this model has shape\n  ({shown}), not\n"
                                 f"  {x.shape}")
            found.append(x)
        return found

    def _run(self, step: Step, values: list[Any], device: Device | None) -> tuple[Any, ...]:
        """The outputs of one node: on the host where all its inputs are."""
        given = [v for i, v in enumerate(values) if v is not None and i not in step.operator.host]
        tensors = [v for v in given if isinstance(v, TensorBase)]
        there = tensors[0].device if tensors else Device("cpu")
        if tensors or not step.what.startswith(("Constant", "Range")):
            values = [
                tensor_of(v, there) if isinstance(v, np.ndarray) and i not in step.operator.host
                and (v.ndim or not tensors) else v for i, v in enumerate(values)
            ]
        made = step.operator.run(
            Args(values, step.options, self._opset, len(step.outputs), step.what))
        several = made if isinstance(made, tuple) else (made,)
        if given and not tensors:
            several = tuple(host(v) for v in several)
        if len(several) < len(step.outputs):
            raise FormatError(f"{step.what} gives {len(several)} outputs, not {len(step.outputs)}")
        return several

    def extra_repr(self) -> str:
        return (f"{', '.join(self.input_names)} -> {', '.join(self.output_names)}, "
                f"{len(self._steps)} nodes")


def import_onnx(path: str | os.PathLike[str]) -> OnnxModel:
    """The model in an ONNX file, as a module of our operations.

    Weights are its parameters, running statistics its buffers: it can be trained, saved and moved
    like any other; batch norm stays as in evaluation. FormatError, naming all operators that are
    not known, for files that cannot be run, and for broken ones.
    """
    path = as_path(path)
    with reading(path):
        with path.open("rb") as file:
            size = size_of(file)
            data = file.read(size)
        model = decode(ModelProto, data)
        graph, opset = _checked_model(model)
        arrays = _arrays(graph, path.parent)
        steps = _steps(graph, arrays)
        inputs = tuple(i for i in graph.input if i.name not in arrays)
        metadata = {e.key: e.value for e in model.metadata_props}
        made = OnnxModel(steps, inputs, tuple(o.name for o in graph.output), opset, metadata)
        weights = {n: a for n, a in arrays.items() if a.dtype.kind == "f" and a.ndim}
        made.hold(weights, {n for s in steps if s.what.startswith("BatchNormalization")
                            for n in s.inputs[3:5]},
                  {n: a for n, a in arrays.items() if n not in weights})
    return made


def _checked_model(model: ModelProto) -> tuple[GraphProto, int]:
    """The graph and the version of its operators; FormatError where all of it cannot be known."""
    graph = model.graph
    if graph is None or not graph.node or not graph.output:
        raise FormatError("it holds no graph with nodes and outputs: it is no ONNX model")
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
    return graph, opset


def _steps(graph: GraphProto, arrays: dict[str, Array]) -> tuple[Step, ...]:
    """The nodes, each after those it takes values from."""
    made_by = {o for n in graph.node for o in n.output if o}
    known = {*arrays, *(i.name for i in graph.input)}
    steps: list[Step] = []
    for node in graph.node:
        what = f"{node.op_type} {short(node.name or ', '.join(node.output))}"
        for name in node.input:
            if name and name not in known:
                why = ("which is made later: its nodes go in a circle, or are in no order"
                       if name in made_by else "which nothing makes")
                raise FormatError(f"{what} takes {short(name)}, {why}")
        for name in node.output:
            if name and name in known:
                raise FormatError(f"{what} makes {short(name)} a second time")
            known.add(name or "")
        if not any(node.output):
            raise FormatError(f"{what} has no output")
        outputs = list(node.output)
        while not outputs[-1]:
            outputs.pop()
        steps.append(Step(OPERATORS[node.op_type], tuple(node.input), tuple(outputs),
                          _options(node, what), what, ()))
    if missing := [o.name for o in graph.output if o.name not in known]:
        raise FormatError(f"nothing makes its output {short(missing[0])}")
    return _with_ends(steps, {o.name for o in graph.output})


def _with_ends(steps: list[Step], outputs: set[str]) -> tuple[Step, ...]:
    """The steps, each with the values that nobody needs after it."""
    needed, found = set(outputs), []
    for step in reversed(steps):
        touched = {*step.inputs, *step.outputs} - {""}
        found.append(step._replace(done=tuple(sorted(touched - needed))))
        needed |= touched
    return tuple(found[::-1])


def _options(node: NodeProto, what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for a in node.attribute:
        if a.name in found:
            raise FormatError(f"{what} has its option {short(a.name)} twice")
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


def _arrays(graph: GraphProto, folder: Path) -> dict[str, Array]:
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
            raise FormatError(f"tensor {short(tensor.name)} lies in {short(name)}, which is no "
                              "file beside the model: nothing else is read")
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


def _shape_of(info: ValueInfo) -> tuple[int | str, ...] | None:
    """The lengths of an input, names where they may be any; None where nothing is said."""
    kind = info.type.tensor_type if info.type is not None else None
    if kind is None or kind.shape is None:
        return None
    return tuple(d.dim_param or d.dim_value or "any" for d in kind.shape.dim)


def _free(holder: Module, name: str, kind: type | None) -> str:
    """`name`, or with underscores behind it, so that it hides nothing that is there."""
    while (name in vars(holder) or hasattr(type(holder), name)) and not (
            kind is not None and isinstance(vars(holder).get(name), kind)):
        name += "_"
    return name

