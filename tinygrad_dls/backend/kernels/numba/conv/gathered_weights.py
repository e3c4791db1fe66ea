"""The gradient of a convolution's weight from gathered windows, on all cores.

dweight (c, kh, kw, o) = windows.T @ dy, summed over the places of all images. The sweeps of
sweep_conv.py sum a few rows of places at a time and add each such sum to the whole gradient, which
does not stay in the second cache if it is large. Here a block of the gradient's rows goes through
the places, 256 at a time: what they see of these rows is copied to a room in the second cache (see
gathered.py), and a panel of dy to another. Threads share the gradient, so each number is summed by
one thread alone; in the end it is transposed to the order of a weight (o, c, kh, kw).
"""

from typing import Any

import numpy as np

from ..compile import kernel, task
from ..matmul.gemm import pack
from ..matmul.panels import part
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes
from ..simd.sweep import ADD, prepare, sweep
from ..simd.transpose import transpose
from ..threads import threads_for
from ..tuning import GATHER_LEAST, GATHER_PLACES, GATHER_WEIGHTS
from . import im2col
from .gathered import APART, evenly, gather
from .geometry import Geometry
from .weights import panel_width

Array = Any
PLACES = 256  # that are summed at a time
ROWS = 240  # of the gradient, at most, in a block


@task
def sums_chunk(
    chunk: int, chunks: int, x: Array, dy: Array, dweight: Array, images: int, geometry: Any,
    taps: int, channels: int, columns_of_dy: int, rooms: Array,
) -> None:
    """Its chunk of dweight (c, kh, kw, numbers from one row to the next), flat: blocks of so many
    taps in a row of the window, channels, and `columns_of_dy`; all channels of several taps."""
    _, _, c, rows, columns, kh, kw, _, _, _, apart_across, _, _ = geometry
    panel, total, o = 2 * lanes(dy), images * rows * columns, dy.shape[1]
    flat, room, step = rooms.reshape(-1), chunk * rooms.shape[1], taps * channels + APART
    of_dy, block = address_of(flat, room + PLACES * step), evenly(total, PLACES, 1)
    pieces, parts, runs = -(-c // channels), -(-o // columns_of_dy), -(-kw // taps)
    to_tap, to_channel = o + APART, kh * kw * (o + APART)
    works = kh * runs * pieces * parts
    for work in range(chunk * works // chunks, (chunk + 1) * works // chunks):
        k, tap = work // (runs * pieces * parts), work // (pieces * parts) % runs * taps
        c0, first_column = work // parts % pieces * channels, work % parts * columns_of_dy
        here, there = min(channels, c - c0), min(taps, kw - tap)
        for first in range(0, total, block):
            count, offset = min(block, total - first), tap * apart_across * c + c0
            if apart_across == 1:
                gather(x, geometry, first, count, k, offset, 1, 0, there * here, flat, room, step)
            else:
                gather(x, geometry, first, count, k, offset, there, apart_across * c, here, flat,
                       room, step)
            for j in range(first_column, min(o, first_column + columns_of_dy), panel):
                some = min(panel, o - j)
                pack(dy, address_of(dy, first * o + j), o, count, some, of_dy)
                for t in range(there):
                    to = c0 * to_channel + (k * kw + tap + t) * to_tap + j
                    sweep(dy, address_of(flat, room + t * here), of_dy, address_of(dweight, to),
                          here, some, 1, count, step, panel, 1, 0, 0, to_channel, 0,
                          ADD if first else 0)


@task
def transpose_chunk(chunk: int, chunks: int, dweight: Array, weight: Array) -> None:
    """weight (o, rows) of dweight (rows, more than o); each chunk takes rows of it."""
    (o, rows), row = weight.shape, dweight.shape[1]
    begin, end = part(chunk, chunks, rows, 16)
    transpose(weight, address_of(dweight, begin * row), row, address_of(weight, begin), rows,
              end - begin, o)


@kernel
def sum_gathered(
    chunks: int, x: Array, dy: Array, dweight: Array, weight: Array, images: int, geometry: Any,
    taps: int, channels: int, columns_of_dy: int, rooms: Array,
) -> None:
    parallel_for(sums_chunk, chunks, (x, dy, dweight.reshape(-1), images, geometry, taps, channels,
                                      columns_of_dy, rooms))
    parallel_for(transpose_chunk, chunks, (dweight, weight))


def pays(g: Geometry, images: int, o: int, groups: int) -> bool:
    """Return whether to compute the gradient of a weight with so many outputs so. Of fewer places
    than outputs its transpose, here, costs more than that of the windows (im2col.py)."""
    places, row = images * g.rows * g.columns, g.window_width * g.channels
    many = g.window_height * row * o >= GATHER_WEIGHTS or (
        places < GATHER_PLACES and min(row, o) >= GATHER_LEAST)
    return groups == 1 and many and (
        places >= o or not im2col.pays_for_weight(g, images, o, groups))


def weight_gradient(x: Array, dy: Array, g: Geometry) -> Array:
    """dw (o, c, kh, kw) of x (n, h, w, c) and dy (n, rows, columns, o)."""
    prepare(x.dtype)
    o, c, panel = dy.shape[3], g.channels, panel_width(x.dtype)
    chunks = threads_for(len(x) * g.rows * g.columns * g.length * c * o)
    taps, pieces = min(g.window_width, max(1, ROWS // c)), -(-c // ROWS)
    channels = c if pieces == 1 else -(-c // (12 * pieces)) * 12
    works = g.window_height * -(-g.window_width // taps) * pieces
    parts = 1 if works % chunks == 0 else chunks
    columns = -(-o // (panel * parts)) * panel
    dweight = np.empty((c * g.length, o + APART), x.dtype)
    weight = np.empty((o, c, g.window_height, g.window_width), x.dtype)
    rooms = np.empty((chunks, PLACES * (taps * channels + APART + panel)), x.dtype)
    sum_gathered(chunks, x.reshape(-1), dy.reshape(-1, o), dweight, weight.reshape(o, -1), len(x),
                 tuple(g), taps, channels, columns, rooms)
    return weight
