"""Convolutions with windows of one pixel: products of matrices, pixels by channels.

With a stride, gradients of pixels are computed in rows of a matrix and spread over the image;
pixels that no window sees get zeros. For the gradient of the weight the pixels that windows see are
copied out into such a matrix, and for the convolution itself where they are few; of more it is in
gathered.py.
"""

from typing import Any

import numpy as np

from ..compile import kernel, task
from ..matmul.linear import times, times_rows, transposed_times
from ..parallel import parallel_for
from ..simd.sweep import tile_work
from ..threads import threads_for
from ..tuning import (
    FEW_OUTPUTS,
    LINEAR_LONGER,
    POINTWISE_FEW_CHANNELS,
    STRIDED_POINTWISE_WEIGHTS,
    TURNED_WORTH,
)
from .geometry import Geometry, copy, place_of
from .im2col import im2col

Array = Any


@task
def spread_chunk(
    chunk: int, chunks: int, rows_seen: Array, bias: Array, x: Array, images: int, geometry: Any
) -> None:
    """Its chunk of the rows of all images x: pixels from rows_seen (places, c), or bias or 0."""
    h, w, c, rows, columns, _, _, down, across, _, _, top, left = geometry
    empty = np.zeros(c, x.dtype)
    if bias.size:
        empty[:] = bias
    for line in range(chunk * images * h // chunks, (chunk + 1) * images * h // chunks):
        i = place_of(line % h + top, down, rows)
        for column in range(w):
            j = place_of(column + left, across, columns) if i >= 0 else -1
            to = (line * w + column) * c
            if j >= 0:
                copy(x, to, rows_seen, ((line // h * rows + i) * columns + j) * c, c)
            else:
                copy(x, to, empty, 0, c)


@kernel
def spread(
    chunks: int, rows_seen: Array, bias: Array, x: Array, images: int, geometry: Any
) -> None:
    parallel_for(spread_chunk, chunks, (rows_seen, bias, x, images, geometry))


def pays(g: Geometry, images: int) -> bool:
    """Return whether to convolve so: few pixels are multiplied by weights as they are stored."""
    few = images * g.rows * g.columns * LINEAR_LONGER <= g.channels
    return g.length == 1 and (g.pointwise or few)


def pays_for_weight(g: Geometry, channels: int) -> bool:
    """Return whether to compute the gradient of a weight with so many outputs so."""
    return g.length == 1 and (
        g.pointwise or g.channels * channels >= STRIDED_POINTWISE_WEIGHTS)


def convolution(x: Array, weight: Array, bias: Array, y: Array, g: Geometry, flags: int) -> None:
    """y (n, rows, columns, o) = pixels of x (n, h, w, c) times weight (o, c, 1, 1), + bias (o,) or
    an empty one; of one dtype, all but the weight contiguous. `flags`: RELU or 0."""
    times_rows(_seen(x, g), weight.reshape(weight.shape[:2]), bias, y.reshape(-1, len(weight)),
               flags)


def input_gradient(dy: Array, weight: Array, bias: Array, x: Array, g: Geometry) -> None:
    """x (n, h, w, c) = what such a convolution sends back from dy (n, rows, columns, o), + bias
    (c,) or an empty one."""
    matrix = np.ascontiguousarray(weight.reshape(weight.shape[:2]))
    errors = dy.reshape(-1, len(weight))
    if g.pointwise:
        times(errors, matrix, bias, x.reshape(-1, g.channels))
        return
    rows = np.empty((len(errors), g.channels), x.dtype)
    times(errors, matrix, bias, rows)
    spread(threads_for(8 * x.size), rows.reshape(-1), bias, x.reshape(-1), len(x), tuple(g))


def weight_gradient(x: Array, dy: Array, g: Geometry) -> Array:
    """dw (o, c, 1, 1) of x (n, h, w, c) and dy (n, rows, columns, o)."""
    o, c, seen, errors = dy.shape[3], g.channels, _seen(x, g), dy.reshape(-1, dy.shape[3])
    dweight = np.empty((o, c, 1, 1), x.dtype)  # no view: a gradient that is one is copied
    matrix = dweight.reshape(o, c)
    few = o <= FEW_OUTPUTS < c < POINTWISE_FEW_CHANNELS
    if few or (o > FEW_OUTPUTS and tile_work(c, o, x.dtype)
               <= TURNED_WORTH * tile_work(o, c, x.dtype)):
        matrix[:] = transposed_times(seen, errors).T
    else:
        transposed_times(errors, seen, out=matrix)
    return dweight


def _seen(x: Array, g: Geometry) -> Array:
    """The pixels that the windows see, a matrix (places, c); x itself where that is all of it."""
    return x.reshape(-1, g.channels) if g.pointwise else im2col(x, g)
