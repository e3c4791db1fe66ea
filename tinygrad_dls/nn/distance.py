"""Distances and similarities as layers."""

from __future__ import annotations

from ..arguments import number
from ..tensors import Tensor
from . import functional as F
from .module import Module


class CosineSimilarity(Module):
    """y = x1 . x2 / (|x1| |x2|) along axis `dim`; lengths count at least eps."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim, self.eps = dim, number("CosineSimilarity: eps", eps)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, eps={self.eps:g}"


class PairwiseDistance(Module):
    """y = |x1 - x2 + eps| along the last axis, in the p-norm."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.norm, self.eps = number("PairwiseDistance: p", p), number("PairwiseDistance: eps", eps)
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)

    def extra_repr(self) -> str:
        return f"p={self.norm:g}, eps={self.eps:g}, keepdim={self.keepdim}"
