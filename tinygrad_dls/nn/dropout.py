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

    Every call drops others. With `inplace` the result is written into the input, as in PyTorch.
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
    """Dropout of elements: y = 0 with probability p, else x / (1 - p).

    The factor 1 / (1 - p) keeps the mean (Srivastava et al. 2014). In evaluation y = x.
    `generator`: where the zeros are drawn from, `dls.manual_seed`'s if None.
    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> g = dls.Generator(0)
    >>> drop = nn.Dropout(0.5, generator=g)
    >>> sorted(set(drop(dls.ones(100)).tolist())), drop.eval()(dls.ones(3)).tolist()
    ([0.0, 2.0], [1.0, 1.0, 1.0])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace, self.generator)


class Dropout1d(_Dropout):
    """Dropout of whole channels of sequences; x (m, c, length) or (c, length).

    Each channel of each example is 0 with probability p, else x / (1 - p).
    Shape: y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> y = nn.Dropout1d(0.5)(dls.ones(8, 4, 10))
    >>> bool(((y == 0).all(2) | (y == 2).all(2)).all())  # a channel goes as a whole
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace, self.generator)


class Dropout2d(_Dropout):
    """Dropout of whole channels of images; x (m, c, h, w) (Tompson et al. 2015).

    Neighboring pixels are alike, so that dropping single ones would change little. x of 3 axes
    is (m, c, length), as in PyTorch.
    Shape: y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> y = nn.Dropout2d(0.5)(dls.ones(8, 4, 5, 5))
    >>> bool(((y == 0).all((2, 3)) | (y == 2).all((2, 3))).all())
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace, self.generator)


class Dropout3d(_Dropout):
    """Dropout of whole channels of volumes; x (m, c, d, h, w) or (c, d, h, w).

    Shape: y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Dropout3d(0.5)(dls.ones(8, 4, 2, 3, 3)).shape
    (8, 4, 2, 3, 3)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace, self.generator)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1, for SELU (Klambauer et al. 2017).

    Dropped elements become the limit of SELU for very negative x, -1.7581, before all are scaled
    and moved so that mean and variance stay.
    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> _ = dls.manual_seed(0)
    >>> y = nn.AlphaDropout(0.1)(dls.randn(10000))
    >>> abs(y.mean().item()) < 0.05, abs(y.std().item() - 1) < 0.05
    (True, True)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace, self.generator)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels; x (m, c, ...).

    Shape: y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> y = nn.FeatureAlphaDropout(0.5)(dls.ones(8, 4, 10))
    >>> bool((y == y[:, :, :1]).all())  # all elements of a channel are treated alike
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace, self.generator)
