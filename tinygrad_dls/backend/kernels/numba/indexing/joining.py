"""Joining arrays and taking them apart, on all cores.

In memory order everything before the axis is rows, everything from it on is columns: joining copies
columns of one matrix into another. For images joined by channels, which lie channels-last, a row is
a pixel, and NumPy takes longer to find the next short row than to copy it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...reference import joining as reference
from ..compile import kernel, task
from ..layout import F32, F64, channels_first, channels_last
from ..parallel import parallel_for
from ..simd import lanes, load, load_some, store, store_some
from ..threads import threads_for
from ..tuning import JOIN_WORTH

Array = Any


@task
def columns_chunk(
    chunk: int, chunks: int, source: Array, first: int, target: Array, to: int, count: int
) -> None:
    rows, n = source.shape[0], lanes(source)
    rest = count % n
    for row in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
        i, j = row * source.shape[1] + first, row * target.shape[1] + to
        for k in range(0, count - rest, n):
            store(target, j + k, load(source, i + k))
        if rest:
            k = count - rest
            store_some(target, j + k, load_some(source, i + k, rest), rest)


@kernel
def copy_columns(
    parts: int, source: Array, first: int, target: Array, to: int, count: int
) -> None:
    """target[:, to : to + count] = source[:, first : first + count]."""
    parallel_for(columns_chunk, parts, (source, first, target, to, count))


class Joining(reference.Joining):
    """Of large arrays of floats that lie in memory alike, without gaps."""

    def concatenate(self, arrays: Sequence[Any], axis: int) -> Any:
        order = _order(arrays, axis)
        if order is None:
            return super().concatenate(arrays, axis)
        views = [channels_last(a) for a in arrays] if order == "last" else list(arrays)
        place = views[0].ndim - 1 if order == "last" else axis
        shape = list(views[0].shape)
        shape[place] = sum(v.shape[place] for v in views)
        y, start = np.empty(shape, arrays[0].dtype), 0
        target = _matrix(y, place)
        for v in views:
            source = _matrix(v, place)
            copy_columns(threads_for(8 * v.size), source, 0, target, start, source.shape[1])
            start += source.shape[1]
        return channels_first(y) if order == "last" else y

    def part_of(self, x: Any, axis: int, start: int, stop: int) -> Any:
        order = _order([x], axis)
        if order is None or stop <= start:
            return super().part_of(x, axis, start, stop)
        view = channels_last(x) if order == "last" else x
        place = view.ndim - 1 if order == "last" else axis
        shape = list(view.shape)
        shape[place] = stop - start
        y, source = np.empty(shape, x.dtype), _matrix(view, place)
        target, each = _matrix(y, place), source.shape[1] // view.shape[place]
        copy_columns(threads_for(8 * y.size), source, start * each, target, 0, target.shape[1])
        return channels_first(y) if order == "last" else y


def _order(arrays: Sequence[Any], axis: int) -> str | None:
    """Return the memory order of the arrays: "rows" (C order), "last" (channels, joined); None:
    neither.
    """
    first = arrays[0]
    dtype = first.dtype
    if (dtype is not F32 and dtype is not F64) or sum(a.size for a in arrays) < JOIN_WORTH:
        return None
    for a in arrays:
        if (a.dtype is not dtype or not a.size or a.ndim != first.ndim
                or a.shape[:axis] != first.shape[:axis]
                or a.shape[axis + 1:] != first.shape[axis + 1:]):
            return None
    if axis == 1 and first.ndim > 2 and all(channels_last(a).flags.c_contiguous for a in arrays):
        return "last"
    return "rows" if axis and all(a.flags.c_contiguous for a in arrays) else None


def _matrix(x: Array, axis: int) -> Array:
    """x as rows (everything before the axis) and columns."""
    return x.reshape(int(np.prod(x.shape[:axis])), -1)
