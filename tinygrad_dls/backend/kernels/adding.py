"""The sums that the engine and the rules of operations take of any kind of array, or of tensors.

`added(a, b)` and `add_into(a, b)`: of gradients that meet. `summed(x, axis)`: of one array.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .numba.tuning import ADD_WORTH, SUM_WORTH
from .reference.base import summed as summed_plainly
from .sparse_rows import forget
from .table import kernels_for, wants_compiled


def added(a: Any, b: Any) -> Any:
    """a + b: arrays of any device, numbers or tensors; large NumPy arrays on all cores."""
    if a.__class__ is np.ndarray and b.__class__ is np.ndarray and a.size >= ADD_WORTH:
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
    from .numba.elementwise.sums import add  # needs Numba

    return add


def summed(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """x.sum(axis), of arrays of any device or tensors, without loss of digits in many rows."""
    if x.__class__ is np.ndarray and x.size >= SUM_WORTH:
        return _sum_along()(x, axis, keepdims, 1.0)
    return summed_plainly(x, axis, keepdims)


@cache
def _sum_along() -> Callable[..., Any]:
    return kernels_for("cpu", np).sum_along
