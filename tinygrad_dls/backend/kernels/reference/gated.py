"""The gated linear unit: one half of x, weighed by the other."""

from typing import Any

from .base import Family, sigmoid


class Gated(Family):
    """glu and the way back."""

    def glu(self, x: Any, axis: int) -> Any:
        """y = a sigmoid(b), a and b the halves of x along `axis`."""
        a, b = halves(x, axis)
        return a * sigmoid(self.xp, b)

    def glu_backward(self, dy: Any, x: Any, axis: int) -> Any:
        """da = dy sigmoid(b) and db = da a (1 - sigmoid(b)), joined to dx."""
        a, b = halves(x, axis)
        s = sigmoid(self.xp, b)
        return self.xp.concatenate([dy * s, dy * s * a * (1 - s)], axis)


def halves(x: Any, axis: int) -> tuple[Any, Any]:
    """The first and the second half of x along `axis`, of even length."""
    half = x.shape[axis] // 2
    before: tuple[Any, ...] = (slice(None),) * axis
    return x[(*before, slice(None, half))], x[(*before, slice(half, None))]
