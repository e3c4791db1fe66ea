"""Arrays one after the other along an axis, a part of such an array, copies, other shapes."""

from collections.abc import Sequence
from typing import Any

from .base import Family


class Joining(Family):
    """concatenate, part_of, copy, reshape."""

    def concatenate(self, arrays: Sequence[Any], axis: int) -> Any:
        """All arrays along `axis`."""
        return self.xp.concatenate(arrays, axis=axis)

    def part_of(self, x: Any, axis: int, start: int, stop: int) -> Any:
        """A copy without gaps of x[..., start:stop, ...] along `axis`."""
        before: tuple[Any, ...] = (slice(None),) * axis
        return x[(*before, slice(start, stop))].copy(order="K")

    def copy(self, x: Any) -> Any:
        """A copy of x in C order."""
        return self.xp.array(x, order="C")

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        """x in another shape: a view if there is one, else a copy."""
        return x.reshape(shape)
