"""Random masks from a counter: the same, bit for bit, as on the CPU."""

import math
from typing import Any

import numpy as np

from ..reference import random as reference
from .base import CudaFamily
from .layout import dense, real

F64 = np.dtype("float64")


class Random(CudaFamily, reference.Random):
    """One launch each. Element i is counted in the order of the array's shape."""

    def random_bits(self, seed: int, count: int) -> Any:
        bits = self.xp.empty((count,), dtype=self.xp.uint64)
        self._each("random.random_bits", F64, count, bits, _signed(seed))
        return bits

    def uniform(self, seed: int, count: int, low: float, high: float) -> Any:
        u = self.xp.empty((count,), dtype=F64)
        step = (high - low) * 2.0**-53
        self._each("random.uniform", F64, count, u, _signed(seed), float(low), step)
        return u

    def dropout(self, x: Any, p: float, seed: int) -> Any:
        if not real(x) or p >= 1.0:
            return super().dropout(x, p, seed)
        y = self.xp.empty(x.shape, dtype=x.dtype)
        self._each("random.dropout", x.dtype, math.prod(x.shape), dense(self.xp, x), y,
                   _signed(seed), _signed(int(p * 2.0**64)), 1.0 / (1.0 - p))
        return y


def _signed(bits: int) -> int:
    """64 bits as a signed number, as which they are handed over."""
    bits &= 0xFFFFFFFFFFFFFFFF
    return bits - 2**64 if bits >= 2**63 else bits
