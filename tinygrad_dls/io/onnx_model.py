"""Messages of an ONNX file: the parts of onnx.proto that models use."""

# ruff: noqa: RUF009 - field_of makes a new field each time, as dataclasses.field does

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DtypeError, FormatError
from .protobuf import field_of
from .reading import Array, is_shape, short, widened

DTYPES = {1: "f4", 2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 9: "b1", 10: "f2",
          11: "f8", 12: "u4", 13: "u8", 14: "c8", 15: "c16"}
CODES = {np.dtype(code): number for number, code in DTYPES.items()}
BFLOAT16, TEXT = 16, 8


@dataclass
class Entry:
    """A text with a name."""

    key: str = field_of(1, "text")
    value: str = field_of(2, "text")


@dataclass
class TensorProto:
    """An array."""

    dims: list[int] = field_of(1, "int", many=True)
    data_type: int = field_of(2, "int")
    float_data: Any = field_of(4, "float", many=True, compact=True)
    int32_data: Any = field_of(5, "int", many=True, compact=True)
    string_data: list[bytes] = field_of(6, "bytes", many=True)
    int64_data: Any = field_of(7, "int", many=True, compact=True)
    name: str = field_of(8, "text")
    raw_data: bytes = field_of(9, "bytes")
    double_data: Any = field_of(10, "double", many=True, compact=True)
    uint64_data: Any = field_of(11, "int", many=True, compact=True)
    external_data: list[Entry] = field_of(13, Entry, many=True)
    data_location: int = field_of(14, "int")  # 1: in another file


@dataclass
class Attribute:
    """An option of a node; `type` says which field holds it."""

    name: str = field_of(1, "text")
    f: float | None = field_of(2, "float", always=True)
    i: int | None = field_of(3, "int", always=True)
    s: bytes | None = field_of(4, "bytes", always=True)
    t: TensorProto | None = field_of(5, TensorProto)
    g: bytes = field_of(6, "bytes")  # a graph, decoded where it is needed
    floats: list[float] = field_of(7, "float", many=True)
    ints: list[int] = field_of(8, "int", many=True)
    strings: list[bytes] = field_of(9, "bytes", many=True)
    graphs: list[bytes] = field_of(11, "bytes", many=True)
    type: int = field_of(20, "int")


@dataclass
class NodeProto:
    """One operator: names of values in, names of values out."""

    input: list[str] = field_of(1, "text", many=True)
    output: list[str] = field_of(2, "text", many=True)
    name: str = field_of(3, "text")
    op_type: str = field_of(4, "text")
    attribute: list[Attribute] = field_of(5, Attribute, many=True)
    doc_string: str = field_of(6, "text")
    domain: str = field_of(7, "text")


@dataclass
class Dimension:
    """A length, or its name where it may be any."""

    dim_value: int = field_of(1, "int")
    dim_param: str = field_of(2, "text")


@dataclass
class TensorShape:
    """The lengths of an array."""

    dim: list[Dimension] = field_of(1, Dimension, many=True)


@dataclass
class TensorType:
    """The type of an array."""

    elem_type: int = field_of(1, "int")
    shape: TensorShape | None = field_of(2, TensorShape)


@dataclass
class TypeProto:
    """The type of a value; other kinds than arrays are left out."""

    tensor_type: TensorType | None = field_of(1, TensorType)


@dataclass
class ValueInfo:
    """The name and type of an input or output."""

    name: str = field_of(1, "text")
    type: TypeProto | None = field_of(2, TypeProto)


@dataclass
class GraphProto:
    """Nodes in an order in which they can run, and the arrays that are there from the start."""

    node: list[NodeProto] = field_of(1, NodeProto, many=True)
    name: str = field_of(2, "text")
    initializer: list[TensorProto] = field_of(5, TensorProto, many=True)
    doc_string: str = field_of(10, "text")
    input: list[ValueInfo] = field_of(11, ValueInfo, many=True)
    output: list[ValueInfo] = field_of(12, ValueInfo, many=True)
    value_info: list[ValueInfo] = field_of(13, ValueInfo, many=True)


@dataclass
class OperatorSet:
    """The version of the operators that the nodes refer to."""

    domain: str = field_of(1, "text")
    version: int = field_of(2, "int")


@dataclass
class ModelProto:
    """A whole file."""

    ir_version: int = field_of(1, "int")
    producer_name: str = field_of(2, "text")
    producer_version: str = field_of(3, "text")
    graph: GraphProto | None = field_of(7, GraphProto)
    opset_import: list[OperatorSet] = field_of(8, OperatorSet, many=True)
    metadata_props: list[Entry] = field_of(14, Entry, many=True)
    functions: list[bytes] = field_of(25, "bytes", many=True)


# --- arrays --------------------------------------------------------------------------------------


def tensor_of(name: str, array: Any) -> TensorProto:
    """An array as a message; DtypeError for what ONNX has no type for."""
    values = np.asarray(array)
    return TensorProto(dims=list(values.shape), data_type=code_of(values.dtype), name=name,
                       raw_data=values.astype(values.dtype.newbyteorder("<")).tobytes())


def code_of(dtype: Any) -> int:
    """ONNX's number of a dtype."""
    kind = np.dtype(dtype).newbyteorder("=")
    if kind not in CODES:
        raise DtypeError(f"ONNX has no type for {dtype}")
    return CODES[kind]


def dtype_of(code: int, what: str) -> np.dtype[Any]:
    """The dtype of ONNX's number; that of bfloat16 is float32."""
    if code == BFLOAT16:
        return np.dtype(np.float32)
    if code not in DTYPES:
        kind = "texts" if code == TEXT else f"data of type {code}"
        raise FormatError(f"{what} holds {kind}, which are not read")
    return np.dtype(DTYPES[code])


def array_of(tensor: TensorProto, outside: bytes | None = None) -> Array:
    """The array of a message; `outside`: its bytes, where they lie in another file."""
    what = f"tensor {short(tensor.name)}"
    shape = tuple(tensor.dims)
    if not is_shape(shape):
        raise FormatError(f"{what} has no valid shape: {short(shape)}")
    dtype, count = dtype_of(tensor.data_type, what), math.prod(shape)
    stored = np.dtype("<u2") if tensor.data_type == BFLOAT16 else dtype.newbyteorder("<")
    raw: Any = tensor.raw_data if outside is None else outside
    if len(raw) or outside is not None:
        if len(raw) != count * stored.itemsize:
            raise FormatError(f"{what} of shape {short(shape)} takes {count * stored.itemsize} "
                              f"bytes, {len(raw)} are there")
        flat = np.frombuffer(raw, stored) if len(raw) else np.empty(0, stored)
    else:
        flat = _listed(tensor, what, count, stored)
    if dtype.kind == "b" and flat.size and int(flat.view(np.uint8).max()) > 1:
        raise FormatError(f"{what} is of bools, and a byte of it is neither 0 nor 1")
    flat = widened(flat) if tensor.data_type == BFLOAT16 else flat.astype(dtype)
    return flat.reshape(shape)


def _listed(tensor: TensorProto, what: str, count: int, stored: np.dtype[Any]) -> Array:
    """The values of a tensor that are written number by number."""
    code = tensor.data_type
    given: Sequence[Any] = (
        tensor.float_data if code in (1, 14) else tensor.double_data if code in (11, 15)
        else tensor.int64_data if code == 7 else tensor.uint64_data if code in (12, 13)
        else tensor.int32_data)
    parts = 2 if code in (14, 15) else 1
    if len(given) != count * parts:
        raise FormatError(f"{what} has {len(given)} values, {count * parts} make its shape "
                          f"{short(tuple(tensor.dims))}")
    values = np.asarray(given, {1: "f4", 14: "f4", 11: "f8", 15: "f8"}.get(code, "i8"))
    if code in (10, BFLOAT16):  # half floats are written as the numbers that their bits are
        return values.astype("<u2").view(stored)
    if parts == 2:
        return values.astype("<f4" if code == 14 else "<f8").view(stored)
    if stored.kind in "iub" and stored.itemsize < 8:
        bits = 8 * stored.itemsize
        if not ((-(2 ** (bits - 1)) <= values) & (values < 2**bits)).all():
            raise FormatError(f"{what} has values that {stored.name} cannot hold")
        return values.astype(f"<u{stored.itemsize}").view(stored)
    return values.astype(stored, copy=False)
