"""`added(a, b)` and `add_into(a, b)`: the sums that the engine itself takes, of gradients."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..rows import forget
from .table import wants_compiled

LARGE = 1 << 16  # numbers; fewer are added by NumPy in less time than it takes to hand out work


def added(a: Any, b: Any) -> Any:
    """a + b: arrays of any device, numbers or tensors; large NumPy arrays on all cores."""
    if a.__class__ is np.ndarray and b.__class__ is np.ndarray and a.size >= LARGE:
        return _add()(a, b)
    return a + b


def add_into(total: Any, share: Any) -> Any:
    """`total`, to which the array `share` was added in place."""
    total += share
    forget(total)
    return total


@cache
def _add() -> Callable[[Any, Any], Any]:
    if not wants_compiled():
        return np.add
    from .cpu.sums import add  # needs Numba

    return add
