"""Convolutions of images, each in the way that takes the least time for its shape.

On the sweep (sweep_conv.py); with 3 x 3 windows of step 1 in fewer multiplications (winograd.py,
winograd_weights.py); of narrow images or with many weights in blocks of places (gathered.py,
gathered_weights.py); gradients of few places as one product of matrices (im2col.py). Images lie
channels-last. The choice depends on shapes and, for Winograd, on whether its results are finite:
never on whether a step is captured, nor on the number of threads.
"""

import itertools
import math
from functools import lru_cache
from typing import Any

from . import gathered, gathered_weights, im2col, sweep_conv, winograd, winograd_weights
from .geometry import Geometry
from .weights import by_output, rotated

Array = Any


def convolution(
    x: Array, weight: Array, bias: Array, y: Array, g: Geometry, groups: int, flags: int
) -> None:
    """y (n, rows, columns, o) = windows of x (n, h, w, c) times weight (o, c / groups, kh, kw),
    + bias (o,) or an empty one; of one dtype, all but the weight contiguous. `flags`: RELU or 0.
    """
    o = len(weight)
    if winograd.pays(g, x, o, groups) and winograd.convolution(x, weight, bias, y, g, flags):
        return
    places = sweep_conv.all_places(g, o, groups)
    if gathered.pays(g, len(x), o, groups, x.dtype):
        gathered.convolution(x, weight, bias, y, g, places, flags)
    else:
        sweep_conv.convolution(x, by_output(weight, groups), bias, y, g, places, flags)


def weight_gradient(x: Array, dy: Array, g: Geometry, groups: int) -> Array:
    """dw (o, c / groups, kh, kw) of x (n, h, w, c) and dy (n, rows, columns, o), contiguous."""
    if winograd_weights.pays(x, dy, g, groups):
        dw = winograd_weights.weight_gradient(x, dy, g)
        if dw is not None:
            return dw
    if gathered_weights.pays(g, len(x), dy.shape[3], groups):
        return gathered_weights.weight_gradient(x, dy, g)
    if im2col.pays_for_weight(g, len(x), dy.shape[3], groups):
        return im2col.weight_gradient(x, dy, g)
    return sweep_conv.weight_gradient(x, dy, g, groups)


def input_gradient(
    dy: Array, weight: Array, bias: Array, x: Array, g: Geometry, groups: int
) -> None:
    """x (n, h, w, c) = what a convolution of geometry `g` sends back from dy (n, rows, columns,
    o), with weight (o, c / groups, kh, kw), + bias (c,) or an empty one."""
    c, o = g.channels, dy.shape[3]
    back = g._replace(  # of the window rotated by 180 degrees
        height=dy.shape[1], width=dy.shape[2], channels=o, rows=g.height, columns=g.width,
        top=g.window_height - 1 - g.top, left=g.window_width - 1 - g.left)
    if (winograd.pays(back, dy, c, groups)
            and winograd.convolution(dy, weight, bias, x, back, 0, back=True)):
        return
    if im2col.pays_for_input(g, len(dy), o, groups):
        im2col.input_gradient(dy, weight, bias, x, g)
        return
    parts, unseen = _parts(g, dy.shape[1], dy.shape[2], o, groups)
    for p, q in unseen:
        x[:, p :: g.down, q :: g.across] = bias if bias.size else 0
    if parts and gathered.pays(max((part.geometry for part in parts), key=lambda g: g.length),
                               len(dy), c, groups, dy.dtype, len(parts)):
        gathered.input_gradient(dy, weight, bias, x, parts)
        return
    for there, places, taps in parts:
        down, across = (_backwards(*those) for those in (
            (taps.first_row, taps.row, there.window_height),
            (taps.first_column, taps.column, there.window_width)))
        part_of = rotated(weight, groups, down, across)
        sweep_conv.convolution(dy, part_of, bias, x, there, places, 0)


@lru_cache(maxsize=1024)
def _parts(
    g: Geometry, height: int, width: int, o: int, groups: int
) -> tuple[tuple[gathered.Part, ...], tuple[tuple[int, int], ...]]:
    """The pixels in row p and column q of each step, as convolutions of dy (n, height, width, o),
    and those (p, q) that no window sees."""
    parts, unseen = [], []
    for p, q in itertools.product(range(min(g.down, g.height)), range(min(g.across, g.width))):
        high, apart_down, top, first_row, row = _taps(
            g.window_height, g.down, g.apart_down, p + g.top)
        wide, apart_across, left, first_column, column = _taps(
            g.window_width, g.across, g.apart_across, q + g.left)
        if not (high and wide):
            unseen.append((p, q))
            continue
        rows, columns = -(-(g.height - p) // g.down), -(-(g.width - q) // g.across)
        there = Geometry(height, width, o, rows, columns, high, wide, 1, 1, apart_down,
                         apart_across, top, left)
        places = (g.height * g.width * g.channels, g.down * g.width * g.channels,
                  g.across * g.channels, (p * g.width + q) * g.channels, g.channels, groups)
        taps = gathered.Taps(first_row, row, first_column, column, g.window_height, g.window_width)
        parts.append(gathered.Part(there, places, taps))
    return tuple(parts), tuple(unseen)


def _taps(window: int, stride: int, apart: int, place: int) -> tuple[int, int, int, int, int]:
    """Places of the window that meet pixels at `place` of a step, from the last on: (how many, how
    far apart the rows are that they meet, how far before the first result the first is, the last
    place, what to add for the next one).
    """
    taps = [k for k in range(window - 1, -1, -1) if (place - k * apart) % stride == 0]
    if not taps:
        return 0, 1, 0, 0, 0
    step = taps[1] - taps[0] if len(taps) > 1 else -1
    first = (place - taps[0] * apart) // stride
    return len(taps), apart // math.gcd(stride, apart), -first, taps[0], step


def _backwards(first: int, step: int, count: int) -> slice:
    """The slice of `count` places from `first` on, `step` apart, to the left."""
    end = first + count * step
    return slice(first, end if end >= 0 else None, step)
