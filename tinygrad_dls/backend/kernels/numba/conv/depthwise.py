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
from .geometry import Geometry, range_inside

Array = Any


@inlined
def meeting(place: int, step: int, results: int) -> int:
    """The result whose window begins at `place`, in steps; -1 if there is none."""
    if place < 0 or (step > 1 and place % step):
        return -1
    i = place // step
    return i if i < results else -1


@inlined
def inner_columns(geometry: Any) -> Any:
    """Begin and end of the columns of results whose windows lie in the image from left to right."""
    _, w, _, _, columns, _, kw, _, sx, _, dx, _, left = geometry
    begin = min(columns, (max(0, left) + sx - 1) // sx)
    return begin, max(begin, min(columns, (w - 1 - (kw - 1) * dx + left) // sx + 1))


@inlined
def result_at(
    x: Array, weight: Array, bias: Array, y: Array, geometry: Any, place: int, j: int
) -> None:
    """Column j of row `place` of the results, with as much of its window as lies in the image."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    n, image, i = lanes(x), place // rows, place % rows
    first, last = range_inside(i * sy - top, dy, h, kh)
    begin, end = range_inside(j * sx - left, dx, w, kw)
    to = (place * columns + j) * c
    corner = (image * h + i * sy - top) * w + j * sx - left
    for t in range(0, c, n):
        m = min(n, c - t)
        total_of = load_some(bias, t, m) if bias.size else full(x, 0.0)
        for k in range(first, last):
            for tap in range(begin, end):
                at = (corner + k * dy * w + tap * dx) * c + t
                total_of = fma(load_some(x, at, m),
                               load_some(weight, (k * kw + tap) * c + t, m), total_of)
        store_some(y, to + t, total_of, m)


@inlined
def results_of_three(
    x: Array, weight: Array, bias: Array, y: Array, at: int, row: int, to: int, c: int, count: int
) -> None:
    """`count` results of 3 x 3 windows side by side, at places `to` ... of y, the first window at
    place `at` of x, whose rows are `row` numbers apart. The weights stay in registers, and of each
    row the two pixels that the next window sees again."""
    n = lanes(x)
    for t in range(0, c, n):
        m = min(n, c - t)
        w0, w1, w2 = load_some(weight, t, m), load_some(weight, c + t, m), load_some(
            weight, 2 * c + t, m)
        w3, w4, w5 = load_some(weight, 3 * c + t, m), load_some(weight, 4 * c + t, m), load_some(
            weight, 5 * c + t, m)
        w6, w7, w8 = load_some(weight, 6 * c + t, m), load_some(weight, 7 * c + t, m), load_some(
            weight, 8 * c + t, m)
        start = load_some(bias, t, m) if bias.size else full(x, 0.0)
        i0 = at + t
        i1, i2 = i0 + row, i0 + 2 * row
        a0, b0 = load_some(x, i0, m), load_some(x, i0 + c, m)
        a1, b1 = load_some(x, i1, m), load_some(x, i1 + c, m)
        a2, b2 = load_some(x, i2, m), load_some(x, i2 + c, m)
        for j in range(count):
            ahead = (j + 2) * c
            c0, c1, c2 = load_some(x, i0 + ahead, m), load_some(x, i1 + ahead, m), load_some(
                x, i2 + ahead, m)
            s = fma(c0, w2, fma(b0, w1, fma(a0, w0, start)))
            s = fma(c1, w5, fma(b1, w4, fma(a1, w3, s)))
            s = fma(c2, w8, fma(b2, w7, fma(a2, w6, s)))
            store_some(y, to + j * c + t, s, m)
            a0, b0, a1, b1, a2, b2 = b0, c0, b1, c1, b2, c2


@task
def forward_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, bias: Array, y: Array, count: int,
    geometry: Any,
) -> None:
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    total = count * rows
    begin, end = inner_columns(geometry)
    three = kh == kw == 3 and sx == dx == dy == 1
    for place in range(chunk * total // chunks, (chunk + 1) * total // chunks):
        row = place % rows * sy - top
        inside = three and row >= 0 and row + 3 <= h
        for j in range(begin if inside else columns):
            result_at(x, weight, bias, y, geometry, place, j)
        if inside:
            at = ((place // rows * h + row) * w + begin - left) * c
            to = (place * columns + begin) * c
            results_of_three(x, weight, bias, y, at, w * c, to, c, end - begin)
            for j in range(end, columns):
                result_at(x, weight, bias, y, geometry, place, j)


@task
def input_chunk(
    chunk: int, chunks: int, errors: Array, weight: Array, x: Array, count: int, geometry: Any
) -> None:
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    n, total = lanes(x), count * h
    for line in range(chunk * total // chunks, (chunk + 1) * total // chunks):
        image, row = line // h, line % h
        for column in range(w):
            to = (line * w + column) * c
            for t in range(0, c, n):
                m = min(n, c - t)
                total_of = full(x, 0.0)
                for k in range(kh):
                    i = meeting(row + top - k * dy, sy, rows)
                    if i < 0:
                        continue
                    for tap in range(kw):
                        j = meeting(column + left - tap * dx, sx, columns)
                        if j >= 0:
                            at = ((image * rows + i) * columns + j) * c + t
                            total_of = fma(load_some(errors, at, m),
                                           load_some(weight, (k * kw + tap) * c + t, m), total_of)
                store_some(x, to + t, total_of, m)


@inlined
def sum_taps(
    x: Array, errors: Array, parts: Array, mine: int, geometry: Any, place: int, first: int,
    last: int,
) -> None:
    """Add what columns first ... last - 1 of row `place` of the errors give each tap."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    n, image = lanes(x), place // rows
    for k in range(kh):
        row = place % rows * sy - top + k * dy
        if row < 0 or row >= h:
            continue
        for tap in range(kw):
            begin, end = range_inside(tap * dx - left, sx, w, columns)
            begin, end = max(begin, first), min(end, last)
            at = ((image * h + row) * w + begin * sx - left + tap * dx) * c
            error = (place * columns + begin) * c
            to = mine + (k * kw + tap) * c
            for t in range(0, c, n):
                m = min(n, c - t)
                total_of = load_some(parts, to + t, m)
                for j in range(end - begin):
                    total_of = fma(load_some(x, at + j * sx * c + t, m),
                                   load_some(errors, error + j * c + t, m), total_of)
                store_some(parts, to + t, total_of, m)


@inlined
def sum_three(
    x: Array, errors: Array, parts: Array, mine: int, at: int, row: int, error: int, c: int,
    count: int,
) -> None:
    """The same for 3 x 3 windows that lie in the image: all nine sums at once, in registers."""
    n = lanes(x)
    for t in range(0, c, n):
        m, to = min(n, c - t), mine + t
        s0, s1, s2 = load_some(parts, to, m), load_some(parts, to + c, m), load_some(
            parts, to + 2 * c, m)
        s3, s4, s5 = load_some(parts, to + 3 * c, m), load_some(parts, to + 4 * c, m), load_some(
            parts, to + 5 * c, m)
        s6, s7, s8 = load_some(parts, to + 6 * c, m), load_some(parts, to + 7 * c, m), load_some(
            parts, to + 8 * c, m)
        i0 = at + t
        i1, i2 = i0 + row, i0 + 2 * row
        a0, b0 = load_some(x, i0, m), load_some(x, i0 + c, m)
        a1, b1 = load_some(x, i1, m), load_some(x, i1 + c, m)
        a2, b2 = load_some(x, i2, m), load_some(x, i2 + c, m)
        for j in range(count):
            ahead, e = (j + 2) * c, load_some(errors, error + j * c + t, m)
            c0, c1, c2 = load_some(x, i0 + ahead, m), load_some(x, i1 + ahead, m), load_some(
                x, i2 + ahead, m)
            s0, s1, s2 = fma(a0, e, s0), fma(b0, e, s1), fma(c0, e, s2)
            s3, s4, s5 = fma(a1, e, s3), fma(b1, e, s4), fma(c1, e, s5)
            s6, s7, s8 = fma(a2, e, s6), fma(b2, e, s7), fma(c2, e, s8)
            a0, b0, a1, b1, a2, b2 = b0, c0, b1, c1, b2, c2
        store_some(parts, to, s0, m)
        store_some(parts, to + c, s1, m)
        store_some(parts, to + 2 * c, s2, m)
        store_some(parts, to + 3 * c, s3, m)
        store_some(parts, to + 4 * c, s4, m)
        store_some(parts, to + 5 * c, s5, m)
        store_some(parts, to + 6 * c, s6, m)
        store_some(parts, to + 7 * c, s7, m)
        store_some(parts, to + 8 * c, s8, m)


@task
def weight_chunk(
    chunk: int, chunks: int, x: Array, errors: Array, parts: Array, count: int, geometry: Any
) -> None:
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    mine = chunk * kh * kw * c
    begin, end = inner_columns(geometry)
    three = kh == kw == 3 and sx == dx == dy == 1
    for place in range(chunk * count // chunks * rows, (chunk + 1) * count // chunks * rows):
        row = place % rows * sy - top
        if not (three and row >= 0 and row + 3 <= h):
            sum_taps(x, errors, parts, mine, geometry, place, 0, columns)
            continue
        at = ((place // rows * h + row) * w + begin - left) * c
        sum_three(x, errors, parts, mine, at, w * c, (place * columns + begin) * c, c, end - begin)
        sum_taps(x, errors, parts, mine, geometry, place, 0, begin)
        sum_taps(x, errors, parts, mine, geometry, place, end, columns)


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
    forward(_chunks(geometry, count), x.reshape(-1), weight.reshape(-1), bias, y.reshape(-1),
            count, geometry)


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
    chunks = min(count, _chunks(geometry, count)) or 1
    parts = np.zeros((chunks, kh * kw, c), x.dtype)
    backward_weight(chunks, x.reshape(-1), errors.reshape(-1), parts.reshape(-1), count, geometry)
    return parts[0] if chunks == 1 else parts.sum(axis=0)
