"""Convolutions of volumes: for each depth of the window one convolution of all slices as images."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...reference.convolution import output_size
from ..copying import add_into, contiguous, pixels_of
from ..layout import channels_first, channels_last

Array = Any
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def convolution(
    kernels: Any, x: Array, weight: Array, bias: Array | None, stride: Ints, padding: Pairs,
    dilation: Ints, groups: int,
) -> Array:
    """x (n, c, d, h, w), weight (o, c / groups, j, k, l)."""
    out = output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    slices = pixels_of(x)
    y = np.zeros((len(x), *out, len(weight)), x.dtype)
    if bias is not None:
        y[:] = bias
    rest = (stride[1:], padding[1:], dilation[1:], groups)
    for j, places, depths in _meetings(x.shape[2], weight.shape[2], out[0], stride, padding,
                                       dilation):
        term = kernels.convolution(_images(slices, depths), weight[:, :, j], None, *rest)
        add_into(y[:, places],
                 channels_last(term).reshape(len(x), -1, *out[1:], len(weight)))
    return channels_first(y)


def transposed_convolution(
    kernels: Any, x: Array, weight: Array, bias: Array | None, size: Ints, stride: Ints,
    padding: Pairs, dilation: Ints, groups: int,
) -> Array:
    """x (n, o, d, h, w), weight (o, c / groups, j, k, l); the result has this `size`."""
    channels, slices = weight.shape[1] * groups, pixels_of(x)
    y = np.zeros((len(x), *size, channels), x.dtype)
    if bias is not None:
        y[:] = bias
    rest = (size[1:], stride[1:], padding[1:], dilation[1:], groups)
    for j, places, depths in _meetings(size[0], weight.shape[2], x.shape[2], stride, padding,
                                       dilation):
        term = kernels.transposed_convolution(
            _images(slices, places), weight[:, :, j], None, *rest)
        add_into(y[:, depths], channels_last(term).reshape(len(x), -1, *size[1:], channels))
    return channels_first(y)


def weight_gradient(
    kernels: Any, x: Array, dy: Array, window: Ints, stride: Ints, padding: Pairs, dilation: Ints,
    groups: int,
) -> Array:
    """(o, c / groups, *window)."""
    dw = np.zeros((dy.shape[1], x.shape[1] // groups, *window), x.dtype)
    rest = (window[1:], stride[1:], padding[1:], dilation[1:], groups)
    slices, errors = pixels_of(x), pixels_of(dy)
    for j, places, depths in _meetings(x.shape[2], window[0], dy.shape[2], stride, padding,
                                       dilation):
        dw[:, :, j] = kernels.convolution_weight_gradient(
            _images(slices, depths), _images(errors, places), *rest
        )
    return dw


def _meetings(
    size: int, window: int, out: int, stride: Ints, padding: Pairs, dilation: Ints
) -> Iterator[tuple[int, slice, slice]]:
    """(depth j of the window, the places where it meets the volume, the depths that it meets)."""
    step, (before, _) = stride[0], padding[0]
    for j in range(window):
        offset = j * dilation[0] - before
        first, last = max(0, -(offset // step)), min(out, (size - 1 - offset) // step + 1)
        if first < last:
            start = first * step + offset
            yield j, slice(first, last), slice(start, start + (last - first - 1) * step + 1, step)


def _images(slices: Array, depths: slice) -> Array:
    """Slices (n, d, h, w, c) at these depths, as a batch of images."""
    chosen = contiguous(slices[:, depths])
    return channels_first(chosen.reshape(-1, *chosen.shape[2:]))
