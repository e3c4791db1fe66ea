"""The sum of two arrays on all cores: NumPy's uses one."""

from typing import Any

import numpy as np

from ..parallel import together
from ..simd import lanes, load, load_some, store, store_some
from ..threads import shares
from .compile import kernel
from .layout import flat

Array = Any


@kernel
def add_share(share: int, shares: int, a: Array, b: Array, y: Array) -> None:
    n = lanes(a)
    begin, end = share * a.size // shares, (share + 1) * a.size // shares
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(y, i, load(a, i) + load(b, i))
    if rest:
        i = end - rest
        store_some(y, i, load_some(a, i, rest) + load_some(b, i, rest), rest)


@kernel
def add_arrays(parts: int, a: Array, b: Array, y: Array) -> None:
    together(add_share, parts, (a, b, y))


def add(a: Array, b: Array) -> Array:
    """a + b, lying in memory as they do; by NumPy unless they are of one shape, dtype and order."""
    if a.shape != b.shape or a.dtype is not b.dtype:
        return a + b
    y = np.empty_like(a)
    views = flat(a, b, y)
    if views is None:
        return a + b
    add_arrays(shares(8 * a.size), *views)
    return y
