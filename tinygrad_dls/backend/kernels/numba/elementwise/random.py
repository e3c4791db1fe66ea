"""Random masks from a counter."""

from typing import Any

import numpy as np

from ...reference import random as reference
from ..compile import kernel
from ..layout import flat

Array = Any


@kernel
def dropout_loop(x: Array, y: Array, threshold: np.uint64, scale: float, seed: np.uint64) -> None:
    factor = x.dtype.type(scale)
    for i in range(x.size):
        h = np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15) + seed
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        h = h ^ (h >> np.uint64(31))
        y[i] = x[i] * (factor if h >= threshold else x.dtype.type(0))  # NaN * 0 is NaN


class Random(reference.Random):
    """Those of the reference that compiled loops beat."""

    def dropout(self, x: Any, p: float, seed: int) -> Any:
        if flat(x) is None or not x.flags.c_contiguous or p >= 1.0:
            return super().dropout(x, p, seed)
        y = np.empty_like(x)
        threshold = np.uint64(int(p * 2.0**64))
        start = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        dropout_loop(x.reshape(-1), y.reshape(-1), threshold, 1.0 / (1.0 - p), start)
        return y
