"""Depthwise convolutions: each channel with a window of its own, a vector of channels at a time.

x (pixels, c), weight (taps, c), y (places, c), flat and channels-last: `geometry` is that of
`geometry.py`, of `count` images. Each result is summed in a register over its taps and written
once. Threads share the rows of results; for the weights' gradient the images.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel
from ..parallel import together
from ..simd import fma, full, lanes, load_some, store_some
from ..threads import shares as threads_for
from .geometry import Geometry, range_inside

Array = Any


@inlined
def meeting(place: int, step: int, results: int) -> int:
    """The result whose window begins at `place`, in steps; -1 if there is none."""
    if place < 0 or (step > 1 and place % step):
        return -1
    i = place // step
    return i if i < results else -1


@kernel
def forward_share(
    share: int, shares: int, x: Array, weight: Array, bias: Array, y: Array, count: int,
    geometry: Any,
) -> None:
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    n, total = lanes(x), count * rows
    for place in range(share * total // shares, (share + 1) * total // shares):
        image, i = place // rows, place % rows
        first, last = range_inside(i * sy - top, dy, h, kh)
        for j in range(columns):
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


@kernel
def input_share(
    share: int, shares: int, errors: Array, weight: Array, x: Array, count: int, geometry: Any
) -> None:
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    n, total = lanes(x), count * h
    for line in range(share * total // shares, (share + 1) * total // shares):
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


@kernel
def weight_share(
    share: int, shares: int, x: Array, errors: Array, parts: Array, count: int, geometry: Any
) -> None:
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    n, mine = lanes(x), share * kh * kw * c
    for image in range(share * count // shares, (share + 1) * count // shares):
        for i in range(rows):
            for k in range(kh):
                row = i * sy - top + k * dy
                if row < 0 or row >= h:
                    continue
                for tap in range(kw):
                    begin, end = range_inside(tap * dx - left, sx, w, columns)
                    at = ((image * h + row) * w + begin * sx - left + tap * dx) * c
                    place = ((image * rows + i) * columns + begin) * c
                    to = mine + (k * kw + tap) * c
                    for t in range(0, c, n):
                        m = min(n, c - t)
                        total_of = load_some(parts, to + t, m)
                        for j in range(end - begin):
                            total_of = fma(load_some(x, at + j * sx * c + t, m),
                                           load_some(errors, place + j * c + t, m), total_of)
                        store_some(parts, to + t, total_of, m)


@kernel
def forward(
    shares: int, x: Array, weight: Array, bias: Array, y: Array, count: int, geometry: Any
) -> None:
    together(forward_share, shares, (x, weight, bias, y, count, geometry))


@kernel
def backward(
    shares: int, errors: Array, weight: Array, x: Array, count: int, geometry: Any
) -> None:
    together(input_share, shares, (errors, weight, x, count, geometry))


@kernel
def backward_weight(
    shares: int, x: Array, errors: Array, parts: Array, count: int, geometry: Any
) -> None:
    together(weight_share, shares, (x, errors, parts, count, geometry))


def _shares(geometry: Any, count: int) -> int:
    _, _, c, rows, columns, kh, kw, *_ = geometry
    return threads_for(2 * count * rows * columns * c * kh * kw)


def depthwise(x: Array, weight: Array, bias: Array, y: Array, count: int, geometry: Any) -> None:
    """y[place] = bias + the sum of x[pixel] * weight[tap] over its window; bias may be empty."""
    forward(_shares(geometry, count), x.reshape(-1), weight.reshape(-1), bias, y.reshape(-1),
            count, geometry)


def depthwise_input(errors: Array, weight: Array, x: Array, count: int, geometry: Any) -> None:
    """x[pixel] = the sum of errors[place] * weight[tap] over all windows it lies in."""
    g = Geometry(*geometry)
    if g.down == g.across == 1:  # a convolution with the window turned around
        there = g._replace(
            height=g.rows, width=g.columns, rows=g.height, columns=g.width,
            top=(g.window_height - 1) * g.apart_down - g.top,
            left=(g.window_width - 1) * g.apart_across - g.left,
        )
        turned = np.ascontiguousarray(weight[::-1])
        depthwise(errors, turned, np.empty(0, x.dtype), x, count, tuple(there))
        return
    backward(_shares(geometry, count), errors.reshape(-1), weight.reshape(-1), x.reshape(-1),
             count, geometry)


def depthwise_weight(x: Array, errors: Array, count: int, geometry: Any) -> Array:
    """(taps, c): the sum of x[pixel] * errors[place] over all that meet at a tap."""
    _, _, c, _, _, kh, kw, *_ = geometry
    shares = min(count, _shares(geometry, count)) or 1
    parts = np.zeros((shares, kh * kw, c), x.dtype)
    backward_weight(shares, x.reshape(-1), errors.reshape(-1), parts.reshape(-1), count, geometry)
    return parts[0] if shares == 1 else parts.sum(axis=0)
