"""The graph of an ONNX file while it is built: nodes, names, constants, lengths that may vary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError, GraphError
from .onnx_model import Attribute, GraphProto, NodeProto, code_of, tensor_of
from .onnx_tracing import Call
from .onnx_types import wanted_dtype
from .reading import Array

Dims = Sequence[int]


class Builder:
    """Nodes one after the other; values are known by the arrays that they were in the run.

    `pairs` are operations of two runs (or of one, twice): a whole number that differs between
    them is k * batch + c, and becomes an expression of the batch's length in the file.
    """

    def __init__(self, opset: int, batches: tuple[int, int] | None) -> None:
        self.opset, self.batches = opset, batches
        self.graph = GraphProto(name="tinygrad_dls")
        self.names: dict[int, str] = {}  # id of an array -> the name of its value
        self.kept: list[Any] = []  # so that no id is used twice
        self.others: dict[int, Any] = {}  # id of an array -> the same of the other run
        self.parts: dict[int, list[tuple[int, int, str]]] = {}  # of flat vectors: (from, to, name)
        self.taken: set[str] = set()
        self.constants: dict[Any, str] = {}
        self.batch_from: tuple[str, int] = ("", 0)  # an input, and the axis of it
        self.batch_name = ""
        self.path = ""

    # --- names -----------------------------------------------------------------------------------

    def unique(self, wanted: str) -> str:
        """A name that no value has yet."""
        name, number = wanted, 1
        while name in self.taken or not name:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def define(self, array: Any, name: str) -> None:
        """`name` is the value that `array` was."""
        self.names[id(array)] = name
        self.kept.append(array)

    def value(self, array: Any, call: Call) -> str:
        """The name of an operand; one that no operation made becomes a constant."""
        name = self.names.get(id(array))
        if name is None:
            name = self._unmade(array, call)
            self.define(array, name)
        return name

    def operand(self, call: Call, place: int) -> str:
        """Input number `place` of a call, cast as the op got it; "" for None."""
        given, array = call.given[place], call.arrays[place]
        if array is None:
            return ""
        if not isinstance(array, np.ndarray):  # a number takes the dtype of the others
            kinds = [a.dtype for a in call.arrays if isinstance(a, np.ndarray)]
            return self.constant(np.asarray(array, self.number_type(kinds, array)))
        if not isinstance(given, np.ndarray):
            name, dtype = self.value(array, call), wanted_dtype(call, place)
            return name if array.dtype == dtype else self.cast(name, dtype)
        name, dtype = self.value(given, call), wanted_dtype(call, place)
        return name if given.dtype == dtype else self.cast(name, dtype)

    def cast(self, name: str, dtype: Any) -> str:
        """A value in another dtype."""
        return self.node("Cast", [name], to=code_of(dtype))

    def number_type(self, kinds: Sequence[Any], number: Any) -> Any:
        """The dtype in which a Python number meets arrays."""
        if not kinds:
            return np.asarray(number).dtype
        return kinds[0]

    def _unmade(self, array: Array, call: Call) -> str:
        """A value that stood there before: a constant, if it is the same in both runs."""
        other = self.others.get(id(array), array)
        if other is array or (other.shape == array.shape and np.array_equal(
                array, other, equal_nan=array.dtype.kind == "f")):
            return self.constant(array)
        uniform = array.size and other.size and (array == array.flat[0]).all() and (
            other == array.flat[0]).all()
        if uniform and array.ndim == other.ndim:
            return self.node("Expand", [self.constant(array.flat[0].reshape(())),
                                        self.lengths(array.shape, other.shape, call)])
        if array.ndim == 1 == other.ndim and array.dtype.kind == "i" and all(
                np.array_equal(a, np.arange(a.size)) for a in (array, other)):
            count = self.node("Squeeze", [self.lengths(array.shape, other.shape, call)])
            ends = [self.constant(np.int64(0)), count, self.constant(np.int64(1))]
            made = self.node("Range", ends)
            return made if array.dtype == np.int64 else self.node(
                "Cast", [made], to=code_of(array.dtype))
        raise GraphError(
            f"{call.where}: an operand of shape {array.shape} differs from one input to another, "
            "and no operation of the engine made it (NumPy did, or x.data or x.numpy() was used). "
            "Write it with dls's functions; or, if only the number of examples makes the "
            "difference, export with dynamic_batch=False"
        )

    # --- nodes -----------------------------------------------------------------------------------

    def node(self, kind: str, inputs: Sequence[str], **options: Any) -> str:
        """Add a node of one output, and return its name. Options that are None are left out."""
        return self.nodes(kind, inputs, 1, **options)[0]

    def nodes(self, kind: str, inputs: Sequence[str], count: int, **options: Any) -> list[str]:
        """Add a node of `count` outputs, and return their names."""
        stem = f"{self.path}.{kind}" if self.path else kind
        made = [self.unique(stem) for _ in range(count)]
        wanted = list(inputs)
        while wanted and not wanted[-1]:
            wanted.pop()
        self.graph.node.append(NodeProto(wanted, made, made[0], kind, [
            attribute(name, value) for name, value in options.items() if value is not None]))
        return made

    def constant(self, value: Any) -> str:
        """The name of a constant; equal small ones are written once."""
        array = np.asarray(value)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else None
        if key is not None and key in self.constants:
            return self.constants[key]
        path, self.path = self.path, ""
        node = NodeProto([], [self.unique("constant")], "", "Constant",
                         [attribute("value", array)])
        node.name = node.output[0]
        self.graph.node.insert(0, node)
        self.path = path
        if key is not None:
            self.constants[key] = node.output[0]
        return node.output[0]

    def ints(self, *values: int) -> str:
        """A constant row of int64."""
        return self.constant(np.array(values, np.int64))

    def like(self, number: float, dtype: Any, shape: Dims = ()) -> str:
        """A constant of one number everywhere."""
        return self.constant(np.full(shape, number, dtype))

    # --- lengths ---------------------------------------------------------------------------------

    def lengths(self, of_a: Dims, of_b: Dims | None, call: Call) -> str:
        """A row of int64 that is `of_a` in one run and `of_b` in the other."""
        if of_b is None or tuple(of_a) == tuple(of_b) or self.batches is None:
            return self.ints(*of_a)
        a, b = self.batches
        slopes, rests = [], []
        for first, second in zip(of_a, of_b, strict=True):
            slope, odd = divmod(second - first, b - a)
            if odd:
                raise GraphError(f"{call.where}: the length {first} for {a} examples and {second} "
                                 f"for {b} is not a multiple of their number: dynamic_batch=False")
            slopes.append(slope)
            rests.append(first - slope * a)
        row = self.batch()
        if set(slopes) != {1}:
            row = self.node("Mul", [row, self.ints(*slopes)])
        return self.node("Add", [row, self.ints(*rests)]) if any(rests) else row

    def batch(self) -> str:
        """The number of examples, as a row of one."""
        if not self.batch_name:
            source, axis = self.batch_from
            path, self.path = self.path, ""
            shape = self.node("Shape", [source])
            self.batch_name = self.node("Gather", [shape, self.ints(axis)], axis=0)
            self.path = path
        return self.batch_name

    def reshape(self, name: str, call: Call, of_a: Dims, of_b: Dims | None) -> str:
        """Another shape; where one length varies it is the rest, -1."""
        if of_b is not None and len(of_a) == len(of_b):
            varying = [i for i, (m, n) in enumerate(zip(of_a, of_b)) if m != n]
            if len(varying) == 1 and -1 not in of_a and 0 not in of_a:
                of_a = [-1 if i in varying else n for i, n in enumerate(of_a)]
                return self.node("Reshape", [name, self.ints(*of_a)])
        return self.node("Reshape", [name, self.lengths(of_a, of_b, call)], allowzero=(
            1 if 0 in of_a else None))

    # --- reductions, whose axes moved from an option to an input ---------------------------------

    def reduce(self, kind: str, name: str, axes: Sequence[int] | None, keepdims: bool) -> str:
        """ReduceSum, ReduceMean ... over axes (None: all)."""
        keep = int(keepdims)
        if axes is None:
            return self.node(kind, [name], keepdims=keep)
        if not axes:
            return self.node("Identity", [name])
        if kind == "ReduceSum" or self.opset >= 18:
            return self.node(kind, [name, self.ints(*axes)], keepdims=keep)
        return self.node(kind, [name], axes=list(axes), keepdims=keep)


def attribute(name: str, value: Any) -> Attribute:
    """An option of a node; its Python type says which of ONNX's it is."""
    if isinstance(value, (bool, int, np.integer)):
        return Attribute(name, i=int(value), type=2)
    if isinstance(value, float):
        return Attribute(name, f=value, type=1)
    if isinstance(value, str):
        return Attribute(name, s=value.encode(), type=3)
    if isinstance(value, np.ndarray):
        return Attribute(name, t=tensor_of("", value), type=4)
    values = list(value)
    if all(isinstance(v, (int, np.integer)) for v in values):
        return Attribute(name, ints=[int(v) for v in values], type=7)
    if all(isinstance(v, float) for v in values):
        return Attribute(name, floats=values, type=6)
    if all(isinstance(v, str) for v in values):
        return Attribute(name, strings=[v.encode() for v in values], type=8)
    raise DtypeError(f"no option of ONNX can hold {value!r}")


def prune(graph: GraphProto, outputs: Sequence[str]) -> None:
    """Take out the nodes and initializers that no output is made from."""
    needed = set(outputs)
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    graph.node = kept[::-1]
    graph.initializer = [t for t in graph.initializer if t.name in needed]


def plain_name(name: str) -> str:
    """A name that every reader of ONNX takes."""
    return re.sub(r"[^\w.\-/]", "_", name)

