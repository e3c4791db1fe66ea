"""Running sums, and linear recurrences: what goes back through a running product."""

from typing import Any

import numpy as np

from ...dtypes import WIDER
from .base import Family


class Scan(Family):
    """cumsum, recurrence."""

    def cumsum(self, x: Any, axis: int) -> Any:
        """y_t = x_0 + ... + x_t along `axis`, added up in the next wider dtype, as sums are."""
        wider = WIDER.get(x.dtype) if isinstance(x, np.ndarray) else None
        y = x.cumsum(axis=axis, dtype=wider)
        return y if wider is None else y.astype(x.dtype)

    def recurrence(self, a: Any, b: Any, axis: int) -> Any:
        """y_t = a_t y_(t-1) + b_t along `axis`, y = 0 before the first.

        Two steps in one are a step of the same kind, y_t = a_t a_(t-1) y_(t-2) + (a_t b_(t-1) +
        b_t): doubling the steps, all places are done after log2(n) of them (Hillis and Steele
        1986).
        """
        before = (slice(None),) * axis
        n, step = a.shape[axis], 1
        a, y = self.xp.array(a, order="C"), self.xp.array(b, order="C")
        while step < n:
            later, sooner = (*before, slice(step, None)), (*before, slice(None, -step))
            y[later] += a[later] * y[sooner]
            a[later] = a[later] * a[sooner]
            step *= 2
        return y
