"""Normalization: two passes over memory forward, two back.

Images are channels-last, so batch and group norm see (n, m, c): n sets of m rows, and want the
statistics of each column. Statistics are taken block by block. A block is read twice while it
is in the cache, once for a first mean, once for the deviations from it, whose sum mends the mean,
and their squares. Two blocks are joined in float64 as Chan, Golub and LeVeque (1983) do: no digits
are lost to a large mean.

Layer norm wants the statistics of rows; `normalize_rows` and its gradient take a row at a time.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel
from ..reference import normalization as reference
from ..simd import full, lanes, load, load_some, store, store_some, total
from .layout import F32, F64

Array = Any
BLOCK = 8192  # numbers in a block


@kernel
def column_moments(x: Array, mean: Array, square: Array) -> None:
    """Of each column of x (n, m, c): its mean, and its sum of squared deviations; (n, c)."""
    n, m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    rows = max(1, BLOCK // c)
    first_mean = np.empty(c, x.dtype)
    s1, s2 = np.empty(c, x.dtype), np.empty(c, x.dtype)
    for b in range(n):
        mean[b, :] = 0.0
        square[b, :] = 0.0
        for start in range(0, m, rows):
            stop = min(start + rows, m)
            first = (b * m + start) * c
            last = (b * m + stop) * c
            share = 1.0 / (stop - start)
            for j in range(0, c - width + 1, width):
                s = full(x, 0.0)
                for i in range(first + j, last, c):
                    s = s + load(x, i)
                middle = s * share
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
                middle = s * share
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
                mended = s1[j] * share
                shift = first_mean[j] + mended - mean[b, j]
                mean[b, j] += shift * part
                square[b, j] += s2[j] - mended * s1[j] + shift * shift * part * start


@kernel
def column_products(dy: Array, x: Array, mean: Array, sums: Array, products: Array) -> None:
    """Of each column: the sum of dy, and of dy * (x - mean); all (n, m, c), the sums (n, c)."""
    n, m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    rows = max(1, BLOCK // c)
    s1, s2 = np.empty(c, x.dtype), np.empty(c, x.dtype)
    for b in range(n):
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


@kernel
def scale_columns(x: Array, mean: Array, scale: Array, shift: Array, y: Array) -> None:
    """y = (x - mean) * scale + shift; x (n, m, c), the others (n, c)."""
    n, m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    for row in range(n * m):
        i, k = row * c, row // m * c
        for j in range(0, c - width + 1, width):
            y_j = (load(x, i + j) - load(mean, k + j)) * load(scale, k + j) + load(shift, k + j)
            store(y, i + j, y_j)
        if rest:
            i, k = i + c - rest, k + c - rest
            y_j = (load_some(x, i, rest) - load_some(mean, k, rest)) * load_some(scale, k, rest)
            store_some(y, i, y_j + load_some(shift, k, rest), rest)


@kernel
def combine_columns(
    dy: Array, x: Array, mean: Array, a: Array, b: Array, shift: Array, dx: Array
) -> None:
    """dx = a * dy + b * (x - mean) + shift; dy and x (n, m, c), the others (n, c)."""
    n, m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    for row in range(n * m):
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


@kernel
def normalize_rows(
    x: Array, weight: Array, bias: Array, eps: float, centered: bool, y: Array, mean: Array,
    var: Array,
) -> None:
    """Each row of x (m, n) by its own mean and variance; weight and bias (n,)."""
    m, n = x.shape
    width, rest = lanes(x), n % lanes(x)
    for k in range(m):
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


@kernel
def normalize_rows_backward(
    dy: Array, x: Array, weight: Array, mean: Array, var: Array, eps: float, centered: bool,
    dx: Array, dweight: Array, dbias: Array,
) -> None:
    """All three gradients; dweight and dbias (n,) are of float64, summed by blocks of rows."""
    m, n = x.shape
    width, rest = lanes(x), n % lanes(x)
    dweight[:] = 0.0
    dbias[:] = 0.0
    w, b = np.empty(n, x.dtype), np.empty(n, x.dtype)
    for start in range(0, m, 32):
        w[:] = 0
        b[:] = 0
        for k in range(start, min(start + 32, m)):
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
            dweight[j] += w[j]
            dbias[j] += b[j]


class Normalization(reference.Normalization):
    """Those of the reference that compiled loops beat: all of them."""

    def normalize(
        self, x: Any, weight: Any | None, bias: Any | None, axes: tuple[int, ...], eps: float,
        centered: bool,
    ) -> tuple[Any, Any, Any]:
        if not _fit(x, weight, bias) or not (centered or x.ndim == 2):
            return super().normalize(x, weight, bias, axes, eps, centered)
        if x.ndim == 2:
            x = np.ascontiguousarray(x)
            m = x.shape[0]
            y, mean, var = np.empty_like(x), np.empty(m, x.dtype), np.empty(m, x.dtype)
            normalize_rows(x, _row(weight, 1, x), _row(bias, 0, x), eps, centered, y, mean, var)
            return y, mean.reshape(m, 1), var.reshape(m, 1)
        rows = as_rows(x)
        sets, m, c = rows.shape
        share = x.shape[2] if x.ndim == 4 else 1  # columns with one mean together
        mean, square = moments(rows, share)
        var = square * (1.0 / (m * share))
        scale = np.repeat((var + eps) ** -0.5, share, axis=1)
        if weight is not None:
            scale *= weight.reshape(c)
        y = np.empty_like(rows)
        scale_columns(
            rows, *_columns(rows, np.repeat(mean, share, axis=1), scale,
                            0.0 if bias is None else bias.reshape(c)), y)
        kept = (*((sets,) if x.ndim == 4 else (1,)), c // share, *(1,) * (x.ndim - 2))
        return as_images(y, x.shape), *(v.astype(x.dtype).reshape(kept) for v in (mean, var))

    def normalize_backward(
        self, dy: Any, x: Any, weight: Any | None, mean: Any, var: Any, axes: tuple[int, ...],
        eps: float, centered: bool, needs: tuple[bool, ...],
    ) -> tuple[Any | None, ...]:
        if not _fit(x, dy, weight, mean) or not (centered or x.ndim == 2):
            return super().normalize_backward(
                dy, x, weight, mean, var, axes, eps, centered, needs)
        if x.ndim == 2:
            dy, x = np.ascontiguousarray(dy), np.ascontiguousarray(x)
            n = x.shape[1]
            dx, sums, products = np.empty_like(x), np.empty(n), np.empty(n)
            normalize_rows_backward(
                dy, x, _row(weight, 1, x), mean.reshape(-1), var.reshape(-1), eps, centered, dx,
                products, sums)
            return _needed(needs, dx, products, sums, (1, n), x.dtype)
        d, rows = as_rows(dy), as_rows(x)
        sets, m, c = rows.shape
        share = x.shape[2] if x.ndim == 4 else 1
        (mean,) = _columns(rows, np.repeat(mean.reshape(sets, -1), share, axis=1))
        inverse = np.repeat((var.reshape(sets, -1).astype(F64) + eps) ** -0.5, share, axis=1)
        sums, products = np.empty((2, sets, c))
        column_products(d, rows, mean, sums, products)
        products *= inverse  # now of dy and the normalized x
        dx = None
        if needs[0]:
            w = 1.0 if weight is None else weight.reshape(c)
            g1, g2 = (s * w for s in (sums, products))  # the sums of g and of g n
            if share > 1:
                g1, g2 = (np.repeat(g.reshape(sets, -1, share).sum(axis=2), share, axis=1)
                          for g in (g1, g2))
            slope, shift = (inverse * g * (-1.0 / (m * share)) for g in (g2 * inverse, g1))
            dx = np.empty_like(rows)
            combine_columns(d, rows, mean, *_columns(rows, inverse * w, slope, shift), dx)
            dx = as_images(dx, x.shape)
        kept = (1, c, 1) if x.ndim == 3 else (1, *x.shape[1:3], 1)
        return _needed(needs, dx, products.sum(axis=0), sums.sum(axis=0), kept, x.dtype)

    def scale_shift(self, x: Any, scale: Any, shift: Any) -> Any:
        if not _fit(x, scale, shift):
            return super().scale_shift(x, scale, shift)
        rows = as_rows(x)
        y = np.empty_like(rows)
        scale_columns(rows, *_columns(rows, 0.0, scale, shift), y)
        return as_images(y, x.shape)


# --- images as rows ------------------------------------------------------------------------------


def as_rows(x: Any) -> Any:
    """x (m, c, s) as (1, m * s, c), x (m, groups, c, s) as (m, s, groups * c); contiguous.

    A view if x is channels-last, else a copy.
    """
    if x.ndim == 3:
        return np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(1, -1, x.shape[1])
    rows = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return rows.reshape(x.shape[0], x.shape[3], -1)


def as_images(rows: Any, shape: tuple[int, ...]) -> Any:
    """The way back, to a channels-last view of `shape`."""
    if len(shape) == 3:
        return rows.reshape(shape[0], shape[2], shape[1]).transpose(0, 2, 1)
    return rows.reshape(shape[0], shape[3], shape[1], shape[2]).transpose(0, 2, 3, 1)


def moments(rows: Any, share: int) -> tuple[Any, Any]:
    """Mean and sum of squared deviations (n, c / share), of `share` columns each together."""
    n, m, c = rows.shape
    mean, square = np.empty((2, n, c))
    column_moments(rows, mean, square)
    if share == 1:
        return mean, square
    mean, square = mean.reshape(n, -1, share), square.reshape(n, -1, share)
    whole = mean.mean(axis=2, keepdims=True)
    return whole.reshape(n, -1), (square + (mean - whole) ** 2 * m).sum(axis=2)


def _fit(x: Any, *others: Any) -> bool:
    """May the loops take them: not empty, and of one float dtype?"""
    dtype = x.dtype
    return x.size > 0 and (dtype is F32 or dtype is F64) and all(
        a is None or a.dtype is dtype for a in others)


def _columns(rows: Any, *values: Any) -> list[Any]:
    """Values for the columns of rows (n, m, c) as arrays (n, c) of its dtype."""
    shape = (rows.shape[0], rows.shape[2])
    return [np.ascontiguousarray(np.broadcast_to(v, shape), rows.dtype) for v in values]


def _needed(
    needs: tuple[bool, ...], dx: Any, dweight: Any, dbias: Any, shape: tuple[int, ...], dtype: Any
) -> tuple[Any | None, ...]:
    """Those gradients that were asked for; dweight and dbias in `shape` and dtype."""
    sums = [v.astype(dtype).reshape(shape) if need else None
            for v, need in zip((dweight, dbias), needs[1:])]
    return dx if needs[0] else None, *sums


def _row(values: Any | None, otherwise: float, x: Any) -> Any:
    """Values (1, n) as (n,), or as many times `otherwise` where there are none."""
    if values is None:
        return np.full(x.shape[1], otherwise, x.dtype)
    return np.ascontiguousarray(values).reshape(-1)
