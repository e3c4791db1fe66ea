"""The normal distribution, and the one whose logarithm is normal."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..random import Generator
from ..tensors import Tensor
from .distribution import Distribution, check, normal_like, parameters, value_of

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class Normal(Distribution):
    """The normal distribution of mean `loc` and standard deviation `scale`.

    log p(x) = -(x - loc)^2 / (2 scale^2) - log scale - log(2 pi) / 2. DataError for a scale that
    is not above 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import distributions
    >>> normal = distributions.Normal(0.0, dls.tensor([1.0, 2.0]))
    >>> normal.log_prob(0.0)
    Tensor([-0.9189, -1.6121])
    >>> normal.sample((5,)).shape
    (5, 2)
    """

    has_rsample = True

    def __init__(self, loc: Any, scale: Any) -> None:
        self.loc, self.scale = parameters(type(self).__name__, loc=loc, scale=scale)
        check(type(self).__name__, "scale is above 0", self.scale > 0)
        self.batch_shape = self.loc.shape

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return ops.square(self.scale)  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        """loc + scale * noise: the reparametrization of variational autoencoders."""
        noise = normal_like(self.loc, self._shape(sample_shape), generator)
        return self.loc + self.scale * noise

    def log_prob(self, value: Any) -> Tensor:
        z = (value_of(value, self.loc) - self.loc) / self.scale
        return -0.5 * z * z - ops.log(self.scale) - HALF_LOG_2PI  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return ops.log(self.scale) + (0.5 + HALF_LOG_2PI)  # type: ignore[no-any-return]

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw of at most `value`."""
        z = (value_of(value, self.loc) - self.loc) / self.scale
        return 0.5 * (1 + ops.erf(z * math.sqrt(0.5)))  # type: ignore[no-any-return]


class LogNormal(Normal):
    """exp of a normal number of mean `loc` and standard deviation `scale`.

    >>> from tinygrad_dls import distributions
    >>> distributions.LogNormal(0.0, 1.0).mean  # exp(1/2)
    Tensor(1.6487)
    """

    @property
    def mean(self) -> Tensor:
        return ops.exp(self.loc + 0.5 * ops.square(self.scale))  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        spread = ops.square(self.scale)
        return ops.expm1(spread) * ops.exp(2 * self.loc + spread)  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        return ops.exp(super().rsample(sample_shape, generator))  # type: ignore[no-any-return]

    def log_prob(self, value: Any) -> Tensor:
        logarithm = ops.log(value_of(value, self.loc))
        return super().log_prob(logarithm) - logarithm  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return super().entropy() + self.loc

    def cdf(self, value: Any) -> Tensor:
        return super().cdf(ops.log(value_of(value, self.loc)))
