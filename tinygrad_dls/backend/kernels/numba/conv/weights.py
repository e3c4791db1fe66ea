"""Weights of convolutions, (o, c, kh, kw) as PyTorch has them, in the order that sweeps read them.

A sweep reads all outputs of one tap and one input next to each other, (taps, c, o); going back, all
inputs of one output, (taps, o, c), from the last tap on; and it leaves gradients in the first
order. Each is a heap of small matrices to transpose: NumPy goes number by number, which takes twice
as long where there are many.
"""

from typing import Any

import numpy as np

from ..compile import kernel
from ..simd.intrinsics import address_of
from ..simd.transpose import transpose

Array = Any
MANY = 10_000  # numbers


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


def by_output(weight: Array, groups: int) -> Array:
    """(groups, kh, kw, c, o) of a weight (groups * o, c, kh, kw), contiguous."""
    o, c, kh, kw = weight.shape
    if groups > 1 or weight.size < MANY or not weight.flags.c_contiguous:
        by_group = weight.reshape(groups, -1, c, kh, kw).transpose(0, 3, 4, 2, 1)
        return np.ascontiguousarray(by_group)
    taps, transposed = kh * kw, np.empty((1, kh, kw, c, o), weight.dtype)
    transpose_each(c, weight.reshape(-1), taps, c * taps, transposed.reshape(-1), 0, o, c * o, o,
                   taps)
    return transposed


def rotated(weight: Array, groups: int, down: slice, across: slice) -> Array:
    """(groups, kh, kw, o, c) of a weight (groups * o, c, kh, kw): these taps, contiguous."""
    o, c, kh, kw = weight.shape
    whole = (down, across) == (slice(kh - 1, None, -1), slice(kw - 1, None, -1))
    if groups > 1 or weight.size < MANY or not weight.flags.c_contiguous or not whole:
        by_group = weight.reshape(groups, -1, c, kh, kw).transpose(0, 3, 4, 1, 2)
        return np.ascontiguousarray(by_group[:, down, across])
    taps, transposed = kh * kw, np.empty((1, kh, kw, o, c), weight.dtype)
    transpose_each(o, weight.reshape(-1), c * taps, taps, transposed.reshape(-1),
                   (taps - 1) * o * c, c, -o * c, c, taps)
    return transposed


def as_weight(parts: Array, groups: int, c: int, window: tuple[int, ...]) -> Array:
    """A weight's gradient (groups * o, c, kh, kw) from the threads' parts (chunks, numbers) of it,
    each as (groups, kh, kw, c, o)."""
    total = parts[0] if len(parts) == 1 else parts.sum(axis=0)
    taps = window[0] * window[1]
    o = total.size // (groups * taps * c)
    if groups > 1 or total.size < MANY:
        by_group = total.reshape(groups, *window, c, o).transpose(0, 4, 3, 1, 2)
        return np.ascontiguousarray(by_group).reshape(groups * o, c, *window)
    weight = np.empty((o, c, *window), parts.dtype)
    transpose_each(c, total, o, c * o, weight.reshape(-1), 0, taps, c * taps, taps, o)
    return weight
