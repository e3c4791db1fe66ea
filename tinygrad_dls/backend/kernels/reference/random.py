"""Random numbers from a counter: element i of stream `seed` is a hash of (seed, i).

No state, so a mask need not be kept for backward: the same seed gives it again, on every
device, with any number of threads. The hash is the finalizer of SplitMix64 (Steele, Lea,
Flood 2014): two multiply-xor-shift rounds that pass the usual test batteries.
"""

import math
from typing import Any

from .base import Family


class Random(Family):
    """random_bits, uniform, dropout."""

    def random_bits(self, seed: int, count: int) -> Any:
        """`count` 64-bit integers of stream `seed`."""
        xp = self.xp
        x = xp.arange(1, count + 1, dtype=xp.uint64)
        x *= xp.uint64(0x9E3779B97F4A7C15)
        x += xp.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        x ^= x >> xp.uint64(30)
        x *= xp.uint64(0xBF58476D1CE4E5B9)
        x ^= x >> xp.uint64(27)
        x *= xp.uint64(0x94D049BB133111EB)
        x ^= x >> xp.uint64(31)
        return x

    def uniform(self, seed: int, count: int, low: float, high: float) -> Any:
        """`count` float64 numbers of stream `seed`, low <= u < high: 53 bits each."""
        whole = self.random_bits(seed, count) >> self.xp.uint64(11)
        return whole.astype(self.xp.float64) * ((high - low) * 2.0**-53) + low

    def dropout(self, x: Any, p: float, seed: int) -> Any:
        """Each element is times 0 with probability p, else x / (1 - p) (inverted dropout)."""
        keep = self.random_bits(seed, math.prod(x.shape)) >= self.xp.uint64(int(p * 2.0**64))
        return x * keep.reshape(x.shape).astype(x.dtype) * (1.0 / (1.0 - p))
