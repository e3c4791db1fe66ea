"""Running sums and linear recurrences: one walk along each row."""

from typing import Any

import numpy as np

from ...reference import scan as reference
from ..compile import kernel
from ..layout import F32, F64
from .axis_sums import around

Array = Any


@kernel
def recurrence_loop(a: Array, b: Array, y: Array) -> None:
    rows, n = a.shape
    for i in range(rows):
        last = y[i, 0] = b[i, 0]
        for t in range(1, n):
            last = a[i, t] * last + b[i, t]
            y[i, t] = last


@kernel
def cumsum_loop(x: Array, outer: int, n: int, inner: int, y: Array) -> None:
    """y (outer, n, inner): running sums of x over n, kept in float64; both flat."""
    sums = np.empty(inner)
    for o in range(outer):
        if inner == 1:
            last = 0.0
            for i in range(o * n, (o + 1) * n):
                last += x[i]
                y[i] = last
            continue
        sums[:] = 0.0
        for t in range(o * n, (o + 1) * n):
            for j in range(inner):
                sums[j] += x[t * inner + j]
                y[t * inner + j] = sums[j]


class Scan(reference.Scan):
    """Those of the reference that compiled loops beat."""

    def cumsum(self, x: Any, axis: int) -> Any:
        if x.dtype not in (F32, F64) or not x.ndim or not x.size:
            return super().cumsum(x, axis)
        x = np.ascontiguousarray(x)
        y = np.empty_like(x)
        outer, n, inner, _ = around(x.shape, axis, False)
        cumsum_loop(x.ravel(), outer, n, inner, y.ravel())
        return y

    def recurrence(self, a: Any, b: Any, axis: int) -> Any:
        if a.dtype is not b.dtype or a.dtype not in (F32, F64):
            return super().recurrence(a, b, axis)
        rows = [np.ascontiguousarray(np.moveaxis(x, axis, -1)) for x in (a, b)]
        y = np.empty_like(rows[1])
        if y.size:
            recurrence_loop(*(x.reshape(-1, x.shape[-1]) for x in (*rows, y)))
        return np.moveaxis(y, -1, axis)
