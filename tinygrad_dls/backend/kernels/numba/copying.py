"""Copies between arrays that lie in memory in different ways, on all cores.

NumPy walks through both arrays in the order of one of them, number by number, on one core. Here
axes that follow each other in both arrays are merged first; what is left are mostly either rows,
which are copied in vectors, or matrices to be transposed, block by block: a block of both arrays
stays in the cache.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .compile import inlined, kernel, task
from .layout import F32, F64, channels_last
from .parallel import parallel_for
from .simd import lanes, load, load_some, store, store_some
from .simd.intrinsics import address_of
from .simd.transpose import transpose
from .threads import threads_for
from .tuning import COPY_WORTH, TRANSPOSE_CHANNELS

Array = Any
BLOCK = 128  # rows and columns that are transposed at a time
ROW_BLOCK = 1 << 13  # numbers of rows that are copied at a time
AXES = 6
TELLS_OF_COPIES = np.lib.NumpyVersion(np.__version__) >= "2.1.0"  # reshape(copy=False)


class Plan(NamedTuple):
    """A walk through two arrays: axes in the second one's memory order, the last two inside.

    Steps count numbers; `start`: from x's lowest address to its first number.
    """

    shape: tuple[int, ...]
    x_steps: tuple[int, ...]
    y_steps: tuple[int, ...]
    start: int
    block: tuple[int, int]  # rows and columns of a block


@inlined
def write_block(
    x: Array, source: int, x_row: int, x_column: int, y: Array, to: int, y_row: int, rows: int,
    columns: int, adding: bool,
) -> None:
    """y[to + i y_row + j] = x[source + i x_row + j x_column], or += where `adding`."""
    n = lanes(x)
    rest = columns % n
    if x_column == 1:
        for _ in range(rows):
            for j in range(0, columns - rest, n):
                v = load(x, source + j)
                store(y, to + j, load(y, to + j) + v if adding else v)
            if rest:
                j = columns - rest
                v = load_some(x, source + j, rest)
                store_some(y, to + j, load_some(y, to + j, rest) + v if adding else v, rest)
            source += x_row
            to += y_row
    elif x_row == 1 and not adding and min(rows, columns) >= TRANSPOSE_CHANNELS:
        transpose(x, address_of(x, source), x_column, address_of(y, to), y_row, columns, rows)
    elif adding:
        for i in range(rows):
            for j in range(columns):
                y[to + i * y_row + j] += x[source + i * x_row + j * x_column]
    elif rows > columns:
        for j in range(columns):
            for i in range(rows):
                y[to + i * y_row + j] = x[source + i * x_row + j * x_column]
    else:
        for i in range(rows):
            for j in range(columns):
                y[to + i * y_row + j] = x[source + i * x_row + j * x_column]


@task
def copy_chunk(
    chunk: int, chunks: int, x: Array, y: Array, plan: Any, adding: bool
) -> None:
    shape, x_steps, y_steps, start, block = plan
    rows, columns = shape[4], shape[5]
    down, across = (rows + block[0] - 1) // block[0], (columns + block[1] - 1) // block[1]
    blocks = shape[0] * shape[1] * shape[2] * shape[3] * down * across
    for number in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        j, place = number % across * block[1], number // across
        i, place = place % down * block[0], place // down
        d, place = place % shape[3], place // shape[3]
        c, place = place % shape[2], place // shape[2]
        a, b = place // shape[1], place % shape[1]
        source = start + a * x_steps[0] + b * x_steps[1] + c * x_steps[2] + d * x_steps[3]
        to = a * y_steps[0] + b * y_steps[1] + c * y_steps[2] + d * y_steps[3]
        write_block(x, source + i * x_steps[4] + j * x_steps[5], x_steps[4], x_steps[5],
                    y, to + i * y_steps[4] + j, y_steps[4], min(block[0], rows - i),
                    min(block[1], columns - j), adding)


@kernel
def copy_numbers(parts: int, x: Array, y: Array, plan: Any, adding: bool) -> None:
    """x and y: views of one number, the one at the lowest address."""
    parallel_for(copy_chunk, parts, (x, y, plan, adding))


def assign(y: Array, x: Array) -> None:
    """y[...] = x, two arrays that share no memory; x is broadcast."""
    if not _written(y, x, False):
        y[...] = x


def add_into(y: Array, x: Array) -> None:
    """y += x, two arrays that share no memory; x is broadcast."""
    if y.dtype.kind != "f" or not _written(y, x, True):
        y += x


def copied(x: Array) -> Array:
    """A copy of x in C order."""
    if x.size < COPY_WORTH:
        return np.array(x, order="C")
    y = np.empty(x.shape, x.dtype)
    assign(y, x)
    return y


def contiguous(x: Array) -> Array:
    """x in C order: itself if it is, else a copy."""
    return x if x.flags.c_contiguous else copied(x)


def reshaped(x: Array, shape: tuple[int, ...]) -> Array:
    """x in another shape: a view if there is one, else a copy."""
    if x.size < COPY_WORTH or x.flags.c_contiguous or not TELLS_OF_COPIES:
        return x.reshape(shape)
    try:
        return x.reshape(shape, copy=False)
    except ValueError:
        return copied(x).reshape(shape)


def pixels_of(x: Array) -> Array:
    """x (n, c, ...) as (n, ..., c), contiguous; a copy if it does not lie channels-last."""
    return contiguous(channels_last(x))


def _written(y: Array, x: Array, adding: bool) -> bool:
    """Copy or add by the kernel, if it can and pays off; return whether it did."""
    dtype = y.dtype
    if y.size < COPY_WORTH or x.dtype is not dtype or dtype.kind not in "fiu" or (
            dtype.itemsize not in (4, 8)):
        return False
    if x.shape != y.shape:
        x = np.broadcast_to(x, y.shape)
    plan = _plan(y.shape, x.strides, y.strides, dtype.itemsize)
    if plan is None:
        return False
    bits = F32 if dtype.itemsize == 4 else F64  # integers are copied as what they are not
    copy_numbers(threads_for(8 * y.size), _lowest(x).view(bits), _lowest(y).view(bits), plan,
                 adding)
    return True


def _lowest(x: Array) -> Array:
    """The number of x at the lowest address, as a view (1,)."""
    places = [slice(-1, None) if step < 0 else slice(1) for step in x.strides]
    return x[tuple(places)].reshape(1)


@lru_cache(maxsize=1024)
def _plan(
    shape: tuple[int, ...], x_strides: tuple[int, ...], y_strides: tuple[int, ...], size: int
) -> Plan | None:
    """None if x or y has no adjacent numbers, y goes backwards, or too many axes are left."""
    if min(y_strides) < 0 or any(step % size for step in (*x_strides, *y_strides)):
        return None
    merged: list[tuple[int, int, int]] = []  # length, steps of x and of y
    for i in sorted(range(len(shape)), key=lambda i: -y_strides[i]):
        n, p, q = shape[i], x_strides[i] // size, y_strides[i] // size
        if n == 1:
            continue
        if merged and merged[-1][1:] == (n * p, n * q):
            merged[-1] = (merged[-1][0] * n, p, q)
        else:
            merged.append((n, p, q))
    if merged[-1][2] != 1 or len(merged) > AXES:
        return None
    start = sum((n - 1) * -p for n, p, _ in merged if p < 0)
    *outer, last = merged
    if last[1] != 1:  # rows of x become columns of y
        outer.sort(key=lambda axis: axis[1] == 1)
        if last[1] != 0 and (not outer or outer[-1][1] != 1):
            return None  # x has no rows: NumPy walks as fast
    axes = [(1, 0, 0)] * (AXES - len(merged)) + [*outer, last]
    lengths, x_steps, y_steps = zip(*axes)
    block = (max(1, ROW_BLOCK // last[0]), ROW_BLOCK) if last[1] == 1 else (BLOCK, BLOCK)
    return Plan(lengths, x_steps, y_steps, start, block)
