"""Adding values at places: what goes back through taking them."""

from typing import Any

from .base import Family


class Scatter(Family):
    """add_at."""

    def add_at(self, values: Any, shape: tuple[int, ...], index: Any) -> Any:
        """Zeros of `shape` with values added at `index`; a place named twice gets the sum."""
        total = self.xp.zeros(shape, dtype=values.dtype)
        self.xp.add.at(total, index, values)
        return total
