"""Reductions, running sums and products of the engine as nodes of ONNX."""

from __future__ import annotations

import math

import numpy as np

from ..errors import GraphError
from .onnx_graph import Builder
from .onnx_model import code_of
from .onnx_rules import first_operand, rule, truth
from .onnx_tracing import Call

# --- reductions ----------------------------------------------------------------------------------


def _axes(c: Call) -> list[int] | None:
    axis, ndim = c.op.axis, c.arrays[0].ndim
    if axis is None or not ndim:  # a number has no axis, and may be reduced all the same
        return None
    return [a % ndim for a in ((axis,) if isinstance(axis, int) else axis)]


_REDUCED = {"Sum": "ReduceSum", "Mean": "ReduceMean", "Max": "ReduceMax", "Min": "ReduceMin",
            "Prod": "ReduceProd", "Logsumexp": "ReduceLogSumExp", "EuclideanNorm": "ReduceL2"}


@rule(*_REDUCED)
def _reduced(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    if array.dtype != c.out.dtype:  # bools are counted
        x = b.node("Cast", [x], to=code_of(c.out.dtype))
    return b.reduce(_REDUCED[type(c.op).__name__], x, _axes(c), c.op.keepdims)


@rule("Any_", "All_")
def _any_all(b: Builder, c: Call, o: Call) -> str:
    counted = b.node("Cast", [truth(b, c, 0)], to=code_of(np.int32))
    kind = "ReduceMax" if type(c.op).__name__ == "Any_" else "ReduceMin"
    found = b.reduce(kind, counted, _axes(c), c.op.keepdims)
    return b.node("Cast", [found], to=code_of(bool))


@rule("Var")
def _var(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    axes = _axes(c)
    counts = [math.prod(a.shape if axes is None else [a.shape[i] for i in axes])
              for a in (array, o.arrays[0])]
    away = b.node("Sub", [x, b.reduce("ReduceMean", x, axes, True)])
    squares = b.node("Mul", [away, away])
    if not c.op.correction:
        return b.reduce("ReduceMean", squares, axes, c.op.keepdims)
    if counts[0] != counts[1]:
        raise GraphError(f"{c.where}: its correction depends on the number of examples: "
                         "dynamic_batch=False")
    total = b.reduce("ReduceSum", squares, axes, c.op.keepdims)
    return b.node("Div", [total, b.like(counts[0] - c.op.correction, array.dtype)])


@rule("Argmax", "Argmin")
def _arg(b: Builder, c: Call, o: Call) -> str:
    kind = "ArgMax" if type(c.op).__name__ == "Argmax" else "ArgMin"
    x, axis = b.operand(c, 0), c.op.axis
    if axis is None:
        flat = b.node("Reshape", [x, b.ints(-1)])
        found = b.node(kind, [flat], axis=0, keepdims=0)
        return b.node("Reshape", [found, b.ints(*c.out.shape)]) if c.op.keepdims else found
    return b.node(kind, [x], axis=int(axis), keepdims=int(c.op.keepdims))


@rule("Cumsum")
def _cumsum(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    x = x if array.dtype == c.out.dtype else b.cast(x, c.out.dtype)
    return b.node("CumSum", [x, b.constant(np.int64(c.op.axis))])


# --- products ------------------------------------------------------------------------------------


@rule("Linear")
def _linear(b: Builder, c: Call, o: Call) -> str:
    x, weight, bias = (b.operand(c, i) for i in range(3))
    if c.arrays[0].ndim == 2:
        return b.node("Gemm", [x, weight, bias], transB=1)
    y = b.node("MatMul", [x, b.node("Transpose", [weight], perm=(1, 0))])
    return b.node("Add", [y, bias]) if bias else y


@rule("Einsum")
def _einsum(b: Builder, c: Call, o: Call) -> str:
    equation = f"{c.op.of_a},{c.op.of_b}->{c.op.out}"
    return b.node("Einsum", [b.operand(c, 0), b.operand(c, 1)], equation=equation)


@rule("Softmax", "LogSoftmax")
def _softmax(b: Builder, c: Call, o: Call) -> str:
    if not c.arrays[0].ndim:
        raise GraphError(f"{c.where}: ONNX has no softmax of a number without axes: "
                         "x.reshape(1) before it")
    return b.node(type(c.op).__name__, [b.operand(c, 0)], axis=int(c.op.axis))
