"""The dtypes that ONNX's operators accept, where they accept fewer than ours.

A file with others would be written and then refused by every runtime: it is refused here, with
the line of the model. What can be cast without changing a value is cast by its rule instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import GraphError
from .onnx_tracing import Call

FLOATS = frozenset({"float16", "float32", "float64"})
SIGNED = FLOATS | {"int8", "int16", "int32", "int64"}
NUMBERS = SIGNED | {"uint8", "uint16", "uint32", "uint64"}
PRODUCTS = FLOATS | {"int32", "int64", "uint32", "uint64"}
POWERS = FLOATS | {"int32", "int64"}

TAKES: dict[str, frozenset[str]] = {  # class of the operation -> dtypes of its operands
    **dict.fromkeys((
        "Abs", "Add", "Sub", "Mul", "Div", "FloorDivide", "Remainder", "Fmod",
        "Maximum", "Minimum", "Less", "LessEqual", "Greater", "GreaterEqual", "Argmax", "Argmin",
        "Sort", "Argsort", "TopPlaces", "Einsum", "Clip", "Hardtanh", "ScaleChannels", "Sign",
        "Hypot", "Prod"), NUMBERS),
    **dict.fromkeys((
        "LeakyRelu", "Convolution", "TransposedConvolution", "MaxPool", "AvgPool", "Attention",
        "FrozenBatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RmsNorm", "Rnn", "Lstm",
        "Gru", "PRelu", "Interpolate", "Resample"), FLOATS),
    **dict.fromkeys(("Neg", "Relu"), SIGNED),
    **dict.fromkeys(("Matmul", "Linear"), PRODUCTS),
    **dict.fromkeys(("Pow", "PowerOf"), POWERS),
}
TENSORS = {"Attention": 3}  # how many operands are meant, where not all are: a mask may be of bools
FROM_OPSET = {"Max": 20, "Min": 20}  # reductions that take bools from there on

# Operations whose operands, at these places, are of one dtype in ONNX.
ALIKE: dict[str, slice] = {
    **dict.fromkeys((
        "Add", "Sub", "Mul", "Div", "Pow", "Maximum", "Minimum", "Less", "LessEqual", "Greater",
        "GreaterEqual", "Equal", "NotEqual", "FloorDivide", "Remainder", "Fmod", "Hypot",
        "Matmul", "Einsum", "Linear", "Concatenate", "Stack"), slice(None)),
    "Where": slice(1, None),
}


def check_types(call: Call, opset: int) -> None:
    """GraphError for an operation of dtypes that its ONNX operator does not take."""
    taken = TAKES.get(call.kind)
    for array in call.arrays[: TENSORS.get(call.kind)]:
        if not isinstance(array, np.ndarray):
            continue
        if taken is not None and array.dtype.name not in taken:
            raise GraphError(f"{call.where}: ONNX has no such operator for {array.dtype}: write "
                             f"x.astype('{'int64' if 'int64' in taken else 'float32'}') before it")
        if array.dtype == bool and opset < FROM_OPSET.get(call.kind, 0):
            raise GraphError(f"{call.where}: ONNX takes bools here from opset "
                             f"{FROM_OPSET[call.kind]} on: opset={FROM_OPSET[call.kind]}, or "
                             "x.astype('int64')")


def wanted_dtype(call: Call, place: int) -> Any:
    """The dtype in which an operand goes into its node."""
    array = call.arrays[place]
    together = call.arrays[ALIKE[call.kind]] if call.kind in ALIKE else ()
    arrays = [a for a in together if isinstance(a, np.ndarray)]
    if any(a is array for a in arrays):
        return np.result_type(*[a.dtype for a in arrays])
    return array.dtype
