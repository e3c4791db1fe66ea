"""Convolutions with 3 x 3 windows of step 1 in fewer multiplications: Winograd's algorithm.

Two neighbouring results of a filter of three weights, d0 g0 + d1 g1 + d2 g2 and d1 g0 + d2 g1 +
d3 g2, take six multiplications. Four are enough (Winograd 1980, Lavin and Gray 2015):

    m0 = (d0 - d2) g0                  m1 = (d1 + d2) (g0 + g1 + g2) / 2
    m3 = (d1 - d3) g2                  m2 = (d2 - d1) (g0 - g1 + g2) / 2

    first result  m0 + m1 + m2         second  m1 - m2 - m3

In two dimensions the same is done along rows and columns: a tile of 2 x 2 results reads 4 x 4
pixels and takes 16 multiplications instead of 36 (winograd_2x2.py); one of 4 x 4 results reads
6 x 6 pixels and takes 36 instead of 144 (winograd_4x4.py). With many channels these become 16 or
36 products of matrices, (tiles, c) @ (c, o), which run on the sweep; around them stand sums of a
few numbers:

    pixels V = B.T d B      weights U = G g G.T      results Y = A.T M A      M = V @ U

Each product sums c numbers, not 9 c: docs/winograd.md has measured the errors. But the sums mix
neighbouring pixels, and one that is not finite, or so large that the sums overflow, would reach
results whose window it is not in. Then some result is not finite, and all are computed directly.
A result whose window holds only zeros is exactly 0, as it is directly.
"""

from typing import Any, NamedTuple

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, full, lanes, load_some, total
from ..simd.sweep import ADD, RELU, prepare, sweep
from ..simd.transpose import transpose
from ..threads import threads_for
from ..tuning import (
    WINOGRAD_CHANNELS,
    WINOGRAD_FEW_PLACES,
    WINOGRAD_LARGE,
    WINOGRAD_MANY_WEIGHTS,
    WINOGRAD_PLACES,
    WINOGRAD_TILES,
)
from . import winograd_2x2 as small
from . import winograd_4x4 as large
from .geometry import Geometry
from .weights import panel_width

Array = Any
SCRATCH = 640 * 1024  # bytes of one thread's V and M: of the second cache
LEAST_TILES = 48  # that share each reading of the weights
FEW_TILES = 96  # for each thread, up to which threads share columns, not tiles
INNER = 64  # inputs whose U, 36 places of 32 columns, fills half of the second cache
APART = 16  # numbers after a row: rows a power of two apart push each other out of the cache
INPUTS = 16  # of a weight that are transposed at a time: 16 outputs of 9 taps fill 9 KiB


@inlined
def fill_u(
    weight: Array, step: int, row: int, back: bool, tile: int, first: int, inputs: int, j: int,
    some: int, room: Array, u: Array, to: int, apart: int, place: int,
) -> None:
    """U of some inputs from `first` on and some columns from j on, at most as many as a vector has
    lanes, of a weight with 9 numbers for each input, `step` apart, and column, `row` apart. With
    `back` they are read from the last one on. Inputs of U are `apart`, places `place` apart."""
    n = lanes(weight)
    if step == 9:
        transpose(weight, address_of(weight, first * step + j * row), row, address_of(room, 0), n,
                  some, 9 * inputs)
    else:
        for i in range(inputs):
            transpose(weight, address_of(weight, (first + i) * step + j * row), row,
                      address_of(room, 9 * i * n), n, some, 9)
    for i in range(inputs):
        at, next_tap = (9 * i + (8 if back else 0)) * n, -n if back else n
        if tile == 4:
            large.weights_to_u(room, at, next_tap, u, to + i * apart, place, some)
        else:
            small.weights_to_u(room, at, next_tap, u, to + i * apart, place, some)


@task
def weights_chunk(
    chunk: int, chunks: int, weight: Array, c: int, o: int, step: int, row: int, back: bool,
    tile: int, u: Array,
) -> None:
    """Its chunk of U (places, panels, c, columns) of a whole weight (see `fill_u`)."""
    n, width = lanes(weight), 2 * lanes(weight)
    room = np.empty(INPUTS * 9 * n, weight.dtype)
    across = -(-o // n)
    blocks = across * -(-c // INPUTS)
    for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        first, j = block // across * INPUTS, block % across * n
        panel = j // width * width
        columns = min(width, o - panel)
        fill_u(weight, step, row, back, tile, first, min(INPUTS, c - first), j, min(n, o - j), room,
               u, panel * c + first * columns + j - panel, columns, c * o + APART)
    room[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def transform_weights(
    parts: int, weight: Array, c: int, o: int, step: int, row: int, back: bool, tile: int, u: Array
) -> None:
    parallel_for(weights_chunk, parts, (weight, c, o, step, row, back, tile, u))


@inlined
def tile_at(geometry: Any, tile: int, number: int) -> Any:
    """(image, row, column) of the first result of a tile."""
    down, across = -(-geometry[3] // tile), -(-geometry[4] // tile)
    image, inside = number // (down * across), number % (down * across)
    return image, inside // across * tile, inside % across * tile


@inlined
def fill_v(
    x: Array, geometry: Any, tile: int, begin: int, end: int, v: Array, to: int, step: int
) -> None:
    """V of tiles `begin` ... `end`: each c numbers and APART more, places `step` apart."""
    top, left, each = geometry[11], geometry[12], geometry[2] + APART
    for t in range(begin, end):
        image, i, j = tile_at(geometry, tile, t)
        at = to + (t - begin) * each
        if tile == 4:
            large.pixels_to_v(x, image, geometry, i - top, j - left, v, at, step)
        else:
            small.pixels_to_v(x, image, geometry, i - top, j - left, v, at, step)


@inlined
def fill_seeing(
    x: Array, geometry: Any, tile: int, begin: int, end: int, seeing: Array
) -> None:
    """Note which results of tiles `begin` ... `end` see a pixel that is not 0 (winograd_4x4.py);
    tiles of 2 x 2 give exactly 0 for the others anyway."""
    if tile == 4:
        for t in range(begin, end):
            image, i, j = tile_at(geometry, tile, t)
            seeing[t] = large.results_that_see(x, image, geometry, i - geometry[11],
                                               j - geometry[12])


@inlined
def panel_of_results(
    m: Array, room: int, bias: Array, y: Array, geometry: Any, o: int, tile: int, begin: int,
    end: int, panel: int, relu: bool, seeing: Array,
) -> Any:
    """Results of tiles `begin` ... `end`, those of one panel of columns, of M (places, tiles,
    columns) from number `room` on. Return NaN where one is not finite."""
    rows, columns, n = geometry[3], geometry[4], lanes(y)
    step, bad = (end - begin) * 2 * n + APART, full(y, 0.0)
    for k in range(panel, min(o, panel + 2 * n), n):
        some = min(n, o - k)
        shift = load_some(bias, k, some if bias.size else 0)
        for t in range(begin, end):
            image, i, j = tile_at(geometry, tile, t)
            at = room + (t - begin) * 2 * n + k - panel
            to = ((image * rows + i) * columns + j) * o + k
            if tile == 4:
                bad = bad + large.m_to_results(m, at, step, shift, relu, y, to, columns * o, o,
                                               some, rows - i, columns - j)
                if seeing[t] != large.RESULTS:
                    large.clear_results(seeing[t], shift, relu, y, to, columns * o, o, some,
                                        rows - i, columns - j)
            else:
                bad = bad + small.m_to_results(m, at, step, shift, relu, y, to, columns * o, o,
                                               some, rows - i, columns - j)
    return bad


@task
def tiles_chunk(
    chunk: int, chunks: int, x: Array, u: Array, bias: Array, y: Array, tiles: int,
    geometry: Any, o: int, tile: int, block: int, relu: bool, seeing: Array, scratch: Array,
    bad: Array,
) -> None:
    """Its chunk of the tiles, `block` of them at a time."""
    c, panel, places = geometry[2], 2 * lanes(y), (tile + 2) * (tile + 2)
    step = block * (c + APART) + APART
    v = chunk * scratch.shape[1]
    m = v + places * step
    flat, found = scratch.reshape(-1), full(y, 0.0)
    blocks = -(-tiles // block)
    for work in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        begin, end = work * block, min(tiles, (work + 1) * block)
        fill_v(x, geometry, tile, begin, end, flat, v, step)
        fill_seeing(x, geometry, tile, begin, end, seeing)
        to_place = (end - begin) * panel + APART
        for j in range(0, o, panel):
            some = min(panel, o - j)
            for place in range(places):
                sweep(y, address_of(flat, v + place * step),
                      address_of(u, place * (c * o + APART) + j * c),
                      address_of(flat, m + place * to_place), end - begin, some, c + APART, c, 1,
                      some, 1, 0, 0, panel, 0, 0)
            found = found + panel_of_results(flat, m, bias, y, geometry, o, tile, begin, end, j,
                                             relu, seeing)
    bad[chunk] = total(found)


@kernel
def convolve_tiles(
    chunks: int, x: Array, u: Array, bias: Array, y: Array, tiles: int, geometry: Any, o: int,
    tile: int, block: int, relu: bool, seeing: Array, scratch: Array, bad: Array,
) -> None:
    parallel_for(tiles_chunk, chunks,
                 (x, u, bias, y, tiles, geometry, o, tile, block, relu, seeing, scratch, bad))


@task
def pixels_chunk(
    chunk: int, chunks: int, x: Array, tiles: int, geometry: Any, tile: int, v: Array,
    seeing: Array,
) -> None:
    """V of its chunk of the tiles."""
    each = geometry[2] + APART
    begin, end = chunk * tiles // chunks, (chunk + 1) * tiles // chunks
    fill_v(x, geometry, tile, begin, end, v, begin * each, tiles * each + APART)
    fill_seeing(x, geometry, tile, begin, end, seeing)


@task
def panels_chunk(
    chunk: int, chunks: int, v: Array, weight: Array, step: int, row: int, back: bool, bias: Array,
    y: Array, tiles: int, geometry: Any, o: int, tile: int, block: int, relu: bool, seeing: Array,
    scratch: Array, bad: Array,
) -> None:
    """Its chunk of the panels of all tiles, `block` of them at a time, and of INNER inputs at a
    time: their U stays in the second cache and is used at once."""
    c, n, panel, places = geometry[2], lanes(y), 2 * lanes(y), (tile + 2) * (tile + 2)
    each, panels, found = c + APART, -(-o // panel), full(y, 0.0)
    room, flat, u = np.empty(INPUTS * 9 * n, y.dtype), scratch.reshape(-1), chunk * scratch.shape[1]
    of_u = INNER * panel + APART
    m = u + places * of_u
    for work in range(chunk * panels // chunks, (chunk + 1) * panels // chunks):
        j = work * panel
        some = min(panel, o - j)
        for begin in range(0, tiles, block):
            count = min(block, tiles - begin)
            of_m = count * panel + APART
            for k in range(0, c, INNER):
                inner = min(INNER, c - k)
                for first in range(0, inner, INPUTS):
                    for half in range(0, some, n):
                        fill_u(weight, step, row, back, tile, k + first, min(INPUTS, inner - first),
                               j + half, min(n, some - half), room, flat, u + first * some + half,
                               some, of_u)
                for place in range(places):
                    sweep(y, address_of(v, place * (tiles * each + APART) + begin * each + k),
                          address_of(flat, u + place * of_u), address_of(flat, m + place * of_m),
                          count, some, each, inner, 1, some, 1, 0, 0, panel, 0, ADD if k else 0)
            found = found + panel_of_results(flat, m, bias, y, geometry, o, tile, begin,
                                             begin + count, j, relu, seeing)
    bad[chunk] = total(found)
    room[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def convolve_panels(
    chunks: int, x: Array, v: Array, weight: Array, step: int, row: int, back: bool, bias: Array,
    y: Array, tiles: int, geometry: Any, o: int, tile: int, block: int, relu: bool, seeing: Array,
    scratch: Array, bad: Array,
) -> None:
    parallel_for(pixels_chunk, chunks, (x, tiles, geometry, tile, v, seeing))
    parallel_for(panels_chunk, chunks, (v, weight, step, row, back, bias, y, tiles, geometry, o,
                                        tile, block, relu, seeing, scratch, bad))


def pays(g: Geometry, x: Array, channels: int, groups: int, places: int = WINOGRAD_PLACES) -> bool:
    """Return whether to convolve images x (n, h, w, c) so, for this many channels of the results.

    It must be a 3 x 3 window of step 1, of enough channels and places to be worth the sums.
    Float64 is computed directly: whoever takes it wants digits.
    """
    sliding = (g.window_height, g.window_width, g.down, g.across, g.apart_down, g.apart_across)
    return (sliding == (3, 3, 1, 1, 1, 1) and groups == 1 and x.dtype == np.float32
            and min(g.channels, channels) >= WINOGRAD_CHANNELS
            and len(x) * g.rows * g.columns >= (
                WINOGRAD_FEW_PLACES if g.channels * channels >= WINOGRAD_MANY_WEIGHTS else places))


class Work(NamedTuple):
    """Channels in and out, the size of a tile, products for each tile, and how many tiles."""

    c: int
    o: int
    tile: int
    places: int
    tiles: int


def work_of(g: Geometry, images: int, o: int, more: int = WINOGRAD_TILES) -> Work:
    """The work with tiles of 4 x 4 results, or of 2 x 2 where it is less. The sums of weights take
    as long as the products of `more` tiles."""
    small_work, large_work = (
        Work(g.channels, o, tile, (tile + 2) ** 2,
             images * -(-g.rows // tile) * -(-g.columns // tile)) for tile in (2, 4))
    cost = [work.places * (work.tiles + more) for work in (small_work, large_work)]
    return large_work if cost[1] <= WINOGRAD_LARGE * cost[0] else small_work


def convolution(
    x: Array, weight: Array, bias: Array, y: Array, g: Geometry, flags: int, back: bool = False
) -> bool:
    """y (n, rows, columns, o) = windows of x (n, h, w, c) times a weight (o, c, 3, 3), + bias (o,)
    or an empty one; with `back` of a weight (c, o, 3, 3), rotated by 180 degrees. Of one dtype.

    `flags`: RELU or 0. Return whether all sums are finite; otherwise results may be wrong.
    """
    prepare(x.dtype)
    work, panel = work_of(g, len(x), y.shape[3]), panel_width(x.dtype)
    chunks = threads_for(work.places * work.tiles * work.c * work.o)
    bad = np.zeros(chunks, x.dtype)
    how = (9 * work.o, 9, True) if back else (9, 9 * work.c, False)
    few = work.tiles < chunks * FEW_TILES and work.o >= chunks * panel
    (_by_panels if few else _by_tiles)(
        x.reshape(-1), np.ascontiguousarray(weight).reshape(-1), how, bias, y.reshape(-1), tuple(g),
        work, chunks, panel, bool(flags & RELU), bad)
    return not bad.any()  # NaN is true


def _by_panels(
    x: Array, weight: Array, how: Any, bias: Array, y: Array, geometry: Any, work: Work,
    chunks: int, panel: int, relu: bool, bad: Array,
) -> None:
    """Threads share the columns: of few tiles, each weight is read once."""
    c, o, tile, places, tiles = work
    block = min(tiles, FEW_TILES)
    v = np.empty(places * (tiles * (c + APART) + APART), x.dtype)
    scratch = np.empty((chunks, places * ((block + INNER) * panel + 2 * APART)), x.dtype)
    convolve_panels(chunks, x, v, weight, *how, bias, y, tiles, geometry, o, tile, block, relu,
                    np.empty(tiles, np.int32), scratch, bad)


def _by_tiles(
    x: Array, weight: Array, how: Any, bias: Array, y: Array, geometry: Any, work: Work,
    chunks: int, panel: int, relu: bool, bad: Array,
) -> None:
    """Threads share the tiles, and all read the same U."""
    c, o, tile, places, tiles = work
    u = np.empty(places * (c * o + APART), x.dtype)
    transform_weights(threads_for(8 * u.size), weight, c, o, *how, tile, u)
    fitting = SCRATCH // (places * (c + APART + panel) * x.dtype.itemsize)
    most = max(fitting // 12 * 12, LEAST_TILES)
    blocks = -(-tiles // (most * chunks)) * chunks  # as many for each thread
    block = -(-tiles // blocks)
    scratch = np.empty((chunks, places * (block * (c + APART + panel) + 2 * APART)), x.dtype)
    convolve_tiles(chunks, x, u, bias, y, tiles, geometry, o, tile, block, relu,
                   np.empty(tiles, np.int32), scratch, bad)
