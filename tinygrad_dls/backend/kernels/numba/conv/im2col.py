"""Convolutions of small images as one product of matrices: im2col.

Where an image has few places, a sweep along a row of it multiplies few numbers by each weight it
loads, and all weights are loaded again for the next row. So the windows are copied, a row for each
place of all images, (n * rows * columns, kh * kw * c), and multiplied by the weights at once.
"""

from typing import Any

import numpy as np

from ..compile import kernel, task
from ..matmul.gemm import prepare, product
from ..matmul.linear import part, transposed_times
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes
from ..threads import threads_for
from ..tuning import IM2COL_CHANNELS, IM2COL_FILLED, IM2COL_PLACES, IM2COL_WORK
from .geometry import Geometry, copy
from .weights import as_weight

Array = Any
ROWS = 12  # of a product that a sweep computes at a time
TILE = 4  # places that a sweep computes at a time: those that a row lacks are computed in vain


@task
def windows_chunk(
    chunk: int, chunks: int, x: Array, images: int, geometry: Any, windows: Array
) -> None:
    """Its chunk of the rows of windows; what lies outside the image is 0."""
    h, w, c, rows, columns, kh, kw, down, across, apart_down, apart_across, top, left = geometry
    places, length = rows * columns, kh * kw * c
    for place in range(chunk * images * places // chunks, (chunk + 1) * images * places // chunks):
        image, inside = place // places, place % places
        i, j = inside // columns * down - top, inside % columns * across - left
        to = place * length
        for row in range(i, i + kh * apart_down, apart_down):
            for column in range(j, j + kw * apart_across, apart_across):
                if 0 <= row < h and 0 <= column < w:
                    copy(windows, to, x, ((image * h + row) * w + column) * c, c)
                else:
                    windows[to:to + c] = 0
                to += c


@kernel
def copy_windows(parts: int, x: Array, images: int, geometry: Any, windows: Array) -> None:
    parallel_for(windows_chunk, parts, (x, images, geometry, windows))


@task
def products_chunk(
    chunk: int, chunks: int, windows: Array, weight: Array, bias: Array, y: Array, flags: int
) -> None:
    """y (m, o) = windows (m, k) @ a weight of o columns in panels; its chunk of the panels, or of
    the rows where there are more of them."""
    (m, k), o, panel = windows.shape, y.shape[1], 2 * lanes(y)
    panels = -(-o // panel)
    first, last, begin, end = 0, panels, 0, m
    if panels > chunks:
        first, last = chunk * panels // chunks, (chunk + 1) * panels // chunks
    else:
        begin, end = part(chunk, chunks, m, ROWS)
    for j in range(first * panel, min(o, last * panel), panel):
        some = min(panel, o - j)
        product(y, address_of(windows, begin * k), address_of(weight, j * k),
                address_of(y, begin * o + j), end - begin, some, k, k, 1, some, o,
                address_of(bias, j) if bias.size else 0, flags, 0)


@kernel
def multiply_panels(
    chunks: int, windows: Array, weight: Array, bias: Array, y: Array, flags: int
) -> None:
    parallel_for(products_chunk, chunks, (windows, weight, bias, y, flags))


def pays(g: Geometry, images: int, channels: int, groups: int) -> bool:
    """Return whether to multiply so for this many images and channels of the results."""
    work = images * g.rows * g.columns * g.length * g.channels * channels
    full = g.columns / (-(-g.columns // TILE) * TILE)
    return (groups == 1 and g.columns <= IM2COL_PLACES and full <= IM2COL_FILLED
            and channels >= IM2COL_CHANNELS and work >= IM2COL_WORK)


def im2col(x: Array, g: Geometry) -> Array:
    """The windows of images x (n, h, w, c), (n * rows * columns, kh * kw * c)."""
    windows = np.empty((len(x) * g.rows * g.columns, g.length * g.channels), x.dtype)
    copy_windows(threads_for(windows.size), x.reshape(-1), len(x), tuple(g), windows.reshape(-1))
    return windows


def convolution(x: Array, weight: Array, bias: Array, y: Array, g: Geometry, flags: int) -> None:
    """y (n, rows, columns, o) = windows of x (n, h, w, c) times weight (1, kh, kw, c, o) in panels,
    + bias (o,) or an empty one; all contiguous and of one dtype. `flags`: RELU or 0."""
    prepare(x.dtype)
    windows = im2col(x, g)
    multiply_panels(threads_for(windows.size * y.shape[3]), windows, weight.reshape(-1), bias,
                    y.reshape(-1, y.shape[3]), flags)


def weight_gradient(x: Array, dy: Array, g: Geometry) -> Array:
    """dw (o, c, kh, kw) of x (n, h, w, c) and dy (n, rows, columns, o)."""
    dweight = transposed_times(im2col(x, g), dy.reshape(-1, dy.shape[3]))  # (kh * kw * c, o)
    return as_weight(dweight.reshape(1, -1), 1, g.channels, (g.window_height, g.window_width))
