"""Resampling: each axis mapped by a sparse matrix. Averages, interpolation, and their gradients."""

from typing import Any

from ..axis_map import AxisMap
from .base import Family
from .pooling import constant, even_slice, take


class Resampling(Family):
    """resample."""

    def resample(self, x: Any, maps: tuple[AxisMap, ...]) -> Any:
        """y[..., i, j] = sum over p, q of rows[i, p] columns[j, q] x[..., p, q]; any axes."""
        y = x
        for axis, matrix in enumerate(maps, x.ndim - len(maps)):
            if not matrix.is_identity:
                y = self._along(y, matrix, axis)
        return x.copy() if y is x else y  # never x itself, which may be written to

    def _along(self, x: Any, matrix: AxisMap, axis: int) -> Any:
        """One axis mapped: tap by tap, all outputs that have one at a time."""
        xp, after = self.xp, x.ndim - axis - 1
        before = (slice(None),) * axis
        y = xp.zeros((*x.shape[:axis], matrix.outputs, *x.shape[axis + 1 :]), dtype=x.dtype)
        for outputs, places, weights in matrix.layers:
            equal = len(set(weights)) == 1
            weight = weights[0] if equal else constant(xp, weights, str(x.dtype), after)
            evenly = even_slice(outputs)
            where = constant(xp, outputs, "int64", 0) if evenly is None else evenly
            y[(*before, where)] += take(xp, x, places, axis) * weight
        return y
