"""Depthwise convolutions: each channel with a window of its own; the inner loop is over channels.

x (pixels, c), weight (taps, c), y (places, c): `geometry` is that of `windows.py`, of `count`
images.
"""

from typing import Any

import numpy as np

from .compile import kernel
from .windows import range_inside

Array = Any


@kernel
def depthwise(x: Array, weight: Array, y: Array, count: int, geometry: Any) -> None:
    """y[place] += x[pixel] * weight[tap] for all that meet."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    for place in range(count * rows):
        n, i = place // rows, place % rows
        for j in range(columns):
            to = place * columns + j
            for k in range(kh):
                row = i * sy - top + k * dy
                if row < 0 or row >= h:
                    continue
                for m in range(kw):
                    column = j * sx - left + m * dx
                    if column < 0 or column >= w:
                        continue
                    at, tap = (n * h + row) * w + column, k * kw + m
                    for t in range(c):
                        y[to, t] += x[at, t] * weight[tap, t]


@kernel
def depthwise_input(dy_: Array, weight: Array, x: Array, count: int, geometry: Any) -> None:
    """x[pixel] += dy[place] * weight[tap] for all that meet."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    for place in range(count * rows):
        n, i = place // rows, place % rows
        for j in range(columns):
            at = place * columns + j
            for k in range(kh):
                row = i * sy - top + k * dy
                if row < 0 or row >= h:
                    continue
                for m in range(kw):
                    column = j * sx - left + m * dx
                    if column < 0 or column >= w:
                        continue
                    to, tap = (n * h + row) * w + column, k * kw + m
                    for t in range(c):
                        x[to, t] += dy_[at, t] * weight[tap, t]


@kernel
def depthwise_weight(x: Array, dy_: Array, weight: Array, count: int, geometry: Any) -> None:
    """weight[tap] += x[pixel] * dy[place] for all that meet; image by image, for precision."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    share = np.empty_like(weight)
    for n in range(count):
        share[:] = 0
        for i in range(rows):
            for k in range(kh):
                row = i * sy - top + k * dy
                if row < 0 or row >= h:
                    continue
                for m in range(kw):
                    begin, end = range_inside(m * dx - left, sx, w, columns)
                    tap = k * kw + m
                    for j in range(begin, end):
                        at = (n * h + row) * w + j * sx - left + m * dx
                        place = (n * rows + i) * columns + j
                        for t in range(c):
                            share[tap, t] += x[at, t] * dy_[place, t]
        for tap in range(kh * kw):
            for t in range(c):
                weight[tap, t] += share[tap, t]
