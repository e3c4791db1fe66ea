"""Dropout (Srivastava et al. 2014; Course 2, week 1). All do nothing in evaluation."""

from __future__ import annotations

from typing import Any

from ..errors import DtypeError
from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from .functional.dropout import probability
from .module import Module


class _Dropout(Module):
    """Base: p, and where the dropped places are drawn from; `dls.manual_seed`'s if None.

    Every call drops others. `inplace` is taken for PyTorch's sake; the result is a new tensor.
    """

    def __init__(
        self, p: float = 0.5, inplace: bool = False, generator: Generator | None = None
    ) -> None:
        second: Any = inplace
        if isinstance(second, Generator):
            raise DtypeError("the second argument is `inplace`, as PyTorch's: write generator=g")
        self.p, self.inplace, self.generator = probability(p), inplace, generator

    def extra_repr(self) -> str:
        return f"p={self.p:g}"


class Dropout(_Dropout):
    """In training each element is 0 with probability p, else x / (1 - p); in evaluation y = x."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, generator=self.generator)


class Dropout1d(_Dropout):
    """Dropout of whole channels; x (m, c, l) or (c, l)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, generator=self.generator)


class Dropout2d(_Dropout):
    """Dropout of whole channels; x (m, c, h, w), or (m, c, l) as PyTorch (Tompson et al. 2015)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, generator=self.generator)


class Dropout3d(_Dropout):
    """Dropout of whole channels; x (m, c, d, h, w) or (c, d, h, w)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, generator=self.generator)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1, for selu (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, generator=self.generator)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels; x (m, c, ...)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, generator=self.generator)
