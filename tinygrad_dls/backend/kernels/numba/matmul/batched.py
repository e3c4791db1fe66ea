"""Products of many matrices, C[i] = A[i] @ B[i]: the matrices are shared out among the threads.

A, B and C may be views with any steps between their matrices, also of 0 (one matrix for all), such
as heads.swapaxes(1, 2); of each matrix of A and B one axis must be contiguous, of C the last.

Causal attention multiplies triangles, and half of such a product is not needed. It is left out, but
for what shares a block of rows with the rest.
"""

import math
from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd.dots import TILE, dot_tile
from ..simd.intrinsics import address_of
from ..simd.transpose import transpose
from ..threads import threads_for
from ..tuning import LINEAR_LONGER, TRIANGLE_ROWS
from .gemm import prepare, product, scratch_size

Array = Any
WHOLE = 0
LOWER_C = 1  # of C[i, j] only j <= i is wanted, the others may stay as they are
LOWER_A = 2  # A[i, j] is 0 where j > i
UPPER_A = 3  # A[i, j] is 0 where j < i


@inlined
def dots(
    kind: Array, a: int, a_row: int, b: int, b_row: int, c: int, c_row: int, m: int, n: int, k: int
) -> None:
    """C (m, n) = A (m, k) @ B (n, k).T from addresses, rows of A and B contiguous."""
    size = kind.itemsize
    for j in range(0, n, TILE[1]):
        for i in range(0, m, TILE[0]):
            dot_tile(kind, a + size * i * a_row, a_row, b + size * j * b_row, b_row,
                     c + size * (i * c_row + j), c_row, min(TILE[0], m - i), min(TILE[1], n - j),
                     k, 0)


@task
def products_chunk(
    chunk: int, chunks: int, a: int, b: int, c: int, count: int, lead: Array, sizes: Any,
    steps: Any, part: int, room: Array, scratch: Array,
) -> None:
    """`lead` (4, axes): lengths of the leading axes, and steps along them of A, B, C, in numbers.
    `sizes`: m, n, k. `steps`: of A from row to row and column to column, of B, of C by row."""
    (m, n, k), (a_row, a_column, b_row, b_column, c_row) = sizes, steps
    block = m if part == WHOLE else TRIANGLE_ROWS
    size = room.itemsize
    copies = address_of(scratch, chunk * scratch.shape[1]) if scratch.size else 0
    mine = address_of(room, chunk * room.shape[1])
    for i in range(chunk * count // chunks, (chunk + 1) * count // chunks):
        a_i, b_i, c_i, row, rest = a, b, c, b_row, i
        for axis in range(lead.shape[1] - 1, -1, -1):
            j, rest = rest % lead[0, axis], rest // lead[0, axis]
            a_i += size * j * lead[1, axis]
            b_i += size * j * lead[2, axis]
            c_i += size * j * lead[3, axis]
        if b_column != 1 and a_column == 1 and m * LINEAR_LONGER <= k:
            dots(room, a_i, a_row, b_i, b_column, c_i, c_row, m, n, k)
            continue
        if b_column != 1:  # its columns are contiguous
            transpose(room, b_i, b_column, mine, n, n, k)
            b_i, row = mine, n
        for top in range(0, m, block):
            rows = min(block, m - top)
            columns = min(n, top + rows) if part == LOWER_C else n
            first = min(top, k - 1) if part == UPPER_A else 0
            last = min(k, top + rows) if part == LOWER_A else k
            product(room, a_i + size * (top * a_row + first * a_column), b_i + size * first * row,
                    c_i + size * top * c_row, rows, columns, last - first, a_row, a_column, row,
                    c_row, 0, 0, copies)


@kernel
def products(
    chunks: int, a: int, b: int, c: int, count: int, lead: Array, sizes: Any, steps: Any,
    part: int, room: Array, scratch: Array,
) -> None:
    parallel_for(products_chunk, chunks, (a, b, c, count, lead, sizes, steps, part, room, scratch))


def multiply(a: Array, b: Array, c: Array, part: int = WHOLE) -> Array:
    """c (..., m, n) = a (..., m, k) @ b (..., k, n), of one float dtype and equal leading axes.

    `part`: what of c is wanted, or which numbers of a are not 0: WHOLE, LOWER_C, LOWER_A, UPPER_A.
    """
    dtype, lead, size = c.dtype, c.shape[:-2], c.itemsize
    prepare(dtype)
    (m, n), k = c.shape[-2:], a.shape[-1]
    a, b = _one_way(a), _one_way(b)
    count = math.prod(lead)
    places = np.array((lead, *([step // size for step in x.strides[:-2]] for x in (a, b, c))),
                      np.int64)
    (a_row, a_column), (b_row, b_column), (c_row, _) = map(_steps, (a, b, c))
    parts = min(threads_for(count * m * n * k), count)
    far = a_column if a_row == 1 else 0
    scratch = np.empty((parts, scratch_size(m, n, k, dtype, far)), dtype)
    room = np.empty((parts, k * n if b_column != 1 else 1), dtype)
    products(parts, *(x.__array_interface__["data"][0] for x in (a, b, c)), count, places,
             (m, n, k), (a_row, a_column, b_row, b_column, c_row), part, room, scratch)
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
