"""ReLU and its variants on all cores: what lies between two bounds passes."""

from math import nan
from typing import Any

from ..compile import inlined, kernel, task
from ..parallel import together
from ..simd import lanes, load, load_some, store, store_some, where
from ..threads import shares as threads_for

Array = Any


@inlined
def held(v: Any, low: Any, high: Any) -> Any:
    """v, but no less than low and no more than high; NaN passes."""
    v = where(v < low, low, v)
    return where(v > high, high, v)


@task
def hold_share(
    share: int, shares: int, x: Array, y: Array, low: float, high: float
) -> None:
    n = lanes(x)
    begin, end = share * x.size // shares, (share + 1) * x.size // shares
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(y, i, held(load(x, i), low, high))
    if rest:
        i = end - rest
        store_some(y, i, held(load_some(x, i, rest), low, high), rest)


@inlined
def passed(dy: Any, x: Any, low: Any, high: Any) -> Any:
    """dy where low < x < high, else 0."""
    inside = where(x > low, dy, 0.0)
    return where(x >= high, 0.0, inside)


@task
def pass_share(
    share: int, shares: int, dy: Array, x: Array, dx: Array, low: float, high: float
) -> None:
    n = lanes(x)
    begin, end = share * x.size // shares, (share + 1) * x.size // shares
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(dx, i, passed(load(dy, i), load(x, i), low, high))
    if rest:
        i = end - rest
        store_some(dx, i, passed(load_some(dy, i, rest), load_some(x, i, rest), low, high), rest)


@kernel
def hold(shares: int, x: Array, y: Array, low: float, high: float) -> None:
    """y = x, but no less than low and no more than high; a high of NaN is not a bound."""
    together(hold_share, shares, (x, y, low, high))


@kernel
def pass_between(
    shares: int, dy: Array, x: Array, dx: Array, low: float, high: float
) -> None:
    """dx = dy where low < x < high, else 0; a high of NaN is not a bound."""
    together(pass_share, shares, (dy, x, dx, low, high))


def relu_in_place(y: Array) -> None:
    """Negative numbers of a contiguous y become 0."""
    flat = y.reshape(-1)
    hold(threads_for(8 * y.size), flat, flat, 0.0, nan)
