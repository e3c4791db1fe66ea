"""The windows of a convolution as rows of a matrix (im2col), and their sum put back (col2im).

A convolution is then one matrix product, which BLAS does best. The matrix would be as large as the
window times the input, so it is made for a band of places at a time, small enough to stay in the
processor's cache, and always in the same memory.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compile import inlined, kernel
from .layout import channels_last

Array = Any
BAND = 1 << 18  # bytes of the matrix: an eighth of a usual second-level cache
PLANES = 4  # so few channels are gathered plane by plane, where rows would be runs of a few bytes


class Geometry(NamedTuple):
    """Of images: size, channels, places of the window, its size, steps, spacing, and offset."""

    height: int
    width: int
    channels: int
    rows: int
    columns: int
    window_height: int
    window_width: int
    down: int
    across: int
    apart_down: int
    apart_across: int
    top: int
    left: int

    @property
    def length(self) -> int:
        """Numbers of one channel in a window."""
        return self.window_height * self.window_width

    @property
    def pointwise(self) -> bool:
        """Is each place of the window one pixel, in the order of the pixels?"""
        return (self.length == self.down == self.across == 1 and self.top == self.left == 0
                and (self.rows, self.columns) == (self.height, self.width))


def memcpy(typing: Any, to: Any, i: Any, source: Any, j: Any, count: Any) -> Any:
    """to[i : i + count] = source[j : j + count], of flat arrays; nothing is checked."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to_type, _, source_type, _, _ = signature.args
        target = context.make_array(to_type)(context, builder, arguments[0]).data
        origin = context.make_array(source_type)(context, builder, arguments[2]).data
        size = context.get_abi_sizeof(context.get_data_type(to_type.dtype))
        helpers: Any = cgutils
        helpers.raw_memcpy(
            builder, builder.gep(target, [arguments[1]]), builder.gep(origin, [arguments[3]]),
            arguments[4], size,
        )
        return context.get_dummy_value()

    return types.void(to, types.intp, source, types.intp, types.intp), code


copy: Any = intrinsic(memcpy)  # as kernels call it, without the first argument


@inlined
def range_inside(offset: int, step: int, length: int, count: int) -> Any:
    """Those j of range(count) for which offset + j * step is one of range(length)."""
    begin = min(count, (max(0, -offset) + step - 1) // step)
    return begin, max(begin, min(count, (length - 1 - offset) // step + 1))


@kernel
def gather_rows(
    x: Array, matrix: Array, first: int, count: int, geometry: Any, start: int, channels: int
) -> None:
    """`count` rows of places of x (n, h, w, c), all flat: matrix (places, window, channels).

    Of the channels those from `start` on.
    """
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    run = kw * channels if dx == 1 and channels == c else 0  # a row of the window in one piece
    to = 0
    for place in range(first, first + count):
        n, i = place // rows, place % rows
        for j in range(columns):
            x0 = j * sx - left
            for k in range(kh):
                y = i * sy - top + k * dy
                if y < 0 or y >= h:
                    matrix[to : to + kw * channels] = 0
                    to += kw * channels
                elif run > 0 and x0 >= 0 and x0 + kw <= w:
                    copy(matrix, to, x, ((n * h + y) * w + x0) * c, run)
                    to += run
                else:
                    for m in range(kw):
                        at = x0 + m * dx
                        if at < 0 or at >= w:
                            matrix[to : to + channels] = 0
                        else:
                            copy(matrix, to, x, ((n * h + y) * w + at) * c + start, channels)
                        to += channels


@kernel
def gather_planes(
    x: Array, matrix: Array, first: int, count: int, geometry: Any, places: int
) -> None:
    """The same of x (n, c, h, w): matrix (window, channels, places), transposed."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    for place in range(first, first + count):
        n, i = place // rows, place % rows
        for channel in range(c):
            for k in range(kh):
                y = i * sy - top + k * dy
                for m in range(kw):
                    to = ((k * kw + m) * c + channel) * places + (place - first) * columns
                    x0 = m * dx - left
                    begin, end = range_inside(x0, sx, w, columns)
                    if y < 0 or y >= h:
                        begin = end = columns
                    matrix[to : to + begin] = 0
                    at = ((n * c + channel) * h + y) * w + x0
                    if sx == 1:
                        copy(matrix, to + begin, x, at + begin, end - begin)
                    else:
                        for j in range(begin, end):
                            matrix[to + j] = x[at + j * sx]
                    matrix[to + end : to + columns] = 0


@kernel
def scatter_rows(
    matrix: Array, x: Array, first: int, count: int, geometry: Any, start: int, channels: int
) -> None:
    """Add to x what `gather_rows` would have taken from there."""
    h, w, c, rows, columns, kh, kw, sy, sx, dy, dx, top, left = geometry
    whole = dx == 1 and channels == c
    at = 0
    for place in range(first, first + count):
        n, i = place // rows, place % rows
        for j in range(columns):
            x0 = j * sx - left
            for k in range(kh):
                y = i * sy - top + k * dy
                if y < 0 or y >= h:
                    at += kw * channels
                    continue
                inside = whole and x0 >= 0 and x0 + kw <= w
                run = kw * channels if inside else channels
                for m in range(1 if inside else kw):
                    column = x0 + m * dx
                    if column >= 0 and column < w:
                        to = ((n * h + y) * w + column) * c + start
                        target, share = x[to : to + run], matrix[at : at + run]
                        for t in range(run):
                            target[t] += share[t]
                    at += run


def windows(
    x: Array, g: Geometry, start: int, channels: int
) -> Iterator[tuple[int, int, Array]]:
    """(first place, last place + 1, matrix (places, window * channels)) band by band.

    x (n, c, h, w), of which `channels` from `start` on are wanted. The matrix is overwritten by
    the next band.
    """
    count, length = x.shape[0] * g.rows, g.length * channels
    if g.pointwise:
        rows = flat_rows(x)[:, start : start + channels]
        step = places_of_band(channels, x.itemsize)
        for first in range(0, len(rows), step):
            yield first, min(first + step, len(rows)), rows[first : first + step]
        return
    band = min(count, max(1, places_of_band(length, x.itemsize) // g.columns))
    places = band * g.columns
    memory = np.empty(places * length, x.dtype)
    shape = tuple(g)
    planes = g.channels <= PLANES and channels == g.channels
    source = np.ascontiguousarray(x if planes else channels_last(x)).reshape(-1)
    for first in range(0, count, band):
        rows = min(band, count - first)
        if planes:
            gather_planes(source, memory, first, rows, shape, places)
            matrix = memory.reshape(length, places)[:, : rows * g.columns].T
        else:
            gather_rows(source, memory, first, rows, shape, start, channels)
            matrix = memory[: rows * g.columns * length].reshape(-1, length)
        yield first * g.columns, (first + rows) * g.columns, matrix


def put_back(dy: Array, matrix: Array, x: Array, g: Geometry, start: int, channels: int) -> None:
    """Add dy (places, o) @ matrix (o, window * channels), windows, to the images x (n, h, w, c)."""
    length = g.length * channels
    band = max(1, places_of_band(length, x.itemsize) // g.columns)
    memory = np.empty(band * g.columns * length, x.dtype)
    target, shape = x.reshape(-1), tuple(g)
    for first in range(0, len(dy) // g.columns, band):
        given = dy[first * g.columns : (first + band) * g.columns]
        np.matmul(given, matrix, out=memory[: len(given) * length].reshape(-1, length))
        scatter_rows(memory, target, first, len(given) // g.columns, shape, start, channels)


def places_of_band(length: int, itemsize: int) -> int:
    """How many rows of this length stay in cache."""
    return max(1, BAND // (length * itemsize))


def flat_rows(x: Array) -> Array:
    """x (n, c, ...) as a matrix (n ..., c); a copy if it does not lie channels-last."""
    return np.ascontiguousarray(channels_last(x)).reshape(-1, x.shape[1])
