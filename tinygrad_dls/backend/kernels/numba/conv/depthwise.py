"""Depthwise convolutions: each channel with a window of its own, a vector of channels at a time.

x (pixels, c), weight (taps, c), y (places, c), flat and channels-last: `geometry` is that of
`geometry.py`, of `count` images. Rows of x are copied, so that windows of all sizes, steps and
spacings, and the gradients of images, find whole vectors in the same way (depthwise_rows.py);
results are computed eight side by side (simd/windows.py). Threads share the rows of results.

With windows of 3 x 3 the copy would take as long as the products: these are computed from images
as they are stored (depthwise_3x3.py).
"""

from functools import partial
from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..layout import NOTHING
from ..parallel import parallel_for
from ..simd import fma, full, lanes, load, load_some, store
from ..simd.intrinsics import prefetch
from ..simd.width import HOST
from ..simd.windows import add_run, store_first
from ..threads import threads_for
from ..tuning import DEPTHWISE_FAR
from . import depthwise_3x3
from .depthwise_rows import aligned, by_blocks, copy_pixels, plan, rows_from, see, strips_of
from .geometry import Geometry

Array = Any


@inlined
def ask_for(x: Array, first: int, rows: int, row: int, count: int, apart: int) -> None:
    """Have `count` pixels of each of some rows of x loaded while something else is computed."""
    for i in range(rows):
        for j in range(count):
            prefetch(x, first + i * row + j * apart)


@partial(inlined, always=True)
def summed(sums: Any, pixels: Array, at: int, weights: Array, first: int, taps: Any) -> Any:
    """Return the sums, of as many results side by side, with the products of all their taps."""
    lines, line, slot, runs, q, window, step = taps
    n = lanes(pixels)
    for k in range(lines[line, 0]):
        i, w, r = at + lines[line, 3 + 2 * k] * slot, lines[line, 4 + 2 * k] * window, 0
        while runs[q, r, 3]:
            sums = add_run(sums, pixels, i + runs[q, r, 0] * n, step, weights,
                           first + (w + runs[q, r, 1]) * n, runs[q, r, 2] * n, runs[q, r, 3])
            r += 1
    return sums


@inlined
def row_of_results(
    source: Any, factors: Any, taps: Any, bias: Array, channel: int, channels: int, y: Array,
    to: int, apart: int, count: int, ahead: Any,
) -> None:
    """`count` results of all blocks of a group, at place `to` of y and every `apart` on. Eight are
    computed at a time, or four; what the last ones are too many is not written. `ahead`: pixels of
    x that are seen next, and how far the next row of y is, or 0 for either."""
    pixels, first, wide = source
    weights, weights_at, tap_count = factors
    x, below, x_rows, x_row, c, y_row = ahead
    n, step = lanes(pixels), taps[6]
    for t in range(0, channels, n):
        m, w = min(n, channels - t), weights_at + (channel + t) * tap_count
        s = load_some(bias, channel + t, m) if bias.size else full(pixels, 0.0)
        for j in range(0, count, 8):
            left, at, place = count - j, first + t * wide + j * step * n, to + j * apart + t
            if x_rows:
                ask_for(x, below + j * step * c + t, x_rows, x_row, min(8, left) * step, c)
            if y_row:
                ask_for(y, place + y_row, 1, 0, min(8, left), apart)
            if left > 4:
                eight = summed((s, s, s, s, s, s, s, s), pixels, at, weights, w, taps)
                store_first(eight, y, place, apart, m, left)
            else:
                four = summed((s, s, s, s), pixels, at, weights, w, taps)
                store_first(four, y, place, apart, m, left)


@task
def results_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, bias: Array, y: Array, cut: Any, lines: Array,
    runs: Array,
) -> None:
    """Its chunk of the rows of all strips."""
    _, c, h, w, rows, columns, kh, kw, step, part, low, _, group, slots, wide = cut
    n, x_far = lanes(x), x.size * x.itemsize > DEPTHWISE_FAR
    y_row = columns * c if y.size * y.itemsize > DEPTHWISE_FAR else 0
    pixels = np.empty((slots * group * wide + 8 * step + 1) * n, x.dtype)  # eight may see more
    weights = np.empty((kh * kw * -(-c // n) + 1) * n, x.dtype)
    first, weights_at = aligned(pixels), aligned(weights)
    by_blocks(weight, kh * kw, c, weights, weights_at)
    total = strips_of(n, cut) * rows
    number, stop = chunk * total // chunks, (chunk + 1) * total // chunks
    while number < stop:
        strip, row, last = rows_from(number, stop, n, cut)
        image, column, count, channel, channels = strip
        done, begins = 0, True
        number += last - row
        while row < last:
            see(x, strip, begins, max(done, lines[row, 1]), lines[row, 2], cut, pixels, first)
            done, begins, x_rows, below = max(done, lines[row, 2]), False, 0, 0
            if x_far:
                x_rows = (lines[row + 1, 2] if row + 1 < rows else h + lines[0, 2]) - lines[row, 2]
                pixel = max(0, low + column * step // part)
                below = ((image * h + lines[row, 2]) * w + pixel) * c + channel
            to = ((image * rows + row) * columns + column) * c + channel
            for q in range(min(part, count)):
                row_of_results(
                    (pixels, first, wide), (weights, weights_at, kh * kw),
                    (lines, row, group * wide * n, runs, q, kw, step), bias, channel, channels,
                    y, to + q * c, part * c, (count - q + part - 1) // part,
                    (x, below, x_rows if q == 0 else 0, w * c, c, y_row))
            row += 1


@inlined
def place_of_tap(table: Array, tap: int, taps: int) -> Any:
    """Return where a tap, or the last one, finds its first pixel and its sum."""
    k = 2 * min(tap, taps - 1)
    return table[k], table[k + 1]


@inlined
def add_products(
    pixels: Array, at: int, apart: int, errors: Array, error: int, count: int, table: Array,
    taps: int, sums: Array, sums_at: int,
) -> None:
    """Add to the sums of a block's taps what `count` errors side by side give them; nine taps at a
    time, of which some may be the last one again."""
    n = lanes(pixels)
    for k in range(0, taps, 9):
        i0, p0 = place_of_tap(table, k, taps)
        i1, p1 = place_of_tap(table, k + 1, taps)
        i2, p2 = place_of_tap(table, k + 2, taps)
        i3, p3 = place_of_tap(table, k + 3, taps)
        i4, p4 = place_of_tap(table, k + 4, taps)
        i5, p5 = place_of_tap(table, k + 5, taps)
        i6, p6 = place_of_tap(table, k + 6, taps)
        i7, p7 = place_of_tap(table, k + 7, taps)
        i8, p8 = place_of_tap(table, k + 8, taps)
        s0, s1, s2 = load(sums, sums_at + p0), load(sums, sums_at + p1), load(sums, sums_at + p2)
        s3, s4, s5 = load(sums, sums_at + p3), load(sums, sums_at + p4), load(sums, sums_at + p5)
        s6, s7, s8 = load(sums, sums_at + p6), load(sums, sums_at + p7), load(sums, sums_at + p8)
        for j in range(count):
            e, i = load(errors, error + j * n), at + j * apart
            s0, s1, s2 = (fma(load(pixels, i + i0), e, s0), fma(load(pixels, i + i1), e, s1),
                          fma(load(pixels, i + i2), e, s2))
            s3, s4, s5 = (fma(load(pixels, i + i3), e, s3), fma(load(pixels, i + i4), e, s4),
                          fma(load(pixels, i + i5), e, s5))
            s6, s7, s8 = (fma(load(pixels, i + i6), e, s6), fma(load(pixels, i + i7), e, s7),
                          fma(load(pixels, i + i8), e, s8))
        store(sums, sums_at + p0, s0)
        store(sums, sums_at + p1, s1)
        store(sums, sums_at + p2, s2)
        store(sums, sums_at + p3, s3)
        store(sums, sums_at + p4, s4)
        store(sums, sums_at + p5, s5)
        store(sums, sums_at + p6, s6)
        store(sums, sums_at + p7, s7)
        store(sums, sums_at + p8, s8)


@task
def weight_chunk(
    chunk: int, chunks: int, x: Array, errors: Array, parts: Array, cut: Any, lines: Array,
    apart: int,
) -> None:
    """Its chunk of the rows of all strips of errors, and what they give each tap, summed into its
    part (blocks, taps, lanes)."""
    _, c, _, _, rows, columns, kh, kw, step, _, _, most, group, slots, wide = cut
    n, taps = lanes(x), kh * kw
    mine = chunk * -(-c // n) * taps * n
    pixels = np.empty((slots * group * wide + 1) * n, x.dtype)
    own = np.empty((group * most + 1) * n, x.dtype)  # a row of errors
    first, own_at = aligned(pixels), aligned(own)
    table, total = np.empty(2 * taps, np.int64), strips_of(n, cut) * rows
    number, stop = chunk * total // chunks, (chunk + 1) * total // chunks
    while number < stop:
        strip, row, last = rows_from(number, stop, n, cut)
        image, column, count, channel, channels = strip
        done, begins = 0, True
        number += last - row
        while row < last:
            see(x, strip, begins, max(done, lines[row, 1]), lines[row, 2], cut, pixels, first)
            done, begins, found = max(done, lines[row, 2]), False, 0
            copy_pixels(errors, ((image * rows + row) * columns + column) * c + channel, c,
                        channels, count, own, own_at, most)
            for k in range(lines[row, 0]):
                for tap in range(kw):
                    table[2 * found] = (lines[row, 3 + 2 * k] * group * wide + tap * apart) * n
                    table[2 * found + 1] = (lines[row, 4 + 2 * k] * kw + tap) * n
                    found += 1
            for t in range(0, channels, n):
                add_products(pixels, first + t * wide, step * n, own, own_at + t * most, count,
                             table, found, parts, mine + (channel + t) * taps)
            row += 1


@kernel
def forward(
    chunks: int, x: Array, weight: Array, bias: Array, y: Array, cut: Any, lines: Array,
    runs: Array,
) -> None:
    parallel_for(results_chunk, chunks, (x, weight, bias, y, cut, lines, runs))


@kernel
def backward_weight(
    chunks: int, x: Array, errors: Array, parts: Array, cut: Any, lines: Array, apart: int
) -> None:
    parallel_for(weight_chunk, chunks, (x, errors, parts, cut, lines, apart))


def _chunks(g: Geometry, count: int) -> int:
    return threads_for(2 * count * g.rows * g.columns * g.channels * g.length)


def depthwise(x: Array, weight: Array, bias: Array, y: Array, count: int, geometry: Any) -> None:
    """y[place] = bias + the sum of x[pixel] * weight[tap] over its window; bias may be empty."""
    g = Geometry(*geometry)
    given = _chunks(g, count), x.reshape(-1), weight.reshape(-1), bias, y.reshape(-1)
    if depthwise_3x3.suits(g):
        depthwise_3x3.forward(*given, count, geometry)
    else:
        forward(*given, *plan(g, count, x.dtype))


def depthwise_input(errors: Array, weight: Array, x: Array, count: int, geometry: Any) -> None:
    """x[pixel] = the sum of errors[place] * weight[tap] over all windows it lies in."""
    g = Geometry(*geometry)
    rotated = g._replace(  # a convolution with step 1 is one of the window rotated by 180 degrees
        height=g.rows, width=g.columns, rows=g.height, columns=g.width,
        top=(g.window_height - 1) * g.apart_down - g.top,
        left=(g.window_width - 1) * g.apart_across - g.left)
    chunks, none = _chunks(g, count), NOTHING[x.dtype]
    if g.down == g.across == 1 and depthwise_3x3.suits(rotated):
        depthwise(errors, np.ascontiguousarray(weight[::-1]), none, x, count, tuple(rotated))
    elif depthwise_3x3.suits_back(g):
        depthwise_3x3.backward(chunks, errors.reshape(-1), weight.reshape(-1), x.reshape(-1), count,
                               geometry)
    else:
        forward(chunks, errors.reshape(-1), weight.reshape(-1), none, x.reshape(-1),
                *plan(g, count, x.dtype, back=True))


def depthwise_weight(x: Array, errors: Array, count: int, geometry: Any) -> Array:
    """(taps, c): the sum of x[pixel] * errors[place] over all that meet at a tap."""
    g = Geometry(*geometry)
    c, chunks, flat = g.channels, _chunks(g, count), (x.reshape(-1), errors.reshape(-1))
    if depthwise_3x3.suits(g):
        parts = np.zeros((chunks, g.length, c), x.dtype)
        depthwise_3x3.backward_weight(chunks, *flat, parts.reshape(-1), count, geometry)
        return parts[0] if chunks == 1 else parts.sum(axis=0)
    lanes = HOST.lanes(x.dtype.itemsize)
    parts = np.zeros((chunks, -(-c // lanes), g.length, lanes), x.dtype)
    cut, lines, _ = plan(g, count, x.dtype)
    backward_weight(chunks, *flat, parts.reshape(-1), cut, lines, g.apart_across)
    total = parts[0] if chunks == 1 else parts.sum(axis=0)
    return total.transpose(1, 0, 2).reshape(g.length, -1)[:, :c]
