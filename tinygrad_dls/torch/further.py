"""Functions of `torch` that few scripts use: cumulative sums of exponentials, covariances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..backend.dtypes import default_dtype
from ..engine.autograd import TensorBase
from . import reductions, shapes
from .operands import array_of, tensor_like


def logcumsumexp(input: Any, dim: int) -> Any:
    """log of the sums of exp(x) up to each place along `dim`, without overflow."""
    top = ops.max(input, dim, True).detach()
    top = ops.where(ops.isfinite(top), top, 0.0)
    return ops.add(ops.log(ops.cumsum(ops.exp(ops.sub(input, top)), dim)), top)


def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Any:
    """The quantile of those that are not NaN, in each row the share of its own; no gradient."""
    how: Any = interpolation
    shares = np.asarray(array_of(q), np.float64)
    found = np.nanquantile(array_of(input.detach()).astype(np.float64), shares, axis=dim,
                           keepdims=keepdim and dim is not None, method=how)
    return tensor_like(np.asarray(found, input._data.dtype), input)


def trapezoid(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    """The integral along `dim` by the trapezoidal rule."""
    n = y.shape[dim]
    heights = ops.add(reductions.narrow(y, dim, 0, n - 1), reductions.narrow(y, dim, 1, n - 1))
    widths = dx if x is None else reductions.diff(x, dim=dim)
    return ops.sum(ops.mul(heights, ops.div(widths, 2) if isinstance(
        widths, TensorBase) else widths / 2), dim)


def cov(input: Any, *, correction: int = 1) -> Any:
    """The covariances of the rows."""
    rows = shapes.atleast_2d(input)
    rows = ops.sub(rows, ops.mean(rows, 1, True))
    found = ops.matmul(rows, ops.swapaxes(rows, 0, 1)) / (rows.shape[1] - correction)
    return found if input.ndim > 1 else ops.reshape(found, ())


def corrcoef(input: Any) -> Any:
    """The correlations of the rows, clamped to [-1, 1]."""
    c = cov(input)
    if c.ndim == 0:
        return c / c
    d = ops.sqrt(ops.diagonal(c))
    return ops.clip(c / ops.expand_dims(d, 1) / ops.expand_dims(d, 0), -1, 1)


def dsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Pieces along axis 2."""
    return shapes.tensor_split(input, indices_or_sections, 2)


def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Any:
    """The tensor with `src` in these places along `dim`."""
    return ops.index_put(
        input, (*(slice(None),) * (dim % input.ndim), slice(start, end, step)), src)


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """The tensor with `src` in one place along `dim`."""
    return ops.index_put(input, (*(slice(None),) * (dim % input.ndim), index), src)


def closed_range(start: float, end: float, step: float = 1, **options: Any) -> np.ndarray[Any, Any]:
    """The floats start, start + step ... up to end, which is among them."""
    count = math.floor((end - start) / step) + 1
    return (start + step * np.arange(count)).astype(options.get("dtype") or default_dtype())


def pdist(input: Any, p: float = 2.0) -> Any:
    """The distances of each row from those after it."""
    first, second = np.triu_indices(input.shape[0], 1)
    rows = [ops.getitem(input, tensor_like(places, input)) for places in (first, second)]
    return ops.vector_norm(ops.sub(*rows), p, -1)
