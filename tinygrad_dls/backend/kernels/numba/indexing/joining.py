"""Joining arrays and taking them apart, and copies, on all cores."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...reference import joining as reference
from ..copying import assign, copied, reshaped
from ..tuning import JOIN_WORTH


class Joining(reference.Joining):
    """Of large arrays of one dtype."""

    def concatenate(self, arrays: Sequence[Any], axis: int) -> Any:
        kinds = {(a.dtype, a.shape[:axis], a.shape[axis + 1 :]) for a in arrays}
        if len(kinds) > 1 or sum([a.size for a in arrays]) < JOIN_WORTH:
            return super().concatenate(arrays, axis)
        largest = max(arrays, key=lambda a: a.size)
        shape = list(largest.shape)
        shape[axis] = sum([a.shape[axis] for a in arrays])
        y, start = np.empty_like(largest, shape=shape), 0  # lies in memory as it does
        before: tuple[Any, ...] = (slice(None),) * axis
        for a in arrays:
            stop = start + a.shape[axis]
            assign(y[(*before, slice(start, stop))], a)
            start = stop
        return y

    def part_of(self, x: Any, axis: int, start: int, stop: int) -> Any:
        before: tuple[Any, ...] = (slice(None),) * axis
        part = x[(*before, slice(start, stop))]
        y = np.empty_like(part)
        assign(y, part)
        return y

    def copy(self, x: Any) -> Any:
        return copied(x)

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        return reshaped(x, shape)
