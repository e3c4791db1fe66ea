"""One of n categories, as its number or as a one-hot vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..engine.modes import no_grad
from ..errors import DataError, DtypeError, ShapeError
from ..random import Generator
from ..tensors import Tensor
from ..tensors.random_tensors import multinomial
from .distribution import Distribution, check, parameters


class Categorical(Distribution):
    """One of n categories, 0 to n - 1, by `probs` or `logits` (..., n) along the last axis.

    `probs` are 0 or more and need not sum to 1; `logits` are what a network gives to
    `F.cross_entropy`, whose value is -log_prob.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import distributions
    >>> action = distributions.Categorical(logits=dls.tensor([[0.0, 0.0], [0.0, 100.0]]))
    >>> action.log_prob(dls.tensor([0, 1])), action.entropy().exp()  # 2 choices, and 1
    (Tensor([-0.6931,  0.    ]), Tensor([2., 1.]))
    >>> action.sample((3,)).shape
    (3, 2)
    """

    def __init__(self, probs: Any = None, logits: Any = None) -> None:
        if (probs is None) == (logits is None):
            raise DataError(f"{type(self).__name__} takes probs, or logits, and not both")
        name = type(self).__name__
        (given,) = parameters(name, **({"logits": logits} if probs is None else {"probs": probs}))
        if given.ndim == 0 or not given.shape[-1]:
            raise ShapeError(f"{name}: the last axis has one number for each category, not\n"
                             f"  {given.shape}")
        if probs is not None:
            total = ops.sum(given, -1, True)
            check(name, "probabilities are 0 or more, and not all 0",
                  (given >= 0).all(axis=-1, keepdims=True) & (total > 0))
            self.probs: Tensor = given / total
            tiny = float(np.finfo(given.dtype).eps)
            self.logits: Tensor = ops.log(ops.clip(self.probs, tiny, 1 - tiny))
        else:
            self.logits = ops.log_softmax(given, -1)
            self.probs = ops.softmax(given, -1)
        self.batch_shape = given.shape[:-1]
        self._n = given.shape[-1]

    @property
    def mode(self) -> Tensor:
        """The most probable category."""
        return ops.argmax(self.probs, -1)  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        """Draw categories: int64, (*sample_shape, *batch_shape)."""
        return self._draw(sample_shape, generator)

    def _draw(self, sample_shape: Any, generator: Generator | None) -> Tensor:
        lengths = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        shape = (*lengths, *self.batch_shape)
        with no_grad():
            rows = ops.reshape(self.probs.detach(), (-1, self._n))
            count = int(np.prod(lengths, dtype=np.int64))
            if not count or not rows.shape[0]:
                return ops.reshape(ops.argmax(rows, -1)[:0], shape)  # type: ignore[no-any-return]
            drawn = multinomial(rows, count, True, generator)  # (batch, count)
            return ops.reshape(drawn.swapaxes(0, 1), shape)  # type: ignore[no-any-return]

    def log_prob(self, value: Any) -> Tensor:
        places = value if isinstance(value, Tensor) else Tensor(value, device=self.logits.device)
        if places.dtype.kind == "f":
            places = places.astype("int64")
        if places.dtype.kind not in "iu":
            raise DtypeError(f"Categorical: a category is a whole number, not {places.dtype}")
        shape = np.broadcast_shapes(places.shape, self.batch_shape)
        table = ops.broadcast_to(self.logits, (*shape, self._n))
        index = ops.expand_dims(ops.broadcast_to(places, shape), -1)
        return ops.squeeze(ops.take_along_axis(table, index, -1), -1)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        safe = ops.clip(self.logits, float(np.finfo(self.logits.dtype).min))  # 0 * -inf is 0
        return -ops.sum(safe * self.probs, -1)  # type: ignore[no-any-return]


class OneHotCategorical(Categorical):
    """One of n categories as a vector: 1 at its place, 0 elsewhere.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import distributions
    >>> letter = distributions.OneHotCategorical(probs=dls.tensor([0.0, 1.0, 0.0]))
    >>> letter.sample()
    Tensor([0., 1., 0.])
    """

    def __init__(self, probs: Any = None, logits: Any = None) -> None:
        super().__init__(probs, logits)
        self.event_shape = (self._n,)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        """Draw vectors: (*sample_shape, *batch_shape, n)."""
        places = self._draw(sample_shape, generator)
        numbers = places.device.xp.arange(self._n)
        return (ops.expand_dims(places, -1) == numbers).astype(self.probs.dtype)  # type: ignore[no-any-return]

    def log_prob(self, value: Any) -> Tensor:
        return super().log_prob(ops.argmax(value, -1))
