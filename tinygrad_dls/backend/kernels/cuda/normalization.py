"""Normalization: one launch where each row has its own statistics, three where each channel has.

x is seen as in backend/kernels/reference/normalization.py: (m, n) or (m, groups, c / groups, s)
with statistics of rows, (m, c, s) with statistics of channels. Images lie channels-last or in the
order of their shape; a result lies as x does.
"""

import math
from typing import Any

from ..reference import normalization as reference
from ..reference.pooling import constant
from .base import CudaFamily
from .layout import dense, real

PARTS = 512  # in which the rows of a batch are summed


class Normalization(CudaFamily, reference.Normalization):
    """float32 and float64; weights in their own order of memory."""

    def normalize(
        self, x: Any, weight: Any | None, bias: Any | None, axes: tuple[int, ...], eps: float,
        centered: bool,
    ) -> tuple[Any, Any, Any]:
        if not real(x, weight, bias) or not x.size:
            return super().normalize(x, weight, bias, axes, eps, centered)
        xp = self.xp
        last, given = _laid(xp, x)
        y = xp.empty(given.shape, dtype=x.dtype)
        shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        mean, var = xp.empty(shape, dtype=x.dtype), xp.empty(shape, dtype=x.dtype)
        weight, bias = _dense(xp, weight), _dense(xp, bias)
        if axes == (0, 2):
            if not centered:
                return super().normalize(x, weight, bias, axes, eps, centered)
            m, c, places = _columns(x, last)
            parts, rows = _parts(m)
            means, squares = (xp.empty((parts, c), dtype=x.dtype) for _ in range(2))
            self._each("normalization.moments_of_parts", x.dtype, parts * c, given, means, squares,
                       m, c, places, rows)
            self._each("normalization.join_moments", x.dtype, c, means, squares, mean, var, parts,
                       m, places, rows)
            self._each("normalization.normalize_columns", x.dtype, x.size, given, weight, bias,
                       mean, var, y, c, places, float(eps))
        else:
            geometry, rows, n = self._row(x, last)
            self._rows("normalization.normalize_rows", x.dtype, rows, n, 1, given, weight, bias, y,
                       mean, var, geometry, float(eps), centered)
        return _shown(y, last), mean, var

    def normalize_backward(
        self, dy: Any, x: Any, weight: Any | None, mean: Any, var: Any, axes: tuple[int, ...],
        eps: float, centered: bool, needs: tuple[bool, ...],
    ) -> tuple[Any | None, ...]:
        if not real(x, dy, weight, mean, var) or not x.size:
            return super().normalize_backward(
                dy, x, weight, mean, var, axes, eps, centered, needs)
        xp = self.xp
        last, given = _laid(xp, x)
        dy = _as(xp, dy, last)
        dx = xp.empty(given.shape, dtype=x.dtype) if needs[0] else None
        weight, mean, var = _dense(xp, weight), dense(xp, mean), dense(xp, var)
        if axes == (0, 2):
            m, c, places = _columns(x, last)
            parts, rows = _parts(m)
            sums = xp.empty((2, parts, c), dtype=x.dtype)
            self._each("normalization.gradients_of_parts", x.dtype, parts * c, dy, given, mean,
                       var, sums, m, c, places, rows, float(eps))
            sums = sums.sum(axis=1)
            if dx is not None:
                self._each("normalization.normalize_columns_backward", x.dtype, x.size, dy, given,
                           weight, mean, var, sums, dx, c, places, 1.0 / (m * places), float(eps),
                           centered)
            dbias, dweight = sums[0].reshape(1, c, 1), sums[1].reshape(1, c, 1)
            return (None if dx is None else _shown(dx, last), dweight if needs[1] else None,
                    dbias if needs[2] else None)
        dy_n = xp.empty(given.shape, dtype=x.dtype) if needs[1] else None
        if needs[0] or needs[1]:
            geometry, rows, n = self._row(x, last)
            self._rows("normalization.normalize_rows_backward", x.dtype, rows, n, 1, dy, given,
                       weight, mean, var, dx, dy_n, geometry, float(eps), centered)
        others = (0,) if x.ndim == 2 else (0, x.ndim - 1)
        return (
            None if dx is None else _shown(dx, last),
            None if dy_n is None else _shown(dy_n, last).sum(axis=others, keepdims=True),
            _shown(dy, last).sum(axis=others, keepdims=True) if needs[2] else None,
        )

    def scale_shift(self, x: Any, scale: Any, shift: Any) -> Any:
        if not real(x, scale, shift) or x.ndim != 3:
            return super().scale_shift(x, scale, shift)
        xp, (last, given) = self.xp, _laid(self.xp, x)
        _, c, places = _columns(x, last)
        y = xp.empty(given.shape, dtype=x.dtype)
        self._each("normalization.scale_shift", x.dtype, x.size, given, dense(xp, scale),
                   dense(xp, shift), y, c, places)
        return _shown(y, last)

    def _row(self, x: Any, last: bool) -> tuple[Any, int, int]:
        """(the numbers of `Row` in normalization.cu, number of rows, elements of each)."""
        if x.ndim == 2:
            m, n = x.shape
            numbers = (1, n, 0, n, 0, 0, 1, 0)
            return constant(self.xp, numbers, "int64", 0), m, n
        m, groups, c, s = x.shape
        n = c * s
        numbers = (groups, groups * n, c, c, groups * c, c, s, 1) if last else (
            groups, groups * n, n, n, 0, c, s, 0)
        return constant(self.xp, numbers, "int64", 0), m * groups, n


def _laid(xp: Any, x: Any) -> tuple[bool, Any]:
    """(does x lie with its places before its channels, x dense in that order)."""
    last = x.ndim > 2 and not x.flags.c_contiguous and _transposed(x).flags.c_contiguous
    return bool(last), _as(xp, x, last)


def _as(xp: Any, x: Any, last: bool) -> Any:
    return dense(xp, _transposed(x) if last else x)


def _transposed(x: Any) -> Any:
    """(m, ..., s) as (m, s, ...): channels last."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _shown(y: Any, last: bool) -> Any:
    """Return a channels-last array in the shape of x: a view."""
    return y.transpose(0, *range(2, y.ndim), 1) if last else y


def _columns(x: Any, last: bool) -> tuple[int, int, int]:
    """(m, c, places) of x (m, c, s) as kernels see it."""
    m, c, s = x.shape
    return (m * s, c, 1) if last else (m, c, s)


def _parts(m: int) -> tuple[int, int]:
    """(number of parts, rows in each but the last) of m rows."""
    rows = max(1, math.ceil(m / PARTS))
    return math.ceil(m / rows), rows


def _dense(xp: Any, a: Any | None) -> Any | None:
    return None if a is None else dense(xp, a)
