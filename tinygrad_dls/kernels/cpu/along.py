"""Sums along one axis and the way back, of few numbers: NumPy's take 10 us to get ready."""

import math
from typing import Any

import numpy as np

from ..reference import along as reference
from ..simd import full, lanes, load, load_some, store_some, total
from .compile import kernel
from .layout import F32, F64
from .running import Running

Array = Any
FEW = 1 << 16  # numbers; in more of them NumPy's preparations do not count


@kernel
def sum_middle(x: Array, outer: int, n: int, inner: int, part: float, y: Array) -> None:
    """y (outer, inner) = part * the sum of x (outer, n, inner) over n; all of them flat."""
    width = lanes(x)
    for o in range(outer):
        for j in range(0, inner, width):
            some = min(width, inner - j)
            s = full(x, 0.0)
            for i in range(n):
                s = s + load_some(x, (o * n + i) * inner + j, some)
            store_some(y, o * inner + j, s * part, some)


@kernel
def sum_last(x: Array, outer: int, n: int, part: float, y: Array) -> None:
    """y (outer,) = part * the sum of x (outer, n) over n; both flat."""
    width, rest = lanes(x), n % lanes(x)
    for o in range(outer):
        s = full(x, 0.0)
        for i in range(o * n, (o + 1) * n - rest, width):
            s = s + load(x, i)
        if rest:
            s = s + load_some(x, (o + 1) * n - rest, rest)
        y[o] = total(s) * part


@kernel
def spread_middle(dy: Array, outer: int, n: int, inner: int, part: float, dx: Array) -> None:
    """dx (outer, n, inner) = part * dy (outer, inner), for each of n; both flat."""
    width, kind = lanes(dy), dy.dtype.type
    for o in range(outer):
        if inner == 1:
            dx[o * n:(o + 1) * n] = dy[o] * kind(part)
            continue
        for j in range(0, inner, width):
            some = min(width, inner - j)
            s = load_some(dy, o * inner + j, some) * part
            for i in range(n):
                store_some(dx, (o * n + i) * inner + j, s, some)


class Along(Running, reference.Along):
    """Of up to FEW numbers in order, along one axis."""

    def sum_along(self, x: Any, axis: Any, keepdims: bool, part: float) -> Any:
        if not _fit(x.dtype, x.shape, axis) or not x.flags.c_contiguous:
            return super().sum_along(x, axis, keepdims, part)
        outer, n, inner, shape = around(x.shape, axis, keepdims)
        y = self.empty(shape, x.dtype)
        if inner == 1:
            self.run(sum_last, x.ravel(), outer, n, part, y.ravel())
        else:
            self.run(sum_middle, x.ravel(), outer, n, inner, part, y.ravel())
        return y

    def spread_along(self, dy: Any, shape: tuple[int, ...], axis: Any, part: float) -> Any:
        if not _fit(dy.dtype, shape, axis) or not dy.flags.c_contiguous:
            return super().spread_along(dy, shape, axis, part)
        outer, n, inner, _ = around(shape, axis, False)
        dx = self.empty(shape, dy.dtype)
        self.run(spread_middle, dy.ravel(), outer, n, inner, part, dx.ravel())
        return dx

    def spread(self, y: Any, shape: tuple[int, ...]) -> Any:
        if y.ndim:
            return super().spread(y, shape)
        y = np.asarray(y)
        return np.ndarray(shape, y.dtype, y, 0, (0,) * len(shape))  # np.broadcast_to takes 3 us


def around(
    shape: tuple[int, ...], axis: int, keepdims: bool
) -> tuple[int, int, int, tuple[int, ...]]:
    """How many numbers lie before an axis, along it and after it, and the shape without it."""
    axis %= len(shape)
    before, after = shape[:axis], shape[axis + 1 :]
    return (math.prod(before), shape[axis], math.prod(after),
            (*before, 1, *after) if keepdims else before + after)


def _fit(dtype: Any, shape: tuple[int, ...], axis: Any) -> bool:
    return ((dtype is F32 or dtype is F64) and axis.__class__ is int and bool(shape)
            and 0 < math.prod(shape) <= FEW)
