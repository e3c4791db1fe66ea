"""Convolutions as products of gathered windows: what a block of places sees is copied out once.

The sweeps of sweep_conv.py take the places of one row of results: a row of 10 fills a tile of 8
places and half of one of 4, and the weights are read again for each row. Here a block of places
goes through all rows and images: what one row of their windows sees, of so many channels that the
block stays in the second cache, is copied to a room, (places, numbers), and multiplied by these
numbers' rows of the weight. A copy is little beside the product where each number is used for many
outputs; and unlike im2col.py's, the copies are never in memory.

The gradient of the images is such a convolution of dy. With a step its results do not lie next to
each other, so a block of them is computed in a room, too, and copied to the places. The gradient of
the weights is in gathered_weights.py.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba.np.unsafe import ndarray

from ..compile import inlined, kernel, task
from ..matmul.panels import part
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes, load, load_some, store, store_some
from ..simd.sweep import ADD, prepare, sweep, tile_work
from ..simd.transpose import transpose
from ..threads import threads_for
from ..tuning import (
    GATHER_COPY,
    GATHER_FAR,
    GATHER_PACK,
    GATHER_RUN,
    GATHER_WEIGHTS,
    SWEEP_PACK,
)
from . import few_channels
from .geometry import Geometry, copy
from .weights import input_panels, output_panels, panel_width

Array = Any
numbers_of: Any = ndarray.to_fixed_tuple
TILE = 12  # places that a sweep takes at a time
PLACES = 240  # of a block, at most
NUMBERS = 512  # of a place that are gathered at a time: a block of them fills half the second cache
COLUMNS = 256  # of results that are not next to each other and wait in a room
APART = 16  # numbers after a row of a room: addresses a power of two apart share a set


class Taps(NamedTuple):
    """The taps of a weight that a convolution multiplies with: rows `first_row`, `first_row + row`,
    ..., and columns likewise, of a window of `height` x `width`."""

    first_row: int
    row: int
    first_column: int
    column: int
    height: int
    width: int


class Part(NamedTuple):
    """A convolution of a part of the places, as `places` in sweep_conv.py say, with some taps."""

    geometry: Geometry
    places: Any
    taps: Taps


@inlined
def gather(
    x: Array, geometry: Any, first: int, count: int, k: int, offset: int, pieces: int, apart: int,
    length: int, room: Array, start: int, step: int,
) -> None:
    """Of row k of the windows at places first ... first + count - 1 some pieces of so many numbers,
    `apart`, from `offset` on: to rows of the room, `step` apart. What is not in an image is 0."""
    h, w, c, rows, columns, _, _, down, across, apart_down, _, top, left = geometry
    n, line, column, i = lanes(x), first // columns, first % columns, 0
    rest = length % n
    while i < count:
        row, there = line % rows * down - top + k * apart_down, min(count - i, columns - column)
        image_row, inside = (line // rows * h + row) * w * c, 0 <= row < h
        for place in range(there):
            begin = ((column + place) * across - left) * c + offset  # of the image's row
            to = start + (i + place) * step
            for _ in range(pieces):
                if inside and begin >= 0 and begin + length <= w * c:
                    at = image_row + begin
                    for m in range(0, length - rest, n):
                        store(room, to + m, load(x, at + m))
                    if rest:
                        some = load_some(x, at + length - rest, rest)
                        store_some(room, to + length - rest, some, rest)
                else:
                    before = min(length, max(0, -begin)) if inside else length
                    seen = max(0, min(length, w * c - begin) - before)
                    room[to:to + before] = 0
                    if seen:
                        copy(room, to + before, x, image_row + begin + before, seen)
                    room[to + before + seen:to + length] = 0
                begin += apart
                to += length
        i += there
        column = 0
        line += 1


@inlined
def evenly(count: int, most: int, step: int) -> int:
    """The size of blocks, as few as can be of at most `most`, equal but for multiples of `step`."""
    blocks = max(1, -(-count // most))
    return max(step, -(-count // (blocks * step)) * step)


@inlined
def convolve_part(
    chunk: int, chunks: int, x: Array, weight: Array, packed: bool, bias: Array, y: Array,
    images: int, part_of: Any, flags: int, close: bool, most: int, rooms: Array,
) -> None:
    """One chunk of the places of a `Part`, or of the columns where there are more of them; see
    `convolve_gathered`."""
    geometry, (y_image, y_row, y_pixel, y_start, o, _) = part_of[:13], part_of[13:19]
    first_row, next_row, first_column, next_column, height, width = part_of[19:25]
    _, _, c, rows, columns, kh, kw, _, _, _, apart_across, _, _ = geometry
    channels = part_of[25]
    panel, size, total, length = 2 * lanes(y), y.itemsize, images * rows * columns, height * width
    begin, end, left, right = 0, total, 0, o
    if total >= o or o < chunks * panel:
        begin, end = part(chunk, chunks, total, TILE)
    else:
        left, right = part(chunk, chunks, o, panel)
    deep = 1 if packed else kh  # rows of the window at a time
    block, step = evenly(end - begin, most, TILE), deep * kw * channels + APART
    flat, room = rooms.reshape(-1), chunk * rooms.shape[1]
    results, to_row = room + most * step, o if close else COLUMNS + APART
    panels = address_of(flat, results + (0 if close else most * to_row))
    across = max(1, right - left) if close else COLUMNS
    whole = channels == c and apart_across == 1  # a row of the window is one run
    for first in range(begin, end, block):
        count = min(block, end - first)
        for j0 in range(left, right, across):
            j1 = min(right, j0 + across)
            target = address_of(y, first * o + j0) if close else address_of(flat, results)
            for k in range(0, kh, deep):
                tap = (first_row + k * next_row) * width + first_column
                for c0 in range(0, c, channels):
                    here = min(channels, c - c0)
                    for d in range(deep):
                        to = room + d * kw * here
                        if whole:
                            gather(x, geometry, first, count, k + d, 0, 1, 0, kw * c, flat, to,
                                   step)
                        else:
                            gather(x, geometry, first, count, k + d, c0, kw, apart_across * c,
                                   here, flat, to, step)
                    begins, ends = k == 0 and c0 == 0, k + deep == kh and c0 + here == c
                    flag = (0 if begins else ADD) | (flags if ends else 0)
                    for j in range(j0, j1, panel):
                        some = min(panel, o - j)
                        if packed:
                            b = address_of(weight, length * (c * j + c0 * some) + tap * some)
                        else:
                            b = panels
                            transpose(weight, address_of(weight, (j * c + c0) * length), c * length,
                                      b, some, some, here * length)
                        sweep(y, address_of(flat, room), b, target + size * (j - j0), count, some,
                              step, here, 1, length * some, deep * kw, here, next_column * some,
                              to_row, address_of(bias, j) if bias.size and begins else 0, flag)
            if not close:
                for i in range(count):
                    line, j = (first + i) // columns, (first + i) % columns
                    to = y_start + line // rows * y_image + line % rows * y_row + j * y_pixel + j0
                    copy(y, to, flat, results + i * to_row, j1 - j0)


@task
def gathered_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, packed: bool, bias: Array, y: Array,
    images: int, parts: Array, flags: int, close: bool, most: int, rooms: Array,
) -> None:
    for i in range(len(parts)):
        convolve_part(chunk, chunks, x, weight, packed, bias, y, images,
                      numbers_of(parts[i], 26), flags, close, most, rooms)


@kernel
def convolve_gathered(
    chunks: int, x: Array, weight: Array, packed: bool, bias: Array, y: Array, images: int,
    parts: Array, flags: int, close: bool, most: int, rooms: Array,
) -> None:
    """All `parts`, each the numbers of a `Part` and how many channels are gathered at a time, of at
    most so many places. `close`: results are next to each other in y. The weight is `packed` in
    panels, or (o, c, kh, kw): then each panel is packed where it is used."""
    parallel_for(gathered_chunk, chunks, (x, weight, packed, bias, y, images, parts, flags, close,
                                          most, rooms))


def pays(
    g: Geometry, images: int, o: int, groups: int, dtype: Any, parts: int = 1
) -> bool:
    """Return whether gathering takes less time than a sweep for each row of results; of several
    parts like this one each sweep puts its taps of the weight into panels."""
    places, numbers = images * g.rows * g.columns, g.window_width * g.channels
    if groups > 1 or few_channels.how_many(g, images, o, groups, dtype) > 1:
        return False
    block = min(PLACES, places)
    tile, row = tile_work(block, o, dtype) / block, tile_work(g.columns, o, dtype) / g.columns
    if g.window_height * numbers * o >= GATHER_WEIGHTS:
        row *= GATHER_FAR
    copies = GATHER_COPY + GATHER_RUN / numbers + GATHER_PACK * o / places
    return bool(tile + copies <= row + parts * SWEEP_PACK * o / places)


def convolution(
    x: Array, weight: Array, bias: Array, y: Array, g: Geometry, places: Any, flags: int
) -> None:
    """The `places` of y as in sweep_conv.convolution, of one group, of a weight (o, c, kh, kw)."""
    # A panel that is used once need not go to memory and back.
    packed = len(x) * g.rows * g.columns > PLACES
    whole = Part(g, places, Taps(0, 1, 0, 1, g.window_height, g.window_width))
    weight = output_panels(weight) if packed else np.ascontiguousarray(weight)
    _multiply(x, weight, packed, (whole,), bias, y, flags)


def input_gradient(
    dy: Array, weight: Array, bias: Array, x: Array, parts: tuple[Part, ...]
) -> None:
    """The gradient x of the images that such a convolution had, of its parts (see images.py)."""
    _multiply(dy, input_panels(weight), True, parts, bias, x, 0)


def _multiply(
    x: Array, weight: Array, packed: bool, parts: tuple[Part, ...], bias: Array, y: Array,
    flags: int,
) -> None:
    prepare(x.dtype)
    numbers, close, most, size, work = _plan(parts, packed, len(x), y.shape[3], x.dtype)
    chunks = threads_for(work)
    convolve_gathered(chunks, x.reshape(-1), weight.reshape(-1), packed, bias, y.reshape(-1),
                      len(x), numbers, flags, close, most, np.empty((chunks, size), x.dtype))


@lru_cache(maxsize=1024)
def _plan(
    parts: tuple[Part, ...], packed: bool, images: int, o: int, dtype: Any
) -> tuple[Array, bool, int, int, int]:
    """`parts`, `close` and `most` as in `convolve_gathered`; numbers in a thread's room, and
    multiplications."""
    numbers, room, most, work = [], 0, TILE, 0
    close = len(parts) == 1
    for g, places, taps in parts:
        taps_each = g.window_width * (1 if packed else g.window_height)  # at a time
        pieces, total = -(-taps_each * g.channels // NUMBERS), images * g.rows * g.columns
        channels = g.channels if pieces == 1 else -(-g.channels // (16 * pieces)) * 16
        numbers.append((*g, *places, *taps, channels))
        most = max(most, min(PLACES, -(-total // TILE) * TILE))
        close = close and places[:3] == (g.rows * g.columns * o, g.columns * o, o)
        room = max(room, taps_each * channels)
        work += total * g.length * g.channels * o
    size = most * (room + APART + (0 if close else COLUMNS + APART))
    if not packed:
        size += room * panel_width(dtype)
    return np.array(numbers, np.int64), close, most, size, work
