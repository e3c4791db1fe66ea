"""ReLU and its variants on all cores: what lies between two bounds passes."""

from math import nan
from typing import Any

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd import lanes, load, load_some, store, store_some, where
from ..threads import threads_for

Array = Any


@inlined
def clamped(v: Any, low: Any, high: Any) -> Any:
    """v, but no less than low and no more than high; NaN passes."""
    v = where(v < low, low, v)
    return where(v > high, high, v)


@task
def clamp_chunk(
    chunk: int, chunks: int, x: Array, y: Array, low: float, high: float
) -> None:
    n = lanes(x)
    begin, end = chunk * x.size // chunks, (chunk + 1) * x.size // chunks
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(y, i, clamped(load(x, i), low, high))
    if rest:
        i = end - rest
        store_some(y, i, clamped(load_some(x, i, rest), low, high), rest)


@inlined
def clamp_gradient(dy: Any, x: Any, low: Any, high: Any) -> Any:
    """dy where low < x < high, else 0."""
    inside = where(x > low, dy, 0.0)
    return where(x >= high, 0.0, inside)


@task
def clamp_backward_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, dx: Array, low: float, high: float
) -> None:
    n = lanes(x)
    begin, end = chunk * x.size // chunks, (chunk + 1) * x.size // chunks
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(dx, i, clamp_gradient(load(dy, i), load(x, i), low, high))
    if rest:
        i = end - rest
        store_some(dx, i, clamp_gradient(load_some(dy, i, rest), load_some(x, i, rest), low, high),
                   rest)


@kernel
def clamp(chunks: int, x: Array, y: Array, low: float, high: float) -> None:
    """y = x, but no less than low and no more than high; a high of NaN is not a bound."""
    parallel_for(clamp_chunk, chunks, (x, y, low, high))


@kernel
def clamp_backward(
    chunks: int, dy: Array, x: Array, dx: Array, low: float, high: float
) -> None:
    """dx = dy where low < x < high, else 0; a high of NaN is not a bound."""
    parallel_for(clamp_backward_chunk, chunks, (dy, x, dx, low, high))


def relu_in_place(y: Array) -> None:
    """Negative numbers of a contiguous y become 0."""
    flat = y.reshape(-1)
    clamp(threads_for(8 * y.size), flat, flat, 0.0, nan)
