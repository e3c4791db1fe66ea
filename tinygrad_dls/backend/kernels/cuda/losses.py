"""Softmax and the losses from logits: one launch each, a team of threads for each row."""

import math
from typing import Any

from ..reference import losses as reference
from .base import CudaFamily, usable
from .layout import dense, lies_last, real, shown


class Losses(CudaFamily, reference.Losses):
    """float32 and float64; any axis."""

    def softmax(self, z: Any, axis: int) -> Any:
        if not real(z) or not z.ndim:
            return super().softmax(z, axis)
        return self._by_row("losses.softmax", axis, z)

    def softmax_backward(self, dy: Any, y: Any, axis: int) -> Any:
        if not usable(dy, y) or not y.ndim:
            return super().softmax_backward(dy, y, axis)
        return self._by_row("losses.softmax_backward", axis, dy, y)

    def log_softmax(self, z: Any, axis: int) -> Any:
        if not real(z) or not z.ndim:
            return super().log_softmax(z, axis)
        return self._by_row("losses.log_softmax", axis, z)

    def log_softmax_backward(self, dy: Any, y: Any, axis: int) -> Any:
        if not usable(dy, y) or not y.ndim:
            return super().log_softmax_backward(dy, y, axis)
        return self._by_row("losses.log_softmax_backward", axis, dy, y)

    def cross_entropy(self, z: Any, labels: Any, smoothing: float) -> tuple[Any, Any, Any]:
        if not real(z) or labels.shape != z.shape[:1]:
            return super().cross_entropy(z, labels, smoothing)
        m, n = z.shape
        losses, tops, exp_sums = (self.xp.empty((m,), dtype=z.dtype) for _ in range(3))
        self._rows("losses.cross_entropy", z.dtype, m, n, 1, dense(self.xp, z),
                   self._int64(labels), losses, tops, exp_sums, float(smoothing),
                   self._flag("cross_entropy"))
        return losses, tops, exp_sums

    def cross_entropy_backward(
        self, d: Any, z: Any, labels: Any, tops: Any, exp_sums: Any, smoothing: float, part: float
    ) -> Any:
        if not real(z, d, tops, exp_sums) or d.shape not in ((), z.shape[:1]):
            return super().cross_entropy_backward(d, z, labels, tops, exp_sums, smoothing, part)
        d = d * part
        dz, xp = self.xp.empty(z.shape, dtype=z.dtype), self.xp
        self._each("losses.cross_entropy_backward", z.dtype, z.size, dense(xp, d), dense(xp, z),
                   self._int64(labels), dense(xp, tops), dense(xp, exp_sums), dz, z.shape[1],
                   float(smoothing), d.ndim == 0)
        return dz

    def binary_cross_entropy(self, z: Any, t: Any) -> Any:
        if not isinstance(t, self.xp.ndarray) or not usable(z, t):
            return super().binary_cross_entropy(z, t)
        last = lies_last(z)
        losses = self.xp.empty(dense(self.xp, z, last).shape, dtype=z.dtype)
        self._each("losses.binary_cross_entropy", z.dtype, z.size, dense(self.xp, z, last),
                   dense(self.xp, t, last), losses)
        return shown(losses, last)

    def binary_cross_entropy_backward(self, d: Any, z: Any, t: Any, part: float) -> Any:
        one = d.ndim == 0
        if not isinstance(t, self.xp.ndarray) or not usable(z, t) or not (
                real(d, z) if one else usable(d, z)):
            return super().binary_cross_entropy_backward(d, z, t, part)
        d = d * part
        last, xp = lies_last(z), self.xp
        d = d if one else dense(xp, d, last)
        z, t = dense(xp, z, last), dense(xp, t, last)
        dz = xp.empty(z.shape, dtype=z.dtype)
        self._each("losses.binary_cross_entropy_backward", z.dtype, z.size, d, z, t, dz, one)
        return shown(dz, last)

    def _by_row(self, kernel: str, axis: int, *arrays: Any) -> Any:
        """kernel(rows, n, inner, team, *arrays, y) with rows along an axis of the arrays: y."""
        first = arrays[-1]
        axis, last = axis % first.ndim, lies_last(first)
        given = [dense(self.xp, a, last) for a in arrays]
        if last:  # where the axis lies in (m, ..., c)
            axis = 0 if axis == 0 else first.ndim - 1 if axis == 1 else axis - 1
        shape = given[0].shape
        inner = math.prod(shape[axis + 1 :])
        y = self.xp.empty(shape, dtype=first.dtype)
        if y.size:
            self._rows(kernel, first.dtype, y.size // shape[axis], shape[axis], inner, *given, y)
        return shown(y, last)

    def _int64(self, labels: Any) -> Any:
        return dense(self.xp, labels.astype(self.xp.int64, copy=False))
