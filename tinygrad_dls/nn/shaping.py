"""Layers that compute nothing: the identity, and flattening."""

from __future__ import annotations

from typing import Any

from ..ops import flatten
from ..tensors import Tensor
from .module import Module


class Identity(Module):
    """y = x; takes the place of a layer. Arguments are accepted and ignored."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """The axes from start_dim to end_dim made one: (m, 3, 8, 8) becomes (m, 192)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        return flatten(x, self.start_dim, self.end_dim)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
