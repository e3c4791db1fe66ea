"""Convolutions of narrow images: windows of many places gathered, one row of the window at a time.

The sweeps of sweep_conv.py take the places of one row of results, so a row of 10 fills a tile of 8
places and half of one of 4. Here a block of places goes through all rows and images: what one row
of their windows sees is copied to a room in the second cache, (places, kw * c), and multiplied by
that row of the weight. A copy is little beside the product where each number is used for many
outputs; and unlike im2col.py's, the copies of a block are never in memory.

The gradient of the images is such a convolution of dy. With a step its results do not lie next to
each other, so a block of them is computed in a room, too, and copied to the places.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..matmul.panels import part
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes
from ..simd.sweep import ADD, prepare, sweep, tile_work
from ..threads import threads_for
from ..tuning import GATHER_COPY, GATHER_RUN, GATHER_WORTH
from .geometry import Geometry, copy

Array = Any
TILE = 12  # places that a sweep takes at a time
ROOM, MOST = 96 * 1024, 10  # bytes of gathered windows: of the second cache; tiles of a block
APART = 16  # numbers after the windows of a place: addresses a power of two apart share a set


@inlined
def gather(
    x: Array, geometry: Any, first: int, count: int, k: int, room: Array, start: int, step: int
) -> None:
    """Row k of the windows at places first ... first + count - 1; what is not in an image is 0."""
    h, w, c, rows, columns, _, kw, down, across, apart_down, apart_across, top, left = geometry
    run, taps = (c, kw) if apart_across > 1 else (kw * c, 1)
    for i in range(count):
        line, j = (first + i) // columns, (first + i) % columns
        image, row = line // rows, line % rows * down - top + k * apart_down
        for tap in range(taps):
            to = start + i * step + tap * run
            begin = (j * across - left + tap * apart_across) * c  # of the image's row
            before = min(run, max(0, -begin)) if 0 <= row < h else run
            inside = max(0, min(run, w * c - begin) - before)
            if before:
                room[to:to + before] = 0
            if inside:
                copy(room, to + before, x, (image * h + row) * w * c + begin + before, inside)
            if before + inside < run:
                room[to + before + inside:to + run] = 0


@task
def gathered_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, bias: Array, y: Array, images: int,
    geometry: Any, places: Any, flags: int, block: int, room: Array, results: Array,
) -> None:
    """Its chunk of the places; `places` as in sweep_conv.py. Without `results`, a room for those of
    a block, they are next to each other in y."""
    _, _, c, rows, columns, kh, kw, _, _, _, _, _, _ = geometry
    y_image, y_row, y_pixel, y_start, o, _ = places
    panel, run = 2 * lanes(y), kw * c
    start, own = chunk * room.shape[1], chunk * results.shape[1]
    begin, end = part(chunk, chunks, images * rows * columns, TILE)
    for first in range(begin, end, block):
        count = min(block, end - first)
        target = address_of(results, own) if results.size else address_of(y, first * o)
        for k in range(kh):
            gather(x, geometry, first, count, k, room.reshape(-1), start, run + APART)
            flag = (ADD if k else 0) | (flags if k == kh - 1 else 0)
            for j in range(0, o, panel):
                some = min(panel, o - j)
                sweep(y, address_of(room, start),
                      address_of(weight, kh * run * j + k * run * some), target + y.itemsize * j,
                      count, some, run + APART, run, 1, some, 1, 0, 0, o,
                      address_of(bias, j) if bias.size and k == 0 else 0, flag)
        if results.size:
            for i in range(count):
                line, j = (first + i) // columns, (first + i) % columns
                to = y_start + line // rows * y_image + line % rows * y_row + j * y_pixel
                copy(y, to, results, own + i * o, o)


@kernel
def convolve_gathered(
    chunks: int, x: Array, weight: Array, bias: Array, y: Array, images: int, geometry: Any,
    places: Any, flags: int, block: int, room: Array, results: Array,
) -> None:
    parallel_for(gathered_chunk, chunks, (x, weight, bias, y, images, geometry, places, flags,
                                          block, room, results))


def pays(g: Geometry, images: int, o: int, groups: int, dtype: Any) -> bool:
    """Return whether gathering takes less time than a sweep for each row of results."""
    if groups > 1 or images * g.rows * g.columns < TILE:
        return False
    copies = GATHER_COPY + GATHER_RUN / (g.window_width * g.channels)
    each = tile_work(TILE, o, dtype) / TILE + copies
    return bool(g.columns * each <= GATHER_WORTH * tile_work(g.columns, o, dtype))


def convolution(
    x: Array, weight: Array, bias: Array, y: Array, g: Geometry, places: Any, flags: int
) -> None:
    """The `places` of y as in sweep_conv.convolution, of one group."""
    prepare(x.dtype)
    y_image, y_row, y_pixel, _, o, _ = places
    step = g.window_width * g.channels + APART
    tiles = min(MOST, max(1, ROOM // (TILE * step * x.itemsize)))
    chunks = threads_for(len(x) * g.rows * g.columns * weight.size)
    close = y_pixel == o and y_row == g.columns * o and y_image == g.rows * y_row
    room = np.empty((chunks, tiles * TILE * step), x.dtype)
    results = np.empty((chunks, 0 if close else tiles * TILE * o), x.dtype)
    convolve_gathered(chunks, x.reshape(-1), weight.reshape(-1), bias, y.reshape(-1), len(x),
                      tuple(g), places, flags, tiles * TILE, room, results)
