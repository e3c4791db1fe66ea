"""ONNX's reductions, running sums and products, by functions of ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..nn import functional as F
from ..ops.call import tensor_of
from .onnx_operators import Args, host, operator, text

_REDUCED: dict[str, Callable[..., Any]] = {
    "ReduceSum": ops.sum, "ReduceMean": ops.mean, "ReduceMax": ops.max, "ReduceMin": ops.min,
    "ReduceProd": ops.prod, "ReduceLogSumExp": ops.logsumexp,
    "ReduceL2": lambda x, axis, keepdims: ops.vector_norm(x, axis=axis, keepdims=keepdims),
    "ReduceL1": lambda x, axis, keepdims: ops.sum(ops.abs(x), axis, keepdims=keepdims),
    "ReduceSumSquare": lambda x, axis, keepdims: ops.sum(x * x, axis, keepdims=keepdims),
    "ReduceLogSum": lambda x, axis, keepdims: ops.log(ops.sum(x, axis, keepdims=keepdims)),
}
OF_NOTHING = {"ReduceMax": -math.inf, "ReduceMin": math.inf, "ReduceLogSumExp": -math.inf}


@operator(*_REDUCED, host=(1,))
def _reduce(a: Args) -> Any:
    x, axes = a[0], a.ints(1) if a[1] is not None else a.option("axes")
    if not axes and a.option("noop_with_empty_axes", 0):  # each number by itself: squares stay
        return ops.cast(_REDUCED[a.kind](x[..., None], axis=(x.ndim,), keepdims=False), x.dtype)
    axis = tuple(i % max(1, x.ndim) for i in axes) if axes else tuple(range(x.ndim))
    keep = bool(a.option("keepdims", 1))
    if a.kind in OF_NOTHING and not math.prod(x.shape[i] for i in axis):
        shape = tuple(1 if i in axis else n for i, n in enumerate(x.shape) if i not in axis or keep)
        return ops.broadcast_to(_lowest(a, x), shape)
    y = x if not axis else _REDUCED[a.kind](x, axis=axis, keepdims=keep)
    if not axis:  # a number: its sum over nothing is itself, its norm is not
        y = _REDUCED[a.kind](x.reshape(1), axis=(0,), keepdims=False)
    return ops.cast(y, x.dtype)  # as many bits as before: ours counts in more


def _lowest(a: Args, x: Any) -> Any:
    """Return the largest or smallest value of a reduction over nothing, in the dtype of x."""
    number: Any = OF_NOTHING[a.kind]
    if x.dtype.kind in "iu":
        info = np.iinfo(x.dtype)
        number = info.min if number < 0 else info.max
    elif x.dtype.kind == "b":
        number = number > 0
    return tensor_of(np.array(number, x.dtype), x.device)


@operator("CumSum", "CumProd", host=(1,))
def _running(a: Args) -> Any:
    """Sums or products up to each place; `exclusive`: without it, `reverse`: from behind."""
    x, axis = a[0], int(host(a[1]).item()) % max(1, a[0].ndim)
    one = a.kind == "CumProd"
    back = bool(a.option("reverse", 0))
    x = ops.flip(x, axis) if back else x
    y = ops.cast((ops.cumprod if one else ops.cumsum)(x, axis=axis), x.dtype)
    if a.option("exclusive", 0) and x.shape[axis]:
        whole, first = [slice(None)] * axis, (ops.ones_like if one else ops.zeros_like)(x)
        parts = [first[(*whole, slice(1))], y[(*whole, slice(-1))]]
        y = ops.concatenate(parts, axis=axis)
    return ops.flip(y, axis) if back else y


# --- products ------------------------------------------------------------------------------------


@operator("Gemm")
def _gemm(a: Args) -> Any:
    x, y, bias = a[0], a[1], a[2]
    alpha, beta = a.option("alpha", 1.0), a.option("beta", 1.0)
    x = x.T if a.option("transA", 0) else x
    plain = alpha == 1 and beta == 1 and a.option("transB", 0)
    if plain and (bias is None or bias.ndim == 1):
        return F.linear(x, y, bias)
    product = ops.matmul(x, y.T if a.option("transB", 0) else y)
    product = product if alpha == 1 else product * alpha
    if bias is None:
        return product
    return product + (bias if beta == 1 else bias * beta)


@operator("Einsum")
def _einsum(a: Args) -> Any:
    return ops.einsum(text(a.option("equation", b"")), *a.values)
