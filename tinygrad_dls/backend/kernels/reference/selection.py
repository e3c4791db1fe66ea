"""One of two numbers, by a condition."""

from typing import Any

from .base import Family


class Selection(Family):
    """The choice between two arrays."""

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """a where the condition holds, else b; all three broadcast."""
        return self.xp.where(condition, a, b)
