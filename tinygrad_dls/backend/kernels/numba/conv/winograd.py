"""Convolutions with 3 x 3 windows of step 1 in fewer multiplications: Winograd's F(2x2, 3x3).

Two neighbouring results of a filter of three weights, d0 g0 + d1 g1 + d2 g2 and d1 g0 + d2 g1 +
d3 g2, take six multiplications. Four are enough (Winograd 1980, Lavin and Gray 2015):

    m0 = (d0 - d2) g0                  m1 = (d1 + d2) (g0 + g1 + g2) / 2
    m3 = (d1 - d3) g2                  m2 = (d2 - d1) (g0 - g1 + g2) / 2

    first result  m0 + m1 + m2         second  m1 - m2 - m3

In two dimensions the same is done along rows and columns: a tile of 2 x 2 results reads 4 x 4
pixels and takes 16 multiplications instead of 36. With many channels these become 16 products of
matrices, (tiles, c) @ (c, o), which run on the sweep; around them stand sums of a few numbers:

    pixels V = B.T d B      weights U = G g G.T      results Y = A.T M A      M = V @ U

Each product sums c numbers, not 9 c, so rounding errors are smaller than those of one long sum:
docs/winograd.md has measured them. But the sums mix neighbouring pixels, and one that is not finite
would reach results whose window it is not in: such images, and those so large that the sums could
overflow, are computed directly.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, full, lanes, load_some, store_some, where
from ..simd.sweep import RELU, prepare, sweep
from ..threads import threads_for
from ..tuning import WINOGRAD_CHANNELS, WINOGRAD_PLACES
from .few_channels import all_finite
from .geometry import Geometry

Array = Any
HEADROOM = 64.0  # by which pixels may be multiplied before they overflow
SCRATCH = 640 * 1024  # bytes of one thread's V and M: of the second cache
LEAST_TILES = 48  # that share each reading of the weights
APART = 16  # numbers after a row of V: rows a power of two apart push each other out of the cache


@inlined
def of_pixels(d0: Any, d1: Any, d2: Any, d3: Any) -> Any:
    """B.T times a column of four."""
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@inlined
def of_weights(g0: Any, g1: Any, g2: Any) -> Any:
    """G times a column of three."""
    outer = (g0 + g2) * 0.5
    inner = g1 * 0.5
    return g0, outer + inner, outer - inner, g2


@inlined
def of_results(m0: Any, m1: Any, m2: Any, m3: Any) -> Any:
    """A.T times a column of four."""
    return m0 + m1 + m2, m1 - m2 - m3


@inlined
def store_four(array: Array, to: int, step: int, some: int, four: Any) -> None:
    """Write four vectors, each `step` after the other."""
    store_some(array, to, four[0], some)
    store_some(array, to + step, four[1], some)
    store_some(array, to + 2 * step, four[2], some)
    store_some(array, to + 3 * step, four[3], some)


@task
def weights_chunk(chunk: int, chunks: int, panels: Array, c: int, o: int, u: Array) -> None:
    """Its chunk of U (16, panels, c, columns) of weights (panels, 3, 3, c, columns)."""
    n, width = lanes(panels), 2 * lanes(panels)
    for panel in range(-(-o // width)):
        j = panel * width
        run = c * min(width, o - j)
        blocks = -(-run // n)
        for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
            k = block * n
            some = min(n, run - k)
            g = 9 * j * c + k
            a0, a1, a2, a3 = of_weights(load_some(panels, g, some),
                                        load_some(panels, g + 3 * run, some),
                                        load_some(panels, g + 6 * run, some))
            b0, b1, b2, b3 = of_weights(load_some(panels, g + run, some),
                                        load_some(panels, g + 4 * run, some),
                                        load_some(panels, g + 7 * run, some))
            c0, c1, c2, c3 = of_weights(load_some(panels, g + 2 * run, some),
                                        load_some(panels, g + 5 * run, some),
                                        load_some(panels, g + 8 * run, some))
            to = j * c + k
            step = c * o
            store_four(u, to, step, some, of_weights(a0, b0, c0))
            store_four(u, to + 4 * step, step, some, of_weights(a1, b1, c1))
            store_four(u, to + 8 * step, step, some, of_weights(a2, b2, c2))
            store_four(u, to + 12 * step, step, some, of_weights(a3, b3, c3))


@kernel
def transform_weights(parts: int, panels: Array, c: int, o: int, u: Array) -> None:
    parallel_for(weights_chunk, parts, (panels, c, o, u))


@inlined
def column_of_pixels(
    x: Array, image: int, geometry: Any, row: int, column: int, k: int, some: int
) -> Any:
    """B.T times the four pixels below (row, column), channels k ...; 0 outside the image."""
    h, w, c = geometry[0], geometry[1], geometry[2]
    inside = 0 <= column < w
    at = ((image * h + row) * w + column) * c + k
    return of_pixels(
        load_some(x, at, some if inside and 0 <= row < h else 0),
        load_some(x, at + w * c, some if inside and -1 <= row < h - 1 else 0),
        load_some(x, at + 2 * w * c, some if inside and -2 <= row < h - 2 else 0),
        load_some(x, at + 3 * w * c, some if inside and -3 <= row < h - 3 else 0),
    )


@inlined
def pixels_to_v(
    x: Array, image: int, geometry: Any, row: int, column: int, v: Array, to: int, step: int
) -> None:
    """V of the 4 x 4 pixels from (row, column) on: 16 rows of c numbers, `step` apart."""
    c, n = geometry[2], lanes(x)
    for k in range(0, c, n):
        some = min(n, c - k)
        a0, a1, a2, a3 = column_of_pixels(x, image, geometry, row, column, k, some)
        b0, b1, b2, b3 = column_of_pixels(x, image, geometry, row, column + 1, k, some)
        c0, c1, c2, c3 = column_of_pixels(x, image, geometry, row, column + 2, k, some)
        d0, d1, d2, d3 = column_of_pixels(x, image, geometry, row, column + 3, k, some)
        store_four(v, to + k, step, some, of_pixels(a0, b0, c0, d0))
        store_four(v, to + k + 4 * step, step, some, of_pixels(a1, b1, c1, d1))
        store_four(v, to + k + 8 * step, step, some, of_pixels(a2, b2, c2, d2))
        store_four(v, to + k + 12 * step, step, some, of_pixels(a3, b3, c3, d3))


@inlined
def column_of_results(m: Array, at: int, step: int, some: int) -> Any:
    """A.T times four numbers of M, one below the other."""
    return of_results(load_some(m, at, some), load_some(m, at + 4 * step, some),
                      load_some(m, at + 8 * step, some), load_some(m, at + 12 * step, some))


@inlined
def m_to_results(
    m: Array, at: int, step: int, bias: Array, relu: bool, y: Array, to: int, row: int, o: int,
    below: bool, beside: bool,
) -> None:
    """The 2 x 2 results of M: 16 rows of o numbers, `step` apart; those below and beside the first
    one only where they are in the image."""
    n = lanes(y)
    for k in range(0, o, n):
        some = min(n, o - k)
        a0, a1 = column_of_results(m, at + k, step, some)
        b0, b1 = column_of_results(m, at + k + step, step, some)
        c0, c1 = column_of_results(m, at + k + 2 * step, step, some)
        d0, d1 = column_of_results(m, at + k + 3 * step, step, some)
        y00, y01 = of_results(a0, b0, c0, d0)
        y10, y11 = of_results(a1, b1, c1, d1)
        if bias.size:
            shift = load_some(bias, k, some)
            y00, y01, y10, y11 = y00 + shift, y01 + shift, y10 + shift, y11 + shift
        if relu:
            zero = full(y, 0.0)
            y00, y01 = where(y00 <= zero, zero, y00), where(y01 <= zero, zero, y01)
            y10, y11 = where(y10 <= zero, zero, y10), where(y11 <= zero, zero, y11)
        store_some(y, to + k, y00, some)
        if beside:
            store_some(y, to + k + o, y01, some)
        if below:
            store_some(y, to + k + row, y10, some)
            if beside:
                store_some(y, to + k + row + o, y11, some)


@task
def tiles_chunk(
    chunk: int, chunks: int, x: Array, u: Array, bias: Array, y: Array, images: int,
    geometry: Any, o: int, block: int, relu: bool, scratch: Array,
) -> None:
    """Its chunk of the tiles, `block` of them at a time."""
    c, rows, columns, top, left = (geometry[2], geometry[3], geometry[4], geometry[11],
                                   geometry[12])
    down, across = (rows + 1) // 2, (columns + 1) // 2
    tiles, each = images * down * across, c + APART
    panel = 2 * lanes(y)
    v = chunk * scratch.shape[1]
    m = v + 16 * block * each
    flat = scratch.reshape(-1)
    blocks = -(-tiles // block)
    for work in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        begin = work * block
        count = min(block, tiles - begin)
        for t in range(count):
            tile = begin + t
            image, inside = tile // (down * across), tile % (down * across)
            pixels_to_v(x, image, geometry, inside // across * 2 - top,
                        inside % across * 2 - left, flat, v + t * each, block * each)
        for place in range(16):
            a = address_of(flat, v + place * block * each)
            for j in range(0, o, panel):
                some = min(panel, o - j)
                sweep(y, a, address_of(u, (place * o + j) * c),
                      address_of(flat, m + place * block * o + j), count, some, each, c, 1, some,
                      1, 0, 0, o, 0, 0)
        for t in range(count):
            tile = begin + t
            image, inside = tile // (down * across), tile % (down * across)
            i, j = inside // across * 2, inside % across * 2
            m_to_results(flat, m + t * o, block * o, bias, relu, y,
                         ((image * rows + i) * columns + j) * o, columns * o, o, i + 1 < rows,
                         j + 1 < columns)


@kernel
def convolve_tiles(
    chunks: int, x: Array, u: Array, bias: Array, y: Array, images: int, geometry: Any, o: int,
    block: int, relu: bool, scratch: Array,
) -> None:
    parallel_for(tiles_chunk, chunks,
                 (x, u, bias, y, images, geometry, o, block, relu, scratch))


def pays(g: Geometry, x: Array, channels: int, groups: int, places: int = WINOGRAD_PLACES) -> bool:
    """Return whether to convolve images x (n, h, w, c) so, for this many channels of the results.

    It must be a 3 x 3 window of step 1, of enough channels and places to be worth the sums, and
    pixels must leave room for them. Float64 is computed directly: whoever takes it wants digits.
    """
    sliding = (g.window_height, g.window_width, g.down, g.across, g.apart_down, g.apart_across)
    return (sliding == (3, 3, 1, 1, 1, 1) and groups == 1 and x.dtype == np.float32
            and min(g.channels, channels) >= WINOGRAD_CHANNELS
            and len(x) * g.rows * g.columns >= places and all_finite(x, HEADROOM))


def convolution(
    x: Array, panels: Array, bias: Array, y: Array, g: Geometry, flags: int
) -> None:
    """y (n, rows, columns, o) = windows of x (n, h, w, c) times a weight (1, 3, 3, c, o) in panels,
    + bias (o,) or an empty one; all contiguous and of one dtype.

    `flags`: RELU or 0.
    """
    prepare(x.dtype)
    c, o = g.channels, y.shape[3]
    u = np.empty(16 * c * o, x.dtype)
    transform_weights(threads_for(8 * u.size), panels.reshape(-1), c, o, u)
    tiles = len(x) * ((g.rows + 1) // 2) * ((g.columns + 1) // 2)
    chunks = threads_for(16 * tiles * c * o)
    fitting = SCRATCH // (16 * (c + APART + o) * x.dtype.itemsize)
    block = min(max(fitting // 12 * 12, LEAST_TILES), -(-tiles // chunks))
    scratch = np.empty((chunks, 16 * block * (c + APART + o)), x.dtype)
    convolve_tiles(chunks, x.reshape(-1), u, bias, y.reshape(-1), len(x), tuple(g), o, block,
                   bool(flags & RELU), scratch)
