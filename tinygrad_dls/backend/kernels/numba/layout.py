"""Arrays as compiled loops take them.

Activations of images have PyTorch's shape (m, c, h, w), and lie in memory channels-last, (m, h, w,
c): the array is a transposed view. NumPy's own operations keep that order, and so do ours.
"""

from typing import Any

import numpy as np

Array = Any
F32, F64 = np.dtype("float32"), np.dtype("float64")
NOTHING = {kind: np.empty(0, kind) for kind in (F32, F64)}  # for an array that is not there


def flat(*arrays: Array) -> list[Array] | None:
    """The arrays as one-dimensional views, element by element in the same order.

    None unless all have one shape and one float dtype, and lie in memory without gaps in one
    order: C-contiguous, or all channels-last.
    """
    first = arrays[0]
    dtype, shape = first.dtype, first.shape
    if dtype is not F32 and dtype is not F64:
        return None
    if first.flags.c_contiguous:
        for a in arrays[1:]:
            if a.dtype is not dtype or a.shape != shape or not a.flags.c_contiguous:
                return None
        return [a.ravel() for a in arrays]  # a view: reshape(-1) takes three times as long
    if first.ndim < 3:
        return None
    views = []
    for a in arrays:
        if a.dtype is not dtype or a.shape != shape:
            return None
        view = channels_last(a)
        if not view.flags.c_contiguous:
            return None
        views.append(view.ravel())
    return views


def like(dy: Array, y: Array) -> Array:
    """dy lying in memory as y does: a gradient that comes from a sum is one number, spread."""
    if dy.dtype is not y.dtype or dy.shape != y.shape or dy.strides == y.strides:
        return dy
    same = np.empty_like(y)
    same[...] = dy
    return same


def channels_last(x: Array) -> Array:
    """x (m, c, ...) as a view (m, ..., c), in either memory layout."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x: Array) -> Array:
    """x (m, ..., c) as a view (m, c, ...): the way back."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
