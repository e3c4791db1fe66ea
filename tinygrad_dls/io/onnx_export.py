"""Writing models to ONNX files, which other programs run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.atomic_files import write_whole
from .._util.keywords import near_names
from ..backend.device import Device
from ..errors import DataError, DeviceError, DtypeError, GraphError
from ..nn import Module
from ..version import __version__
from . import onnx_reduce_rules as onnx_reduce_rules  # rules are registered when these
from . import onnx_shape_rules as onnx_shape_rules  # are imported
from .onnx_graph import Builder, plain_name, prune
from .onnx_layer_rules import WHOLE
from .onnx_model import (
    Dimension,
    Entry,
    GraphProto,
    ModelProto,
    OperatorSet,
    TensorShape,
    TensorType,
    TypeProto,
    ValueInfo,
    code_of,
    tensor_of,
)
from .onnx_rules import RULES
from .onnx_tracing import Call, Run, align, batch_of, examples_of, one_more, run
from .onnx_types import check_types
from .protobuf import encode
from .reading import Array, as_path

OPSETS = (17, 21)  # from, to
IR_VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9, 21: 10}
MOST = 2**31 - 1  # bytes of a file: what protobuf can have


@near_names
def export_onnx(
    model: Module,
    path: str | os.PathLike[str],
    *example_inputs: Any,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset: int = 17,
    dynamic_batch: bool = True,
    batch_axis: int = 0,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write the computation of `model` in evaluation to an ONNX file, whole or not at all.

    The model runs on `example_inputs` (tensors or arrays, of which only shapes and dtypes are
    written). With `dynamic_batch` the length of `batch_axis` of all inputs may differ later; all
    other lengths stay those of the examples. Parameters and buffers keep their names of state_dict.
    `opset`: version of the operators, 17 to 21.

    GraphError for models that a file cannot hold: operations without counterpart (all of them are
    named) or of dtypes that ONNX does not take, random ones, values computed outside of the engine,
    and other computations for other inputs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import io, nn
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> io.export_onnx(model, "model.onnx", dls.zeros(1, 3))
    >>> io.import_onnx("model.onnx")(dls.zeros(5, 3)).shape
    (5, 2)
    """
    path = as_path(path)
    if not isinstance(model, Module):
        raise DtypeError(f"export_onnx takes a Module, not a {type(model).__name__}")
    if not is_whole(opset) or not OPSETS[0] <= opset <= OPSETS[1]:
        raise DataError(f"opset is a whole number from {OPSETS[0]} to {OPSETS[1]}, not {opset!r}")
    away = [n for n, t in model._state().items() if t.device is not Device("cpu")]
    if away:
        raise DeviceError(f"{away[0]} is on another device: model.to('cpu') before the export")
    examples = examples_of(example_inputs)
    axis = int(batch_axis)
    first, *others = _runs(model, examples, axis if dynamic_batch else None)
    inputs = _names(input_names, ["input"], len(examples), "input")
    outputs = _names(output_names, [n or "output" for n in first.names], len(first.outputs),
                     "output")
    graphs = [_graph(model, first, other, inputs, outputs, int(opset), axis) for other in others]
    raw, *again = [encode(ModelProto(
        ir_version=IR_VERSIONS[int(opset)], producer_name="tinygrad_dls",
        producer_version=__version__, graph=graph, opset_import=[OperatorSet("", int(opset))],
        metadata_props=[Entry(str(k), str(v)) for k, v in (metadata or {}).items()],
    )) for graph in graphs]
    if any(other != raw for other in again):
        raise GraphError("a length in the model depends on the number of examples, but is "
                         "not a multiple of it and a constant: dynamic_batch=False")
    if len(raw) > MOST:
        raise DataError(f"the file would be {len(raw)} bytes long, more than the {MOST} that one "
                        "ONNX file can have")
    write_whole(path, raw)


def _runs(model: Module, examples: list[Array], axis: int | None) -> list[Run]:
    """The model on the examples, and on others; where their number may vary on one more and three.

    Two runs make a rule for each length, the third one tries it.
    """
    batch = None if axis is None else batch_of(examples, axis)
    found = [run(model, examples, batch, WHOLE)]
    if axis is None or batch is None:
        found.append(run(model, [np.flip(a, 0) if a.ndim else a for a in examples], None, WHOLE))
    else:
        more = one_more(examples, axis)
        found.append(run(model, more, batch + 1, WHOLE))
        found.append(run(model, one_more(one_more(more, axis), axis), batch + 3, WHOLE))
    for other in found[1:]:
        align(found[0], other)
    if not found[0].outputs:
        raise GraphError("the model returns no tensor")
    return found


def _graph(
    model: Module, first: Run, second: Run, inputs: Sequence[str], outputs: Sequence[str],
    opset: int, axis: int,
) -> GraphProto:
    """The graph that both runs are runs of."""
    batches = None if first.batch is None or second.batch is None else (
        first.batch, second.batch)
    builder = Builder(opset, batches)
    builder.taken |= {*inputs, *outputs}
    _prepare(builder, model, first, second, inputs, axis)
    _write(builder, first, second)
    _finish(builder, first, second, outputs)
    return builder.graph


def _names(given: Sequence[str] | None, usual: Sequence[str], count: int, what: str) -> list[str]:
    if given is None:
        stems = [*usual, *[what] * (count - len(usual))]
        return [stem if stems.count(stem) == 1 else f"{stem}_{i}" for i, stem in enumerate(stems)]
    names = list(given)
    if len(names) != count or len(set(names)) < count or not all(
            isinstance(n, str) and n for n in names):
        raise DataError(f"{what}_names are {count} different names here, not {names}")
    return names


def _prepare(
    b: Builder, model: Module, first: Run, second: Run, inputs: Sequence[str], axis: int
) -> None:
    """Inputs and parameters get their names; arrays of both runs are put side by side."""
    for name, array in zip(inputs, first.inputs):
        b.define(array, name)
        shape = [Dimension(dim_param="batch") if b.batches and i == axis else Dimension(n)
                 for i, n in enumerate(array.shape)]
        b.graph.input.append(_info(name, array.dtype, shape))
    b.batch_from = inputs[0], axis
    b.taken.add("constant")
    for name, tensor in model._state().items():
        if id(tensor._data) not in b.names:
            written = b.unique(plain_name(name))
            b.define(tensor._data, written)
            b.graph.initializer.append(tensor_of(written, tensor._data))
    for one, other in zip(first.calls, second.calls):
        for a, z in zip((*_held(one), one.out), (*_held(other), other.out)):
            if isinstance(a, np.ndarray):
                b.others[id(a)] = z
    for a, z in zip(first.outputs, second.outputs):
        b.others[id(a)] = z


def _held(call: Call) -> list[Any]:
    """The operands of a call, and the arrays among its parameters."""
    parts = [p for v in call.op.parameters.values() for p in (v if isinstance(v, tuple) else (v,))]
    return [*call.given, *call.arrays, *parts]


def _write(b: Builder, first: Run, second: Run) -> None:
    """The nodes of all operations, in order; those without a rule are named together."""
    unknown: dict[str, str] = {}
    for call in first.calls:
        if call.kind not in RULES:
            unknown.setdefault(call.kind, call.where)
    if unknown:
        lines = "".join(f"\n  {where}" for where in unknown.values())
        raise GraphError("ONNX has no counterpart of these operations, or none is known here:"
                         + lines)
    for call, other in zip(first.calls, second.calls):
        rule = RULES[call.kind]
        for name, value in call.op.parameters.items():
            if name not in rule.lengths and not _same(value, other.op.parameters.get(name)):
                raise GraphError(f"{call.where}: its {name} depends on the inputs: {value} and "
                                 f"{other.op.parameters.get(name)}. If on their number: "
                                 "dynamic_batch=False")
        check_types(call, b.opset)
        b.path = plain_name(call.path)
        b.define(call.out, rule.write(b, call, other))
    b.path = ""


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else one == other
    except ValueError:
        return one is other


def _finish(b: Builder, first: Run, second: Run, outputs: Sequence[str]) -> None:
    """The outputs under their names, with their shapes; nothing that none of them needs."""
    for name, array, other in zip(outputs, first.outputs, second.outputs):
        call = Call(_Output(name), (), (), array, "", name)
        source = b.value(array, call)
        node = b.graph.node
        b.path = ""
        b.node("Identity", [source])
        node[-1].output[0] = node[-1].name = name
        shape: list[Dimension] = []
        for n, m in zip(array.shape, other.shape):
            follows = b.batches is not None and n != m
            same = follows and b.batches == (n, m)
            shape.append(Dimension(dim_param="batch" if same else f"{name}_{len(shape)}"
                                   ) if follows else Dimension(n))
        b.graph.output.append(_info(name, array.dtype, shape))
    prune(b.graph, outputs)


class _Output:
    def __init__(self, name: str) -> None:
        self.name = name

    def label(self) -> str:
        return self.name


def _info(name: str, dtype: Any, shape: list[Dimension]) -> ValueInfo:
    return ValueInfo(name, TypeProto(TensorType(code_of(dtype), TensorShape(shape))))
