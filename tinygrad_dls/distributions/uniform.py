"""The uniform and the exponential distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..random import Generator
from ..tensors import Tensor
from .distribution import Distribution, check, parameters, uniform_like, value_of


class Uniform(Distribution):
    """Numbers from `low` to below `high`, all alike.

    log p(x) = -log(high - low) there, minus infinity elsewhere.

    >>> from tinygrad_dls import distributions
    >>> uniform = distributions.Uniform(0.0, 4.0)
    >>> uniform.mean, uniform.log_prob(1.0).exp(), uniform.log_prob(5.0)
    (Tensor(2.), Tensor(0.25), Tensor(-inf))
    """

    has_rsample = True

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = parameters("Uniform", low=low, high=high)
        check("Uniform", "low is below high", self.low < self.high)
        self.batch_shape = self.low.shape

    @property
    def mean(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        return ops.square(self.high - self.low) / 12  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        """low + (high - low) * u, where u is uniform from 0 to 1."""
        u = uniform_like(self.low, self._shape(sample_shape), generator)
        return self.low + (self.high - self.low) * u

    def log_prob(self, value: Any) -> Tensor:
        x = value_of(value, self.low)
        inside = (x >= self.low).detach() & (x < self.high).detach()
        return ops.where(  # type: ignore[no-any-return]
            inside, -ops.log(self.high - self.low), -np.inf)

    def entropy(self) -> Tensor:
        return ops.log(self.high - self.low)  # type: ignore[no-any-return]

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw of at most `value`."""
        share = (value_of(value, self.low) - self.low) / (self.high - self.low)
        return ops.clip(share, 0.0, 1.0)  # type: ignore[no-any-return]


class Exponential(Distribution):
    """Waiting times of mean 1 / rate: p(x) = rate exp(-rate x) for x of at least 0.

    >>> from tinygrad_dls import distributions
    >>> waiting = distributions.Exponential(2.0)
    >>> waiting.mean, waiting.log_prob(0.0).exp()
    (Tensor(0.5), Tensor(2.))
    """

    has_rsample = True

    def __init__(self, rate: Any) -> None:
        (self.rate,) = parameters("Exponential", rate=rate)
        check("Exponential", "rate is above 0", self.rate > 0)
        self.batch_shape = self.rate.shape

    @property
    def mean(self) -> Tensor:
        return ops.reciprocal(self.rate)  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        return ops.reciprocal(ops.square(self.rate))  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        """-log(1 - u) / rate, where u is uniform from 0 to below 1."""
        u = uniform_like(self.rate, self._shape(sample_shape), generator)
        return -ops.log1p(-u) / self.rate  # type: ignore[no-any-return]

    def log_prob(self, value: Any) -> Tensor:
        x = value_of(value, self.rate)
        return ops.log(self.rate) - self.rate * x  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return 1 - ops.log(self.rate)  # type: ignore[no-any-return]

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw of at most `value`."""
        return -ops.expm1(-self.rate * value_of(value, self.rate))  # type: ignore[no-any-return]
