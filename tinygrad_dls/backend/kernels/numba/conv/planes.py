"""Images as the loops over windows take them: planes of rows, (m, h, w, c), without gaps.

Channels-last images are that already; images that lie channels-first are planes of one channel,
(m * channels, h, w, 1). One loop does both, and results lie as the input does.
"""

from typing import Any, NamedTuple

import numpy as np

from ..layout import F32, F64, channels_first, channels_last

Array = Any


class Planes(NamedTuple):
    """An array (m, channels, *lengths) as planes, and how results are shown again."""

    array: Array  # (planes, h, w, c)
    lead: tuple[int, ...]  # m, channels
    last: bool  # channels-last?
    axes: int  # one or two axes of lengths

    def empty(self, lengths: tuple[int, ...], dtype: Any) -> Array:
        """An array for a result: planes of other lengths."""
        return np.empty(self.shape_of(lengths), dtype)

    def zeros(self, lengths: tuple[int, ...], dtype: Any) -> Array:
        """The same, of zeros."""
        return np.zeros(self.shape_of(lengths), dtype)

    def shape_of(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of planes of these lengths."""
        m, channels = self.lead
        height, width = lengths if self.axes == 2 else (1, *lengths)
        return (m, height, width, channels) if self.last else (m * channels, height, width, 1)

    def shown(self, planes: Array, lengths: tuple[int, ...]) -> Array:
        """A result (planes, h, w, c) as an array (m, channels, *lengths)."""
        m, channels = self.lead
        if self.last:
            return channels_first(planes.reshape(m, *lengths, channels))
        return planes.reshape(m, channels, *lengths)


def planes_of(x: Array, last: bool) -> Planes:
    """x (m, channels, *lengths) as planes, channels-last or first; a copy if it lies otherwise."""
    view = channels_last(x) if last else x
    if not (view.flags.c_contiguous and view.flags.writeable):
        view = np.array(view, order="C")
    planes = Planes(view, x.shape[:2], last, x.ndim - 2)
    return planes._replace(array=view.reshape(planes.shape_of(x.shape[2:])))


def lies_last(x: Array) -> bool:
    """Return whether the channels of one pixel are adjacent in memory; for single pixels, True."""
    if x.shape[1] == 1:
        return False
    steps = [step for n, step in zip(x.shape[2:], x.strides[2:]) if n > 1]
    return not steps or bool(x.strides[1] < steps[-1])


def fit_for_loops(x: Array) -> bool:
    """Return whether these are images (m, channels, *lengths) of float32 or float64, with one or
    two lengths.
    """
    return x.ndim in (3, 4) and x.size > 0 and (x.dtype is F32 or x.dtype is F64)
