"""Sums of outer products, each matrix written once: y = sum over t of column[t] row[t].

A decoder looks at the same memory a (n, m) at each step t. With c = alpha a its gradient is the sum
of alpha[t].T dc[t]: matrices that are written, and read to be added, when each is made by itself.
Here a row of y stays in the registers until the last step has been added.

Products and sums are rounded one by one, as if each matrix had been there. A product is a b + 0,
as in a product of matrices: 0 where it is exactly -0, but -0 where it is too small for a float.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compile import kernel, rounding_task
from ..layout import NOTHING
from ..parallel import parallel_for
from ..simd import fma, lanes, load, load_some, store, store_some
from ..simd.rounded import plus
from ..threads import threads_for

Array = Any


@rounding_task
def outer_chunk(
    chunk: int, chunks: int, columns: Array, rows: Array, start: Array, y: Array
) -> None:
    """columns (count, steps, n), rows (count, steps, m), y (count, n, m); start as y, or empty."""
    (count, n, m), steps, width = y.shape, columns.shape[1], lanes(y)
    first = 0 if start.size else 1
    for place in range(chunk * count * n // chunks, (chunk + 1) * count * n // chunks):
        i, j = place // n, place % n
        row, out = i * steps * m, place * m
        for k in range(0, m - m % width, width):
            if start.size:
                total = load(start, out + k)
            else:
                total = fma(columns[i, 0, j], load(rows, row + k), 0.0)
            for t in range(first, steps):
                v = load(rows, row + t * m + k)
                total = plus(total, fma(columns[i, t, j], v, 0.0))
            store(y, out + k, total)
        rest = m % width
        if rest:
            k = m - rest
            if start.size:
                total = load_some(start, out + k, rest)
            else:
                total = fma(columns[i, 0, j], load_some(rows, row + k, rest), 0.0)
            for t in range(first, steps):
                v = load_some(rows, row + t * m + k, rest)
                total = plus(total, fma(columns[i, t, j], v, 0.0))
            store_some(y, out + k, total, rest)


@kernel
def sum_outer(parts: int, columns: Array, rows: Array, start: Array, y: Array) -> None:
    parallel_for(outer_chunk, parts, (columns, rows, start, y))


def outer_products(columns: Sequence[Array], rows: Sequence[Array], start: Any = None) -> Array:
    """start + the outer products of columns[t] (..., n) and rows[t] (..., m), of one float dtype,
    added one after the other: (..., n, m)."""
    (*lead, n), m, dtype = columns[0].shape, rows[0].shape[-1], columns[0].dtype
    count, steps = math.prod(lead), len(columns)
    y = np.empty((count, n, m), dtype)
    left = np.stack(columns, -2).reshape(count, steps, n)
    right = np.stack(rows, -2).reshape(count, steps, m)
    before = NOTHING[dtype] if start is None else np.ascontiguousarray(start).ravel()
    sum_outer(threads_for(steps * y.size), left, right, before, y)
    return y.reshape(*lead, n, m)
