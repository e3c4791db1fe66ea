"""Distances and similarities as layers."""

from __future__ import annotations

from .._util.arguments import number
from ..tensors import Tensor
from . import functional as F
from .module import Module


class CosineSimilarity(Module):
    """Cosine of the angle between vectors: y = x1 . x2 / (|x1| |x2|) along axis `dim`.

    Norms below `eps` count as `eps`. Shape: x1 and x2 (..., d, ...), y without axis `dim`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> a, b = dls.tensor([[1.0, 0.0], [1.0, 1.0]]), dls.tensor([[0.0, 2.0], [3.0, 3.0]])
    >>> nn.CosineSimilarity()(a, b)
    Tensor([0., 1.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim, self.eps = dim, number("CosineSimilarity: eps", eps)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, eps={self.eps:g}"


class PairwiseDistance(Module):
    """Distance of vectors: y = |x1 - x2 + eps| in the p-norm, along the last axis.

    Shape: x1 and x2 (..., d), y (...), with `keepdim` (..., 1).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.PairwiseDistance(eps=0.0)(dls.tensor([[0.0, 0.0]]), dls.tensor([[3.0, 4.0]]))
    Tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.norm, self.eps = number("PairwiseDistance: p", p), number("PairwiseDistance: eps", eps)
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)

    def extra_repr(self) -> str:
        return f"p={self.norm:g}, eps={self.eps:g}, keepdim={self.keepdim}"
