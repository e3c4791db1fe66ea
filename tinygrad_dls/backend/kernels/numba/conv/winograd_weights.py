"""The gradient of 3 x 3 weights in fewer multiplications: Winograd's F(3x3, 2x2).

The gradient of a filter of three weights, from two neighbouring errors e0 and e1, is d0 e0 + d1 e1,
d1 e0 + d2 e1 and d2 e0 + d3 e1. Four multiplications are enough, and their pixels are the sums that
the convolution itself takes (winograd.py):

    m0 = (d0 - d2) e0                  m1 = (d1 + d2) (e0 + e1) / 2
    m3 = (d1 - d3) e1                  m2 = (d2 - d1) (e0 - e1) / 2

    first weight  m0 + m1 + m2         second  m1 - m2         third  m1 + m2 - m3

Along rows and columns that is 16 multiplications for a tile of 2 x 2 errors instead of 36. They are
summed over all tiles first, 16 products of matrices (c, tiles) @ (tiles, o); the sums of the last
line are taken once, at the end.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes, load_some, store_some
from ..simd.sweep import ADD, prepare, sweep
from ..threads import threads_for
from ..tuning import WINOGRAD_GRADIENT_PLACES, WINOGRAD_GRADIENT_WEIGHTS
from . import winograd
from .few_channels import all_finite
from .geometry import Geometry
from .weights import as_weight
from .winograd import APART, HEADROOM, SCRATCH, pixels_to_v, store_four

Array = Any
LEAST_TILES = 120  # summed for each time that the products are read and written


@inlined
def of_errors(e0: Any, e1: Any) -> Any:
    """Four sums of a column of two."""
    half0, half1 = e0 * 0.5, e1 * 0.5
    return e0, half0 + half1, half0 - half1, e1


@inlined
def of_sums(m0: Any, m1: Any, m2: Any, m3: Any) -> Any:
    """Three weights of a column of four."""
    both = m1 + m2
    return m0 + both, m1 - m2, both - m3


@inlined
def errors_to_w(
    dy: Array, at: int, row: int, o: int, below: bool, beside: bool, w: Array, to: int, t: int,
    block: int,
) -> None:
    """Of 2 x 2 errors, tile number t of a block of W (16, panels, block, columns); errors below
    and beside the first one count as 0 where they are not in the image."""
    n, width, step = lanes(dy), 2 * lanes(dy), block * o
    for k in range(0, o, n):
        some = min(n, o - k)
        panel = k // width * width
        here = to + panel * block + t * min(width, o - panel) + k - panel
        a0, a1, a2, a3 = of_errors(load_some(dy, at + k, some),
                                   load_some(dy, at + row + k, some if below else 0))
        b0, b1, b2, b3 = of_errors(
            load_some(dy, at + o + k, some if beside else 0),
            load_some(dy, at + row + o + k, some if beside and below else 0))
        store_four(w, here, step, some, of_errors(a0, b0))
        store_four(w, here + 4 * step, step, some, of_errors(a1, b1))
        store_four(w, here + 8 * step, step, some, of_errors(a2, b2))
        store_four(w, here + 12 * step, step, some, of_errors(a3, b3))


@task
def products_chunk(
    chunk: int, chunks: int, x: Array, dy: Array, products: Array, images: int, geometry: Any,
    o: int, block: int, scratch: Array,
) -> None:
    """Its chunk of the tiles, `block` of them at a time, summed into products[chunk], (16, c, o)
    flat."""
    c, rows, columns, top, left = (geometry[2], geometry[3], geometry[4], geometry[11],
                                   geometry[12])
    down, across = (rows + 1) // 2, (columns + 1) // 2
    tiles, each = images * down * across, c + APART
    panel = 2 * lanes(dy)
    v = chunk * scratch.shape[1]
    w = v + 16 * block * each
    flat, sums = scratch.reshape(-1), products.reshape(-1)
    first = chunk * 16 * c * o
    blocks = -(-tiles // block)
    own = chunk * blocks // chunks
    for work in range(own, (chunk + 1) * blocks // chunks):
        begin = work * block
        count = min(block, tiles - begin)
        for t in range(count):
            tile = begin + t
            image, inside = tile // (down * across), tile % (down * across)
            i, j = inside // across * 2, inside % across * 2
            pixels_to_v(x, image, geometry, i - top, j - left, flat, v + t * each, block * each)
            errors_to_w(dy, ((image * rows + i) * columns + j) * o, columns * o, o, i + 1 < rows,
                        j + 1 < columns, flat, w, t, block)
        for place in range(16):
            a = address_of(flat, v + place * block * each)
            for j in range(0, o, panel):
                some = min(panel, o - j)
                sweep(dy, a, address_of(flat, w + (place * o + j) * block),
                      address_of(sums, first + place * c * o + j), c, some, 1, count, each, some,
                      1, 0, 0, o, 0, ADD if work > own else 0)


@task
def weights_chunk(
    chunk: int, chunks: int, products: Array, size: int, weights: Array
) -> None:
    """Its chunk of the weights (3, 3, c, o), flat, of the threads' sums of products."""
    n = lanes(products)
    blocks = -(-size // n)
    for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        k = block * n
        some = min(n, size - k)
        a0, a1, a2 = column_of_sums(products, k, size, some)
        b0, b1, b2 = column_of_sums(products, k + size, size, some)
        c0, c1, c2 = column_of_sums(products, k + 2 * size, size, some)
        d0, d1, d2 = column_of_sums(products, k + 3 * size, size, some)
        row_of_weights(weights, k, size, some, a0, b0, c0, d0)
        row_of_weights(weights, k + 3 * size, size, some, a1, b1, c1, d1)
        row_of_weights(weights, k + 6 * size, size, some, a2, b2, c2, d2)


@inlined
def column_of_sums(products: Array, at: int, size: int, some: int) -> Any:
    """Three weights of four products, one below the other, each the sum of the threads'."""
    return of_sums(sum_of_parts(products, at, some), sum_of_parts(products, at + 4 * size, some),
                   sum_of_parts(products, at + 8 * size, some),
                   sum_of_parts(products, at + 12 * size, some))


@inlined
def sum_of_parts(products: Array, at: int, some: int) -> Any:
    """Some numbers, summed over the threads' parts."""
    total = load_some(products, at, some)
    for part in range(1, products.shape[0]):
        total = total + load_some(products, part * products.shape[1] + at, some)
    return total


@inlined
def row_of_weights(
    weights: Array, to: int, step: int, some: int, m0: Any, m1: Any, m2: Any, m3: Any
) -> None:
    """Write the three weights of a row of four, each `step` after the other."""
    w0, w1, w2 = of_sums(m0, m1, m2, m3)
    store_some(weights, to, w0, some)
    store_some(weights, to + step, w1, some)
    store_some(weights, to + 2 * step, w2, some)


@kernel
def sum_products(
    chunks: int, x: Array, dy: Array, products: Array, images: int, geometry: Any, o: int,
    block: int, scratch: Array,
) -> None:
    parallel_for(products_chunk, chunks,
                 (x, dy, products, images, geometry, o, block, scratch))


@kernel
def weights_of_products(parts: int, products: Array, size: int, weights: Array) -> None:
    parallel_for(weights_chunk, parts, (products, size, weights))


def pays(x: Array, dy: Array, g: Geometry, groups: int) -> bool:
    """Return whether to compute the gradient so, of images x (n, h, w, c) and errors dy (n, rows,
    columns, o): it must be a 3 x 3 window of step 1, and numbers must leave room for the sums."""
    o = dy.shape[3]
    return (g.channels * o >= WINOGRAD_GRADIENT_WEIGHTS
            and winograd.pays(g, x, o, groups, WINOGRAD_GRADIENT_PLACES)
            and all_finite(dy, HEADROOM))


def weight_gradient(x: Array, dy: Array, g: Geometry) -> Array:
    """dw (o, c, 3, 3) of x (n, h, w, c) and dy (n, rows, columns, o), contiguous, of one dtype."""
    prepare(x.dtype)
    c, o = g.channels, dy.shape[3]
    tiles = len(x) * ((g.rows + 1) // 2) * ((g.columns + 1) // 2)
    fitting = SCRATCH // (16 * (c + APART + o) * x.dtype.itemsize)
    chunks = threads_for(16 * tiles * c * o)
    block = min(max(fitting, LEAST_TILES), -(-tiles // chunks))
    chunks = min(chunks, -(-tiles // block))  # each has a block of its own
    scratch = np.empty((chunks, 16 * block * (c + APART + o)), x.dtype)
    products = np.empty((chunks, 16 * c * o), x.dtype)
    sum_products(chunks, x.reshape(-1), dy.reshape(-1), products, len(x), tuple(g), o, block,
                 scratch)
    weights = np.empty((1, 9 * c * o), x.dtype)
    weights_of_products(threads_for(products.size), products, c * o, weights.reshape(-1))
    return as_weight(weights, 1, c, (3, 3))
