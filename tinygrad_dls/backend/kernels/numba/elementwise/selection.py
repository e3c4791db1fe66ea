"""One of two numbers, by a condition: without branches, which a random mask makes slow."""

from typing import Any

import numpy as np

from ...reference import selection as reference
from ..allocate import Running
from ..compile import kernel, task
from ..layout import channels_last, flat
from ..parallel import parallel_for
from ..threads import threads_for
from ..tuning import SELECT_WORTH
from .functions import begin

Array = Any


@task
def select_chunk(chunk: int, chunks: int, mask: Array, a: Array, b: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, y), begin(chunk + 1, chunks, y)
    mask, a, b, y = mask[first:end], a[first:end], b[first:end], y[first:end]
    for i in range(y.size):
        one, other = a[i], b[i]
        y[i] = one if mask[i] else other


@task
def fill_chunk(
    chunk: int, chunks: int, mask: Array, kept: bool, x: Array, value: float, y: Array
) -> None:
    first, end = begin(chunk, chunks, y), begin(chunk + 1, chunks, y)
    mask, x, y = mask[first:end], x[first:end], y[first:end]
    number = y.dtype.type(value)
    for i in range(y.size):
        old = x[i]
        y[i] = old if mask[i] == kept else number


@kernel
def select(chunks: int, mask: Array, a: Array, b: Array, y: Array) -> None:
    """y = a where the mask holds, else b; all flat."""
    parallel_for(select_chunk, chunks, (mask, a, b, y))


@kernel
def fill(chunks: int, mask: Array, kept: bool, x: Array, value: float, y: Array) -> None:
    """y = x where the mask is `kept`, else the value; all flat."""
    parallel_for(fill_chunk, chunks, (mask, kept, x, value, y))


class Selection(Running, reference.Selection):
    """Between float arrays of one shape, and between one and a number."""

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        arrays = [v for v in (a, b) if getattr(v, "ndim", 0)]
        if not arrays or arrays[0].size < SELECT_WORTH or flat(*arrays) is None:
            return super().where(condition, a, b)
        x, mask = arrays[0], _mask_for(arrays[0], condition)
        number = 0.0 if len(arrays) == 2 else _number(b if x is a else a, x.dtype)
        if mask is None or number is None:
            return super().where(condition, a, b)
        y, parts = self.empty_like(x), threads_for(8 * x.size)
        views: Any = flat(*arrays, y)
        if len(arrays) == 2:
            self.run(select, parts, mask, *views)
        else:
            self.run(fill, parts, mask, x is a, views[0], number, views[1])
        return y


def _mask_for(x: Any, condition: Any) -> Any | None:
    """The condition for each number of x, flat, in the order in which x lies in memory; None if x
    would have to be broadcast to it."""
    if condition.dtype != bool:
        return None
    if condition.shape != x.shape and not _fits(condition.shape, x.shape):
        return None
    last = not x.flags.c_contiguous
    seen = channels_last(condition) if last and condition.shape == x.shape else condition
    if condition.shape != x.shape or not seen.flags.c_contiguous:
        seen = np.broadcast_to(condition, x.shape)
        seen = np.ascontiguousarray(channels_last(seen) if last else seen)
    return seen.ravel()


def _fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Return whether an array of `shape` broadcasts to `whole`."""
    return len(shape) <= len(whole) and all(
        n in (1, m) for n, m in zip(reversed(shape), reversed(whole)))


def _number(value: Any, dtype: Any) -> float | None:
    """A number that leaves the dtype what it is; None of any other."""
    own = type(value) in (int, float) or getattr(value, "dtype", None) == dtype
    return float(value) if own else None
