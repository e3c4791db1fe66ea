"""Arrays one after the other along an axis, and a part of such an array."""

from collections.abc import Sequence
from typing import Any

from .base import Family


class Joining(Family):
    """concatenate, part_of."""

    def concatenate(self, arrays: Sequence[Any], axis: int) -> Any:
        """All arrays along `axis`."""
        return self.xp.concatenate(arrays, axis=axis)

    def part_of(self, x: Any, axis: int, start: int, stop: int) -> Any:
        """A copy without gaps of x[..., start:stop, ...] along `axis`."""
        before: tuple[Any, ...] = (slice(None),) * axis
        return x[(*before, slice(start, stop))].copy(order="K")
