"""Weights of convolutions, (o, c, kh, kw) as PyTorch has them, in the order that sweeps read them.

A sweep reads the outputs of one tap and one input next to each other, (taps, c, o); going back, the
inputs of one output, (taps, o, c), from the last tap on; and it leaves gradients in the first
order. Each is a heap of small matrices to transpose: NumPy goes number by number, which takes twice
as long where there are many.

A sweep takes only as many columns as fit two vectors, so wide weights lie in panels of that many
columns, one panel after the other, and a sweep reads its panel from end to end. Rows of all columns
would be a power of two apart, and such addresses share few places of a cache: a panel of 512 rows
would not stay in it for the next pixels.
"""

from typing import Any

import numpy as np

from ..compile import kernel, task
from ..matmul.panels import fill_chunk
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes, load_some, store
from ..simd.transpose import transpose
from ..simd.width import HOST
from ..threads import threads_for
from ..tuning import WEIGHT_WORTH
from .geometry import copy

Array = Any
ROWS = 16  # of a weight that are put into panels at a time: 32 columns of 9 taps fill 18 KiB
APART = 16  # numbers after such a column: columns a power of two apart push each other out
INPUTS = 32  # of a weight's gradient transposed at a time: 16 outputs of 9 taps fill 18 KiB


@task
def weight_chunk(
    chunk: int, chunks: int, parts: Array, c: int, taps: int, weight: Array
) -> None:
    """Its chunk of the outputs of a weight (o, c, taps), flat, the sum of parts (n, taps * c * o).

    A block of outputs and inputs at a time: summed in a room of its own, so that each line of
    memory is read and written once. Rows of all outputs push each other out of the cache.
    """
    n, o = lanes(weight), weight.size // (c * taps)
    flat, room = parts.reshape(-1), np.empty(taps * INPUTS * n, weight.dtype)
    blocks = -(-o // n)
    for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        j = block * n
        some = min(n, o - j)
        for first in range(0, c, INPUTS):
            rows = min(INPUTS, c - first)
            for tap in range(taps):
                for i in range(rows):
                    at = (tap * c + first + i) * o + j
                    total = load_some(flat, at, some)
                    for part in range(1, parts.shape[0]):
                        total = total + load_some(flat, part * parts.shape[1] + at, some)
                    store(room, (tap * rows + i) * n, total)
            for i in range(rows):
                transpose(weight, address_of(room, i * n), rows * n,
                          address_of(weight, (j * c + first + i) * taps), c * taps, taps, some)
    room[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def fill_weight(chunks: int, parts: Array, c: int, taps: int, weight: Array) -> None:
    parallel_for(weight_chunk, chunks, (parts, c, taps, weight))


@task
def panels_chunk(
    chunk: int, chunks: int, weight: Array, inner: int, step: int, row: int, taps: int, back: bool,
    width: int, panels: Array,
) -> None:
    """Its chunk of the rows of all panels of a weight, each (taps, inner, columns), the last one
    narrower.

    Number (tap, i, j) of the whole is weight[i * step + j * row + tap], or with `back` that of the
    last tap, the last but one and so on. A panel at a time: all columns push each other out of the
    cache before the next row reads its part of the same lines. Columns that are far apart are
    copied to a room of their own first, some rows at a time.
    """
    columns, far = weight.size // (taps * inner), row > step
    run = ROWS * taps + APART
    room = np.empty(width * run if far else 1, weight.dtype)
    own, end = chunk * inner // chunks, (chunk + 1) * inner // chunks
    for j in range(0, columns, width):
        some = min(width, columns - j)
        first, to_row = j * taps * inner, inner * some
        if back:
            first, to_row = first + (taps - 1) * inner * some, -inner * some
        for block in range(own, end, ROWS):
            rows = min(ROWS, end - block)
            if far:
                for k in range(some):
                    copy(room, k * run, weight, block * step + (j + k) * row, rows * taps)
            for i in range(rows):
                to = address_of(panels, first + (block + i) * some)
                if far:
                    transpose(weight, address_of(room, i * taps), run, to, to_row, some, taps)
                else:
                    transpose(weight, address_of(weight, (block + i) * step + j * row), row, to,
                              to_row, some, taps)
    room[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def fill_panels(
    parts: int, weight: Array, inner: int, step: int, row: int, taps: int, back: bool, width: int,
    panels: Array,
) -> None:
    parallel_for(panels_chunk, parts, (weight, inner, step, row, taps, back, width, panels))


@task
def input_panels_chunk(chunk: int, chunks: int, weight: Array, taps: int, panels: Array) -> None:
    """Its chunk of the rows of all panels of a weight (o, c * taps): see `by_input`."""
    o, width = weight.shape[0], 2 * lanes(weight)
    c = weight.shape[1] // taps
    for i in range(chunk * o // chunks, (chunk + 1) * o // chunks):
        for j in range(0, c, width):
            some = min(width, c - j)
            to = (j * o + i * some) * taps
            if taps == 1:
                copy(panels, to, weight, i * c + j, some)
            else:
                transpose(weight, address_of(weight, (i * c + j) * taps), taps,
                          address_of(panels, to), some, some, taps)


@kernel
def fill_input_panels(parts: int, weight: Array, taps: int, panels: Array) -> None:
    parallel_for(input_panels_chunk, parts, (weight, taps, panels))


@kernel
def fill_output_panels(parts: int, weight: Array, panels: Array) -> None:
    parallel_for(fill_chunk, parts, (weight, panels))


def output_panels(weight: Array) -> Array:
    """A weight (o, c, kh, kw) in panels of outputs, each (c, kh, kw, at most `panel_width`)."""
    rows = np.ascontiguousarray(weight).reshape(len(weight), -1)
    panels = np.empty(rows.size, rows.dtype)
    fill_output_panels(threads_for(8 * rows.size), rows, panels)
    return panels


def input_panels(weight: Array) -> Array:
    """A weight (o, c, kh, kw) in panels of inputs, each (o, kh, kw, at most `panel_width`)."""
    rows = np.ascontiguousarray(weight).reshape(len(weight), -1)
    panels = np.empty(rows.size, rows.dtype)
    fill_input_panels(threads_for(8 * rows.size), rows, weight.shape[2] * weight.shape[3], panels)
    return panels


def panel_width(dtype: Any) -> int:
    """Return how many columns a sweep takes at a time."""
    return 2 * HOST.lanes(dtype.itemsize)


def in_panels(rows: Array, width: int) -> Array:
    """(groups, kh, kw, c, o) in panels: for each group (panels, kh, kw, c, at most `width`)."""
    groups, columns = len(rows), rows.shape[-1]
    if columns <= width:
        return np.ascontiguousarray(rows)
    parts = [rows[..., j : j + width].reshape(groups, -1) for j in range(0, columns, width)]
    return np.concatenate(parts, axis=1).reshape(rows.shape)


def by_output(weight: Array, groups: int) -> Array:
    """(groups, kh, kw, c, o) of a weight (groups * o, c, kh, kw), in panels."""
    o, c, kh, kw = weight.shape
    if groups > 1 or weight.size < WEIGHT_WORTH or not weight.flags.c_contiguous:
        by_group = weight.reshape(groups, -1, c, kh, kw).transpose(0, 3, 4, 2, 1)
        return in_panels(by_group, panel_width(weight.dtype))
    return _many_in_panels(weight, (1, kh, kw, c, o), kh * kw, c * kh * kw, False)


def rotated(weight: Array, groups: int, down: slice, across: slice) -> Array:
    """(groups, kh, kw, o, c) of a weight (groups * o, c, kh, kw): these taps, in panels."""
    o, c, kh, kw = weight.shape
    whole = (down, across) == (slice(kh - 1, None, -1), slice(kw - 1, None, -1))
    if groups > 1 or (whole and (weight.size < WEIGHT_WORTH or not weight.flags.c_contiguous)):
        by_group = weight.reshape(groups, -1, c, kh, kw).transpose(0, 3, 4, 1, 2)
        return in_panels(by_group[:, down, across], panel_width(weight.dtype))
    if whole:
        return _many_in_panels(weight, (1, kh, kw, o, c), c * kh * kw, kh * kw, True)
    panels, width, parts = input_panels(weight), panel_width(weight.dtype), []
    for j in range(0, c, width):  # NumPy copies `width` numbers at a time
        panel = panels[j * o * kh * kw : (j + width) * o * kh * kw].reshape(o, kh, kw, -1)
        parts.append(panel[:, down, across].transpose(1, 2, 0, 3).reshape(-1))
    taps = len(range(kh)[down]), len(range(kw)[across])
    return np.concatenate(parts).reshape(1, *taps, o, c)


def _many_in_panels(
    weight: Array, shape: tuple[int, ...], step: int, row: int, back: bool
) -> Array:
    """A contiguous weight of one group in panels of this shape, by all threads."""
    panels = np.empty(shape, weight.dtype)
    fill_panels(threads_for(8 * weight.size), weight.reshape(-1), shape[3], step, row,
                shape[1] * shape[2], back, panel_width(weight.dtype), panels.reshape(-1))
    return panels


def as_weight(parts: Array, groups: int, c: int, window: tuple[int, ...]) -> Array:
    """A weight's gradient (groups * o, c, kh, kw) from the threads' parts (chunks, numbers) of it,
    each as (groups, kh, kw, c, o)."""
    taps = window[0] * window[1]
    o = parts.shape[1] // (groups * taps * c)
    if groups > 1 or parts.shape[1] < WEIGHT_WORTH:
        total = parts[0] if len(parts) == 1 else parts.sum(axis=0)
        by_group = total.reshape(groups, *window, c, o).transpose(0, 4, 3, 1, 2)
        return np.ascontiguousarray(by_group).reshape(groups * o, c, *window)
    weight = np.empty((o, c, *window), parts.dtype)
    fill_weight(threads_for(8 * weight.size), parts, c, taps, weight.reshape(-1))
    return weight
