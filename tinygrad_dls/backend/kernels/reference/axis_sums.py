"""Sums along axes, and what goes back through them: one value, spread over what was summed."""

from typing import Any

from .base import Family, summed


class AxisSums(Family):
    """sum_along, broadcast_along, broadcast."""

    def sum_along(self, x: Any, axis: Any, keepdims: bool, part: float) -> Any:
        """The sum of x along `axis` (an int, several or None: all), times `part`."""
        whole = summed(x, axis, keepdims)
        return whole if part == 1.0 else whole * part

    def broadcast_along(self, dy: Any, shape: tuple[int, ...], axis: Any, part: float) -> Any:
        """dy, of the shape of a sum along `axis` (kept or not), times `part`, repeated to `shape`;
        not to be written to."""
        share = dy if part == 1.0 else dy * part
        if share.ndim not in (0, len(shape)):
            summed = range(len(shape)) if axis is None else axis
            summed = {i % len(shape) for i in ((summed,) if isinstance(summed, int) else summed)}
            share = share.reshape(tuple(1 if i in summed else n for i, n in enumerate(shape)))
        return self.broadcast(share, shape)

    def broadcast(self, y: Any, shape: tuple[int, ...]) -> Any:
        """y repeated along its axes of length 1, and new ones before, to `shape`; not to be
        written to."""
        return self.xp.broadcast_to(y, shape)
