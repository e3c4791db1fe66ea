"""The linear layer on the sweep, on all cores: y = x W.T + b and its three gradients.

x (m, k), weight W (n, k), bias (n,), y (m, n). For few, long rows W is used as stored; otherwise it
is transposed first. Each direction is one kernel, because a kernel call costs about as much as a
thousand multiplications.
"""

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np

from ...reference import linear as reference
from ..allocate import AT_ONCE, Running
from ..compile import inlined, kernel, task
from ..elementwise.activations import clamp
from ..elementwise.sums import sum_of_rows
from ..layout import F32, F64, NOTHING
from ..parallel import parallel_for
from ..simd.dots import TILE, dot_tile
from ..simd.intrinsics import address_of, full, lanes, load_some, store_some
from ..simd.sweep import RELU
from ..simd.transpose import transpose
from ..threads import threads_for
from ..tuning import (
    DEEP_PRODUCT,
    FEW_OUTPUTS,
    GAPLESS_ROWS,
    LINEAR_FEW_OUTPUTS,
    LINEAR_LONG_ROW,
    LINEAR_LONGER,
    LINEAR_MANY_ROWS,
    LINEAR_ONE_OUTPUT,
    MATMUL_WORTH,
    OUTER_SIDE,
    OUTER_WORTH,
    ROW_SUM_SHARED,
    TRANSPOSE_SHARED,
)
from .batched import multiply
from .few_outputs import dots_with_one, sums_for_few
from .gemm import prepare, product, scratch_size
from .outer_products import outer_products
from .panels import fill_chunk, panels_times, part
from .streams import stream, streams

Array = Any
NO_SCRATCH = {kind: np.empty((1, 0), kind) for kind in (F32, F64)}


@task
def dots_of_rows(chunk: int, chunks: int, x: Array, weight: Array, bias: Array, y: Array) -> None:
    """y = x @ weight.T + bias; each chunk takes rows of x, or of the weight where there are more of
    them: the larger matrix is read once."""
    (m, k), n = x.shape, weight.shape[0]
    begin, end, first, last = 0, m, 0, n
    if m >= n:
        begin, end = part(chunk, chunks, m, TILE[0])
    else:
        first, last = part(chunk, chunks, n, TILE[1])
    if n == 1:
        dots_with_one(x, begin, end, weight, bias, y)
        return
    for j in range(first, last, TILE[1]):
        for i in range(begin, end, TILE[0]):
            dot_tile(x, address_of(x, i * k), k, address_of(weight, j * k), k,
                     address_of(y, i * n + j), n, min(TILE[0], end - i), min(TILE[1], last - j), k,
                     address_of(bias, j) if bias.size else 0)


@task
def transpose_chunk(chunk: int, chunks: int, matrix: Array, out: Array) -> None:
    """out (k, n) of a matrix (n, k); each chunk takes rows of it."""
    n, k = matrix.shape
    begin, end = part(chunk, chunks, n, 16)
    transpose(matrix, address_of(matrix, begin * k), k, address_of(out, begin), n, end - begin, k)


@task
def rows_times(
    chunk: int, chunks: int, x: Array, matrix: Array, bias: Array, y: Array, flags: int,
    scratch: Array,
) -> None:
    """y = x @ matrix + bias; each chunk takes rows, or columns where there are more of them."""
    (m, k), n = x.shape, matrix.shape[1]
    copies = address_of(scratch, chunk * scratch.shape[1]) if scratch.size else 0
    if m >= n or n < 64:
        begin, end = part(chunk, chunks, m, 4)
        if streams(x, y):
            stream(x, address_of(matrix, 0), y, begin, end,
                   address_of(bias, 0) if bias.size else 0, flags)
            return
        product(y, address_of(x, begin * k), address_of(matrix, 0), address_of(y, begin * n),
                end - begin, n, k, k, 1, n, n, address_of(bias, 0) if bias.size else 0, flags,
                copies)
    else:
        begin, end = part(chunk, chunks, n, 32)
        product(y, address_of(x, 0), address_of(matrix, begin), address_of(y, begin), m,
                end - begin, k, k, 1, n, n, address_of(bias, begin) if bias.size else 0, flags,
                copies)


@task
def columns_times(
    chunk: int, chunks: int, a: Array, b: Array, c: Array, scratch: Array
) -> None:
    """c (n, k) = a (m, n).T @ b (m, k); each chunk takes columns of c, or rows."""
    (m, n), k = a.shape, b.shape[1]
    copies = address_of(scratch, chunk * scratch.shape[1]) if scratch.size else 0
    if n <= FEW_OUTPUTS:
        begin, end = part(chunk, chunks, k, 32)
        sums_for_few(a, b, c, 0, 0, m, begin, end)
    elif k >= n or n < 24:
        begin, end = part(chunk, chunks, k, 32)
        product(c, address_of(a, 0), address_of(b, begin), address_of(c, begin), n, end - begin,
                m, 1, n, k, k, 0, 0, copies)
    else:
        begin, end = part(chunk, chunks, n, 4)
        product(c, address_of(a, begin), address_of(b, 0), address_of(c, begin * k), end - begin,
                k, m, 1, n, k, k, 0, 0, copies)


@task
def rows_of_both(
    chunk: int, chunks: int, a: Array, b: Array, sums: Array, scratch: Array
) -> None:
    """sums[chunk] (n, k) = a (m, n).T @ b (m, k) of a chunk of their rows."""
    (m, n), k = a.shape, b.shape[1]
    copies = address_of(scratch, chunk * scratch.shape[1]) if scratch.size else 0
    begin, end = chunk * m // chunks, (chunk + 1) * m // chunks
    if n <= FEW_OUTPUTS:
        sums_for_few(a, b, sums, chunk * n * k, begin, end, 0, k)
        return
    product(sums, address_of(a, begin * n), address_of(b, begin * k),
            address_of(sums, chunk * n * k), n, k, end - begin, 1, n, k, k, 0, 0, copies)


@inlined
def sum_rows(x: Array, total: Array) -> None:
    """The sum of the rows of x (m, n): of every fourth one first, to add four at a time."""
    (m, n), width = x.shape, lanes(x)
    for j in range(0, n, width):
        some = min(width, n - j)
        s0, s1, s2, s3 = full(x, 0.0), full(x, 0.0), full(x, 0.0), full(x, 0.0)
        for i in range(j, j + (m - m % 4) * n, 4 * n):
            s0 = s0 + load_some(x, i, some)
            s1 = s1 + load_some(x, i + n, some)
            s2 = s2 + load_some(x, i + 2 * n, some)
            s3 = s3 + load_some(x, i + 3 * n, some)
        for i in range(j + (m - m % 4) * n, j + m * n, n):
            s0 = s0 + load_some(x, i, some)
        store_some(total, j, (s0 + s1) + (s2 + s3), some)


@kernel
def sum_few_rows(x: Array, total: Array) -> None:
    sum_rows(x, total)


@kernel
def linear_gradients(
    parts: int, dy: Array, x: Array, weight: Array, dx: Array, dweight: Array, dbias: Array,
    of_dx: Array, of_dweight: Array,
) -> None:
    """The three gradients; one that is empty is not wanted. The last two arguments: scratch for
    either product, as large as `scratch_size` says."""
    if dx.size:
        parallel_for(rows_times, parts, (dy, weight, dbias[:0], dx, 0, of_dx))
    if dweight.size:
        parallel_for(columns_times, parts, (dy, x, dweight, of_dweight))
    if dbias.size:
        sum_rows(dy, dbias)


@kernel
def linear_long(parts: int, x: Array, weight: Array, bias: Array, y: Array) -> None:
    parallel_for(dots_of_rows, parts, (x, weight, bias, y))


@kernel
def linear_short(
    parts: int, x: Array, weight: Array, panels: Array, bias: Array, y: Array, flags: int
) -> None:
    """y (m, n) = x (m, k) @ weight (n, k).T + bias (n,) or an empty one; `panels`: scratch of the
    weight's size, flat. `flags`: RELU or 0."""
    parallel_for(fill_chunk, 1 if weight.size < TRANSPOSE_SHARED else parts, (weight, panels))
    parallel_for(panels_times, parts, (x, panels, bias, y, flags))


@kernel
def product_of_rows(
    parts: int, x: Array, matrix: Array, bias: Array, y: Array, flags: int, scratch: Array
) -> None:
    parallel_for(rows_times, parts, (x, matrix, bias, y, flags, scratch))


@kernel
def weight_gradient(parts: int, dy: Array, x: Array, dweight: Array, scratch: Array) -> None:
    parallel_for(columns_times, parts, (dy, x, dweight, scratch))


@kernel
def weight_gradient_deep(
    parts: int, dy: Array, x: Array, sums: Array, dweight: Array, scratch: Array
) -> None:
    parallel_for(rows_of_both, parts, (dy, x, sums, scratch))
    for i in range(dweight.shape[0]):
        for j in range(dweight.shape[1]):
            total = sums[0, i, j]
            for chunk in range(1, parts):
                total += sums[chunk, i, j]
            dweight[i, j] = total


@kernel
def transpose_parallel(parts: int, matrix: Array, out: Array) -> None:
    parallel_for(transpose_chunk, parts, (matrix, out))


def transposed(matrix: Array) -> Array:
    """A contiguous copy (k, n) of the transpose of a matrix (n, k) of floats."""
    if not matrix.flags.c_contiguous:
        return np.ascontiguousarray(matrix.T)
    out = np.empty(matrix.shape[::-1], matrix.dtype)
    parts = 1 if matrix.size < TRANSPOSE_SHARED else threads_for(8 * matrix.size)
    transpose_parallel(parts, matrix, out)
    return out


def as_it_lies(m: int, k: int, n: int) -> bool:
    """Return whether x (m, k) is multiplied by the rows of W (n, k) as stored, without transposing
    W first.
    """
    return m * LINEAR_LONGER <= k or (n == 1 and k >= LINEAR_ONE_OUTPUT) or (
        k >= LINEAR_LONG_ROW and (m < LINEAR_MANY_ROWS or n < LINEAR_FEW_OUTPUTS))


def scratch_of(place: Running, parts: int, numbers: int, dtype: Any) -> Array:
    """Room for so many numbers for each thread."""
    return place.empty((parts, numbers), dtype) if numbers else NO_SCRATCH[dtype]


def times(
    x: Array, matrix: Array, bias: Array, y: Array, flags: int = 0, place: Running = AT_ONCE
) -> None:
    """y (m, n) = x (m, k) @ matrix (k, n), + bias (n,) or an empty one; contiguous, one dtype.

    `flags`: RELU or 0.
    """
    prepare(x.dtype)
    (m, k), n = x.shape, matrix.shape[1]
    parts = threads_for(m * n * k)
    scratch = scratch_of(place, parts, scratch_size(m, n, k, x.dtype), x.dtype)
    place.run(product_of_rows, parts, x, matrix, bias, y, flags, scratch)


def times_rows(x: Array, weight: Array, bias: Array, y: Array, flags: int) -> None:
    """y (m, n) = x (m, k) @ weight (n, k).T + bias, as `times`; the weight may have gaps."""
    (m, k), n = x.shape, weight.shape[0]
    weight, parts = np.ascontiguousarray(weight), threads_for(m * n * k)
    if not as_it_lies(m, k, n):
        prepare(x.dtype)
        linear_short(parts, x, weight, np.empty(n * k, x.dtype), bias, y, flags)
        return
    linear_long(parts, x, weight, bias, y)
    if flags:
        flat = y.reshape(-1)
        clamp(threads_for(8 * y.size), flat, flat, 0.0, nan)


def deep(parts: int, m: int, n: int, k: int) -> bool:
    """Return whether the threads share the m rows of both in a (m, n).T @ b (m, k), each with a sum
    of its own.
    """
    return parts > 1 and m >= DEEP_PRODUCT * (n + k) and m >= DEEP_PRODUCT * parts


def transposed_times(
    a: Array, b: Array, place: Running = AT_ONCE, out: Array | None = None
) -> Array:
    """a (m, n).T @ b (m, k), both contiguous and of one dtype; written to `out` (n, k) if given."""
    prepare(a.dtype)
    (m, n), k = a.shape, b.shape[1]
    parts = threads_for(m * n * k)
    out = place.empty((n, k), a.dtype) if out is None else out
    scratch = scratch_of(place, parts, scratch_size(n, k, m, a.dtype, transposed=n), a.dtype)
    if deep(parts, m, n, k):
        sums = place.empty((parts, n, k), a.dtype)
        place.run(weight_gradient_deep, parts, a, b, sums, out, scratch)
    else:
        place.run(weight_gradient, parts, a, b, out, scratch)
    return out


class Linear(Running, reference.Linear):
    """Float32 and float64; anything else by BLAS, as in the reference.

    BLAS has threads of its own, which go on spinning for milliseconds after a product and take
    the cores from ours: so no larger product is left to it.
    """

    def matmul(self, a: Any, b: Any) -> Any:
        dtype, worth = a.dtype, MATMUL_WORTH
        if a.ndim > 2 and b.ndim > 2 and a.shape[-1] == b.shape[-2] == 1:  # columns times rows
            worth = OUTER_WORTH
            if a.size * b.shape[-1] < worth or min(a.shape[-2], b.shape[-1]) < OUTER_SIDE:
                return a * b  # NumPy takes five times as long to multiply them as matrices
        if (a.ndim < 2 or b.ndim < 2 or b.dtype is not dtype or a.shape[-1] != b.shape[-2]
                or (dtype is not F32 and dtype is not F64) or a.size * b.shape[-1] < worth):
            return super().matmul(a, b)
        if a.ndim > 2 or b.ndim > 2:
            return _of_batches(a, b)
        prepare(dtype)
        (m, k), n = a.shape, b.shape[1]
        if as_it_lies(m, k, n) and a.flags.c_contiguous and b.flags.f_contiguous:
            y = np.empty((m, n), dtype)
            linear_long(threads_for(m * n * k), a, b.T, NOTHING[dtype], y)
            return y
        if a.flags.f_contiguous:
            return transposed_times(a.T, np.ascontiguousarray(b))
        if b.flags.f_contiguous and n > m:  # y.T = b.T @ a.T: only the smaller one is copied
            y = np.empty((n, m), dtype)
            times(b.T, np.ascontiguousarray(a.T), NOTHING[dtype], y)
            return y.T
        y = np.empty((m, n), dtype)
        times(np.ascontiguousarray(a), np.ascontiguousarray(b), NOTHING[dtype], y)
        return y

    def outer_products(self, columns: Sequence[Any], rows: Sequence[Any], start: Any = None) -> Any:
        if {x.dtype for x in (*columns, *rows)} not in ({F32}, {F64}):
            return super().outer_products(columns, rows, start)
        return outer_products(columns, rows, start)

    def linear(self, x: Any, weight: Any, bias: Any | None) -> Any:
        y = self._linear(x, weight, bias, 0)
        return super().linear(x, weight, bias) if y is None else y

    def linear_relu(self, x: Any, weight: Any, bias: Any | None) -> Any:
        y = self._linear(x, weight, bias, RELU)
        return super().linear_relu(x, weight, bias) if y is None else y

    def _linear(self, x: Any, weight: Any, bias: Any | None, flags: int) -> Any | None:
        """Compute `linear` or `linear_relu`; None if the loops cannot."""
        dtype = x.dtype
        rows = _rows(x)
        if not weight.flags.c_contiguous:
            weight = _together(weight, rows)
        if rows is None or not _plain(weight, dtype, 2) or weight.shape[1] != rows.shape[1]:
            return None
        if bias is None:
            bias = NOTHING[dtype]
        elif not _plain(bias, dtype, 1) or bias.shape[0] != weight.shape[0]:
            return None
        (m, k), n = rows.shape, weight.shape[0]
        parts = threads_for(m * n * k)
        y = self.empty((m, n), dtype)
        if as_it_lies(m, k, n):
            self.run(linear_long, parts, rows, weight, bias, y)
            if flags:
                flat = y.ravel()
                self.run(clamp, threads_for(8 * y.size), flat, flat, 0.0, nan)
        else:
            prepare(dtype)
            panels = self.empty(n * k, dtype)
            self.run(linear_short, parts, rows, weight, panels, bias, y, flags)
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], n)

    def linear_backward(
        self, dy: Any, x: Any, weight: Any, needs: tuple[bool, ...]
    ) -> tuple[Any | None, ...]:
        dtype, rows, errors = x.dtype, _rows(x), _rows(dy)
        if not weight.flags.c_contiguous:
            weight = _together(weight, rows)
        if (rows is None or errors is None or not _plain(weight, dtype, 2)
                or dy.dtype is not dtype or errors.shape[1] != weight.shape[0]):
            return super().linear_backward(dy, x, weight, needs)
        (m, k), n = rows.shape, weight.shape[0]
        parts = threads_for(m * n * k)
        if not deep(parts, m, n, k):
            return self._backward_at_once(parts, errors, rows, weight, x.shape, needs)
        dx: Any = None
        if needs[0]:
            dx = self.empty((m, k), dtype)
            times(errors, weight, NOTHING[dtype], dx, 0, self)
            dx = dx.reshape(x.shape)
        return (dx, transposed_times(errors, rows, self) if needs[1] else None,
                self.sum_rows(errors) if needs[2] else None)

    def _backward_at_once(
        self, parts: int, dy: Any, x: Any, weight: Any, shape: Any, needs: tuple[bool, ...]
    ) -> tuple[Any | None, ...]:
        """The gradients that `needs` asks for; that of x, whose rows these are, in its `shape`.

        One kernel: where work is small its call counts, and a program compiles one for three.
        """
        dtype = x.dtype
        prepare(dtype)
        (m, k), n = x.shape, weight.shape[0]
        of_dx = scratch_of(self, parts, scratch_size(m, k, n, dtype), dtype)
        of_dweight = scratch_of(self, parts, scratch_size(n, k, m, dtype, transposed=n), dtype)
        dx = self.empty((m, k), dtype) if needs[0] else NO_SCRATCH[dtype]
        dweight = self.empty((n, k), dtype) if needs[1] else NO_SCRATCH[dtype]
        few = dy.size < ROW_SUM_SHARED  # more are summed in blocks, for precision
        dbias = self.empty(n, dtype) if needs[2] and few else NOTHING[dtype]
        self.run(linear_gradients, parts, dy, x, weight, dx, dweight, dbias, of_dx, of_dweight)
        if needs[2] and not few:
            dbias = self.sum_rows(dy)
        return (dx.reshape(shape) if needs[0] else None, dweight if needs[1] else None,
                dbias if needs[2] else None)

    def sum_rows(self, x: Any) -> Any:
        if not _plain(x, x.dtype, 2):
            return super().sum_rows(x)
        if x.size >= ROW_SUM_SHARED:
            return sum_of_rows(x, self)
        total = self.empty(x.shape[1], x.dtype)
        self.run(sum_few_rows, x, total)
        return total


def _of_batches(a: Any, b: Any) -> Any:
    """a @ b, where they are batches of matrices, broadcast against each other."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = np.empty((*lead, a.shape[-2], b.shape[-1]), a.dtype)
    return multiply(np.broadcast_to(a, (*lead, *a.shape[-2:])),
                    np.broadcast_to(b, (*lead, *b.shape[-2:])), y)


def _plain(a: Any, dtype: Any, ndim: int) -> bool:
    """Return whether this is a C-contiguous array of floats of this dtype."""
    return (a.dtype is dtype and (dtype is F32 or dtype is F64) and a.ndim == ndim
            and bool(a.flags.c_contiguous))


def _together(weight: Any, rows: Any | None) -> Any:
    """The weight without gaps, such as some columns of a larger one, where a copy costs little."""
    few = rows is None or len(rows) < GAPLESS_ROWS
    return weight if few else np.ascontiguousarray(weight)


def _rows(x: Any) -> Any | None:
    """x (..., k) as (m, k), in order in memory, if it is an array of floats."""
    if (x.dtype is not F32 and x.dtype is not F64) or x.ndim < 1:
        return None
    if not x.flags.c_contiguous:  # transposed: a copy is little beside the product
        x = np.ascontiguousarray(x)
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1]) if x.shape[-1] else None
