"""Arrays as kernels take them: dense, in the order of their shape or channels-last.

Images of shape (m, c, h, w) lie in memory as (m, h, w, c), the array being a transposed view. A
kernel that goes from element to element is given both input and output in that order; whatever
lies in memory in another way is copied first.
"""

from typing import Any

from .compile import REALS

Array = Any


def real(*arrays: Any) -> bool:
    """Return whether all have one dtype, float32 or float64. None counts as any."""
    dtype = arrays[0].dtype
    return dtype in REALS and all(a is None or a.dtype == dtype for a in arrays)


def lies_last(x: Array) -> bool:
    """Return whether x (m, c, ...) is stored channels-last, and not in the order of its shape."""
    return bool(x.ndim > 2 and not x.flags.c_contiguous and channels_last(x).flags.c_contiguous)


def dense(xp: Any, x: Array, last: bool = False) -> Array:
    """x in C order, or with `last` as an array (m, ..., c) in C order; a copy only if need be."""
    view = channels_last(x) if last else x
    return view if view.flags.c_contiguous else xp.ascontiguousarray(view)


def shown(y: Array, last: bool) -> Array:
    """Return the result of `dense` in its first shape: a view."""
    return channels_first(y) if last else y


def channels_last(x: Array) -> Array:
    """x (m, c, ...) as a view (m, ..., c), in either memory layout."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x: Array) -> Array:
    """x (m, ..., c) as a view (m, c, ...): the way back."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
