"""torch.distributions: the core's, whose draws are tensors of this namespace."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import distributions as core
from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from ..distributions import distribution as core_base
from ..distributions import kl_divergence as kl_divergence
from ..errors import DataError
from ..random import chosen
from .creation import tensor
from .gamma_functions import digamma, lgamma
from .layout import lay_out
from .operands import array_of, tensor_like
from .tensor import of_kind


def _ours(value: Any) -> Any:
    """Numbers and lists as tensors of this namespace, all else as it is."""
    return tensor(value) if isinstance(value, int | float | list | np.ndarray) else value


class Distribution(core.Distribution):
    """Base of distributions; numbers among the parameters become tensors."""

    def sample(self, sample_shape: Any = (), generator: Any = None) -> Any:
        """Draw without history."""
        return of_kind(super().sample(sample_shape, generator))


def _made(of: Any) -> Any:
    whole = of is core.Independent  # its second parameter is a number of axes

    def __init__(self: Any, *given: Any, validate_args: Any = None, **named: Any) -> None:
        if not whole:
            given = tuple(map(_ours, given))
            named = {name: _ours(value) for name, value in named.items()}
        of.__init__(self, *given, **named)

    def sample(self: Any, sample_shape: Any = (), generator: Any = None) -> Any:
        """Draw without history."""
        return of_kind(of.sample(self, sample_shape, generator))

    return type(of.__name__, (of, Distribution), {
        "__init__": __init__, "sample": sample, "__module__": __name__, "__doc__": of.__doc__})


globals().update({
    name: _made(kind) for name, kind in vars(core).items()
    if isinstance(kind, type) and issubclass(kind, core.Distribution)
    and kind is not core.Distribution
})


class Gamma(Distribution):
    """The gamma distribution of `concentration` and `rate`; draws have no gradient here."""

    def __init__(self, concentration: Any, rate: Any, validate_args: Any = None) -> None:
        given = {"concentration": _ours(concentration), "rate": _ours(rate)}
        self.concentration, self.rate = core_base.parameters("Gamma", **given)
        core_base.check("Gamma", "concentration and rate are above 0",
                        (self.concentration > 0) & (self.rate > 0))
        self.batch_shape = self.concentration.shape

    @property
    def mean(self) -> Any:
        return self.concentration / self.rate

    @property
    def variance(self) -> Any:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Any = (), generator: Any = None) -> Any:
        """Refuse: there is no rule for the gradient of a draw."""
        raise DataError("Gamma: a draw has no gradient here; use sample() and log_prob()")

    def sample(self, sample_shape: Any = (), generator: Any = None) -> Any:
        """Draw without history."""
        alpha, rate = array_of(self.concentration), array_of(self.rate)
        drawn = chosen(generator).numpy.standard_gamma(alpha, self._shape(sample_shape)) / rate
        return tensor_like(drawn.astype(alpha.dtype), self.concentration.detach())

    def log_prob(self, value: Any) -> Any:
        """a log(rate) - lgamma(a) + (a - 1) log(x) - rate x, for the concentration a."""
        x, a = core_base.value_of(value, self.rate), self.concentration
        return a * self.rate.log() - lgamma(a) + (a - 1) * x.log() - self.rate * x

    def entropy(self) -> Any:
        a = self.concentration
        return a - self.rate.log() + lgamma(a) + (1 - a) * digamma(a)


_FILES = ("bernoulli", "categorical", "cauchy", "distribution", "exponential", "gamma",
          "independent", "kl", "log_normal", "normal", "one_hot_categorical", "uniform")
globals().update(lay_out(__name__, _FILES, {
    name: value for name, value in list(globals().items())
    if name == "kl_divergence" or (isinstance(value, type) and issubclass(value, Distribution))}))
_answer_wrong_names(globals())
