"""Max pooling in one launch, and resampling in one for each axis that changes.

What a kernel must know of windows and maps lies on the device, put there when they are first met.
"""

import math
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from ..axis_map import AxisMap
from ..reference import pooling, resampling
from ..reference.pooling import constant, number_dtype
from ..windows import Windows
from .base import CudaFamily
from .layout import dense, lies_last, real, shown


class Pooling(CudaFamily, pooling.Pooling, resampling.Resampling):
    """Up to three axes, float32 and float64; else the reference."""

    def __init__(self, xp: Any) -> None:
        super().__init__(xp)
        self._maps: WeakKeyDictionary[AxisMap, tuple[Any, ...]] = WeakKeyDictionary()

    def max_pool(self, x: Any, windows: tuple[Windows, ...]) -> tuple[Any, Any]:
        if not real(x) or len(windows) > 3 or not all(w.width for w in windows):
            return super().max_pool(x, windows)
        xp, (last, inner, lead) = self.xp, _seen(x, windows)
        out = tuple(len(w.starts) for w in windows)
        kind = number_dtype(xp, windows)
        shape = (*lead, *out, inner) if last else (*lead, *out)
        best, numbers = xp.empty(shape, dtype=x.dtype), xp.empty(shape, dtype=kind)
        kernel = "max_pool_byte" if kind == xp.uint8 else "max_pool_int"
        geometry, starts, counts = self._windows(windows)
        self._each(f"pooling.{kernel}", x.dtype, best.size, dense(xp, x, last), best, numbers,
                   geometry, starts, counts, inner)
        return shown(best, last), shown(numbers, last)

    def max_pool_backward(self, dy: Any, numbers: Any, windows: tuple[Windows, ...]) -> Any:
        if (not real(dy) or len(windows) > 3 or dy.shape != numbers.shape
                or numbers.dtype != number_dtype(self.xp, windows)):
            return super().max_pool_backward(dy, numbers, windows)
        xp, (last, inner, lead) = self.xp, _seen(numbers, windows)
        sizes = tuple(w.size for w in windows)
        dx = xp.zeros((*lead, *sizes, inner) if last else (*lead, *sizes), dtype=dy.dtype)
        kernel = "byte" if numbers.dtype == xp.uint8 else "int"
        geometry, starts, _ = self._windows(windows)
        self._each(f"pooling.max_pool_backward_{kernel}", dy.dtype, dy.size, dense(xp, dy, last),
                   dense(xp, numbers, last), dx, geometry, starts, inner)
        return shown(dx, last)

    def resample(self, x: Any, maps: tuple[AxisMap, ...]) -> Any:
        if not real(x):
            return super().resample(x, maps)
        last = lies_last(x) and x.ndim == len(maps) + 2
        y, before = dense(self.xp, x, last), 1 if last else x.ndim - len(maps)
        for axis, matrix in enumerate(maps, before):
            if matrix.is_identity:
                continue
            shape = (*y.shape[:axis], matrix.outputs, *y.shape[axis + 1 :])
            made = self.xp.empty(shape, dtype=x.dtype)
            self._each("pooling.resample_axis", x.dtype, made.size, y, made, *self._map(matrix),
                       matrix.size, matrix.outputs, math.prod(shape[axis + 1 :]))
            y = made
        return shown(y, last)

    def _windows(self, windows: tuple[Windows, ...]) -> tuple[Any, Any, Any]:
        """(geometry, starts, counts) for the kernels, three axes of them."""
        three = (*[_WHOLE] * (3 - len(windows)), *windows)
        numbers: tuple[Callable[[Windows], int], ...] = (
            lambda w: w.size, lambda w: len(w.starts), lambda w: w.step, lambda w: w.width)
        return (
            constant(self.xp, tuple(of(w) for of in numbers for w in three), "int64", 0),
            constant(self.xp, sum((w.starts for w in three), ()), "int64", 0),
            constant(self.xp, sum((w.counts for w in three), ()), "int64", 0),
        )

    def _map(self, matrix: AxisMap) -> tuple[Any, ...]:
        """(first, places, weights) on the device."""
        if matrix not in self._maps:
            parts = (matrix.first, matrix.places, matrix.weights)
            self._maps[matrix] = tuple(self.xp.asarray(part) for part in parts)
        return self._maps[matrix]


_WHOLE = Windows(1, (0,), (1,), 1, (1,))  # of an axis of length 1


def _seen(x: Any, windows: tuple[Windows, ...]) -> tuple[bool, int, tuple[int, ...]]:
    """(does x lie channels-last, its channels then or 1, the lengths before the windows')."""
    last = x.ndim == len(windows) + 2 and lies_last(x)
    if last:
        return True, x.shape[1], x.shape[:1]
    return False, 1, x.shape[: x.ndim - len(windows)]
