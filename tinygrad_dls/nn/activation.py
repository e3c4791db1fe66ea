"""Activations as layers."""

from __future__ import annotations

from .. import ops
from ..tensors import Tensor
from .module import Module


class ReLU(Module):
    """y = max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.relu(x)  # type: ignore[no-any-return]


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return ops.leaky_relu(x, self.negative_slope)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope:g}"


class Tanh(Module):
    """y = tanh(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.tanh(x)  # type: ignore[no-any-return]


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x))."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.sigmoid(x)  # type: ignore[no-any-return]


class _Along(Module):
    """Base of the functions along one axis; `axis` is another spelling of `dim`."""

    def __init__(self, dim: int = -1, *, axis: int | None = None) -> None:
        self.dim = dim if axis is None else axis

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """y = exp(x) / sum of exp(x) along axis `dim`, the last one unless told."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.softmax(x, self.dim)  # type: ignore[no-any-return]


class LogSoftmax(_Along):
    """y = log(softmax(x)) along axis `dim`, the last one unless told."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.log_softmax(x, self.dim)  # type: ignore[no-any-return]
