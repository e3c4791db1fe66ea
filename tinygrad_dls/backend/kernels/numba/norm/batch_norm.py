"""Batch normalization, with what often follows it: + a residual, and ReLU or ReLU6.

Images are channels-last, so a batch is a matrix x (m, c): m examples or pixels, c channels. Forward
reads x twice, for the statistics and for y; back reads x and dy twice, for the sums that the
gradients need and for dx. The second time begins at the end, which is still in the cache. What
follows the normalization is done while y is in a register, and its gradient is a mask on dy:
`low` < y < `high`. Without a residual that y is computed again, to the same bits: x has to be read
anyway, and memory takes longer than arithmetic.

Each thread takes a chunk of the rows. Statistics are taken block by block (see `loops.py`)
and those of the chunks are joined in float64.
"""

from typing import Any

import numpy as np

from ...reference import batch_norm as reference
from ..compile import inlined, kernel, task
from ..conv.geometry import flat_rows
from ..elementwise.activations import clamp_gradient, clamped
from ..layout import F32, F64, NOTHING, channels_first
from ..parallel import parallel_for
from ..simd import fma, full, lanes, load, load_some, store, store_some
from ..threads import threads_for
from .loops import moments_of_rows

Array = Any
NO_ROWS = {kind: np.empty((0, 0), kind) for kind in (F32, F64)}
ROWS = 512  # that are summed in x's own precision


@task
def moments_chunk(chunk: int, chunks: int, x: Array, mean: Array, square: Array) -> None:
    """Of each channel: mean and sum of squared deviations of a chunk's rows; (chunks, c)."""
    m, c = x.shape
    first, second = chunk * m // chunks, (chunk + 1) * m // chunks
    moments_of_rows(x, first * c, second - first, c, mean, square, chunk)


@task
def scale_chunk(
    chunk: int, chunks: int, x: Array, centre: Array, scale: Array, shift: Array, residual: Array,
    low: float, high: float, y: Array,
) -> None:
    """y = (x - centre) * scale + shift (+ residual), clamped to [low, high] (NaN: no bound)."""
    m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    more, bounds = residual.size > 0, low == low
    begin, end = chunk * m // chunks, (chunk + 1) * m // chunks
    for row in range(end - 1, begin - 1, -1):
        i = row * c
        for j in range(0, c - width + 1, width):
            v = fma(load(x, i + j) - load(centre, j), load(scale, j), load(shift, j))
            if more:
                v = v + load(residual, i + j)
            if bounds:
                v = clamped(v, low, high)
            store(y, i + j, v)
        if rest:
            j = c - rest
            v = fma(load_some(x, i + j, rest) - load_some(centre, j, rest),
                    load_some(scale, j, rest), load_some(shift, j, rest))
            if more:
                v = v + load_some(residual, i + j, rest)
            if bounds:
                v = clamped(v, low, high)
            store_some(y, i + j, v, rest)


@inlined
def joined(m: int, parts: int, means: Array, squares: Array, j: int) -> tuple[float, float]:
    """Mean, and sum of squared deviations, of channel j over the chunks of m rows."""
    whole = squares[0, j]
    middle = means[0, j]
    before = m // parts
    for chunk in range(1, parts):  # Chan, Golub and LeVeque (1983)
        count = (chunk + 1) * m // parts - chunk * m // parts
        apart = means[chunk, j] - middle
        part = count / (before + count)
        middle += apart * part
        whole += squares[chunk, j] + apart * apart * part * before
        before += count
    return middle, whole


@kernel
def moments(parts: int, x: Array, mean: Array, var: Array, sums: Array) -> None:
    """Mean and variance of each channel; `sums` (2, parts, c) of float64 is scratch."""
    m, c = x.shape
    parallel_for(moments_chunk, parts, (x, sums[0], sums[1]))
    for j in range(c):
        middle, whole = joined(m, parts, sums[0], sums[1], j)
        mean[j] = middle
        var[j] = whole / m


@kernel
def scale(parts: int, x: Array, centre: Array, ends: Array, residual: Array, y: Array) -> None:
    """y = (x - centre) * ends[0] + ends[1]."""
    parallel_for(scale_chunk, parts, (x, centre, ends[0], ends[1], residual, np.nan, np.nan, y))


@kernel
def two_sums(
    parts: int, dy: Array, x: Array, none: Array, mean: Array, total: Array, product: Array,
    sums: Array,
) -> None:
    """Sums of dy and dy * (x - mean) of each channel; `sums` (2, parts, c) is scratch."""
    parallel_for(sums_chunk, parts,
                 (dy, x, none, mean, mean, mean[:0], np.nan, np.nan, none, sums[0], sums[1]))
    for j in range(x.shape[1]):
        first, second = 0.0, 0.0
        for chunk in range(parts):
            first += sums[0, chunk, j]
            second += sums[1, chunk, j]
        total[j] = first
        product[j] = second


@kernel
def combine(
    parts: int, dy: Array, x: Array, none: Array, mean: Array, ends: Array, dx: Array
) -> None:
    """dx = ends[0] * dy + ends[1] * (x - mean) + ends[2]."""
    parallel_for(combine_chunk, parts, (dy, x, none, mean, ends, False, np.nan, np.nan, dx))


@kernel
def forward(
    parts: int, x: Array, weight: Array, bias: Array, residual: Array, eps: float, low: float,
    high: float, y: Array, mean: Array, var: Array, sums: Array, ends: Array,
) -> None:
    """`sums` (2, parts, c) of float64 and `ends` (2, c) of x's dtype are scratch."""
    m, c = x.shape
    means, squares = sums[0], sums[1]
    parallel_for(moments_chunk, parts, (x, means, squares))
    for j in range(c):
        middle, whole = joined(m, parts, means, squares, j)
        mean[j] = middle
        var[j] = whole / m
        scale = 1.0 / np.sqrt(var[j] + eps)  # as back takes it: from what is kept
        ends[0, j] = scale * weight[j] if weight.size else scale
        ends[1, j] = bias[j] if bias.size else 0.0
    parallel_for(scale_chunk, parts, (x, mean, ends[0], ends[1], residual, low, high, y))


@kernel
def forward_frozen(
    parts: int, x: Array, weight: Array, bias: Array, residual: Array, mean: Array, var: Array,
    eps: float, low: float, high: float, y: Array, ends: Array,
) -> None:
    """With statistics that are given; `ends` (3, c) of x's dtype is scratch."""
    kind = x.dtype.type
    for j in range(x.shape[1]):
        scale = kind(1.0) / np.sqrt(var[j] + kind(eps))
        if weight.size:
            scale *= weight[j]
        ends[0, j] = 0.0
        ends[1, j] = scale
        ends[2, j] = bias[j] - mean[j] * scale if bias.size else -mean[j] * scale
    parallel_for(scale_chunk, parts, (x, ends[0], ends[1], ends[2], residual, low, high, y))


@task
def sums_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, y: Array, mean: Array, scale: Array,
    shift: Array, low: float, high: float, masked: Array, sums: Array, products: Array,
) -> None:
    """Of each channel: the sums of d and of d * (x - mean) of a chunk's rows; (chunks, c).

    d is dy; where y is given, or a shift that says what y was, only where low < y < high. It is
    written to `masked` unless that is empty.
    """
    m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    mask, again, keep = y.size > 0, shift.size > 0, masked.size > 0
    s1, s2 = np.empty(c, x.dtype), np.empty(c, x.dtype)
    sums[chunk, :] = 0.0
    products[chunk, :] = 0.0
    begin, end = chunk * m // chunks, (chunk + 1) * m // chunks
    rows = max(1, min(ROWS, 8192 // c))
    for start in range(begin, end, rows):
        first, last = start * c, min(end, start + rows) * c
        for j in range(0, c - width + 1, width):
            s, p, centre = full(x, 0.0), full(x, 0.0), load(mean, j)
            slope, start_y = load(scale, j), load(shift, j) if again else full(x, 0.0)
            for i in range(first + j, last, c):
                d, away = load(dy, i), load(x, i) - centre
                if again:
                    d = clamp_gradient(d, fma(away, slope, start_y), low, high)
                if mask:
                    d = clamp_gradient(d, load(y, i), low, high)
                if keep:
                    store(masked, i, d)
                s = s + d
                p = p + d * away
            store(s1, j, s)
            store(s2, j, p)
        if rest:
            j = c - rest
            s, p, centre = full(x, 0.0), full(x, 0.0), load_some(mean, j, rest)
            slope, start_y = load_some(scale, j, rest), full(x, 0.0)
            if again:
                start_y = load_some(shift, j, rest)
            for i in range(first + j, last, c):
                d, away = load_some(dy, i, rest), load_some(x, i, rest) - centre
                if again:
                    d = clamp_gradient(d, fma(away, slope, start_y), low, high)
                if mask:
                    d = clamp_gradient(d, load_some(y, i, rest), low, high)
                if keep:
                    store_some(masked, i, d, rest)
                s = s + d
                p = p + d * away
            store_some(s1, j, s, rest)
            store_some(s2, j, p, rest)
        for j in range(c):
            sums[chunk, j] += s1[j]
            products[chunk, j] += s2[j]


@task
def combine_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, y: Array, mean: Array, ends: Array, again: bool,
    low: float, high: float, dx: Array,
) -> None:
    """dx = ends[0] * d + ends[1] * (x - mean) + ends[2], with d as in `sums_chunk`; where y is
    computed `again` it is ends[0] * (x - mean) + ends[3]."""
    m, c = x.shape
    width, rest = lanes(x), c % lanes(x)
    mask = y.size > 0
    begin, end = chunk * m // chunks, (chunk + 1) * m // chunks
    for row in range(end - 1, begin - 1, -1):
        i = row * c
        for j in range(0, c - width + 1, width):
            d, away, slope = load(dy, i + j), load(x, i + j) - load(mean, j), load(ends, j)
            if again:
                d = clamp_gradient(d, fma(away, slope, load(ends, 3 * c + j)), low, high)
            if mask:
                d = clamp_gradient(d, load(y, i + j), low, high)
            v = load(ends, c + j) * away + load(ends, 2 * c + j)
            store(dx, i + j, slope * d + v)
        if rest:
            j = c - rest
            d, away = load_some(dy, i + j, rest), load_some(x, i + j, rest) - load_some(
                mean, j, rest)
            slope = load_some(ends, j, rest)
            if again:
                d = clamp_gradient(
                    d, fma(away, slope, load_some(ends, 3 * c + j, rest)), low, high)
            if mask:
                d = clamp_gradient(d, load_some(y, i + j, rest), low, high)
            v = load_some(ends, c + j, rest) * away + load_some(ends, 2 * c + j, rest)
            store_some(dx, i + j, slope * d + v, rest)


@kernel
def backward(
    parts: int, dy: Array, x: Array, y: Array, weight: Array, bias: Array, again: bool,
    mean: Array, var: Array, eps: float, low: float, high: float, dx: Array, masked: Array,
    dweight: Array, dbias: Array, sums: Array, ends: Array,
) -> None:
    """`sums` (2, parts, c) of float64 and `ends` (4, c) of x's dtype are scratch; no empty dx."""
    m, c = x.shape
    for j in range(c):  # as `forward` computed them
        inverse = 1.0 / np.sqrt(var[j] + eps)
        ends[0, j] = inverse * weight[j] if weight.size else inverse
        ends[3, j] = bias[j] if bias.size else 0.0
    shift = ends[3] if again else ends[3, :0]
    parallel_for(sums_chunk, parts, (dy, x, y, mean, ends[0], shift, low, high, masked, sums[0],
                                     sums[1]))
    for j in range(c):
        total, product = 0.0, 0.0
        for chunk in range(parts):
            total += sums[0, chunk, j]
            product += sums[1, chunk, j]
        inverse = 1.0 / np.sqrt(var[j] + eps)
        product *= inverse  # now of d and the normalized x
        dweight[j] = product
        dbias[j] = total
        scale = inverse * weight[j] if weight.size else inverse
        ends[1, j] = -scale * inverse * product / m
        ends[2, j] = -scale * total / m
    if dx.size:
        if masked.size:
            parallel_for(combine_chunk, parts,
                         (masked, x, masked[:0], mean, ends, False, low, high, dx))
        else:
            parallel_for(combine_chunk, parts, (dy, x, y, mean, ends, again, low, high, dx))


@inlined
def moved(running: Array, new: Array, by: float, factor: float) -> None:
    for j in range(running.size):
        running[j] += (new[j] * by - running[j]) * factor


@kernel
def move(
    mean: Array, var: Array, new_mean: Array, new_var: Array, by: float, factor: float
) -> None:
    """Running statistics towards new ones, by a share; the new variance counts `by` times."""
    moved(mean, new_mean, 1.0, factor)
    moved(var, new_var, by, factor)


class BatchNorm(reference.BatchNorm):
    """Batch norm of float32 and float64, everything in one call forward and one back."""

    def batch_norm(
        self, x: Any, weight: Any | None, bias: Any | None, residual: Any | None, eps: float,
        bounds: reference.Bounds,
    ) -> tuple[Any, Any, Any]:
        dtype = x.dtype
        if not _fit(x, weight, bias, residual):
            return super().batch_norm(x, weight, bias, residual, eps, bounds)
        rows = flat_rows(x)
        (m, c), parts = rows.shape, threads_for(24 * rows.size)
        y, mean, var = np.empty((m, c), dtype), np.empty(c, dtype), np.empty(c, dtype)
        none = NOTHING[dtype]
        forward(parts, rows, none if weight is None else weight, none if bias is None else bias,
                NO_ROWS[dtype] if residual is None else flat_rows(residual), eps,
                *_numbers(bounds), y, mean, var, np.empty((2, parts, c)), np.empty((2, c), dtype))
        return _images(y, x.shape), mean, var

    def frozen_batch_norm(
        self, x: Any, weight: Any | None, bias: Any | None, residual: Any | None, mean: Any,
        var: Any, eps: float, bounds: reference.Bounds, reuse: bool = False,
    ) -> Any:
        dtype = x.dtype
        if not _fit(x, weight, bias, residual, mean, var):
            return super().frozen_batch_norm(x, weight, bias, residual, mean, var, eps, bounds)
        rows, none = flat_rows(x), NOTHING[dtype]
        y = rows if reuse else np.empty(rows.shape, dtype)
        forward_frozen(threads_for(12 * rows.size), rows, none if weight is None else weight,
                       none if bias is None else bias,
                       NO_ROWS[dtype] if residual is None else flat_rows(residual), mean, var, eps,
                       *_numbers(bounds), y, np.empty((3, rows.shape[1]), dtype))
        return _images(y, x.shape)

    def batch_norm_backward(
        self, dy: Any, x: Any, y: Any | None, weight: Any | None, bias: Any | None, mean: Any,
        var: Any, eps: float, bounds: reference.Bounds, needs: tuple[bool, ...],
    ) -> tuple[Any | None, ...]:
        dtype = x.dtype
        if not _fit(x, dy, y, weight, bias, mean):
            return super().batch_norm_backward(
                dy, x, y, weight, bias, mean, var, eps, bounds, needs)
        rows, errors, none = flat_rows(x), flat_rows(dy), NO_ROWS[dtype]
        (m, c), parts = rows.shape, threads_for(24 * rows.size)
        dweight, dbias = np.empty(c, dtype), np.empty(c, dtype)
        dx = np.empty((m, c), dtype) if needs[0] else none
        passes = bounds is None  # all of dy, as it is
        again = not passes and y is None
        masked = np.empty((m, c), dtype) if needs[3] and not passes else none
        backward(parts, errors, rows, none if passes or again else flat_rows(y),
                 NOTHING[dtype] if weight is None else weight,
                 NOTHING[dtype] if bias is None else bias, again, mean, var, eps,
                 *_numbers(bounds), dx, masked, dweight, dbias, np.empty((2, parts, c)),
                 np.empty((4, c), dtype))
        return (
            _images(dx, x.shape) if needs[0] else None,
            dweight if needs[1] else None,
            dbias if needs[2] else None,
            (dy if passes else _images(masked, x.shape)) if needs[3] else None,
        )

    def channel_moments(self, x: Any) -> tuple[Any, Any]:
        if not _fit(x):
            return super().channel_moments(x)
        rows = flat_rows(x)
        c, parts = rows.shape[1], threads_for(12 * rows.size)
        mean, var = np.empty(c, x.dtype), np.empty(c, x.dtype)
        moments(parts, rows, mean, var, np.empty((2, parts, c)))
        return mean, var

    def scale_centered(self, x: Any, mean: Any, scale_by: Any, shift: Any | None) -> Any:
        if not _fit(x, mean, scale_by, shift):
            return super().scale_centered(x, mean, scale_by, shift)
        rows = flat_rows(x)
        ends = np.stack([scale_by, np.zeros_like(mean) if shift is None else shift])
        y = np.empty(rows.shape, x.dtype)
        scale(threads_for(12 * rows.size), rows, mean, ends, NO_ROWS[x.dtype], y)
        return _images(y, x.shape)

    def centered_sums(self, dy: Any, x: Any, mean: Any) -> tuple[Any, Any]:
        if not _fit(x, dy, mean):
            return super().centered_sums(dy, x, mean)
        rows = flat_rows(x)
        c, parts = rows.shape[1], threads_for(12 * rows.size)
        total, product = np.empty(c, x.dtype), np.empty(c, x.dtype)
        two_sums(parts, flat_rows(dy), rows, NO_ROWS[x.dtype], mean, total, product,
                 np.empty((2, parts, c)))
        return total, product

    def combine_centered(self, dy: Any, x: Any, mean: Any, a: Any, b: Any, c: Any) -> Any:
        if not _fit(x, dy, mean, a, b, c):
            return super().combine_centered(dy, x, mean, a, b, c)
        rows = flat_rows(x)
        dx = np.empty(rows.shape, x.dtype)
        combine(threads_for(12 * rows.size), flat_rows(dy), rows, NO_ROWS[x.dtype], mean,
                np.stack([a, b, c]), dx)
        return _images(dx, x.shape)

    def move_statistics(
        self, running_mean: Any, running_var: Any, mean: Any, var: Any, count: int, factor: Any
    ) -> None:
        dtype = mean.dtype
        if (running_mean.dtype is not dtype or running_var.dtype is not dtype
                or (dtype is not F32 and dtype is not F64)):
            return super().move_statistics(running_mean, running_var, mean, var, count, factor)
        move(running_mean, running_var, mean, var, count / max(1, count - 1), float(factor))
        return None


def _fit(x: Any, *others: Any) -> bool:
    """Return whether the loops can take them: not empty, of one float dtype, vectors contiguous."""
    dtype = x.dtype
    return x.size > 0 and (dtype is F32 or dtype is F64) and all(
        a is None or (a.dtype is dtype and (a.ndim > 1 or a.flags.c_contiguous)) for a in others)


def _numbers(bounds: reference.Bounds) -> tuple[float, float]:
    """(low, high) as the loops take them: NaN is not a bound."""
    if bounds is None:
        return np.nan, np.nan
    low, high = bounds
    return low, np.nan if high is None else high


def _images(rows: Any, shape: tuple[int, ...]) -> Any:
    """Rows (m, c) as an array of `shape` (n, c, ...), channels-last in memory."""
    if len(shape) == 2:
        return rows
    return channels_first(rows.reshape(shape[0], *shape[2:], shape[1]))
