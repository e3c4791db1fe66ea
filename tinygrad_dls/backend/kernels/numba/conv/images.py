"""Convolutions of images, each in the way that takes the least time for its shape.

On the sweep (sweep_conv.py); with 3 x 3 windows of step 1 in fewer multiplications (winograd.py,
winograd_weights.py); of narrow images or with many weights in blocks of places (gathered.py,
gathered_weights.py); gradients of few places as one product of matrices (im2col.py). Images lie
channels-last. The choice depends on shapes and, for Winograd, on whether its results are finite:
never on whether a step is captured, nor on the number of threads.
"""

import math
from typing import Any

from . import gathered, gathered_weights, im2col, sweep_conv, winograd, winograd_weights
from .geometry import Geometry
from .weights import by_output, input_panels, rotated

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
    panels: Array | None = None
    for p in range(g.down):
        for q in range(g.across):
            rows, columns = -(-(g.height - p) // g.down), -(-(g.width - q) // g.across)
            if rows <= 0 or columns <= 0:
                continue
            taps_down, high, apart_down, top = _taps(
                g.window_height, g.down, g.apart_down, p + g.top)
            taps_across, wide, apart_across, left = _taps(
                g.window_width, g.across, g.apart_across, q + g.left)
            if not (high and wide):
                x[:, p :: g.down, q :: g.across] = bias if bias.size else 0
                continue
            there = Geometry(
                dy.shape[1], dy.shape[2], o, rows, columns, high, wide, 1, 1, apart_down,
                apart_across, top, left,
            )
            places = (g.height * g.width * c, g.down * g.width * c, g.across * c,
                      (p * g.width + q) * c, c, groups)
            if gathered.pays(there, len(dy), c, groups, dy.dtype):
                panels = input_panels(weight) if panels is None else panels
                taps = gathered.Taps(taps_down.start, taps_down.step, taps_across.start,
                                     taps_across.step, g.window_height, g.window_width)
                gathered.multiply(dy, panels, True, taps, bias, x, there, places, 0)
            else:
                part = rotated(weight, groups, taps_down, taps_across)
                sweep_conv.convolution(dy, part, bias, x, there, places, 0)


def _taps(window: int, stride: int, apart: int, place: int) -> tuple[slice, int, int, int]:
    """Places of the window that meet pixels at `place` of a step, from the last on: (those, how
    many, how far apart the rows are that they meet, how far before the first result the first is).
    """
    taps = [k for k in range(window - 1, -1, -1) if (place - k * apart) % stride == 0]
    if not taps:
        return slice(0), 0, 1, 0
    step = taps[0] - taps[1] if len(taps) > 1 else 1
    first = (place - taps[0] * apart) // stride
    found = slice(taps[0], None if taps[-1] < step else taps[-1] - 1, -step)
    return found, len(taps), apart // math.gcd(stride, apart), -first
