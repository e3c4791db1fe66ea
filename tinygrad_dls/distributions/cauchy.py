"""The Cauchy distribution: so wide that it has no mean."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..random import Generator
from ..tensors import Tensor
from .distribution import Distribution, check, parameters, uniform_like, value_of


class Cauchy(Distribution):
    """Numbers around the median `loc`, half of them within `scale` of it.

    log p(x) = -log(pi scale) - log(1 + ((x - loc) / scale)^2)

    >>> from tinygrad_dls import distributions
    >>> wide = distributions.Cauchy(0.0, 2.0)
    >>> wide.log_prob(0.0).exp(), wide.cdf(2.0)
    (Tensor(0.1592), Tensor(0.75))
    """

    has_rsample = True

    def __init__(self, loc: Any, scale: Any) -> None:
        self.loc, self.scale = parameters("Cauchy", loc=loc, scale=scale)
        check("Cauchy", "scale is above 0", self.scale > 0)
        self.batch_shape = self.loc.shape

    @property
    def mode(self) -> Tensor:
        """The place of the largest density, loc."""
        return self.loc

    def rsample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        """loc + scale * tan(pi (u - 1/2)), where u is uniform from 0 to 1."""
        u = uniform_like(self.loc, self._shape(sample_shape), generator)
        return self.loc + self.scale * ops.tan(math.pi * (u - 0.5))  # type: ignore[no-any-return]

    def log_prob(self, value: Any) -> Tensor:
        z = (value_of(value, self.loc) - self.loc) / self.scale
        return -ops.log(math.pi * self.scale) - ops.log1p(ops.square(z))  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return ops.log(4 * math.pi * self.scale)  # type: ignore[no-any-return]

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw of at most `value`."""
        z = (value_of(value, self.loc) - self.loc) / self.scale
        return ops.arctan(z) / math.pi + 0.5  # type: ignore[no-any-return]
