"""Base of distributions: shapes, and what follows from `rsample` and `log_prob`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend.device import default_device
from ..engine.autograd import constant
from ..engine.modes import no_grad
from ..errors import DataError, DtypeError, ShapeError
from ..random import Generator, chosen
from ..tensors import Tensor


class Distribution:
    """Base of distributions. `batch_shape`: of as many independent ones; `event_shape`: of a draw.

    A sample has shape (*sample_shape, *batch_shape, *event_shape), its `log_prob`
    (*sample_shape, *batch_shape).

    >>> from tinygrad_dls import distributions
    >>> normal = distributions.Normal([0.0, 1.0], 1.0)
    >>> isinstance(normal, distributions.Distribution), normal.batch_shape, normal.event_shape
    (True, (2,), ())
    """

    has_rsample = False
    batch_shape: tuple[int, ...] = ()
    event_shape: tuple[int, ...] = ()

    @property
    def mean(self) -> Tensor:
        """The mean of a draw."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def variance(self) -> Tensor:
        """The variance of a draw."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation of a draw."""
        return ops.sqrt(self.variance)  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        """Draw so that gradients reach the parameters; DataError where that cannot be."""
        raise DataError(f"{type(self).__name__} is discrete: a draw has no gradient; use sample() "
                        "and log_prob()")

    def sample(self, sample_shape: Any = (), generator: Generator | None = None) -> Tensor:
        """Draw without history. `generator`: `dls.manual_seed`'s if None."""
        with no_grad():
            return self.rsample(sample_shape, generator)

    def sample_n(self, n: int) -> Tensor:
        """Draw n times: PyTorch's older name of `sample((n,))`."""
        return self.sample((n,))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density, or of the probability, at `value`."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def entropy(self) -> Tensor:
        """The mean of -log_prob, in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def perplexity(self) -> Tensor:
        """exp(entropy): of how many equal choices the entropy would be."""
        return ops.exp(self.entropy())  # type: ignore[no-any-return]

    def _shape(self, sample_shape: Any) -> tuple[int, ...]:
        lengths = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        return (*lengths, *self.batch_shape, *self.event_shape)


def parameters(name: str, **given: Any) -> list[Tensor]:
    """The parameters as float tensors of one shape, to which they broadcast.

    Numbers take the dtype and place of the tensors among them.
    """
    tensors = [x for x in given.values() if isinstance(x, Tensor)]
    device = tensors[0].device if tensors else default_device()
    made = []
    for key, x in given.items():
        plain = isinstance(x, (int, float)) and tensors
        x = x if isinstance(x, Tensor) else Tensor(
            x, dtype=tensors[0].dtype if plain else None, device=device)
        made.append(x.float() if x.dtype.kind != "f" else x)
        if x.dtype.kind not in "fiu":
            raise DtypeError(f"{name}: {key} is made of numbers, not {x.dtype}")
    try:
        shape = np.broadcast_shapes(*(x.shape for x in made))
    except ValueError as error:
        shapes = "".join(f"\n  {key}  {x.shape}" for key, x in zip(given, made))
        raise ShapeError(f"{name}: parameters broadcast:{shapes}") from error
    return [x if x.shape == shape else ops.broadcast_to(x, shape) for x in made]


def check(name: str, what: str, holds: Tensor) -> None:
    """DataError unless `holds`, a tensor of bools, holds everywhere."""
    if not bool(holds.all()):
        raise DataError(f"{name}: {what}")


def uniform_like(x: Tensor, shape: tuple[int, ...], generator: Generator | None) -> Tensor:
    """Uniform numbers, 0 <= u < 1, of the dtype and place of x."""
    drawn = chosen(generator).uniform(shape, dtype=x.dtype)
    made: Tensor = constant(x.device.from_host(drawn), x.device)
    return made


def normal_like(x: Tensor, shape: tuple[int, ...], generator: Generator | None) -> Tensor:
    """Standard normal numbers of the dtype and place of x."""
    drawn = chosen(generator).normal(shape, x.dtype)
    made: Tensor = constant(x.device.from_host(drawn), x.device)
    return made


def value_of(value: Any, like: Tensor) -> Tensor:
    """`value` as a tensor of the dtype and place of `like`."""
    x = value if isinstance(value, Tensor) else Tensor(value, device=like.device)
    return x if x.dtype.kind == "f" else x.astype(like.dtype)
