"""Sums and differences of two arrays on all cores: NumPy's use one.

Images lie channels-last where they come from a layer, and as their file has them where they do not.
NumPy walks two arrays that lie otherwise number by number; here one of them is transposed first.
"""

from typing import Any

import numpy as np

from ..allocate import AT_ONCE, Running
from ..compile import kernel, task
from ..copying import pixels_of
from ..layout import channels_first, flat
from ..parallel import parallel_for
from ..simd import full, lanes, load, load_some, store, store_some
from ..simd import total as of_lanes
from ..threads import threads_for
from .activations import clamped

Array = Any
BLOCK = 8192  # numbers that are summed in their own precision
ROWS = 128  # rows that are summed first


@task
def add_chunk(chunk: int, chunks: int, a: Array, b: Array, y: Array) -> None:
    n = lanes(a)
    begin, end = chunk * a.size // chunks, (chunk + 1) * a.size // chunks
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(y, i, load(a, i) + load(b, i))
    if rest:
        i = end - rest
        store_some(y, i, load_some(a, i, rest) + load_some(b, i, rest), rest)


@kernel
def add_arrays(parts: int, a: Array, b: Array, y: Array) -> None:
    parallel_for(add_chunk, parts, (a, b, y))


@task
def squares_chunk(chunk: int, chunks: int, a: Array, b: Array, sums: Array) -> None:
    """The sum of (a - b)**2 of each block; the same on any number of cores."""
    n, blocks = lanes(a), sums.size
    for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        begin, end = block * BLOCK, min(a.size, (block + 1) * BLOCK)
        rest = (end - begin) % n
        s = full(a, 0.0)
        for i in range(begin, end - rest, n):
            d = load(a, i) - load(b, i)
            s = s + d * d
        if rest:
            d = load_some(a, end - rest, rest) - load_some(b, end - rest, rest)
            s = s + d * d
        sums[block] = of_lanes(s)


@kernel
def sum_of_squares(parts: int, a: Array, b: Array, sums: Array) -> float:
    parallel_for(squares_chunk, parts, (a, b, sums))
    whole = 0.0
    for block in range(sums.size):
        whole += sums[block]
    return whole


@task
def huber_chunk(
    chunk: int, chunks: int, a: Array, b: Array, bound: float, sums: Array
) -> None:
    """The sum of c (d - c / 2) of each block, where d = a - b, and c is d clamped."""
    n, blocks = lanes(a), sums.size
    low, high, half = full(a, -bound), full(a, bound), full(a, 0.5)
    for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        begin, end = block * BLOCK, min(a.size, (block + 1) * BLOCK)
        rest = (end - begin) % n
        s = full(a, 0.0)
        for i in range(begin, end - rest, n):
            d = load(a, i) - load(b, i)
            c = clamped(d, low, high)
            s = s + c * (d - half * c)
        if rest:
            d = load_some(a, end - rest, rest) - load_some(b, end - rest, rest)
            c = clamped(d, low, high)
            s = s + c * (d - half * c)
        sums[block] = of_lanes(s)


@kernel
def sum_of_huber(parts: int, a: Array, b: Array, bound: float, sums: Array) -> float:
    parallel_for(huber_chunk, parts, (a, b, bound, sums))
    whole = 0.0
    for block in range(sums.size):
        whole += sums[block]
    return whole


@task
def difference_chunk(
    chunk: int, chunks: int, a: Array, b: Array, bound: float, factor: float, y: Array
) -> None:
    n = lanes(a)
    low, high = full(a, -bound), full(a, bound)
    begin, end = chunk * a.size // chunks, (chunk + 1) * a.size // chunks
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(y, i, clamped(load(a, i) - load(b, i), low, high) * factor)
    if rest:
        i = end - rest
        d = load_some(a, i, rest) - load_some(b, i, rest)
        store_some(y, i, clamped(d, low, high) * factor, rest)


@kernel
def difference(parts: int, a: Array, b: Array, bound: float, factor: float, y: Array) -> None:
    """y = (a - b, clamped to [-bound, bound]) * factor."""
    parallel_for(difference_chunk, parts, (a, b, bound, factor, y))


@task
def rows_chunk(
    chunk: int, chunks: int, x: Array, outer: int, n: int, inner: int, sums: Array
) -> None:
    """Of x (outer, n, inner) the sums over ROWS of n each; sums (outer, blocks, inner); all flat.

    Four columns of vectors at a time: an addition waits for the one before it in its column.
    """
    width, blocks = lanes(x), (n + ROWS - 1) // ROWS
    for p in range(chunk * outer * blocks // chunks, (chunk + 1) * outer * blocks // chunks):
        row = p // blocks * n + p % blocks * ROWS
        begin, end, to = row * inner, min(row + ROWS, p // blocks * n + n) * inner, p * inner
        many = inner - inner % (4 * width)
        for j in range(0, many, 4 * width):
            a, b, c, d = full(x, 0.0), full(x, 0.0), full(x, 0.0), full(x, 0.0)
            for i in range(begin + j, end + j, inner):
                a, b = a + load(x, i), b + load(x, i + width)
                c, d = c + load(x, i + 2 * width), d + load(x, i + 3 * width)
            store(sums, to + j, a)
            store(sums, to + j + width, b)
            store(sums, to + j + 2 * width, c)
            store(sums, to + j + 3 * width, d)
        for j in range(many, inner, width):
            some = min(width, inner - j)
            a = load_some(x, begin + j, some)
            for i in range(begin + inner + j, end + j, inner):
                a = a + load_some(x, i, some)
            store_some(sums, to + j, a, some)


@kernel
def add_rows(
    parts: int, x: Array, outer: int, n: int, inner: int, part: float, sums: Array, y: Array
) -> None:
    """y (outer, inner) = part * the sum of x (outer, n, inner) over n; all flat.

    Of blocks first, for precision, and the same on any number of cores.
    """
    parallel_for(rows_chunk, parts, (x, outer, n, inner, sums))
    blocks = (n + ROWS - 1) // ROWS
    for o in range(outer):
        for j in range(inner):
            whole = 0.0
            for block in range(blocks):
                whole += sums[(o * blocks + block) * inner + j]
            y[o * inner + j] = whole * part


def sum_between(
    x: Array, shape: tuple[int, int, int], part: float, y: Array, place: Running = AT_ONCE
) -> None:
    """y = part * the sum of x, seen as (outer, n, inner), over n; both contiguous floats."""
    outer, n, inner = shape
    sums = place.empty(outer * -(-n // ROWS) * inner, x.dtype)
    place.run(add_rows, threads_for(2 * x.size), x.ravel(), outer, n, inner, part, sums, y.ravel())


def sum_of_rows(rows: Array, place: Running = AT_ONCE) -> Array:
    """The sum of the rows of a contiguous matrix of floats, (columns,)."""
    m, n = rows.shape
    total = place.empty(n, rows.dtype)
    sum_between(rows, (1, m, n), 1.0, total, place)
    return total


def in_one_order(a: Array, b: Array) -> tuple[Array, Array] | None:
    """a and b, of one shape and dtype, lying in memory alike and without gaps; None if they do not
    and it is not for one of them being channels-last: then the other one is transposed."""
    if a.shape != b.shape or a.dtype is not b.dtype:
        return None
    if flat(a, b) is not None:
        return a, b
    if a.ndim > 2 and a.flags.c_contiguous != b.flags.c_contiguous:
        transposed = tuple(channels_first(pixels_of(x)) if x.flags.c_contiguous else x
                           for x in (a, b))
        return transposed if flat(*transposed) is not None else None
    return None


def add(a: Array, b: Array) -> Array:
    """a + b, lying in memory as they do; by NumPy unless they are of one shape and dtype."""
    if a.ndim == b.ndim == 2 and not a.flags.c_contiguous and a.flags.f_contiguous:
        return add(a.T, b.T).T
    pair = in_one_order(a, b)
    if pair is None:
        return a + b
    y = np.empty_like(pair[0])
    add_arrays(threads_for(8 * a.size), *flat(*pair, y))  # type: ignore[misc]
    return y


def squared_distance(a: Array, b: Array) -> Array | None:
    """The sum of (a - b)**2; None unless they are of one shape and float dtype."""
    pair = in_one_order(a, b)
    if pair is None:
        return None
    sums = np.empty(-(-a.size // BLOCK))
    return a.dtype.type(sum_of_squares(threads_for(8 * a.size), *flat(*pair), sums))  # type: ignore[misc]


def huber_distance(a: Array, b: Array, bound: float) -> Array | None:
    """The sum of Huber's error of a - b; None unless they are of one shape and float dtype."""
    pair = in_one_order(a, b)
    if pair is None:
        return None
    sums = np.empty(-(-a.size // BLOCK))
    return a.dtype.type(sum_of_huber(threads_for(8 * a.size), *flat(*pair), bound, sums))  # type: ignore[misc]


def clamped_difference(a: Array, b: Array, bound: float, factor: float) -> Array | None:
    """(a - b, clamped to [-bound, bound]) * factor; None unless they are of one shape and float
    dtype."""
    pair = in_one_order(a, b)
    if pair is None:
        return None
    y = np.empty_like(pair[0])
    one, two, out = flat(*pair, y)  # type: ignore[misc]
    difference(threads_for(8 * a.size), one, two, bound, factor, out)
    return y
