"""Several distributions as one: the last axes of a batch are one draw."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..errors import ShapeError
from ..random import Generator
from ..tensors import Tensor
from .distribution import Distribution


class Independent(Distribution):
    """`base` with its last `reinterpreted_batch_ndims` batch axes taken for one draw.

    log_prob and entropy are summed over them: the pixels of a picture, the actions of a robot.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import distributions
    >>> pixels = distributions.Normal(dls.zeros(5, 8, 8), 1.0)
    >>> picture = distributions.Independent(pixels, 2)
    >>> picture.batch_shape, picture.event_shape, picture.log_prob(dls.zeros(5, 8, 8)).shape
    ((5,), (8, 8), (5,))
    """

    def __init__(self, base_distribution: Distribution, reinterpreted_batch_ndims: int) -> None:
        shape, n = base_distribution.batch_shape, reinterpreted_batch_ndims
        if not 0 <= n <= len(shape):
            raise ShapeError(f"Independent: {n} of the batch axes {shape} cannot be one draw")
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        self.has_rsample = base_distribution.has_rsample
        self.batch_shape = shape[: len(shape) - n]
        self.event_shape = (*shape[len(shape) - n :], *base_distribution.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def rsample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        return self.base_dist.rsample(sample_shape, generator)

    def sample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        return self.base_dist.sample(sample_shape, generator)

    def log_prob(self, value: Any) -> Tensor:
        return self._summed(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self._summed(self.base_dist.entropy())

    def _summed(self, x: Tensor) -> Tensor:
        n = self.reinterpreted_batch_ndims
        return ops.sum(x, tuple(range(-n, 0))) if n else x
