"""The Bernoulli distribution: 1 with a probability, else 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..engine.modes import no_grad
from ..errors import DataError
from ..random import Generator
from ..tensors import Tensor
from .distribution import Distribution, check, parameters, uniform_like, value_of


class Bernoulli(Distribution):
    """1 with probability `probs`, else 0; or by its `logits`, log(probs / (1 - probs)).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import distributions
    >>> coin = distributions.Bernoulli(dls.tensor([0.5, 0.25]))
    >>> coin.log_prob(dls.tensor([1.0, 0.0])).exp(), coin.entropy()
    (Tensor([0.5 , 0.75]), Tensor([0.6931, 0.5623]))
    """

    def __init__(self, probs: Any = None, logits: Any = None) -> None:
        if (probs is None) == (logits is None):
            raise DataError("Bernoulli takes probs, or logits, and not both")
        if probs is not None:
            (self.probs,) = parameters("Bernoulli", probs=probs)
            check("Bernoulli", "probabilities are from 0 to 1",
                  (self.probs >= 0) & (self.probs <= 1))
            tiny = float(np.finfo(self.probs.dtype).eps)
            inside = ops.clip(self.probs, tiny, 1 - tiny)
            self.logits: Tensor = ops.log(inside) - ops.log1p(-inside)
        else:
            (self.logits,) = parameters("Bernoulli", logits=logits)
            self.probs = ops.sigmoid(self.logits)
        self.batch_shape = self.probs.shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        with no_grad():
            u = uniform_like(self.probs, self._shape(sample_shape), generator)
            return (u < self.probs).astype(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """-softplus(-logits) for 1, -softplus(logits) for 0."""
        x = value_of(value, self.probs)
        return x * self.logits - ops.softplus(self.logits)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return ops.softplus(self.logits) - self.probs * self.logits  # type: ignore[no-any-return]
