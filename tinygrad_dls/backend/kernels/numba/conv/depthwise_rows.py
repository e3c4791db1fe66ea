"""Rows of an image for depthwise convolutions, copied so that every load is of a whole vector.

A window of a depthwise convolution meets each number of an image as often as it has taps, and does
nothing else with it: loads are half of the work. As images are stored, loads begin anywhere in a
line of the cache, end in an empty part of a vector, or lie beside the image. So each row is copied
once, into a scratch in the second cache:

    scratch (slots, blocks, wide, lanes)

A block is one vector of channels, filled up with zeros. The pixels of a block lie side by side,
with zeros beside the image. Row r of the image is in slot r % slots, and stays there until no
window sees it any more.

Along each axis an `Axis` says which numbers meet: result r and tap k meet at number
(r * step + k * apart + offset) / part of the source, where that is whole and in the image. So it is
in a convolution, with part = 1, and in the gradient of its image, with step = 1.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..compile import inlined
from ..simd import full, lanes, load, load_some, store
from ..simd.intrinsics import address_of
from ..simd.width import HOST
from ..simd.windows import LENGTHS, STEPS
from .geometry import Geometry

Array = Any
ROOM = 512 * 1024  # bytes of a scratch: half of a second cache
STRIP = 64  # results of a row, at least, that are computed before those of the next row


class Axis(NamedTuple):
    """The rows, or the columns, of a source and of the results that are computed from it."""

    source: int
    results: int
    window: int
    step: int
    apart: int
    offset: int
    part: int

    def span(self, count: int) -> int:
        """Return how many numbers of the source `count` results side by side see, at most."""
        reach = (count - 1) * self.step + (self.window - 1) * abs(self.apart)
        return reach // self.part + 1

    def first(self, result: int) -> int:
        """Return the first number that the window of a result may see; negative ones lie before
        the source."""
        place = result * self.step + self.offset + min(0, (self.window - 1) * self.apart)
        return -(-place // self.part)


@lru_cache(maxsize=256)
def plan(g: Geometry, images: int, dtype: Any, back: bool = False) -> tuple[Any, Array, Array]:
    """Return how to compute a convolution, or the gradient of its image: (cut, rows, runs).

    Results are cut into strips of columns and groups of blocks, as few as fit the room of a
    scratch; in each a row is computed after the other. cut = (images, channels, height and width
    of the source, rows and columns of results, taps of a window down and across, step and part
    across, the first pixel that the window of result 0 may see, results in a row of a strip, blocks
    in a group, slots, wide).
    """
    down = Axis(g.height, g.rows, g.window_height, g.down, g.apart_down, -g.top, 1)
    across = Axis(g.width, g.columns, g.window_width, g.across, g.apart_across, -g.left, 1)
    if back:
        down, across = (Axis(a.results, a.source, a.window, 1, -a.apart, -a.offset, a.step)
                        for a in (down, across))
    lanes = HOST.lanes(dtype.itemsize)
    blocks, slots, room = -(-g.channels // lanes), down.span(1), ROOM // (lanes * dtype.itemsize)
    strip = across.results
    while strip > STRIP and slots * across.span(strip) > room:
        strip = -(-strip // 2)
    strip = -(-strip // across.part) * across.part  # each begins as the first one does
    wide = across.span(strip)
    groups = -(-blocks // max(1, room // (slots * wide)))
    cut = (images, g.channels, down.source, across.source, down.results, across.results,
           down.window, across.window, across.step, across.part, across.first(0), strip,
           -(-blocks // groups), slots, wide)
    return cut, rows_seen(down, slots), runs(across)


def rows_seen(axis: Axis, slots: int) -> Array:
    """Return for each row of results how many rows of the source its window sees; the first and
    the end of those that must be copied; and of each that it sees the slot and the row of the
    window."""
    h, _, window, step, apart, offset, part = axis
    found = np.zeros((axis.results, 3 + 2 * window), np.int64)
    for row, line in enumerate(found):
        places = ((row * step + k * apart + offset, k) for k in range(window))
        seen = [(p // part, k) for p, k in places if p % part == 0 and 0 <= p // part < h]
        if seen:
            line[:3] = len(seen), max(0, axis.first(row)), max(seen)[0] + 1
            line[3 : 3 + 2 * len(seen)] = [v for i, k in seen for v in (i % slots, k)]
    return found


def runs(axis: Axis) -> Array:
    """Return the runs of taps of a row of windows: taps whose pixels are neighbours.

    (part, most, 4): for results `q`, `q` + part ... of a row the runs' first pixel, counted from
    `first(0)`, the tap there, how many taps on that of the next pixel is, and the number of taps.
    """
    _, _, window, step, apart, offset, part = axis
    lengths = (*LENGTHS, 1) if step in STEPS else (1,)
    found: list[list[tuple[int, int, int, int]]] = []
    for q in range(part):
        places = ((q * step + k * apart + offset, k) for k in range(window))
        taps = sorted((p // part - axis.first(0), k) for p, k in places if p % part == 0)
        way = taps[1][1] - taps[0][1] if len(taps) > 1 else 0
        neighbours = len(taps) > 1 and taps[1][0] - taps[0][0] == 1
        found.append([])
        while taps:
            length = next(n for n in lengths if n <= (len(taps) if neighbours else 1))
            found[-1].append((*taps[0], way, length))
            taps = taps[length:]
    table = np.zeros((part, max(map(len, found)) + 1, 4), np.int64)  # after the last come zeros
    for q, each in enumerate(found):
        for r, run in enumerate(each):
            table[q, r] = run
    return table


@inlined
def aligned(x: Array) -> Any:
    """Return the place of the first number of an array that begins a line of the cache; it comes
    within those that a vector holds."""
    return -(address_of(x, 0) // x.itemsize) % lanes(x)


@inlined
def by_blocks(x: Array, rows: int, c: int, y: Array, first: int) -> None:
    """Copy rows of c numbers to place `first` of y, as (blocks, rows, lanes)."""
    n = lanes(x)
    for i in range(rows):
        for t in range(0, c, n):
            store(y, first + t * rows + i * n, load_some(x, i * c + t, min(n, c - t)))


@inlined
def copy_pixels(
    x: Array, at: int, c: int, channels: int, count: int, scratch: Array, to: int, wide: int
) -> None:
    """Copy the first channels of `count` pixels, of c numbers each, to blocks of a scratch."""
    n = lanes(x)
    whole = channels - channels % n
    for j in range(count):
        pixel, place = at + j * c, to + j * n
        for t in range(0, whole, n):
            store(scratch, place + t * wide, load(x, pixel + t))
        if channels > whole:
            store(scratch, place + whole * wide, load_some(x, pixel + whole, channels - whole))


@inlined
def clear_pixels(
    x: Array, scratch: Array, first: int, rows: int, wide: int, begin: int, end: int
) -> None:
    """Zeros for the pixels `begin` ... `end` of each of some rows of `wide` pixels."""
    n = lanes(x)
    for i in range(rows):
        for j in range(begin, end):
            store(scratch, first + (i * wide + j) * n, full(x, 0.0))


@inlined
def strips_of(n: int, cut: Any) -> Any:
    """Return how many strips there are, of all groups of blocks and all images."""
    images, c, _, _, _, columns, _, _, _, _, _, strip, group, _, _ = cut
    return images * -(-columns // strip) * -(-c // (group * n))


@inlined
def strip_of(number: int, n: int, cut: Any) -> Any:
    """(image, first column, how many columns, first channel, how many channels) of a strip."""
    _, c, _, _, _, columns, _, _, _, _, _, strip, group, _, _ = cut
    groups, strips = -(-c // (group * n)), -(-columns // strip)
    channel, rest = number % groups * group * n, number // groups
    column = rest % strips * strip
    return (rest // strips, column, min(strip, columns - column), channel,
            min(group * n, c - channel))


@inlined
def rows_from(number: int, stop: int, n: int, cut: Any) -> Any:
    """(strip, row, end): of the rows of all strips, those of one strip from `number` on, and before
    `stop`."""
    rows = cut[4]
    row = number % rows
    return strip_of(number // rows, n, cut), row, min(rows, row + stop - number)


@inlined
def see(
    x: Array, strip: Any, begins: bool, begin: int, end: int, cut: Any, scratch: Array, first: int
) -> None:
    """Copy rows `begin` ... `end` of the source for a strip of results, which may begin here."""
    _, c, h, w, _, _, _, _, step, part, low, _, group, slots, wide = cut
    image, column, _, channel, channels = strip
    n, low = lanes(x), low + column * step // part
    left, right = max(0, min(w, low)), max(0, min(w, low + wide))
    if begins:
        clear_pixels(x, scratch, first, slots * group, wide, 0, min(wide, left - low))
        clear_pixels(x, scratch, first, slots * group, wide, max(0, right - low), wide)
    for i in range(begin, end):
        copy_pixels(x, ((image * h + i) * w + left) * c + channel, c, channels, right - left,
                    scratch, first + (i % slots * group * wide + left - low) * n, wide)
