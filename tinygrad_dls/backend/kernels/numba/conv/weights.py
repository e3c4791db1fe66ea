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
from ..parallel import parallel_for
from ..simd.intrinsics import address_of
from ..simd.transpose import transpose
from ..simd.width import HOST
from ..threads import threads_for
from ..tuning import WEIGHT_WORTH

Array = Any


@kernel
def transpose_each(
    count: int, source: Array, step: int, row: int, to: Array, first: int, to_step: int,
    to_row: int, rows: int, columns: int,
) -> None:
    """Transpose `count` matrices (rows, columns), `step` numbers apart and with rows `row` apart,
    to places from `first` on, `to_step` apart and with rows `to_row` apart."""
    for i in range(count):
        transpose(source, address_of(source, i * step), row, address_of(to, first + i * to_step),
                  to_row, rows, columns)


@task
def panels_chunk(
    chunk: int, chunks: int, weight: Array, inner: int, step: int, row: int, taps: int, back: bool,
    width: int, panels: Array,
) -> None:
    """Its chunk of the rows of all panels of a weight, each (taps, inner, columns), the last one
    narrower.

    Number (tap, i, j) of the whole is weight[i * step + j * row + tap], or with `back` that of the
    last tap, the last but one and so on.
    """
    columns = weight.size // (taps * inner)
    for i in range(chunk * inner // chunks, (chunk + 1) * inner // chunks):
        for j in range(0, columns, width):
            some = min(width, columns - j)
            begin = j * taps * inner + i * some
            first, to_row = begin, inner * some
            if back:
                first, to_row = begin + (taps - 1) * inner * some, -inner * some
            transpose(weight, address_of(weight, i * step + j * row), row,
                      address_of(panels, first), to_row, some, taps)


@kernel
def fill_panels(
    parts: int, weight: Array, inner: int, step: int, row: int, taps: int, back: bool, width: int,
    panels: Array,
) -> None:
    parallel_for(panels_chunk, parts, (weight, inner, step, row, taps, back, width, panels))


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


def by_output(weight: Array, groups: int, width: int = 0) -> Array:
    """(groups, kh, kw, c, o) of a weight (groups * o, c, kh, kw), in panels of `width` columns, or
    of as many as a sweep takes."""
    o, c, kh, kw = weight.shape
    width = width or panel_width(weight.dtype)
    if groups > 1 or weight.size < WEIGHT_WORTH or not weight.flags.c_contiguous:
        by_group = weight.reshape(groups, -1, c, kh, kw).transpose(0, 3, 4, 2, 1)
        return in_panels(by_group, width)
    return _many_in_panels(weight, (1, kh, kw, c, o), kh * kw, c * kh * kw, False, width)


def rotated(weight: Array, groups: int, down: slice, across: slice, width: int = 0) -> Array:
    """(groups, kh, kw, o, c) of a weight (groups * o, c, kh, kw): these taps, in panels."""
    o, c, kh, kw = weight.shape
    width = width or panel_width(weight.dtype)
    whole = (down, across) == (slice(kh - 1, None, -1), slice(kw - 1, None, -1))
    if groups > 1 or weight.size < WEIGHT_WORTH or not weight.flags.c_contiguous or not whole:
        by_group = weight.reshape(groups, -1, c, kh, kw).transpose(0, 3, 4, 1, 2)
        return in_panels(by_group[:, down, across], width)
    return _many_in_panels(weight, (1, kh, kw, o, c), c * kh * kw, kh * kw, True, width)


def _many_in_panels(
    weight: Array, shape: tuple[int, ...], step: int, row: int, back: bool, width: int
) -> Array:
    """A contiguous weight of one group in panels of this shape, by all threads."""
    panels = np.empty(shape, weight.dtype)
    fill_panels(threads_for(8 * weight.size), weight.reshape(-1), shape[3], step, row,
                shape[1] * shape[2], back, width, panels.reshape(-1))
    return panels


def as_weight(parts: Array, groups: int, c: int, window: tuple[int, ...]) -> Array:
    """A weight's gradient (groups * o, c, kh, kw) from the threads' parts (chunks, numbers) of it,
    each as (groups, kh, kw, c, o)."""
    total = parts[0] if len(parts) == 1 else parts.sum(axis=0)
    taps = window[0] * window[1]
    o = total.size // (groups * taps * c)
    if groups > 1 or total.size < WEIGHT_WORTH:
        by_group = total.reshape(groups, *window, c, o).transpose(0, 4, 3, 1, 2)
        return np.ascontiguousarray(by_group).reshape(groups * o, c, *window)
    weight = np.empty((o, c, *window), parts.dtype)
    transpose_each(c, total, o, c * o, weight.reshape(-1), 0, taps, c * taps, taps, o)
    return weight
