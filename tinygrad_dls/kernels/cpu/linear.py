"""The linear layer on the sweep, on all cores: y = x W.T + b and its three gradients.

x (m, k), weight W (n, k), bias (n,), y (m, n). A few long rows are multiplied as they lie; else
W is transposed first. Layers of at most 16 weights are one plain loop: the rest is all
preparation for them.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel
from ..parallel import together
from ..reference import linear as reference
from ..simd.dots import TILE, dot_tile
from ..simd.sweep import RELU
from ..simd.turning import turn
from ..simd.vector import address_of
from ..threads import shares
from .batches import multiply
from .gemm import prepare, product, scratch_size
from .layout import F32, F64
from .piecewise import relu_in_place
from .sums import sum_of_rows

Array = Any
SMALL = 200_000  # multiplications: a product that BLAS does by itself, and faster
LONG = 512  # numbers in a row of x from which on rows are multiplied as they lie,
MANY = 512  # unless there are so many rows that turning W is little beside the product
FEW = 16  # outputs for which it never pays
DEEP = 8  # times as many rows as columns in all: then threads share the rows, and add up
MANY_NUMBERS = 1 << 15  # from which on rows are summed by all threads
ALONE = 1 << 18  # numbers; fewer are turned by one thread, before others have woken up
NOTHING = {kind: np.empty(0, kind) for kind in (F32, F64)}


@kernel
def linear_small(x: Array, weight: Array, bias: Array, y: Array) -> None:
    """y = x @ weight.T + bias for a few inputs and outputs, where BLAS is all preparation."""
    for i in range(x.shape[0]):
        for j in range(weight.shape[0]):
            total = bias[j]
            for k in range(x.shape[1]):
                total += x[i, k] * weight[j, k]
            y[i, j] = total


@kernel
def linear_small_backward(
    dy: Array, x: Array, weight: Array, dx: Array, dweight: Array, dbias: Array
) -> None:
    """All three gradients in one pass over the examples; an empty dx is not wanted."""
    dweight[:] = 0
    dbias[:] = 0
    wants_dx = dx.size > 0
    for i in range(x.shape[0]):
        for j in range(weight.shape[0]):
            d = dy[i, j]
            dbias[j] += d
            for k in range(x.shape[1]):
                dweight[j, k] += d * x[i, k]
        if wants_dx:
            for k in range(x.shape[1]):
                total = dy[i, 0] * weight[0, k]
                for j in range(1, weight.shape[0]):
                    total += dy[i, j] * weight[j, k]
                dx[i, k] = total


@inlined
def part(share: int, shares: int, size: int, step: int) -> tuple[int, int]:
    """Begin and end of a share of `size` rows, in multiples of `step`."""
    blocks = -(-size // step)
    return (min(size, share * blocks // shares * step),
            min(size, (share + 1) * blocks // shares * step))


@kernel
def dots_of_rows(share: int, shares: int, x: Array, weight: Array, bias: Array, y: Array) -> None:
    k, n = x.shape[1], weight.shape[0]
    begin, end = part(share, shares, x.shape[0], TILE[0])
    for j in range(0, n, TILE[1]):
        for i in range(begin, end, TILE[0]):
            dot_tile(x, address_of(x, i * k), k, address_of(weight, j * k), k,
                     address_of(y, i * n + j), n, min(TILE[0], end - i), min(TILE[1], n - j), k,
                     address_of(bias, j) if bias.size else 0)


@kernel
def turn_share(share: int, shares: int, matrix: Array, out: Array) -> None:
    """out (k, n) of a matrix (n, k); each share takes rows of it."""
    n, k = matrix.shape
    begin, end = part(share, shares, n, 16)
    turn(matrix, address_of(matrix, begin * k), k, address_of(out, begin), n, end - begin, k)


@kernel
def rows_times(
    share: int, shares: int, x: Array, matrix: Array, bias: Array, y: Array, flags: int,
    scratch: Array,
) -> None:
    """y = x @ matrix + bias; each share takes rows, or columns where there are more of them."""
    (m, k), n = x.shape, matrix.shape[1]
    copies = address_of(scratch, share * scratch.shape[1]) if scratch.size else 0
    if m >= n or n < 64:
        begin, end = part(share, shares, m, 4)
        product(y, address_of(x, begin * k), address_of(matrix, 0), address_of(y, begin * n),
                end - begin, n, k, k, 1, n, n, address_of(bias, 0) if bias.size else 0, flags,
                copies)
    else:
        begin, end = part(share, shares, n, 32)
        product(y, address_of(x, 0), address_of(matrix, begin), address_of(y, begin), m,
                end - begin, k, k, 1, n, n, address_of(bias, begin) if bias.size else 0, flags,
                copies)


@kernel
def columns_times(
    share: int, shares: int, a: Array, b: Array, c: Array, scratch: Array
) -> None:
    """c (n, k) = a (m, n).T @ b (m, k); each share takes columns of c, or rows."""
    (m, n), k = a.shape, b.shape[1]
    copies = address_of(scratch, share * scratch.shape[1]) if scratch.size else 0
    if k >= n or n < 24:
        begin, end = part(share, shares, k, 32)
        product(c, address_of(a, 0), address_of(b, begin), address_of(c, begin), n, end - begin,
                m, 1, n, k, k, 0, 0, copies)
    else:
        begin, end = part(share, shares, n, 4)
        product(c, address_of(a, begin), address_of(b, 0), address_of(c, begin * k), end - begin,
                k, m, 1, n, k, k, 0, 0, copies)


@kernel
def rows_of_both(
    share: int, shares: int, a: Array, b: Array, sums: Array, scratch: Array
) -> None:
    """sums[share] (n, k) = a (m, n).T @ b (m, k) of a share of their rows."""
    (m, n), k = a.shape, b.shape[1]
    copies = address_of(scratch, share * scratch.shape[1]) if scratch.size else 0
    begin, end = share * m // shares, (share + 1) * m // shares
    product(sums, address_of(a, begin * n), address_of(b, begin * k),
            address_of(sums, share * n * k), n, k, end - begin, 1, n, k, k, 0, 0, copies)


@kernel
def sum_rows(x: Array, total: Array) -> None:
    """The sum of the rows of x (m, n)."""
    total[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total[j] += x[i, j]


@kernel
def linear_long(parts: int, x: Array, weight: Array, bias: Array, y: Array) -> None:
    together(dots_of_rows, parts, (x, weight, bias, y))


@kernel
def linear_short(
    parts: int, x: Array, weight: Array, turned: Array, bias: Array, y: Array, flags: int,
    scratch: Array,
) -> None:
    together(turn_share, 1 if weight.size < ALONE else parts, (weight, turned))
    together(rows_times, parts, (x, turned, bias, y, flags, scratch))


@kernel
def product_of_rows(
    parts: int, x: Array, matrix: Array, bias: Array, y: Array, flags: int, scratch: Array
) -> None:
    together(rows_times, parts, (x, matrix, bias, y, flags, scratch))


@kernel
def weight_gradient(parts: int, dy: Array, x: Array, dweight: Array, scratch: Array) -> None:
    together(columns_times, parts, (dy, x, dweight, scratch))


@kernel
def weight_gradient_deep(
    parts: int, dy: Array, x: Array, sums: Array, dweight: Array, scratch: Array
) -> None:
    together(rows_of_both, parts, (dy, x, sums, scratch))
    for i in range(dweight.shape[0]):
        for j in range(dweight.shape[1]):
            total = sums[0, i, j]
            for share in range(1, parts):
                total += sums[share, i, j]
            dweight[i, j] = total


@kernel
def turn_together(parts: int, matrix: Array, out: Array) -> None:
    together(turn_share, parts, (matrix, out))


def turned(matrix: Array) -> Array:
    """A contiguous copy (k, n) of the transpose of a matrix (n, k) of floats."""
    if not matrix.flags.c_contiguous:
        return np.ascontiguousarray(matrix.T)
    out = np.empty(matrix.shape[::-1], matrix.dtype)
    turn_together(1 if matrix.size < ALONE else shares(8 * matrix.size), matrix, out)
    return out


def as_it_lies(m: int, k: int, n: int) -> bool:
    """Is x (m, k) to be multiplied by the rows of W (n, k), without turning W first?"""
    return k >= LONG and (m < MANY or n < FEW)


def times(x: Array, matrix: Array, bias: Array, y: Array, flags: int = 0) -> None:
    """y (m, n) = x (m, k) @ matrix (k, n), + bias (n,) or an empty one; contiguous, one dtype.

    `flags`: RELU or 0.
    """
    prepare(x.dtype)
    (m, k), n = x.shape, matrix.shape[1]
    parts = shares(m * n * k)
    scratch = np.empty((parts, scratch_size(m, n, k, x.dtype)), x.dtype)
    product_of_rows(parts, x, matrix, bias, y, flags, scratch)


def transposed_times(a: Array, b: Array) -> Array:
    """a (m, n).T @ b (m, k), both contiguous and of one dtype."""
    prepare(a.dtype)
    (m, n), k = a.shape, b.shape[1]
    parts = shares(m * n * k)
    out = np.empty((n, k), a.dtype)
    scratch = np.empty((parts, scratch_size(n, k, m, a.dtype, turned=n)), a.dtype)
    if parts > 1 and m >= DEEP * (n + k) and m >= DEEP * parts:
        weight_gradient_deep(parts, a, b, np.empty((parts, n, k), a.dtype), out, scratch)
    else:
        weight_gradient(parts, a, b, out, scratch)
    return out


class Linear(reference.Linear):
    """Float32 and float64; anything else by BLAS, as in the reference.

    BLAS has threads of its own, which go on spinning for milliseconds after a product and take
    the cores from ours: so no larger product is left to it.
    """

    def matmul(self, a: Any, b: Any) -> Any:
        dtype = a.dtype
        if (a.ndim < 2 or b.ndim < 2 or b.dtype is not dtype or a.shape[-1] != b.shape[-2]
                or (dtype is not F32 and dtype is not F64) or a.size * b.shape[-1] < SMALL):
            return super().matmul(a, b)
        if a.ndim > 2 or b.ndim > 2:
            return _of_batches(a, b)
        prepare(dtype)
        (m, k), n = a.shape, b.shape[1]
        if as_it_lies(m, k, n) and a.flags.c_contiguous and b.flags.f_contiguous:
            y = np.empty((m, n), dtype)
            linear_long(shares(m * n * k), a, b.T, NOTHING[dtype], y)
            return y
        if a.flags.f_contiguous:
            return transposed_times(a.T, np.ascontiguousarray(b))
        y = np.empty((m, n), dtype)
        times(np.ascontiguousarray(a), np.ascontiguousarray(b), NOTHING[dtype], y)
        return y

    def linear(self, x: Any, weight: Any, bias: Any | None) -> Any:
        y = self._linear(x, weight, bias, 0)
        return super().linear(x, weight, bias) if y is None else y

    def linear_relu(self, x: Any, weight: Any, bias: Any | None) -> Any:
        y = self._linear(x, weight, bias, RELU)
        return super().linear_relu(x, weight, bias) if y is None else y

    def _linear(self, x: Any, weight: Any, bias: Any | None, flags: int) -> Any | None:
        """What `linear` or `linear_relu` gives; None where the loops can't."""
        dtype = x.dtype
        rows = _rows(x)
        if rows is None or not _plain(weight, dtype, 2) or weight.shape[1] != rows.shape[1]:
            return None
        if bias is None:
            bias = NOTHING[dtype]
        elif not _plain(bias, dtype, 1) or bias.shape[0] != weight.shape[0]:
            return None
        (m, k), n = rows.shape, weight.shape[0]
        y = np.empty((m, n), dtype)
        if 0 < weight.size <= 16 and bias.size:
            linear_small(rows, weight, bias, y)
        elif as_it_lies(m, k, n):
            linear_long(shares(m * n * k), rows, weight, bias, y)
        else:
            prepare(dtype)
            parts = shares(m * n * k)
            scratch = np.empty((parts, scratch_size(m, n, k, dtype)), dtype)
            linear_short(parts, rows, weight, np.empty((k, n), dtype), bias, y, flags, scratch)
            flags = 0
        if flags:
            relu_in_place(y)
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], n)

    def linear_backward(
        self, dy: Any, x: Any, weight: Any, needs: tuple[bool, ...]
    ) -> tuple[Any | None, ...]:
        dtype, rows, errors = x.dtype, _rows(x), _rows(dy)
        if (rows is None or errors is None or not _plain(weight, dtype, 2)
                or dy.dtype is not dtype or errors.shape[1] != weight.shape[0]):
            return super().linear_backward(dy, x, weight, needs)
        if 0 < weight.size <= 16 and needs[1] and needs[2]:
            return _small_backward(errors, rows, weight, x.shape if needs[0] else None)
        dx: Any = None
        dweight: Any = None
        dbias: Any = None
        if needs[0]:
            dx = np.empty(rows.shape, dtype)
            times(errors, weight, NOTHING[dtype], dx)
            dx = dx.reshape(x.shape)
        if needs[1]:
            dweight = transposed_times(errors, rows)
        if needs[2]:
            dbias = self.sum_rows(errors)
        return dx, dweight, dbias

    def sum_rows(self, x: Any) -> Any:
        if not _plain(x, x.dtype, 2):
            return super().sum_rows(x)
        if x.size >= MANY_NUMBERS:
            return sum_of_rows(x)
        total = np.empty(x.shape[1], x.dtype)
        sum_rows(x, total)
        return total


def _of_batches(a: Any, b: Any) -> Any:
    """a @ b, where they are batches of matrices, broadcast against each other."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = np.empty((*lead, a.shape[-2], b.shape[-1]), a.dtype)
    return multiply(np.broadcast_to(a, (*lead, *a.shape[-2:])),
                    np.broadcast_to(b, (*lead, *b.shape[-2:])), y)


def _small_backward(dy: Any, x: Any, weight: Any, shape: Any) -> tuple[Any | None, ...]:
    """All gradients of a small layer; that of x, of this shape, unless it is None."""
    dx = np.empty(x.shape if shape is not None else (0, 0), x.dtype)
    dweight, dbias = np.empty_like(weight), np.empty(weight.shape[0], x.dtype)
    linear_small_backward(dy, x, weight, dx, dweight, dbias)
    return dx.reshape(shape) if shape is not None else None, dweight, dbias


def _plain(a: Any, dtype: Any, ndim: int) -> bool:
    """Is this a C-contiguous array of floats of this dtype?"""
    return (a.dtype is dtype and (dtype is F32 or dtype is F64) and a.ndim == ndim
            and bool(a.flags.c_contiguous))


def _rows(x: Any) -> Any | None:
    """x (..., k) as (m, k), in order in memory, if it is an array of floats."""
    if (x.dtype is not F32 and x.dtype is not F64) or x.ndim < 1:
        return None
    if not x.flags.c_contiguous:  # turned: a copy is little beside the product
        x = np.ascontiguousarray(x)
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1]) if x.shape[-1] else None
