"""Products of many matrices, C[i] = A[i] @ B[i]: the matrices are shared out among the threads.

A, B and C may be views with any steps between their matrices, also of 0 (one matrix for all), such
as heads.swapaxes(1, 2); of each matrix of A and B one axis must be contiguous, of C the last.
"""

from typing import Any

import numpy as np

from ..compile import kernel, task
from ..parallel import parallel_for
from ..simd.intrinsics import address_of
from ..simd.transpose import transpose
from ..threads import threads_for
from .gemm import prepare, product, scratch_size

Array = Any


@task
def products_chunk(
    chunk: int, chunks: int, a: int, b: int, c: int, starts: Array, sizes: Any, steps: Any,
    room: Array, scratch: Array,
) -> None:
    """`starts` (matrices, 3): how many numbers after the addresses a, b, c each matrix begins.
    `sizes`: m, n, k. `steps`: of A from row to row and column to column, of B, of C by row."""
    (m, n, k), (a_row, a_column, b_row, b_column, c_row) = sizes, steps
    count, size = starts.shape[0], room.itemsize
    copies = address_of(scratch, chunk * scratch.shape[1]) if scratch.size else 0
    mine = address_of(room, chunk * room.shape[1])
    for i in range(chunk * count // chunks, (chunk + 1) * count // chunks):
        b_i, row = b + size * starts[i, 1], b_row
        if b_column != 1:  # its columns are contiguous
            transpose(room, b_i, b_column, mine, n, n, k)
            b_i, row = mine, n
        product(room, a + size * starts[i, 0], b_i, c + size * starts[i, 2], m, n, k, a_row,
                a_column, row, c_row, 0, 0, copies)


@kernel
def products(
    chunks: int, a: int, b: int, c: int, starts: Array, sizes: Any, steps: Any, room: Array,
    scratch: Array,
) -> None:
    parallel_for(products_chunk, chunks, (a, b, c, starts, sizes, steps, room, scratch))


def multiply(a: Array, b: Array, c: Array) -> Array:
    """c (..., m, n) = a (..., m, k) @ b (..., k, n), of one float dtype and equal leading axes."""
    dtype, lead = c.dtype, c.shape[:-2]
    prepare(dtype)
    (m, n), k = c.shape[-2:], a.shape[-1]
    a, b = _one_way(a), _one_way(b)
    starts = np.stack([_places(x, lead) for x in (a, b, c)], axis=1)
    (a_row, a_column), (b_row, b_column), (c_row, _) = map(_steps, (a, b, c))
    parts = min(threads_for(len(starts) * m * n * k), len(starts))
    far = a_column if a_row == 1 else 0
    scratch = np.empty((parts, scratch_size(m, n, k, dtype, far)), dtype)
    room = np.empty((parts, k * n if b_column != 1 else 1), dtype)
    products(parts, *(x.__array_interface__["data"][0] for x in (a, b, c)), starts, (m, n, k),
             (a_row, a_column, b_row, b_column, c_row), room, scratch)
    return c


def fits(c: Array) -> bool:
    """Return whether `multiply` can write there: it is not empty and its rows are contiguous."""
    return c.size > 0 and _steps(c)[1] == 1


def _steps(x: Array) -> tuple[int, int]:
    """Numbers from row to row, and from column to column; of an axis of length 1 what suits."""
    (rows, columns), size = x.shape[-2:], x.itemsize
    row, column = x.strides[-2] // size, x.strides[-1] // size
    if columns == 1:
        column = 1
    return (1 if rows == 1 and column != 1 else row), column


def _one_way(x: Array) -> Array:
    """x, or a copy of it if neither rows nor columns are contiguous."""
    row, column = _steps(x)
    return x if 1 in (row, column) and min(row, column) > 0 else np.ascontiguousarray(x)


def _places(x: Array, lead: tuple[int, ...]) -> Array:
    """Return the offset of each matrix from the first one, in numbers, (matrices,)."""
    places = np.zeros((), np.int64)
    for length, stride in zip(lead, x.strides[:-2], strict=True):
        places = places[..., None] + np.arange(length) * (stride // x.itemsize)
    return places.reshape(-1)
