"""Activations: element-wise non-linear functions, stable for inputs of any size."""

from typing import Any

from .base import Family, sigmoid
from .special import gaussian, normal_cdf

ROOT_2_PI, CUBIC = 0.7978845608028654, 0.044715


class Activations(Family):
    """sigmoid, tanh, relu and its variants, softplus, silu, mish, gelu; and the way back."""

    def tanh(self, x: Any) -> Any:
        """y = tanh(x)."""
        return self.xp.tanh(x)

    def tanh_backward(self, dy: Any, y: Any) -> Any:
        """dx = dy (1 - y^2)."""
        return dy * (1 - y * y)

    def sigmoid(self, x: Any) -> Any:
        """y = 1 / (1 + exp(-x)), with all digits in both tails."""
        return sigmoid(self.xp, x)

    def sigmoid_backward(self, dy: Any, y: Any) -> Any:
        """dx = dy y (1 - y)."""
        return dy * y * (1 - y)

    def relu(self, x: Any) -> Any:
        """y = max(x, 0)."""
        return self.xp.maximum(x, 0)

    def relu_backward(self, dy: Any, y: Any) -> Any:
        """dx = dy where y > 0, else 0."""
        return self.xp.where(y > 0, dy, 0.0)

    def relu_backward_in_place(self, dy: Any, y: Any) -> Any:
        """The same, written into dy, which nobody else needs."""
        dy[...] = self.relu_backward(dy, y)
        return dy

    def leaky_relu(self, x: Any, slope: float) -> Any:
        """y = x where x > 0, else slope * x."""
        return self.xp.where(x > 0, x, slope * x)

    def leaky_relu_backward(self, dy: Any, x: Any, slope: float) -> Any:
        """dx = dy where x > 0, else slope * dy."""
        return self.xp.where(x > 0, dy, slope * dy)

    def hardtanh(self, x: Any, low: float, high: float) -> Any:
        """y = x clamped to [low, high]."""
        return self.xp.clip(x, low, high)

    def hardtanh_backward(self, dy: Any, x: Any, low: float, high: float) -> Any:
        """dx = dy where low < x < high, else 0."""
        return self.xp.where((x > low) & (x < high), dy, 0.0)

    def hardsigmoid(self, x: Any) -> Any:
        """y = x / 6 + 1/2 clamped to [0, 1]."""
        return self.xp.clip(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)

    def hardsigmoid_backward(self, dy: Any, x: Any) -> Any:
        """dx = dy / 6 where -3 < x < 3, else 0."""
        return self.xp.where((x > -3) & (x < 3), dy * (1.0 / 6.0), 0.0)

    def hardswish(self, x: Any) -> Any:
        """y = x min(max(x + 3, 0), 6) / 6."""
        return x * self.xp.clip(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)

    def hardswish_backward(self, dy: Any, x: Any) -> Any:
        """dx = dy (0 where x <= -3, 1 where x >= 3, else x / 3 + 1/2)."""
        slope = self.xp.where(x >= 3, 1.0, x * (1.0 / 3.0) + 0.5)
        return self.xp.where(x <= -3, 0.0, dy * slope)

    def elu(self, x: Any, alpha: float, scale: float, inner: float) -> Any:
        """y = scale x where x > 0, else scale alpha (exp(inner x) - 1)."""
        low = self.xp.expm1(inner * self.xp.minimum(x, 0.0))
        return self.xp.where(x > 0, scale * x, (scale * alpha) * low)

    def elu_backward(self, dy: Any, x: Any, alpha: float, scale: float, inner: float) -> Any:
        """dx = dy scale where x > 0, else dy scale alpha inner exp(inner x)."""
        low = self.xp.exp(inner * self.xp.minimum(x, 0.0))
        return dy * self.xp.where(x > 0, scale, (scale * alpha * inner) * low)

    def softplus(self, x: Any, beta: float, threshold: float) -> Any:
        """y = log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""
        z = beta * x
        return self.xp.where(z > threshold, x, self.xp.logaddexp(z, 0.0) * (1.0 / beta))

    def softplus_backward(self, dy: Any, x: Any, beta: float, threshold: float) -> Any:
        """dx = dy sigmoid(beta x); dy where beta x > threshold."""
        z = beta * x
        return self.xp.where(z > threshold, dy, dy * self.sigmoid(z))

    def silu(self, x: Any) -> Any:
        """y = x sigmoid(x)."""
        return x * self.sigmoid(x)

    def silu_backward(self, dy: Any, x: Any) -> Any:
        """dx = dy s (1 + x (1 - s)), s = sigmoid(x)."""
        s = self.sigmoid(x)
        return dy * (s * (1 + x * (1 - s)))

    def mish(self, x: Any) -> Any:
        """y = x tanh(log(1 + exp(x)))."""
        return x * self.xp.tanh(self.xp.logaddexp(x, 0.0))

    def mish_backward(self, dy: Any, x: Any) -> Any:
        """dx = dy (t + x s (1 - t^2)), t = tanh(log(1 + exp(x))), s = sigmoid(x)."""
        t = self.xp.tanh(self.xp.logaddexp(x, 0.0))
        return dy * (t + x * self.sigmoid(x) * (1 - t * t))

    def gelu(self, x: Any, approximate: str) -> Any:
        """y = x P, P = erfc(-x / sqrt 2) / 2, or its approximation by a tanh."""
        return x * self._below(x, approximate)

    def gelu_backward(self, dy: Any, x: Any, approximate: str) -> Any:
        """dx = dy (P + x dP/dx)."""
        p = self._below(x, approximate)
        if approximate == "tanh":
            slope = p * (1 - p) * ((2 * ROOT_2_PI) * (1 + (3 * CUBIC) * (x * x)))
        else:
            slope = (0.5 * ROOT_2_PI) * gaussian(self.xp, x, 0.5)
        return dy * (p + x * slope)

    def _below(self, x: Any, approximate: str) -> Any:
        """The share of the standard normal distribution that lies below x."""
        if approximate == "tanh":
            return self.sigmoid((2 * ROOT_2_PI) * x * (1 + CUBIC * (x * x)))
        return normal_cdf(self.xp, x)
