"""Max pooling in two steps for each row of outputs: down the columns, then along the row.

The first step works on whole rows of the image, many numbers at a time whatever the number of
channels; the second sees only the one row it left.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...reference import pooling as reference
from ...reference.pooling import number_dtype
from ...windows import Windows
from ..compile import kernel, task
from ..layout import F32, F64
from ..parallel import parallel_for
from ..threads import threads_for
from .planes import fit_for_loops, lies_last, planes_of

Array = Any
ONE_ROW = Windows(1, (0,), (1,), 1, (1,))


@task
def max_pool_chunk(
    chunk: int, chunks: int, x: Array, y: Array, numbers: Array, bests: Array, orders: Array,
    row_starts: Array, row_counts: Array, row_step: int,
    column_starts: Array, column_counts: Array, column_step: int, width: int,
) -> None:
    """x (m, h, w, c); y and numbers (m, outputs, outputs, c). `width`: of the largest window.

    Room for each chunk: `bests` and `orders` (chunks, w, c).
    """
    m, h, w, c = x.shape
    lines = x.reshape(m, h, w * c)
    best = bests[chunk]  # the largest of each column of the window's rows
    number = orders[chunk]  # and where it was
    flat_best, flat_number = best.reshape(-1), number.reshape(-1)
    one = numbers.dtype.type
    for p in range(chunk * m // chunks, (chunk + 1) * m // chunks):
        for i in range(row_starts.size):
            line = lines[p, row_starts[i]]
            for t in range(w * c):
                flat_best[t] = line[t]
                flat_number[t] = one(0)
            for k in range(1, row_counts[i]):
                line = lines[p, row_starts[i] + k * row_step]
                here = one(k * width)
                for t in range(w * c):
                    v = line[t]
                    better = (v > flat_best[t]) | (v != v)
                    flat_best[t] = v if better else flat_best[t]
                    flat_number[t] = here if better else flat_number[t]
            # Of equal ones the first: the smaller number. Of NaN the last: the larger number.
            if c == 1:
                for j in range(column_starts.size):
                    start = column_starts[j]
                    top, place = flat_best[start], flat_number[start]
                    for k in range(1, column_counts[j]):
                        v = flat_best[start + k * column_step]
                        n = one(flat_number[start + k * column_step] + one(k))
                        better = ((v > top) | ((v == top) & (n < place))
                                  | ((v != v) & ((top == top) | (n > place))))
                        top = v if better else top
                        place = n if better else place
                    y[p, i, j, 0] = top
                    numbers[p, i, j, 0] = place
                continue
            for j in range(column_starts.size):
                start = column_starts[j]
                tops, places = y[p, i, j], numbers[p, i, j]
                values, order = best[start], number[start]
                for t in range(c):
                    tops[t] = values[t]
                    places[t] = order[t]
                for k in range(1, column_counts[j]):
                    values, order = best[start + k * column_step], number[start + k * column_step]
                    for t in range(c):
                        v, top, place = values[t], tops[t], places[t]
                        n = one(order[t] + one(k))
                        better = ((v > top) | ((v == top) & (n < place))
                                  | ((v != v) & ((top == top) | (n > place))))
                        tops[t] = v if better else top
                        places[t] = n if better else place


@kernel
def max_pool_loop(
    parts: int, x: Array, y: Array, numbers: Array, bests: Array, orders: Array,
    row_starts: Array, row_counts: Array, row_step: int,
    column_starts: Array, column_counts: Array, column_step: int, width: int,
) -> None:
    parallel_for(max_pool_chunk, parts,
                 (x, y, numbers, bests, orders, row_starts, row_counts, row_step, column_starts,
                  column_counts, column_step, width))


@task
def max_pool_backward_chunk(
    chunk: int, chunks: int, dy: Array, numbers: Array, dx: Array, row_starts: Array,
    column_starts: Array, offsets: Array,
) -> None:
    """dx gets each dy; offsets[n] is how far place n of a window lies behind its first place."""
    m, rows, columns, c = dy.shape
    w = dx.shape[2]
    for p in range(chunk * m // chunks, (chunk + 1) * m // chunks):
        plane = dx[p].reshape(-1)
        for i in range(rows):
            start = row_starts[i] * w
            if c == 1:
                for j in range(columns):
                    plane[start + column_starts[j] + offsets[numbers[p, i, j, 0]]] += dy[p, i, j, 0]
                continue
            for j in range(columns):
                first = (start + column_starts[j]) * c
                for t in range(c):
                    plane[first + t + offsets[numbers[p, i, j, t]]] += dy[p, i, j, t]


@kernel
def max_pool_backward_loop(
    parts: int, dy: Array, numbers: Array, dx: Array, row_starts: Array, column_starts: Array,
    offsets: Array,
) -> None:
    parallel_for(max_pool_backward_chunk, parts,
                 (dy, numbers, dx, row_starts, column_starts, offsets))


class Pooling(reference.Pooling):
    """Windows over one or two axes by compiled loops."""

    def max_pool(self, x: Any, windows: tuple[Windows, ...]) -> tuple[Any, Any]:
        if not fit_for_loops(x):
            return super().max_pool(x, windows)
        planes = planes_of(x, lies_last(x))
        rows, columns = windows if len(windows) == 2 else (ONE_ROW, *windows)
        lengths = tuple([len(window.starts) for window in windows])
        y = planes.empty(lengths, x.dtype)
        numbers = planes.empty(lengths, number_dtype(np, windows))
        parts = min(len(planes.array), threads_for(16 * x.size))
        room = (parts, *planes.array.shape[2:])
        max_pool_loop(parts, planes.array, y, numbers, np.empty(room, x.dtype),
                      np.empty(room, numbers.dtype), *rows.bounds, rows.step, *columns.bounds,
                      columns.step, columns.width)
        return planes.shown(y, lengths), planes.shown(numbers, lengths)

    def max_pool_backward(self, dy: Any, numbers: Any, windows: tuple[Windows, ...]) -> Any:
        if dy.dtype not in (F32, F64) or not dy.size:
            return super().max_pool_backward(dy, numbers, windows)
        lengths = tuple([window.size for window in windows])
        if len(windows) == 3:  # the rows of all depths, one below the other
            m, c, depth, height, width = dy.shape
            dy, numbers = (a.reshape(m, c, depth * height, width) for a in (dy, numbers))
        last = lies_last(numbers)  # as x did
        planes, there = planes_of(dy, last), planes_of(numbers, last)
        size = (math.prod(lengths[:-1]), lengths[-1]) if len(lengths) > 1 else lengths
        dx = planes.zeros(size, dy.dtype)
        max_pool_backward_loop(min(len(dx), threads_for(16 * dx.size)), planes.array, there.array,
                               dx, *_places(windows, dx.shape[-1]))
        return planes.shown(dx, size).reshape(*dy.shape[:2], *lengths)


@lru_cache(maxsize=1024)
def _places(windows: tuple[Windows, ...], channels: int) -> tuple[Array, Array, Array]:
    """First rows and columns of the windows, and how far each place lies behind the first."""
    rows, offsets = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for window in windows[:-1]:
        starts, steps = window.bounds[0], np.arange(window.width) * window.step
        rows = (rows[:, None] * window.size + starts).reshape(-1)
        offsets = (offsets[:, None] * window.size + steps).reshape(-1)
    columns = windows[-1]
    along = np.arange(columns.width) * columns.step
    offsets = (offsets[:, None] * columns.size + along) * channels
    return rows, columns.bounds[0], offsets.reshape(-1)
