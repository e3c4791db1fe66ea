"""Depthwise convolutions: each channel with a window of its own, a vector of channels at a time.

x (pixels, c), weight (taps, c), y (places, c), flat and channels-last: `geometry` is that of
`geometry.py`, of `count` images. Each result is summed in a register over its taps and written
once. Threads share the rows of results; for the weights' gradient the images.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd import fma, full, lanes, load_some, store_some
from ..threads import threads_for
from . import depthwise_3x3
from .geometry import Geometry, range_inside

Array = Any


@inlined
def results(
    x: Array, at: int, apart: int, weight: Array, tap_at: int, bias: Array, y: Array, to: int,
    to_apart: int, c: int, count: int, down: Any, across: Any,
) -> None:
    """`count` results, at place `to` of y and every `to_apart` on, each a sum over a grid of taps.

    The first pixel of the first result is at place `at` of x, the first weight at `tap_at`;
    `apart` numbers on the next result begins. `down` and `across`: how many taps, and how many
    numbers apart their pixels and their weights are. Four sums at a time, of results side by side
    or of vectors of channels of one: a sum waits four cycles for each product before it can add
    the next.
    """
    n = lanes(x)
    rows, x_down, w_down = down
    columns, x_across, w_across = across
    for j in range(0, count - 3, 4):
        for t in range(0, c, n):
            m = min(n, c - t)
            s0 = load_some(bias, t, m) if bias.size else full(x, 0.0)
            s1, s2, s3 = s0, s0, s0
            for k in range(rows):
                for tap in range(columns):
                    i = at + j * apart + k * x_down + tap * x_across + t
                    w = load_some(weight, tap_at + k * w_down + tap * w_across + t, m)
                    s0, s1 = (fma(load_some(x, i, m), w, s0),
                              fma(load_some(x, i + apart, m), w, s1))
                    s2, s3 = (fma(load_some(x, i + 2 * apart, m), w, s2),
                              fma(load_some(x, i + 3 * apart, m), w, s3))
            place = to + j * to_apart + t
            store_some(y, place, s0, m)
            store_some(y, place + to_apart, s1, m)
            store_some(y, place + 2 * to_apart, s2, m)
            store_some(y, place + 3 * to_apart, s3, m)
    for j in range(count - count % 4, count):
        for t in range(0, c, 4 * n):
            m0, m1, m2, m3 = (min(n, c - t), min(n, max(0, c - t - n)),
                              min(n, max(0, c - t - 2 * n)), min(n, max(0, c - t - 3 * n)))
            s0, s1, s2, s3 = full(x, 0.0), full(x, 0.0), full(x, 0.0), full(x, 0.0)
            if bias.size:
                s0, s1 = load_some(bias, t, m0), load_some(bias, t + n, m1)
                s2, s3 = load_some(bias, t + 2 * n, m2), load_some(bias, t + 3 * n, m3)
            for k in range(rows):
                for tap in range(columns):
                    i = at + j * apart + k * x_down + tap * x_across + t
                    w = tap_at + k * w_down + tap * w_across + t
                    s0, s1 = (fma(load_some(x, i, m0), load_some(weight, w, m0), s0),
                              fma(load_some(x, i + n, m1), load_some(weight, w + n, m1), s1))
                    s2, s3 = (fma(load_some(x, i + 2 * n, m2),
                                  load_some(weight, w + 2 * n, m2), s2),
                              fma(load_some(x, i + 3 * n, m3),
                                  load_some(weight, w + 3 * n, m3), s3))
            place = to + j * to_apart + t
            store_some(y, place, s0, m0)
            store_some(y, place + n, s1, m1)
            store_some(y, place + 2 * n, s2, m2)
            store_some(y, place + 3 * n, s3, m3)


@inlined
def inner_columns(offset: int, step: int, window: int, width: int, count: int) -> Any:
    """Begin and end of those of `count` results whose whole window lies in a row: that of result j
    begins at offset + j * step, and is `window` pixels wide."""
    begin = min(count, (max(0, -offset) + step - 1) // step)
    return begin, max(begin, min(count, (width - window - offset) // step + 1))


@task
def forward_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, bias: Array, y: Array, count: int,
    geometry: Any,
) -> None:
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    total = count * rows
    begin, end = inner_columns(-left, sx, (kw - 1) * dx + 1, w, columns)
    for place in range(chunk * total // chunks, (chunk + 1) * total // chunks):
        row = place % rows * sy - top
        first, last = range_inside(row, dy, h, kh)
        start, to = (place // rows * h + row + first * dy) * w - left, place * columns
        down = (last - first, dy * w * c, kw * c)
        results(x, (start + begin * sx) * c, sx * c, weight, first * kw * c, bias, y,
                (to + begin) * c, c, c, end - begin, down, (kw, dx * c, c))
        for j in range(columns - (end - begin)):
            at_edge = j if j < begin else j + end - begin
            tap, stop = range_inside(at_edge * sx - left, dx, w, kw)
            results(x, (start + at_edge * sx + tap * dx) * c, 0, weight, (first * kw + tap) * c,
                    bias, y, (to + at_edge) * c, 0, c, 1, down, (stop - tap, dx * c, c))


@inlined
def meeting_taps(place: int, step: int, apart: int, window: int) -> Any:
    """The taps that meet a pixel at `place`, counted with the padding: (last one, how many apart
    they are, how many there are, the result that the last one belongs to)."""
    every, first = 1, 0
    while every * apart % step:
        every += 1
    while first < window and (place - first * apart) % step:
        first += 1
    number = (window - first + every - 1) // every
    last = first + (number - 1) * every
    return last, every, number, (place - last * apart) // step


@inlined
def pairs_of_pixels(
    errors: Array, weight: Array, x: Array, at: int, row: int, both: bool, tap_at: int, to: int,
    c: int, count: int,
) -> None:
    """`count` pairs of pixels, at places `to` ... of x, that 3 x 3 windows of step 2 sent back to.

    The first of a pair lies in two windows, as their last column and their first, the second in
    the middle of the second window, whose result is at place `at` of the errors. So it is with
    rows: the taps at `tap_at` meet this row of the errors and, where there are `both`, those two
    rows of the window above the next row, `row` numbers on."""
    n = lanes(x)
    for t in range(0, c, n):
        m, i = min(n, c - t), at + t
        w0, w1, w2 = load_some(weight, tap_at + t, m), load_some(
            weight, tap_at + c + t, m), load_some(weight, tap_at + 2 * c + t, m)
        e = load_some(errors, i - c, m)
        if not both:
            for j in range(count):
                last, e = e, load_some(errors, i + j * c, m)
                store_some(x, to + 2 * j * c + t, fma(e, w0, last * w2), m)
                store_some(x, to + (2 * j + 1) * c + t, e * w1, m)
            continue
        k = tap_at - 6 * c + t
        v0, v1, v2 = load_some(weight, k, m), load_some(weight, k + c, m), load_some(
            weight, k + 2 * c, m)
        f = load_some(errors, i + row - c, m)
        for j in range(count):
            last, e = e, load_some(errors, i + j * c, m)
            above, f = f, load_some(errors, i + row + j * c, m)
            store_some(x, to + 2 * j * c + t,
                       fma(f, v0, fma(above, v2, fma(e, w0, last * w2))), m)
            store_some(x, to + (2 * j + 1) * c + t, fma(f, v1, e * w1), m)


@task
def input_chunk(
    chunk: int, chunks: int, errors: Array, weight: Array, x: Array, count: int, geometry: Any
) -> None:
    """Its chunk of the rows of x. In a row, pixels as far apart as a step meet the same taps, at
    results that lie side by side; taps go backwards as results go on."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    none = errors[:0]
    pair = max(1, (left + 1) // 2)  # the first that can be computed so, and how many there are
    pairs = max(0, min(columns, (w + left) // 2) - pair)
    if not (kh == kw == 3 and sy == sx == 2 and dy == dx == 1):
        pairs = 0
    for line in range(chunk * count * h // chunks, (chunk + 1) * count * h // chunks):
        k, every, number, row = meeting_taps(line % h + top, sy, dy, kh)
        run = every * dy // sy
        first, last = range_inside(row, run, rows, number)
        down = (last - first, run * columns * c, -every * kw * c)
        start = (line // h * rows + row + first * run) * columns
        k -= first * every
        paired = pairs if last > first else 0
        pairs_of_pixels(errors, weight, x, (start + pair) * c, columns * c, last - first == 2,
                        k * kw * c, (line * w + 2 * pair - left) * c, c, paired)
        for q in range(sx):
            tap, every, number, column = meeting_taps(q + left, sx, dx, kw)
            run = every * dx // sx
            pixels = max(0, (w - q + sx - 1) // sx)
            begin, end = inner_columns(column, 1, (number - 1) * run + 1, columns, pixels)
            to = line * w + q
            across = (run * c, -every * c)
            if paired:
                begin = (2 * pair - left - q + 1) // 2
                end = begin + paired
            else:
                results(errors, (start + column + begin) * c, c, weight, (k * kw + tap) * c, none,
                        x, (to + begin * sx) * c, sx * c, c, end - begin, down, (number, *across))
            for j in range(pixels - (end - begin)):
                at_edge = j if j < begin else j + end - begin
                begun, stop = range_inside(column + at_edge, run, columns, number)
                results(errors, (start + column + at_edge + begun * run) * c, 0, weight,
                        (k * kw + tap - begun * every) * c, none, x, (to + at_edge * sx) * c, 0, c,
                        1, down, (stop - begun, *across))


@task
def weight_chunk(
    chunk: int, chunks: int, x: Array, errors: Array, parts: Array, count: int, geometry: Any
) -> None:
    """Its chunk of the rows of errors, and what they give each tap, summed into its part."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    n, mine, total = lanes(x), chunk * kh * kw * c, count * rows
    for place in range(chunk * total // chunks, (chunk + 1) * total // chunks):
        for k in range(kh):
            row = place % rows * sy - top + k * dy
            if row < 0 or row >= h:
                continue
            for tap in range(kw):
                begin, end = range_inside(tap * dx - left, sx, w, columns)
                at = ((place // rows * h + row) * w + begin * sx - left + tap * dx) * c
                error = (place * columns + begin) * c
                to = mine + (k * kw + tap) * c
                for t in range(0, c, n):
                    m = min(n, c - t)
                    total_of = load_some(parts, to + t, m)
                    for j in range(end - begin):
                        total_of = fma(load_some(x, at + j * sx * c + t, m),
                                       load_some(errors, error + j * c + t, m), total_of)
                    store_some(parts, to + t, total_of, m)


@kernel
def forward(
    chunks: int, x: Array, weight: Array, bias: Array, y: Array, count: int, geometry: Any
) -> None:
    parallel_for(forward_chunk, chunks, (x, weight, bias, y, count, geometry))


@kernel
def backward(
    chunks: int, errors: Array, weight: Array, x: Array, count: int, geometry: Any
) -> None:
    parallel_for(input_chunk, chunks, (errors, weight, x, count, geometry))


@kernel
def backward_weight(
    chunks: int, x: Array, errors: Array, parts: Array, count: int, geometry: Any
) -> None:
    parallel_for(weight_chunk, chunks, (x, errors, parts, count, geometry))


def _chunks(geometry: Any, count: int) -> int:
    _, _, c, rows, columns, kh, kw, *_ = geometry
    return threads_for(2 * count * rows * columns * c * kh * kw)


def depthwise(x: Array, weight: Array, bias: Array, y: Array, count: int, geometry: Any) -> None:
    """y[place] = bias + the sum of x[pixel] * weight[tap] over its window; bias may be empty."""
    run = depthwise_3x3.forward if depthwise_3x3.suits(Geometry(*geometry)) else forward
    run(_chunks(geometry, count), x.reshape(-1), weight.reshape(-1), bias, y.reshape(-1), count,
        geometry)


def depthwise_input(errors: Array, weight: Array, x: Array, count: int, geometry: Any) -> None:
    """x[pixel] = the sum of errors[place] * weight[tap] over all windows it lies in."""
    g = Geometry(*geometry)
    if g.down == g.across == 1:  # a convolution with the window rotated by 180 degrees
        there = g._replace(
            height=g.rows, width=g.columns, rows=g.height, columns=g.width,
            top=(g.window_height - 1) * g.apart_down - g.top,
            left=(g.window_width - 1) * g.apart_across - g.left,
        )
        flipped = np.ascontiguousarray(weight[::-1])
        depthwise(errors, flipped, np.empty(0, x.dtype), x, count, tuple(there))
        return
    backward(_chunks(geometry, count), errors.reshape(-1), weight.reshape(-1), x.reshape(-1),
             count, geometry)


def depthwise_weight(x: Array, errors: Array, count: int, geometry: Any) -> Array:
    """(taps, c): the sum of x[pixel] * errors[place] over all that meet at a tap."""
    _, _, c, _, _, kh, kw, *_ = geometry
    chunks = _chunks(geometry, count)
    parts = np.zeros((chunks, kh * kw, c), x.dtype)
    run = (depthwise_3x3.backward_weight if depthwise_3x3.suits(Geometry(*geometry))
           else backward_weight)
    run(chunks, x.reshape(-1), errors.reshape(-1), parts.reshape(-1), count, geometry)
    return parts[0] if chunks == 1 else parts.sum(axis=0)
