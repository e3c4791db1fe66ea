"""Dropout (Srivastava et al. 2014; Course 2, week 1)."""

from __future__ import annotations

from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from .functional.dropout import probability
from .module import Module


class Dropout(Module):
    """In training each element is 0 with probability p, else x / (1 - p); in evaluation y = x.

    Every call drops others. `generator`: where that is drawn from; `dls.manual_seed`'s if None.
    """

    def __init__(self, p: float = 0.5, generator: Generator | None = None) -> None:
        self.p, self.generator = probability(p), generator

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training, self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"
