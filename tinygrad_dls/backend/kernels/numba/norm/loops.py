"""Normalization: two passes over memory forward, two back.

Images are channels-last, so batch and group norm see (n, m, c): n sets of m rows, and want the
statistics of each column. Statistics are taken block by block. A block is read twice while it
is in the cache, once for a first mean, once for the deviations from it, whose sum mends the mean,
and their squares. Two blocks are joined in float64 as Chan, Golub and LeVeque (1983) do: no digits
are lost to a large mean.

Layer norm wants the statistics of rows; `normalize_rows` and its gradient take a row at a time.

Threads share the sets or the rows; the statistics of one set are taken of as many parts of it.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd import full, lanes, load, load_some, store, store_some, total

Array = Any
BLOCK = 8192  # numbers in a block


@inlined
def moments_of_rows(
    x: Array, begin: int, m: int, c: int, mean: Array, square: Array, place: int
) -> None:
    """Of m rows of c numbers, the first of them at `begin`: mean[place] and square[place], each
    column's mean and sum of squared deviations."""
    width, rest = lanes(x), c % lanes(x)
    rows = max(1, BLOCK // c)
    first_mean = np.empty(c, x.dtype)
    s1, s2 = np.empty(c, x.dtype), np.empty(c, x.dtype)
    mean[place, :] = 0.0
    square[place, :] = 0.0
    for start in range(0, m, rows):
        stop = min(start + rows, m)
        first = begin + start * c
        last = begin + stop * c
        inverse = 1.0 / (stop - start)
        for j in range(0, c - width + 1, width):
            s = full(x, 0.0)
            for i in range(first + j, last, c):
                s = s + load(x, i)
            middle = s * inverse
            s, q = full(x, 0.0), full(x, 0.0)
            for i in range(first + j, last, c):
                d = load(x, i) - middle
                s = s + d
                q = q + d * d
            store(first_mean, j, middle)
            store(s1, j, s)
            store(s2, j, q)
        if rest:
            j = c - rest
            s = full(x, 0.0)
            for i in range(first + j, last, c):
                s = s + load_some(x, i, rest)
            middle = s * inverse
            s, q = full(x, 0.0), full(x, 0.0)
            for i in range(first + j, last, c):
                d = load_some(x, i, rest) - middle
                s = s + d
                q = q + d * d
            store_some(first_mean, j, middle, rest)
            store_some(s1, j, s, rest)
            store_some(s2, j, q, rest)
        part = (stop - start) / stop
        for j in range(c):
            mended = s1[j] * inverse
            shift = first_mean[j] + mended - mean[place, j]
            mean[place, j] += shift * part
            square[place, j] += s2[j] - mended * s1[j] + shift * shift * part * start


@task
def column_moments_chunk(
    chunk: int, chunks: int, x: Array, mean: Array, square: Array,
) -> None:
    """Of each column of x (n, m, c): its mean, and its sum of squared deviations; (n, c)."""
    n, m, c = x.shape
    for b in range(chunk * n // chunks, (chunk + 1) * n // chunks):
        moments_of_rows(x, b * m * c, m, c, mean, square, b)


@task
def column_products_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, mean: Array, sums: Array, products: Array,
) -> None:
    """Of each column: the sum of dy, and of dy * (x - mean); all (n, m, c), the sums (n, c)."""
    n, m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    rows = max(1, BLOCK // c)
    s1, s2 = np.empty(c, x.dtype), np.empty(c, x.dtype)
    for b in range(chunk * n // chunks, (chunk + 1) * n // chunks):
        sums[b, :] = 0.0
        products[b, :] = 0.0
        for start in range(0, m, rows):
            first = (b * m + start) * c
            last = (b * m + min(start + rows, m)) * c
            for j in range(0, c - width + 1, width):
                s, p, centre = full(x, 0.0), full(x, 0.0), load(mean, b * c + j)
                for i in range(first + j, last, c):
                    d = load(dy, i)
                    s = s + d
                    p = p + d * (load(x, i) - centre)
                store(s1, j, s)
                store(s2, j, p)
            if rest:
                j = c - rest
                s, p, centre = full(x, 0.0), full(x, 0.0), load_some(mean, b * c + j, rest)
                for i in range(first + j, last, c):
                    d = load_some(dy, i, rest)
                    s = s + d
                    p = p + d * (load_some(x, i, rest) - centre)
                store_some(s1, j, s, rest)
                store_some(s2, j, p, rest)
            for j in range(c):
                sums[b, j] += s1[j]
                products[b, j] += s2[j]


@task
def scale_columns_chunk(
    chunk: int, chunks: int, x: Array, mean: Array, scale: Array, shift: Array, y: Array,
) -> None:
    """y = (x - mean) * scale + shift; x (n, m, c), the others (n, c)."""
    n, m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    for row in range(chunk * n * m // chunks, (chunk + 1) * n * m // chunks):
        i, k = row * c, row // m * c
        for j in range(0, c - width + 1, width):
            y_j = (load(x, i + j) - load(mean, k + j)) * load(scale, k + j) + load(shift, k + j)
            store(y, i + j, y_j)
        if rest:
            i, k = i + c - rest, k + c - rest
            y_j = (load_some(x, i, rest) - load_some(mean, k, rest)) * load_some(scale, k, rest)
            store_some(y, i, y_j + load_some(shift, k, rest), rest)


@task
def combine_columns_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, mean: Array, a: Array, b: Array, shift: Array,
    dx: Array,
) -> None:
    """dx = a * dy + b * (x - mean) + shift; dy and x (n, m, c), the others (n, c)."""
    n, m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    for row in range(chunk * n * m // chunks, (chunk + 1) * n * m // chunks):
        i, k = row * c, row // m * c
        for j in range(0, c - width + 1, width):
            d = load(b, k + j) * (load(x, i + j) - load(mean, k + j)) + load(shift, k + j)
            store(dx, i + j, load(a, k + j) * load(dy, i + j) + d)
        if rest:
            i, k = i + c - rest, k + c - rest
            d = load_some(b, k, rest) * (load_some(x, i, rest) - load_some(mean, k, rest))
            d = d + load_some(shift, k, rest)
            store_some(dx, i, load_some(a, k, rest) * load_some(dy, i, rest) + d, rest)


@inlined
def sum_of_row(x: Array, first: int, n: int) -> float:
    """The sum of n numbers from place `first` on."""
    width, whole = lanes(x), 0.0
    for start in range(first, first + n, BLOCK):
        stop = min(start + BLOCK, first + n)
        rest = (stop - start) % width
        s = load_some(x, stop - rest, rest)
        for i in range(start, stop - width + 1, width):
            s = s + load(x, i)
        whole += total(s)
    return whole


@inlined
def deviations_of_row(x: Array, first: int, n: int, mean: Any) -> tuple[float, float]:
    """The sums of x - mean and of (x - mean)**2 of n numbers from place `first` on."""
    width, sums, squares = lanes(x), 0.0, 0.0
    for start in range(first, first + n, BLOCK):
        stop = min(start + BLOCK, first + n)
        s, q = full(x, 0.0), full(x, 0.0)
        for i in range(start, stop - width + 1, width):
            d = load(x, i) - mean
            s = s + d
            q = q + d * d
        sums += total(s)
        squares += total(q)
        for i in range(stop - (stop - start) % width, stop):
            d1 = x.flat[i] - mean
            sums += d1
            squares += d1 * d1
    return sums, squares


@task
def normalize_rows_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, bias: Array, eps: float, centered: bool,
    y: Array, mean: Array, var: Array,
) -> None:
    """Each row of x (m, n) by its own mean and variance; weight and bias (n,)."""
    m, n = x.shape
    width, rest = lanes(x), n % lanes(x)
    for k in range(chunk * m // chunks, (chunk + 1) * m // chunks):
        i = k * n
        mean[k] = sum_of_row(x, i, n) / n if centered else 0.0
        sums, squares = deviations_of_row(x, i, n, mean[k])
        if centered:  # the sum of the deviations mends what was rounded away in the mean
            mean[k] += sums / n
            squares -= sums * sums / n
        var[k] = squares / n
        centre = mean[k]
        scale = 1.0 / np.sqrt(var[k] + eps)
        for j in range(0, n - width + 1, width):
            store(y, i + j, (load(x, i + j) - centre) * scale * load(weight, j) + load(bias, j))
        if rest:
            j = n - rest
            y_j = (load_some(x, i + j, rest) - centre) * scale * load_some(weight, j, rest)
            store_some(y, i + j, y_j + load_some(bias, j, rest), rest)


@task
def normalize_rows_backward_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, weight: Array, mean: Array, var: Array, eps:
    float, centered: bool, dx: Array, dweight: Array, dbias: Array,
) -> None:
    """All three gradients; dweight and dbias (chunks, n) are of float64, by blocks of rows."""
    m, n = x.shape
    width, rest = lanes(x), n % lanes(x)
    dweight[chunk, :] = 0.0
    dbias[chunk, :] = 0.0
    w, b = np.empty(n, x.dtype), np.empty(n, x.dtype)
    begin, end = chunk * m // chunks, (chunk + 1) * m // chunks
    for start in range(begin, end, 32):
        w[:] = 0
        b[:] = 0
        for k in range(start, min(start + 32, end)):
            i, centre = k * n, mean[k]
            scale = 1.0 / np.sqrt(var[k] + eps)
            s, p = full(x, 0.0), full(x, 0.0)  # the sums of g and g (x - mean)
            for j in range(0, n - width + 1, width):
                g = load(dy, i + j) * load(weight, j)
                s = s + g
                p = p + g * (load(x, i + j) - centre)
            if rest:
                j = n - rest
                g = load_some(dy, i + j, rest) * load_some(weight, j, rest)
                s = s + g
                p = p + g * (load_some(x, i + j, rest) - centre)
            slope = -total(p) * scale * scale * scale / n
            shift = -total(s) * scale / n if centered else 0.0
            for j in range(0, n - width + 1, width):
                d, c = load(dy, i + j), load(x, i + j) - centre
                store(dx, i + j, d * load(weight, j) * scale + (c * slope + shift))
                store(w, j, load(w, j) + d * (c * scale))
                store(b, j, load(b, j) + d)
            if rest:
                j = n - rest
                d, c = load_some(dy, i + j, rest), load_some(x, i + j, rest) - centre
                g = d * load_some(weight, j, rest) * scale
                store_some(dx, i + j, g + (c * slope + shift), rest)
                store_some(w, j, load_some(w, j, rest) + d * (c * scale), rest)
                store_some(b, j, load_some(b, j, rest) + d, rest)
        for j in range(n):
            dweight[chunk, j] += w[j]
            dbias[chunk, j] += b[j]


@kernel
def column_moments(
    parts: int, x: Array, mean: Array, square: Array,
) -> None:
    parallel_for(column_moments_chunk, parts, (x, mean, square))


@kernel
def column_products(
    parts: int, dy: Array, x: Array, mean: Array, sums: Array, products: Array,
) -> None:
    parallel_for(column_products_chunk, parts, (dy, x, mean, sums, products))


@kernel
def scale_columns(
    parts: int, x: Array, mean: Array, scale: Array, shift: Array, y: Array,
) -> None:
    parallel_for(scale_columns_chunk, parts, (x, mean, scale, shift, y))


@kernel
def combine_columns(
    parts: int, dy: Array, x: Array, mean: Array, a: Array, b: Array, shift: Array, dx: Array,
) -> None:
    parallel_for(combine_columns_chunk, parts, (dy, x, mean, a, b, shift, dx))


@kernel
def normalize_rows(
    parts: int, x: Array, weight: Array, bias: Array, eps: float, centered: bool, y: Array,
    mean: Array, var: Array,
) -> None:
    parallel_for(normalize_rows_chunk, parts, (x, weight, bias, eps, centered, y, mean, var))


@kernel
def normalize_rows_backward(
    parts: int, dy: Array, x: Array, weight: Array, mean: Array, var: Array, eps: float,
    centered: bool, dx: Array, dweight: Array, dbias: Array,
) -> None:
    parallel_for(normalize_rows_backward_chunk, parts,
                 (dy, x, weight, mean, var, eps, centered, dx, dweight, dbias))
