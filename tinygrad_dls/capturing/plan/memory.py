"""One block of memory for what a program makes and needs again only within itself.

Two arrays may lie in the same place if one is not needed any more when the other is made. Each
gets, the largest first, the lowest place where it meets none that lives at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

LINE = 64  # bytes that the processor reads at once: arrays begin where such a line does


class Stay(NamedTuple):
    """The lifetime of an array: from instruction `first` to `last`, both included."""

    shape: tuple[int, ...]
    dtype: Any
    first: int
    last: int

    @property
    def bytes(self) -> int:
        """The size, rounded up to whole cache lines."""
        return -(-math.prod(self.shape) * int(self.dtype.itemsize) // LINE) * LINE


def places(stays: Sequence[Stay]) -> list[int]:
    """Assign each array its first byte in the block."""
    found = [0] * len(stays)
    put: list[int] = []
    for number in sorted(range(len(stays)), key=lambda i: -stays[i].bytes):
        stay, place = stays[number], 0
        beside = [i for i in put if stays[i].first <= stay.last and stay.first <= stays[i].last]
        for other in sorted(beside, key=lambda i: found[i]):
            if found[other] - place >= stay.bytes:
                break
            place = max(place, found[other] + stays[other].bytes)
        found[number] = place
        put.append(number)
    return found


def arrays(stays: Sequence[Stay]) -> list[Any]:
    """The arrays, in one block that lives as long as one of them does."""
    starts = places(stays)
    size = max((start + stay.bytes for start, stay in zip(starts, stays)), default=0)
    block = np.empty(size + LINE, np.uint8)
    begin = -block.ctypes.data % LINE
    return [np.ndarray(stay.shape, stay.dtype, block.data, begin + start)
            for start, stay in zip(starts, stays)]
