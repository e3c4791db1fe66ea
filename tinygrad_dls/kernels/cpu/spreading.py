"""Giving every element the same number."""

from typing import Any

import numpy as np

from ..reference import spreading as reference


class Spreading(reference.Spreading):
    """What needs no compiler to be faster than the reference."""

    def spread(self, y: Any, shape: tuple[int, ...]) -> Any:
        if y.ndim:
            return super().spread(y, shape)
        y = np.asarray(y)
        return np.ndarray(shape, y.dtype, y, 0, (0,) * len(shape))  # np.broadcast_to takes 3 us
