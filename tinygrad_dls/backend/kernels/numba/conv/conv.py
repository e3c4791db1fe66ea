"""Convolutions of images: on the sweep, small ones as one product, depthwise ones by channel;
volumes as sums of images."""

import math
from typing import Any

import numpy as np

from ...reference import convolution as reference
from ...reference.convolution import output_size, taps
from ..compile import kernel
from ..copying import add_into, assign, pixels_of
from ..elementwise.activations import relu_in_place
from ..elementwise.sums import sum_of_rows
from ..layout import F32, F64, NOTHING, channels_first, channels_last
from ..simd.sweep import RELU
from . import images, pointwise, volumes
from .depthwise import depthwise, depthwise_input, depthwise_weight
from .geometry import Geometry, flat_rows

Array = Any
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


@kernel
def add_to_rows(rows: Array, bias: Array) -> None:
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            rows[i, j] += bias[j]


class Convolution(reference.Convolution):
    """In one, two and three dimensions, of float32 and float64; others go to the reference."""

    def convolution(
        self, x: Any, weight: Any, bias: Any | None, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int,
    ) -> Any:
        return self._convolution(x, weight, bias, stride, padding, dilation, groups, 0)

    def convolution_relu(
        self, x: Any, weight: Any, bias: Any | None, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int,
    ) -> Any:
        return self._convolution(x, weight, bias, stride, padding, dilation, groups, RELU)

    def _convolution(
        self, x: Any, weight: Any, bias: Any | None, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int, flags: int,
    ) -> Any:
        if x.ndim == 3 and weight.ndim == 3:
            return self._convolution(x[:, :, None], weight[:, :, None], bias, (1, *stride),
                                     ((0, 0), *padding), (1, *dilation), groups, flags)[:, :, 0]
        out = reference.output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)
        if not _fit(x, weight, bias) or 0 in out or x.ndim == 5:
            y = (volumes.convolution(self, x, weight, bias, stride, padding, dilation, groups)
                 if _fit(x, weight, bias) and x.ndim == 5 else
                 super().convolution(x, weight, bias, stride, padding, dilation, groups))
            return np.maximum(y, 0) if flags else y
        g = _geometry(x.shape, out, weight.shape[2:], stride, padding, dilation)
        y = np.empty((x.shape[0], *out, len(weight)), x.dtype)
        if weight.shape[1] == 1 < groups:
            depthwise(_repeated(x, len(weight)), _taps(weight), _or_none(bias, x.dtype), y, len(x),
                      tuple(g._replace(channels=len(weight))))
            if flags:
                relu_in_place(y)
        elif groups == 1 and pointwise.pays(g, len(x)):
            pointwise.convolution(pixels_of(x), weight, _or_none(bias, x.dtype), y, g, flags)
        else:
            images.convolution(pixels_of(x), weight, _or_none(bias, x.dtype), y, g, groups, flags)
        return channels_first(y)

    def transposed_convolution(
        self, x: Any, weight: Any, bias: Any | None, size: Ints, stride: Ints, padding: Pairs,
        dilation: Ints, groups: int,
    ) -> Any:
        if not _fit(x, weight, bias) or 0 in size:
            return super().transposed_convolution(x, weight, bias, size, stride, padding,
                                                  dilation, groups)
        if x.ndim == 3:
            return self.transposed_convolution(
                x[:, :, None], weight[:, :, None], bias, (1, *size), (1, *stride),
                ((0, 0), *padding), (1, *dilation), groups)[:, :, 0]
        if x.ndim == 5:
            return volumes.transposed_convolution(self, x, weight, bias, size, stride, padding,
                                                  dilation, groups)
        window, channels = weight.shape[2:], weight.shape[1] * groups
        shape = (len(x), channels, *size)
        g = _geometry(shape, x.shape[2:], window, stride, padding, dilation)
        if weight.shape[1] == 1 < groups:
            y = np.empty((len(x), *size, len(weight)), x.dtype)
            depthwise_input(flat_rows(x), _taps(weight), y, len(x),
                            tuple(g._replace(channels=len(weight))))
            if len(weight) > groups:
                y = y.reshape(len(x), *size, groups, -1).sum(axis=-1)
        else:
            y = np.empty((len(x), *size, channels), x.dtype)
            if groups == g.length == 1:
                pointwise.input_gradient(pixels_of(x), weight, _or_none(bias, x.dtype), y, g)
            else:
                images.input_gradient(pixels_of(x), weight, _or_none(bias, x.dtype), y, g, groups)
            return channels_first(y)
        if bias is not None:
            add_to_rows(y.reshape(-1, channels), bias)
        return channels_first(y)

    def convolution_weight_gradient(
        self, x: Any, dy: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int,
    ) -> Any:
        if not _fit(x, dy, None):
            return super().convolution_weight_gradient(x, dy, window, stride, padding, dilation,
                                                       groups)
        if x.ndim == 3:
            return self.convolution_weight_gradient(
                x[:, :, None], dy[:, :, None], (1, *window), (1, *stride), ((0, 0), *padding),
                (1, *dilation), groups)[:, :, 0]
        if x.ndim == 5:
            return volumes.weight_gradient(self, x, dy, window, stride, padding, dilation, groups)
        g = _geometry(x.shape, dy.shape[2:], window, stride, padding, dilation)
        o, inner = dy.shape[1], x.shape[1] // groups
        if inner == 1 < groups:
            dw = depthwise_weight(_repeated(x, o), flat_rows(dy), len(x),
                                  tuple(g._replace(channels=o)))
            dweight = np.empty((o, 1, *window), x.dtype)  # no view: such gradients are copied
            dweight.reshape(o, -1)[:] = dw.T
            return dweight
        if groups == 1 and pointwise.pays_for_weight(g, o):
            return pointwise.weight_gradient(pixels_of(x), pixels_of(dy), g)
        return images.weight_gradient(pixels_of(x), pixels_of(dy), g, groups)

    def sum_channels(self, x: Any) -> Any:
        if (x.dtype is not F32 and x.dtype is not F64) or not x.size:
            return super().sum_channels(x)
        return sum_of_rows(flat_rows(x))

    def unfold(self, x: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Any:
        out = output_size(x.shape[2:], window, stride, padding, dilation)
        rows = self._framed(channels_last(x), padding)
        n, *between, c = rows.strides
        steps = (n, c, *[d * step for d, step in zip(dilation, between)],
                 *[s * step for s, step in zip(stride, between)])
        columns = np.empty((*x.shape[:2], *window, *out), x.dtype)
        assign(columns, np.lib.stride_tricks.as_strided(rows, columns.shape, steps))
        return columns.reshape(len(x), x.shape[1] * math.prod(window), math.prod(out))

    def fold(
        self, columns: Any, size: Ints, window: Ints, stride: Ints, padding: Pairs, dilation: Ints
    ) -> Any:
        out = output_size(size, window, stride, padding, dilation)
        n, channels = len(columns), columns.shape[1] // math.prod(window)
        padded = [n + before + after for n, (before, after) in zip(size, padding)]
        shares = columns.reshape(n, channels, math.prod(window), *out)
        x = np.zeros((n, channels, *padded), columns.dtype)  # in C order, as the columns
        rows = channels_last(x)
        for tap, places in taps(window, out, stride, dilation):
            add_into(rows[places], channels_last(shares[:, :, tap]))
        return channels_first(self._framed(rows, [(-before, -after) for before, after in padding]))


def _fit(x: Any, weight: Any, bias: Any | None) -> bool:
    """Return whether the loops can take these arrays: of one float dtype, not empty, of 1 to 3
    axes.
    """
    dtype = x.dtype
    return (
        x.ndim in (3, 4, 5)
        and (dtype is F32 or dtype is F64)
        and weight.dtype is dtype
        and (bias is None or bias.dtype is dtype)
        and x.size > 0
        and weight.size > 0
    )


def _geometry(
    shape: Ints, out: Ints, window: Ints, stride: Ints, padding: Any, dilation: Ints
) -> Geometry:
    """That of images of shape (n, c, h, w), and `out` places of the window."""
    (height, width), (down, across) = shape[2:], padding
    return Geometry(height, width, shape[1], out[0], out[1], window[0], window[1], stride[0],
                    stride[1], dilation[0], dilation[1], down[0], across[0])


def _or_none(bias: Array | None, dtype: Any) -> Array:
    return NOTHING[dtype] if bias is None else np.ascontiguousarray(bias)


def _repeated(x: Array, channels: int) -> Array:
    """x (n, c, h, w) as rows of so many channels, each of x several times in a row."""
    rows = flat_rows(x)
    return rows if rows.shape[1] == channels else rows.repeat(channels // rows.shape[1], axis=1)


def _taps(weight: Array) -> Array:
    """Depthwise weight (o, 1, *window) as (taps, o)."""
    return np.ascontiguousarray(weight.reshape(len(weight), -1).T)
