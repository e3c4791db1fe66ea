"""Spreading a value over a shape: what goes back through a sum."""

from typing import Any

from .base import Family


class Spreading(Family):
    """spread."""

    def spread(self, y: Any, shape: tuple[int, ...]) -> Any:
        """y repeated along its axes of length 1, and new ones before, to `shape`; not to be
        written to."""
        return self.xp.broadcast_to(y, shape)
