"""The gradient of 3 x 3 weights in fewer multiplications: Winograd's F(3x3, 2x2) and F(3x3, 4x4).

The gradient of a filter of three weights, from two neighbouring errors e0 and e1, is d0 e0 + d1 e1,
d1 e0 + d2 e1 and d2 e0 + d3 e1. Four multiplications are enough, and their pixels are the sums that
the convolution itself takes (winograd.py):

    m0 = (d0 - d2) e0                  m1 = (d1 + d2) (e0 + e1) / 2
    m3 = (d1 - d3) e1                  m2 = (d2 - d1) (e0 - e1) / 2

    first weight  m0 + m1 + m2         second  m1 - m2         third  m1 + m2 - m3

Along rows and columns that is 16 multiplications for a tile of 2 x 2 errors instead of 36; with
4 x 4 errors 36 instead of 144. They are summed over all tiles first, 16 or 36 products of matrices
(c, tiles) @ (tiles, o); the sums of the last line are taken once, at the end.

Many channels: V of all pixels and W of all errors are stored first. Then a thread takes a block of
inputs and a panel of outputs through all tiles: its products stay in the second cache, and each
weight is written once. Many tiles: each thread takes its chunk of them through all channels, and
the threads' products are added up.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, full, lanes, total
from ..simd.sweep import ADD, prepare, sweep
from ..simd.transpose import transpose
from ..threads import threads_for
from ..tuning import WINOGRAD_GRADIENT_PLACES, WINOGRAD_GRADIENT_TILES
from . import winograd
from . import winograd_2x2 as small
from . import winograd_4x4 as large
from .geometry import Geometry
from .weights import panel_width
from .winograd import APART, SCRATCH, Work, fill_v, tile_at, work_of

Array = Any
INPUTS = 48  # of a block of products: 36 places of 48 x 32 numbers fill 221 KB of the second cache
TILES = 96  # that are summed at a time: 48 pixels and 32 errors of each fill 31 KB
LEAST_TILES = 120  # summed for each time that all products are read and written
LEAST_BLOCKS = 4  # for threads to share
STORED = 4 << 20  # numbers of V and W of all tiles: half of the third cache


@inlined
def fill_w(
    dy: Array, geometry: Any, o: int, tile: int, begin: int, end: int, w: Array, to: int,
    first: int, tiles: int, step: int,
) -> None:
    """W (places, panels, tiles, columns) of tiles `begin` ... `end`, from number `to` on. Tile
    `begin` is number `first` of `tiles` tiles; places are `step` apart."""
    rows, columns, n, width = geometry[3], geometry[4], lanes(dy), 2 * lanes(dy)
    for t in range(begin, end):
        image, i, j = tile_at(geometry, tile, t)
        at = ((image * rows + i) * columns + j) * o
        for k in range(0, o, n):
            some, panel = min(n, o - k), k // width * width
            here = to + panel * tiles + (first + t - begin) * min(width, o - panel) + k - panel
            if tile == 4:
                large.errors_to_w(dy, at + k, columns * o, o, some, rows - i, columns - j, w, here,
                                  step)
            else:
                small.errors_to_w(dy, at + k, columns * o, o, some, rows - i, columns - j, w, here,
                                  step)


@inlined
def write_weights(
    products: Array, at: int, step: int, row: int, parts: int, part: int, tile: int, inputs: int,
    c: int, first: int, j: int, some: int, taps: Array, weight: Array,
) -> Any:
    """Write gradients (o, c, 9) of `inputs` inputs from `first` on and some outputs from j on, of
    products `row` apart from input to input and `step` from place to place. Return NaN where one is
    not finite."""
    n, bad = lanes(weight), full(weight, 0.0)
    for i in range(inputs):
        if tile == 4:
            bad = bad + large.products_to_taps(products, at + i * row, step, parts, part, some,
                                               taps, 9 * i * n)
        else:
            bad = bad + small.products_to_taps(products, at + i * row, step, parts, part, some,
                                               taps, 9 * i * n)
    transpose(weight, address_of(taps, 0), n, address_of(weight, (j * c + first) * 9), 9 * c,
              9 * inputs, some)
    return bad


# --- many channels: threads share them -----------------------------------------------------------


@task
def sums_chunk(
    chunk: int, chunks: int, x: Array, dy: Array, geometry: Any, o: int, tile: int, tiles: int,
    v: Array, w: Array,
) -> None:
    """V and W of its chunk of the tiles."""
    each = geometry[2] + APART
    begin, end = chunk * tiles // chunks, (chunk + 1) * tiles // chunks
    fill_v(x, geometry, tile, begin, end, v, begin * each, tiles * each + APART)
    fill_w(dy, geometry, o, tile, begin, end, w, 0, begin, tiles, tiles * o + APART)


@task
def blocks_chunk(
    chunk: int, chunks: int, v: Array, w: Array, c: int, o: int, tile: int, tiles: int,
    scratch: Array, weight: Array, bad: Array,
) -> None:
    """Its chunk of the blocks of a weight's gradient (o, c, 9), each of a panel of outputs and at
    most INPUTS inputs."""
    n, panel, places, each = lanes(v), 2 * lanes(v), (tile + 2) * (tile + 2), c + APART
    taps, products = np.empty(INPUTS * 9 * n, v.dtype), scratch.reshape(-1)
    step, mine = INPUTS * panel + APART, chunk * scratch.shape[1]
    down, found = -(-c // INPUTS), full(v, 0.0)
    blocks = -(-o // panel) * down
    for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        j, first = block // down * panel, block % down * INPUTS
        some, inputs = min(panel, o - j), min(INPUTS, c - first)
        for begin in range(0, tiles, TILES):
            for place in range(places):
                sweep(v, address_of(v, place * (tiles * each + APART) + begin * each + first),
                      address_of(w, place * (tiles * o + APART) + j * tiles + begin * some),
                      address_of(products, mine + place * step), inputs, some, 1,
                      min(TILES, tiles - begin), each, some, 1, 0, 0, panel, 0, ADD if begin else 0)
        for half in range(0, some, n):
            found = found + write_weights(products, mine + half, step, panel, 1, 0, tile, inputs, c,
                                          first, j + half, min(n, some - half), taps, weight)
    bad[chunk] = total(found)
    taps[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def gradient_by_blocks(
    chunks: int, x: Array, dy: Array, geometry: Any, o: int, tile: int, tiles: int, v: Array,
    w: Array, scratch: Array, weight: Array, bad: Array,
) -> None:
    parallel_for(sums_chunk, chunks, (x, dy, geometry, o, tile, tiles, v, w))
    parallel_for(blocks_chunk, chunks,
                 (v, w, geometry[2], o, tile, tiles, scratch, weight, bad))


# --- many tiles: threads share them --------------------------------------------------------------


@task
def products_chunk(
    chunk: int, chunks: int, x: Array, dy: Array, products: Array, tiles: int, geometry: Any,
    o: int, tile: int, block: int, scratch: Array,
) -> None:
    """Its chunk of the tiles, `block` of them at a time, summed into products[chunk], (places, c,
    o) flat."""
    c, panel, places = geometry[2], 2 * lanes(dy), (tile + 2) * (tile + 2)
    step, of_w = block * (c + APART) + APART, block * o + APART
    v = chunk * scratch.shape[1]
    w = v + places * step
    flat, sums = scratch.reshape(-1), products.reshape(-1)
    mine = chunk * products.shape[1]
    blocks = -(-tiles // block)
    own = chunk * blocks // chunks
    for work in range(own, (chunk + 1) * blocks // chunks):
        begin, end = work * block, min(tiles, (work + 1) * block)
        fill_v(x, geometry, tile, begin, end, flat, v, step)
        fill_w(dy, geometry, o, tile, begin, end, flat, w, 0, block, of_w)
        for place in range(places):
            for j in range(0, o, panel):
                some = min(panel, o - j)
                sweep(dy, address_of(flat, v + place * step),
                      address_of(flat, w + place * of_w + j * block),
                      address_of(sums, mine + place * c * o + j), c, some, 1, end - begin,
                      c + APART, some, 1, 0, 0, o, 0, ADD if work > own else 0)


@task
def weights_chunk(
    chunk: int, chunks: int, products: Array, c: int, o: int, tile: int, weight: Array, bad: Array
) -> None:
    """Its chunk of a weight's gradient (o, c, 9), of the threads' sums of products."""
    n, found, rows = lanes(products), full(products, 0.0), winograd.INPUTS
    taps, down = np.empty(rows * 9 * n, weight.dtype), -(-c // rows)
    blocks = -(-o // n) * down
    for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        j, first = block // down * n, block % down * rows
        found = found + write_weights(
            products.reshape(-1), first * o + j, c * o, o, products.shape[0], products.shape[1],
            tile, min(rows, c - first), c, first, j, min(n, o - j), taps, weight)
    bad[chunk] = total(found)
    taps[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def sum_products(
    chunks: int, x: Array, dy: Array, products: Array, tiles: int, geometry: Any, o: int,
    tile: int, block: int, scratch: Array,
) -> None:
    parallel_for(products_chunk, chunks,
                 (x, dy, products, tiles, geometry, o, tile, block, scratch))


@kernel
def weights_of_products(
    parts: int, products: Array, c: int, o: int, tile: int, weight: Array, bad: Array
) -> None:
    parallel_for(weights_chunk, parts, (products, c, o, tile, weight, bad))


def pays(x: Array, dy: Array, g: Geometry, groups: int) -> bool:
    """Return whether to compute the gradient so, of images x (n, h, w, c) and errors dy (n, rows,
    columns, o): it must be a 3 x 3 window of step 1, with enough places and channels."""
    return winograd.pays(g, x, dy.shape[3], groups, WINOGRAD_GRADIENT_PLACES)


def weight_gradient(x: Array, dy: Array, g: Geometry) -> Array | None:
    """dw (o, c, 3, 3) of x (n, h, w, c) and dy (n, rows, columns, o), contiguous, of one dtype;
    None if it is not finite: then it must be computed directly."""
    prepare(x.dtype)
    work = work_of(g, len(x), dy.shape[3], WINOGRAD_GRADIENT_TILES)
    c, o, _, places, tiles = work
    chunks = threads_for(places * tiles * c * o)
    weight = np.empty((o, c, 3, 3), x.dtype)
    stored, products = places * tiles * (c + APART + o), places * c * o
    blocks = -(-o // panel_width(x.dtype)) * -(-c // INPUTS)
    how = (_by_blocks if blocks >= LEAST_BLOCKS and stored <= max(STORED, 4 * products)
           else _by_tiles)
    bad = how(x.reshape(-1), dy.reshape(-1), tuple(g), work, chunks, weight.reshape(-1))
    return None if bad.any() else weight


def _by_blocks(
    x: Array, dy: Array, geometry: Any, work: Work, chunks: int, weight: Array
) -> Array:
    c, o, tile, places, tiles = work
    v = np.empty(places * (tiles * (c + APART) + APART), x.dtype)
    w = np.empty(places * (tiles * o + APART), x.dtype)
    scratch = np.empty((chunks, places * (INPUTS * panel_width(x.dtype) + APART)), x.dtype)
    bad = np.zeros(chunks, x.dtype)
    gradient_by_blocks(chunks, x, dy, geometry, o, tile, tiles, v, w, scratch, weight, bad)
    return bad


def _by_tiles(
    x: Array, dy: Array, geometry: Any, work: Work, chunks: int, weight: Array
) -> Array:
    c, o, tile, places, tiles = work
    fitting = SCRATCH // (places * (c + APART + o) * x.dtype.itemsize)
    block = min(max(fitting, LEAST_TILES), -(-tiles // chunks))
    chunks = min(chunks, -(-tiles // block))  # each has a block of its own
    scratch = np.empty((chunks, places * (block * (c + APART + o) + 2 * APART)), x.dtype)
    products = np.empty((chunks, places * c * o), x.dtype)
    sum_products(chunks, x, dy, products, tiles, geometry, o, tile, block, scratch)
    bad = np.zeros(threads_for(products.size), x.dtype)
    weights_of_products(len(bad), products, c, o, tile, weight, bad)
    return bad
