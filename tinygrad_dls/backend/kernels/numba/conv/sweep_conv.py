"""Convolutions of images on the sweep, on all cores, without a matrix of windows (im2col).

Images lie channels-last and weights as (window rows, window columns, channels in, out). For one row
of places of the window, A of the sweep is that row of the image: place j begins at pixel
j * across, and a whole row of the window is one run of numbers from there. So rows of A overlap,
r runs over the rows of the window, and B is the weights as they lie. Padding is not computed with:
a band of image rows is copied with its zeros into a scratch small enough for the second cache.

The gradient of the weights is the same with A walked along the channels, its sum over places; with
few channels A is dy and B the image, where that fills tiles and vectors better. The gradient of the
images is a convolution of dy with the window rotated by 180 degrees; for a stride s one for each of
the s * s places that pixels can have in a step.
"""

import math
from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes
from ..simd.sweep import ADD, prepare, sweep, tile_work
from ..threads import threads_for
from ..tuning import TURNED_WORTH
from . import few_channels
from .geometry import Geometry, copy
from .weights import as_weight

Array = Any
BAND = 96 * 1024  # bytes of image rows that are worked on at a time: of the second cache
FEW_BANDS = 8  # for each thread: of fewer, one more for some threads is much
# Bytes of results that are, where weights of so many bytes are read again for them in little time:
# each panel sees a part of every pixel, the next one in the second cache. 3 channels to 64 then
# take a tenth less time, and the gradient of the weights up to half.
RESULTS, RESULTS_WEIGHTS = 128 * 1024, 48 * 1024


@inlined
def padded(
    x: Array, image: int, first: int, count: int, geometry: Any, width: int, out: Array, start: int
) -> None:
    """Rows `first` ... of an image with its padding, `width` pixels each."""
    h, w, c, _, _, _, _, _, _, _, _, top, left = geometry
    begin, end = max(0, left), max(0, min(width, left + w))  # the pixels that are in the image
    run = max(0, end - begin) * c
    for i in range(count):
        row = first + i - top
        to = start + i * width * c
        if row < 0 or row >= h:
            out[to:to + width * c] = 0
        else:
            out[to:to + begin * c] = 0
            copy(out, to + begin * c, x, ((image * h + row) * w + begin - left) * c, run)
            out[to + begin * c + run:to + width * c] = 0


@inlined
def band_at(
    x: Array, image: int, begin: int, end: int, geometry: Any, width: int, scratch: Array, to: int
) -> Any:
    """The address of the rows of x under rows `begin` ... `end` of places: of x itself, or of a
    copy with its padding, at place `to` of the scratch.
    """
    h, w, c, _, _, kh, _, down, _, apart_down, _, _, _ = geometry
    if scratch.size:
        padded(x, image, begin * down, (end - 1 - begin) * down + (kh - 1) * apart_down + 1,
               geometry, width, scratch.reshape(-1), to)
        return address_of(scratch, to)
    return address_of(x, (image * h + begin * down) * w * c)


@task
def convolve_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, bias: Array, y: Array, images: int,
    geometry: Any, places: Any, band: int, width: int, flags: int, scratch: Array,
) -> None:
    """Its chunk of the bands. `places`: where results go: steps of y from image to image, row to
    row and pixel to pixel, the first place, how many channels they have, and in how many groups."""
    _, _, c, rows, columns, kh, kw, down, across, apart_down, apart_across, _, _ = geometry
    y_image, y_row, y_pixel, y_start, o, groups = places
    c_in, c_out = c // groups, o // groups
    panel, size = 2 * lanes(y), y.itemsize
    bands = -(-rows // band)
    mine = chunk * scratch.shape[1]
    row_of_places = width * c
    for work in range(chunk * images * bands // chunks, (chunk + 1) * images * bands // chunks):
        image, begin = work // bands, work % bands * band
        end = min(rows, begin + band)
        base = band_at(x, image, begin, end, geometry, width, scratch, mine)
        for group in range(groups):
            for j in range(0, c_out, panel):
                channel = group * c_out + j
                first = address_of(bias, channel) if bias.size else 0
                some = min(panel, c_out - j)
                taps = kw * c_in * some  # of a row of the window
                w = address_of(weight, kh * kw * c_in * (group * c_out + j))
                for i in range(begin, end):
                    a = base + size * ((i - begin) * down * row_of_places + group * c_in)
                    to = address_of(y, y_start + image * y_image + i * y_row + channel)
                    if groups == 1 and apart_across == 1:
                        sweep(y, a, w, to, columns, some, across * c, kw * c, 1, some, kh,
                              apart_down * row_of_places, taps, y_pixel, first, flags)
                        continue
                    for k in range(kh):
                        sweep(y, a + size * k * apart_down * row_of_places, w + size * k * taps, to,
                              columns, some, across * c, c_in, 1, some, kw, apart_across * c,
                              c_in * some, y_pixel, first,
                              (ADD if k else 0) | (flags if k == kh - 1 else 0))


@task
def weight_chunk(
    chunk: int, chunks: int, x: Array, dy: Array, parts: Array, images: int, geometry: Any,
    groups: int, band: int, width: int, turned: bool, scratch: Array,
) -> None:
    """Its chunk of the images' bands, summed into parts[chunk], (groups, kh, kw, in, out) flat; if
    `turned`, (kh, out, kw, in), of one group whose window has no gaps.
    """
    _, _, c, rows, columns, kh, kw, down, across, apart_down, apart_across, _, _ = geometry
    c_in, c_out = c // groups, parts.shape[1] // (kh * kw * c)
    o, panel, size = c_out * groups, 2 * lanes(parts), parts.itemsize
    bands = -(-rows // band)
    mine, sums = chunk * scratch.shape[1], chunk * parts.shape[1]
    pixels = width * c
    for work in range(chunk * images * bands // chunks, (chunk + 1) * images * bands // chunks):
        image, begin = work // bands, work % bands * band
        end = min(rows, begin + band)
        base = band_at(x, image, begin, end, geometry, width, scratch, mine)
        errors = ((image * rows + begin) * columns) * o
        if turned:  # rows of tiles are outputs
            row = kw * c
            for k in range(kh):
                a = base + size * k * apart_down * pixels
                for j in range(0, row, panel):
                    sweep(parts, address_of(dy, errors), a + size * j,
                          address_of(parts, sums + k * o * row + j), o, min(panel, row - j), 1,
                          columns, o, across * c, end - begin, columns * o, down * pixels, row, 0,
                          ADD)
            continue
        whole = groups == 1 and apart_across == 1  # a row of the window is one run
        run, turns = (kw * c, 1) if whole else (c_in, kw)
        for group in range(groups):
            for j in range(0, c_out, panel):
                for k in range(kh):
                    a = base + size * (k * apart_down * pixels + group * c_in)
                    to = sums + (group * kh + k) * kw * c_in * c_out + j
                    for m in range(turns):
                        sweep(parts, a + size * m * apart_across * c,
                              address_of(dy, errors + group * c_out + j),
                              address_of(parts, to + m * c_in * c_out), run, min(panel, c_out - j),
                              1, columns, across * c, o, end - begin, down * pixels, columns * o,
                              c_out, 0, ADD)


@kernel
def convolve(
    chunks: int, x: Array, weight: Array, bias: Array, y: Array, images: int, geometry: Any,
    places: Any, band: int, width: int, flags: int, scratch: Array,
) -> None:
    parallel_for(convolve_chunk, chunks,
                 (x, weight, bias, y, images, geometry, places, band, width, flags, scratch))


@kernel
def sum_weights(
    chunks: int, x: Array, dy: Array, parts: Array, images: int, geometry: Any, groups: int,
    band: int, width: int, turned: bool, scratch: Array,
) -> None:
    parallel_for(weight_chunk, chunks,
                 (x, dy, parts, images, geometry, groups, band, width, turned, scratch))


def _bands(
    g: Geometry, images: int, chunks: int, dtype: Any, weights: int, outputs: int
) -> tuple[int, int, Array]:
    """(rows of places in a band, pixels in a padded row, scratch: empty where x can be read), with
    so many weights, and outputs at each place.

    Of few images there are as many bands as share evenly among the chunks.
    """
    width = (g.columns - 1) * g.across + (g.window_width - 1) * g.apart_across + 1
    height = (g.rows - 1) * g.down + (g.window_height - 1) * g.apart_down + 1
    inside = g.top == g.left == 0 and width <= g.width and height <= g.height
    width = g.width if inside else width
    window = (g.window_height - 1) * g.apart_down
    fitting = (BAND // (width * g.channels * dtype.itemsize) - window - 1) // g.down + 1
    if weights * dtype.itemsize <= RESULTS_WEIGHTS:
        fitting = min(fitting, RESULTS // (g.columns * outputs * dtype.itemsize))
    band = min(g.rows, max(2, fitting))
    bands, least = -(-g.rows // band), chunks // math.gcd(images, chunks)
    if images * bands < FEW_BANDS * chunks:
        band = -(-g.rows // (-(-bands // least) * least))
    length = 0 if inside else ((band - 1) * g.down + window + 1) * width * g.channels
    return band, width, np.empty((chunks, length), dtype)


def all_places(g: Geometry, o: int, groups: int) -> Any:
    """Steps through a contiguous y (n, rows, columns, o), as `convolve_chunk` takes them."""
    return g.rows * g.columns * o, g.columns * o, o, 0, o, groups


def convolution(
    x: Array, weight: Array, bias: Array, y: Array, g: Geometry, places: Any, flags: int
) -> None:
    """The `places` of y = windows of x (n, h, w, c) times weight (groups, kh, kw, c / groups,
    o / groups) in panels, + bias (o,) or an empty one; all contiguous and of one dtype.

    `flags`: RELU or 0. Several places are computed side by side where that fills the vectors
    better.
    """
    y_image, y_row, y_pixel, y_start, o, groups = places
    n = few_channels.how_many(g, len(x), o // groups, groups, x.dtype) if y_pixel == o else 1
    if n > 1 and few_channels.all_finite(x):
        weight, bias = few_channels.widened(weight, n, g.across), np.tile(bias, n)
        g, places = few_channels.beside(g, n), (y_image, y_row, n * y_pixel, y_start, n * o, groups)
    _convolve(x, weight, bias, y, g, places, flags)


def _convolve(
    x: Array, weight: Array, bias: Array, y: Array, g: Geometry, places: Any, flags: int
) -> None:
    prepare(x.dtype)
    images = x.shape[0]
    chunks = threads_for(images * g.rows * g.columns * weight.size)
    band, width, scratch = _bands(g, images, chunks, x.dtype, weight.size, places[4])
    convolve(chunks, x.reshape(-1), weight.reshape(-1), bias, y.reshape(-1), images, tuple(g),
             places, band, width, flags, scratch)


def weight_gradient(x: Array, dy: Array, g: Geometry, groups: int) -> Array:
    """dw (o, c / groups, kh, kw) of x (n, h, w, c) and dy (n, rows, columns, o)."""
    prepare(x.dtype)
    images, inner, each = x.shape[0], g.channels // groups, dy.shape[3] // groups
    n = few_channels.how_many(g, images, each, groups, x.dtype)
    there = few_channels.beside(g, n)
    run = g.window_width * g.channels  # of a row of the window
    turned = groups == g.apart_across == 1 and (
        tile_work(each, run, x.dtype) * n
        <= TURNED_WORTH * tile_work(there.window_width * g.channels, each * n, x.dtype))
    if turned:
        n, there = 1, g
    size = there.length * g.channels * each * n
    chunks = threads_for(images * there.rows * there.columns * size)
    band, width, scratch = _bands(there, images, chunks, x.dtype, size, dy.shape[3] * n)
    parts = np.zeros((chunks, size), x.dtype)
    sum_weights(chunks, x.reshape(-1), dy.reshape(-1), parts, images, tuple(there), groups, band,
                width, turned, scratch)
    if turned:
        total = parts[0] if chunks == 1 else parts.sum(axis=0)
        by_row = total.reshape(g.window_height, each, g.window_width, g.channels)
        return np.ascontiguousarray(by_row.transpose(1, 3, 0, 2))
    if n > 1:
        parts = few_channels.narrowed(parts, g, n)
    return as_weight(parts, groups, inner, (g.window_height, g.window_width))
