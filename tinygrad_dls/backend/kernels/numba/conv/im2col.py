"""Gradients of convolutions at few places: windows copied out (im2col), and a product of matrices.

A weight of many channels is then larger than all images, and its gradient is written once, as it is
stored. A copy of the windows of all images is a matrix with as many rows as there are places. A
window has its numbers in the order of a weight (c, kh, kw):

    dweight (o, c * kh * kw) = dy.T @ windows

The gradient of the images adds up windows (col2im): each number of dy @ weight, (places, c * kh *
kw), goes back to the pixel that it came from.
"""

from typing import Any

import numpy as np

from ..compile import kernel, task
from ..layout import NOTHING
from ..matmul.linear import times, transposed_times
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes, load_some, store_some
from ..simd.transpose import transpose
from ..threads import threads_for
from ..tuning import (
    IM2COL_CHANNELS,
    IM2COL_PACK,
    IM2COL_SUM,
    IM2COL_WEIGHTS,
    IM2COL_WORK,
)
from .geometry import Geometry, copy

Array = Any
BLOCK = 64  # channels of the windows that are added up at a time


@task
def windows_chunk(
    chunk: int, chunks: int, x: Array, images: int, geometry: Any, windows: Array
) -> None:
    """Its chunk of the rows of windows; what lies outside the image is 0."""
    h, w, c, rows, columns, kh, kw, down, across, apart_down, apart_across, top, left = geometry
    places, length = rows * columns, kh * kw
    room = np.empty(length * c, x.dtype)  # a window as (kh, kw, c)
    for place in range(chunk * images * places // chunks, (chunk + 1) * images * places // chunks):
        image, inside = place // places, place % places
        i, j = inside // columns * down - top, inside % columns * across - left
        if length == 1 and 0 <= i < h and 0 <= j < w:  # nothing to transpose
            copy(windows, place * c, x, ((image * h + i) * w + j) * c, c)
            continue
        to = 0
        for row in range(i, i + kh * apart_down, apart_down):
            for column in range(j, j + kw * apart_across, apart_across):
                if 0 <= row < h and 0 <= column < w:
                    copy(room, to, x, ((image * h + row) * w + column) * c, c)
                else:
                    room[to:to + c] = 0
                to += c
        transpose(x, address_of(room, 0), c, address_of(windows, place * length * c), length,
                  length, c)
    room[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def copy_windows(parts: int, x: Array, images: int, geometry: Any, windows: Array) -> None:
    parallel_for(windows_chunk, parts, (x, images, geometry, windows))


@task
def sums_chunk(
    chunk: int, chunks: int, windows: Array, images: int, geometry: Any, bias: Array, x: Array
) -> None:
    """Its chunk of the images and of blocks of their channels: the sums of windows, + bias."""
    h, w, c, rows, columns, kh, kw, down, across, apart_down, apart_across, top, left = geometry
    n, places, length, blocks = lanes(x), rows * columns, kh * kw, -(-c // BLOCK)
    room = np.empty(length * BLOCK, x.dtype)
    for work in range(chunk * images * blocks // chunks, (chunk + 1) * images * blocks // chunks):
        image, first = work // blocks, work % blocks * BLOCK
        count = min(BLOCK, c - first)
        for pixel in range(image * h * w, (image + 1) * h * w):
            for k in range(0, count, n):
                some = min(n, count - k)
                store_some(x, pixel * c + first + k,
                           load_some(bias, first + k, some if bias.size else 0), some)
        for place in range(places):
            transpose(x, address_of(windows, ((image * places + place) * c + first) * length),
                      length, address_of(room, 0), count, count, length)
            for tap in range(length):
                row = place // columns * down - top + tap // kw * apart_down
                column = place % columns * across - left + tap % kw * apart_across
                if not (0 <= row < h and 0 <= column < w):
                    continue
                to = ((image * h + row) * w + column) * c + first
                for k in range(0, count, n):
                    some = min(n, count - k)
                    total = load_some(x, to + k, some) + load_some(room, tap * count + k, some)
                    store_some(x, to + k, total, some)
    room[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def sum_windows(
    parts: int, windows: Array, images: int, geometry: Any, bias: Array, x: Array
) -> None:
    parallel_for(sums_chunk, parts, (windows, images, geometry, bias, x))


def pays_for_weight(g: Geometry, images: int, o: int, groups: int) -> bool:
    """Return whether to compute the gradient of a weight with so many outputs so."""
    places, weights = images * g.rows * g.columns, g.channels * o
    return (groups == 1 and o >= IM2COL_CHANNELS and places * weights * g.length >= IM2COL_WORK
            and places * IM2COL_WEIGHTS <= weights)


def pays_for_input(g: Geometry, images: int, o: int, groups: int) -> bool:
    """Return whether to compute the gradient of images so; it pays for that of the weight, then."""
    places, results = images * g.rows * g.columns, images * g.height * g.width
    work_of_others = o * results / (places * g.down * g.across) + IM2COL_PACK * o / places
    return (pays_for_weight(g, images, o, groups)
            and o + IM2COL_SUM * g.length <= work_of_others)


def im2col(x: Array, g: Geometry) -> Array:
    """The windows of images x (n, h, w, c), (n * rows * columns, c * kh * kw)."""
    windows = np.empty((len(x) * g.rows * g.columns, g.channels * g.length), x.dtype)
    copy_windows(threads_for(windows.size), x.reshape(-1), len(x), tuple(g), windows.reshape(-1))
    return windows


def weight_gradient(x: Array, dy: Array, g: Geometry) -> Array:
    """dw (o, c, kh, kw) of x (n, h, w, c) and dy (n, rows, columns, o)."""
    o = dy.shape[3]
    dweight = transposed_times(dy.reshape(-1, o), im2col(x, g))
    return dweight.reshape(o, g.channels, g.window_height, g.window_width)


def input_gradient(dy: Array, weight: Array, bias: Array, x: Array, g: Geometry) -> None:
    """x (n, h, w, c) = what the convolution sends back from dy (n, rows, columns, o), with weight
    (o, c, kh, kw), + bias (c,) or an empty one."""
    o = len(weight)
    matrix = np.ascontiguousarray(weight).reshape(o, -1)
    windows = np.empty((dy.size // o, matrix.shape[1]), dy.dtype)
    times(dy.reshape(-1, o), matrix, NOTHING[dy.dtype], windows)
    sum_windows(threads_for(windows.size), windows.reshape(-1), len(x), tuple(g), bias,
                x.reshape(-1))
