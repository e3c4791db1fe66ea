"""Statistics of all elements of an array: what a trace keeps of it."""

import math
from typing import Any

from .base import Family

CHUNK = 65536  # elements, which stay in the cache between two passes
FINEST = (1e-15, 1e15)  # float32 within these has squares that are good float32


class Statistics(Family):
    """statistics."""

    def statistics(self, x: Any) -> tuple[float, float, float, float, float]:
        """(smallest, largest, count of zeros, mean, sum of (x - mean)**2) of all elements.

        x is not empty. The mean and the sum are NaN where an element is not finite, and right
        where float64 holds the squares. Of float32 they are good to about six digits.
        """
        xp, flat = self.xp, x.reshape(-1)
        zeros = float(xp.count_nonzero(flat == 0))
        low, high = float(flat.min()), float(flat.max())
        largest = max(-low, high)
        if not math.isfinite(largest):  # also if an element is NaN
            return low, high, zeros, math.nan, math.nan
        single = flat.dtype == xp.float32 and (
            largest == 0 or FINEST[0] < largest < FINEST[1])
        kind = xp.dtype(xp.float32 if single else xp.float64)
        chunks = [flat[start:start + CHUNK] for start in range(0, flat.size, CHUNK)]
        mean = sum([float(chunk.sum(dtype=kind)) for chunk in chunks]) / flat.size
        centre = kind.type(mean)
        squares = 0.0
        for chunk in chunks:
            away = chunk - centre if single else xp.subtract(chunk, centre, dtype=kind)
            away *= away
            squares += float(away.sum())
        off = mean - float(centre)  # squares are about the mean, not about what it rounds to
        return low, high, zeros, mean, max(0.0, squares - flat.size * off * off)
