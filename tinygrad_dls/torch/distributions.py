"""torch.distributions: the core's, whose draws are tensors of this namespace."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import distributions as core
from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from ..distributions import kl_divergence as kl_divergence
from .creation import tensor
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
_answer_wrong_names(globals())
