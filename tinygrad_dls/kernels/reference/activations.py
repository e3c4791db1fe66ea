"""Activations: element-wise non-linear functions, stable for inputs of any size."""

from typing import Any

from .base import Family


class Activations(Family):
    """sigmoid, tanh, relu, leaky_relu."""

    def tanh(self, x: Any) -> Any:
        """y = tanh(x)."""
        return self.xp.tanh(x)

    def tanh_backward(self, dy: Any, y: Any) -> Any:
        """dx = dy (1 - y^2)."""
        return dy * (1 - y * y)

    def sigmoid(self, x: Any) -> Any:
        """y = 1 / (1 + exp(-x)), as (1 + tanh(x/2)) / 2, which cannot overflow."""
        return 0.5 * self.xp.tanh(0.5 * x) + 0.5

    def sigmoid_backward(self, dy: Any, y: Any) -> Any:
        """dx = dy y (1 - y)."""
        return dy * y * (1 - y)

    def relu(self, x: Any) -> Any:
        """y = max(x, 0)."""
        return self.xp.maximum(x, 0)

    def relu_backward(self, dy: Any, y: Any) -> Any:
        """dx = dy where y > 0, else 0."""
        return self.xp.where(y > 0, dy, 0.0)

    def leaky_relu(self, x: Any, slope: float) -> Any:
        """y = x where x > 0, else slope * x."""
        return self.xp.where(x > 0, x, slope * x)
