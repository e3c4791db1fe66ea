"""Activations, and the error function: one launch each, forward and back."""

from typing import Any

from ..reference import activations, special
from .base import CudaFamily, usable
from .layout import real


class Activations(CudaFamily, activations.Activations, special.Special):
    """tanh and relu are one launch in CuPy itself; other dtypes go to the reference."""

    def sigmoid(self, x: Any) -> Any:
        return self._mapped("activations.sigmoid", x) if real(x) else super().sigmoid(x)

    def sigmoid_backward(self, dy: Any, y: Any) -> Any:
        if not usable(dy, y):
            return super().sigmoid_backward(dy, y)
        return self._mapped_back("activations.sigmoid_backward", dy, y)

    def tanh_backward(self, dy: Any, y: Any) -> Any:
        if not usable(dy, y):
            return super().tanh_backward(dy, y)
        return self._mapped_back("activations.tanh_backward", dy, y)

    def relu_backward(self, dy: Any, y: Any) -> Any:
        if not usable(dy, y):
            return super().relu_backward(dy, y)
        return self._mapped_back("activations.relu_backward", dy, y)

    def leaky_relu(self, x: Any, slope: float) -> Any:
        if not real(x):
            return super().leaky_relu(x, slope)
        return self._mapped("activations.leaky_relu", x, float(slope))

    def leaky_relu_backward(self, dy: Any, x: Any, slope: float) -> Any:
        if not usable(dy, x):
            return super().leaky_relu_backward(dy, x, slope)
        return self._mapped_back("activations.leaky_relu_backward", dy, x, float(slope))

    def hardtanh_backward(self, dy: Any, x: Any, low: float, high: float) -> Any:
        if not usable(dy, x):
            return super().hardtanh_backward(dy, x, low, high)
        return self._mapped_back("activations.hardtanh_backward", dy, x, float(low), float(high))

    def elu(self, x: Any, alpha: float, scale: float, inner: float) -> Any:
        if not real(x):
            return super().elu(x, alpha, scale, inner)
        return self._mapped("activations.elu", x, float(alpha), float(scale), float(inner))

    def elu_backward(self, dy: Any, x: Any, alpha: float, scale: float, inner: float) -> Any:
        if not usable(dy, x):
            return super().elu_backward(dy, x, alpha, scale, inner)
        options = float(alpha), float(scale), float(inner)
        return self._mapped_back("activations.elu_backward", dy, x, *options)

    def softplus(self, x: Any, beta: float, threshold: float) -> Any:
        if not real(x):
            return super().softplus(x, beta, threshold)
        return self._mapped("activations.softplus", x, float(beta), float(threshold))

    def softplus_backward(self, dy: Any, x: Any, beta: float, threshold: float) -> Any:
        if not usable(dy, x):
            return super().softplus_backward(dy, x, beta, threshold)
        options = float(beta), float(threshold)
        return self._mapped_back("activations.softplus_backward", dy, x, *options)

    def silu(self, x: Any) -> Any:
        return self._mapped("activations.silu", x) if real(x) else super().silu(x)

    def silu_backward(self, dy: Any, x: Any) -> Any:
        if not usable(dy, x):
            return super().silu_backward(dy, x)
        return self._mapped_back("activations.silu_backward", dy, x)

    def mish(self, x: Any) -> Any:
        return self._mapped("activations.mish", x) if real(x) else super().mish(x)

    def mish_backward(self, dy: Any, x: Any) -> Any:
        if not usable(dy, x):
            return super().mish_backward(dy, x)
        return self._mapped_back("activations.mish_backward", dy, x)

    def gelu(self, x: Any, approximate: str) -> Any:
        if not real(x):
            return super().gelu(x, approximate)
        kernel = "gelu_tanh" if approximate == "tanh" else "gelu"
        return self._mapped(f"activations.{kernel}", x)

    def gelu_backward(self, dy: Any, x: Any, approximate: str) -> Any:
        if not usable(dy, x):
            return super().gelu_backward(dy, x, approximate)
        kernel = "gelu_tanh_backward" if approximate == "tanh" else "gelu_backward"
        return self._mapped_back(f"activations.{kernel}", dy, x)

    def erf(self, x: Any) -> Any:
        return self._mapped("activations.error_function", x) if real(x) else super().erf(x)

    def erfc(self, x: Any) -> Any:
        if not real(x):
            return super().erfc(x)
        return self._mapped("activations.error_function_complement", x)
