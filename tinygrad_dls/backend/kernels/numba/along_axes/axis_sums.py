"""Sums along axes and the way back.

NumPy takes 10 us to get ready, and keeps one running sum for each column: of many rows in float32
that loses digits. Here blocks of BLOCK rows are summed first.
"""

import math
from typing import Any, TypeAlias

import numpy as np

from ...reference import axis_sums as reference
from ..allocate import Running
from ..compile import kernel
from ..elementwise import sums
from ..layout import F32, F64, channels_first, channels_last
from ..simd import full, lanes, load, load_some, store_some, total
from ..tuning import AXIS_SUM_SHARED

Array = Any
Seen: TypeAlias = tuple[int, int, int]
BLOCK = 128


@kernel
def sum_middle(x: Array, outer: int, n: int, inner: int, part: float, y: Array) -> None:
    """y (outer, inner) = part * the sum of x (outer, n, inner) over n; all of them flat."""
    width = lanes(x)
    for o in range(outer):
        for j in range(0, inner, width):
            some = min(width, inner - j)
            whole = full(x, 0.0)
            for start in range(0, n, BLOCK):
                s = full(x, 0.0)
                for i in range(start, min(start + BLOCK, n)):
                    s = s + load_some(x, (o * n + i) * inner + j, some)
                whole = whole + s
            store_some(y, o * inner + j, whole * part, some)


@kernel
def sum_last(x: Array, outer: int, n: int, part: float, y: Array) -> None:
    """y (outer,) = part * the sum of x (outer, n) over n; both flat."""
    width, rest = lanes(x), n % lanes(x)
    for o in range(outer):
        whole, end = full(x, 0.0), (o + 1) * n - rest
        for start in range(o * n, end, BLOCK * width):
            s = full(x, 0.0)
            for i in range(start, min(start + BLOCK * width, end), width):
                s = s + load(x, i)
            whole = whole + s
        if rest:
            whole = whole + load_some(x, end, rest)
        y[o] = total(whole) * part


@kernel
def broadcast_middle(dy: Array, outer: int, n: int, inner: int, part: float, dx: Array) -> None:
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


class AxisSums(Running, reference.AxisSums):
    """Of floats without gaps in memory, along axes that lie beside each other there."""

    total: Any  # of `Losses`, in the same table

    def sum_along(self, x: Any, axis: Any, keepdims: bool, part: float) -> Any:
        if _fit(x.dtype, x.shape, axis) and x.flags.c_contiguous:
            outer, n, inner, shape = around(x.shape, axis, keepdims)
            return self._summed(x, (outer, n, inner), part, shape)
        if axis is None and x.size <= AXIS_SUM_SHARED and x.flags.c_contiguous:
            whole = x.sum(keepdims=keepdims)  # pairwise: no digits are lost
            return whole if part == 1.0 else whole * part
        found = seen_along(x, axis, keepdims)
        if found is None:
            return super().sum_along(x, axis, keepdims, part)
        laid, apart, seen, shape, transposed = found
        if apart:  # axes before these, not beside them, are summed next
            return self.sum_along(self._summed(laid, seen, 1.0, shape), apart, keepdims, part)
        y = self._summed(laid, seen, part, shape)
        return channels_first(y) if transposed else y

    def _summed(self, x: Any, seen: Seen, part: float, shape: tuple[int, ...]) -> Any:
        """part * the sum of a contiguous x, seen as (outer, n, inner), over n; in `shape`."""
        outer, n, inner = seen
        if outer == inner == 1 and n > AXIS_SUM_SHARED:
            return self.total(x, part).reshape(shape)
        y = self.empty(shape, x.dtype)
        if inner == 1:
            self.run(sum_last, x.ravel(), outer, n, part, y.ravel())
        elif x.size <= AXIS_SUM_SHARED:
            self.run(sum_middle, x.ravel(), outer, n, inner, part, y.ravel())
        else:
            sums.sum_between(x, seen, part, y, self)
        return y

    def broadcast_along(self, dy: Any, shape: tuple[int, ...], axis: Any, part: float) -> Any:
        if not _fit(dy.dtype, shape, axis) or not dy.flags.c_contiguous:
            return super().broadcast_along(dy, shape, axis, part)
        outer, n, inner, _ = around(shape, axis, False)
        dx = self.empty(shape, dy.dtype)
        self.run(broadcast_middle, dy.ravel(), outer, n, inner, part, dx.ravel())
        return dx

    def broadcast(self, y: Any, shape: tuple[int, ...]) -> Any:
        if y.ndim:
            return super().broadcast(y, shape)
        y = np.asarray(y)
        return np.ndarray(shape, y.dtype, y, 0, (0,) * len(shape))  # np.broadcast_to takes 3 us


def seen_along(x: Array, axis: Any, keepdims: bool) -> tuple[Any, Any, Seen, Any, bool] | None:
    """Return the view of x that the kernels sum along axes; None if there is none.

    Returns (x as it lies in memory, axes that have to be summed after the others, (outer, n,
    inner), the shape of the sums over n as they lie, whether they lie channels-last).
    """
    if (x.dtype is not F32 and x.dtype is not F64) or not x.size or not x.ndim:
        return None
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    places = sorted(i % x.ndim for i in axes)
    transposed = not x.flags.c_contiguous
    if transposed:
        if x.ndim < 3 or not (x := channels_last(x)).flags.c_contiguous:
            return None
        last = x.ndim - 1
        places = sorted(last if i == 1 else i - (i > 1) for i in places)
        if not keepdims and last not in places and not set(places) >= set(range(1, last)):
            return None  # the channels would have to come first
    if not places:
        return None
    stop = places[-1] + 1
    first = stop - 1
    while first - 1 in places:
        first -= 1
    apart = tuple(i for i in places if i < first)
    if apart and (transposed or stop < x.ndim):
        return None
    before, after = x.shape[:first], x.shape[stop:]
    seen = math.prod(before), math.prod(x.shape[first:stop]), math.prod(after)
    shape = (*before, *(1,) * (stop - first), *after) if keepdims else before + after
    return x, apart, seen, shape, transposed and keepdims


def around(
    shape: tuple[int, ...], axis: int, keepdims: bool
) -> tuple[int, int, int, tuple[int, ...]]:
    """Return how many numbers lie before an axis, along it and after it, and the shape without it.
    """
    axis %= len(shape)
    before, after = shape[:axis], shape[axis + 1 :]
    return (math.prod(before), shape[axis], math.prod(after),
            (*before, 1, *after) if keepdims else before + after)


def _fit(dtype: Any, shape: tuple[int, ...], axis: Any) -> bool:
    return ((dtype is F32 or dtype is F64) and axis.__class__ is int and bool(shape)
            and 0 < math.prod(shape) <= AXIS_SUM_SHARED)
