"""Convolutions: columns of windows by one launch, then one product in cuBLAS for each group.

Columns take taps times the memory of the image; they are made for some images at a time. Depthwise
convolutions, where a product would have one column, have kernels of their own.
"""

import math
from collections.abc import Iterator
from typing import Any

from ..reference import convolution as reference
from ..reference.convolution import Ints, Pairs, channels_first, channels_last, output_size
from ..reference.pooling import constant
from .base import CudaFamily
from .layout import dense, real

MOST_COLUMNS = 2**27  # numbers in the columns of one round
CHUNKS = 128  # parts in which a depthwise weight's gradient is summed


class Convolution(CudaFamily, reference.Convolution):
    """Up to three spatial axes, float32 and float64; else the reference. Results channels-last."""

    def convolution(
        self, x: Any, weight: Any, bias: Any | None, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int,
    ) -> Any:
        if not _fit(x, weight, bias):
            return super().convolution(x, weight, bias, stride, padding, dilation, groups)
        xp, window, (o, c) = self.xp, weight.shape[2:], weight.shape[:2]
        out = output_size(x.shape[2:], window, stride, padding, dilation)
        rows = dense(xp, channels_last(x))
        geometry = self._geometry(x.shape[2:], out, window, stride, padding, dilation)
        if c == 1 and groups > 1:
            y = xp.empty((len(x), *out, o), dtype=x.dtype)
            self._each("convolution.depthwise", x.dtype, y.size, rows, _taps_first(xp, weight),
                       _dense(xp, bias), y, geometry, o, o // groups)
            return channels_first(y)
        matrices = _matrices(weight, groups)  # (groups, taps * c, o / groups)
        made = []
        for some in _rounds(len(x), math.prod(out) * math.prod(window) * c * groups):
            columns = self._columns(rows[some], geometry, window, out, groups)
            y = columns @ matrices if groups > 1 else columns[0] @ matrices[0]
            if groups > 1:
                y = dense(xp, y.transpose(1, 0, 2))
            made.append(y.reshape(-1, *out, o))
        y = _joined(xp, made)
        if bias is not None:
            y += bias
        return channels_first(y)

    def transposed_convolution(
        self, x: Any, weight: Any, bias: Any | None, size: Ints, stride: Ints, padding: Pairs,
        dilation: Ints, groups: int,
    ) -> Any:
        if not _fit(x, weight, bias):
            return super().transposed_convolution(
                x, weight, bias, size, stride, padding, dilation, groups)
        xp, window, out = self.xp, weight.shape[2:], x.shape[2:]
        o, c = weight.shape[:2]
        rows = dense(xp, channels_last(x))
        y = xp.empty((len(x), *size, c * groups), dtype=x.dtype)
        geometry = self._geometry(size, out, window, stride, padding, dilation)
        if c == 1 and groups > 1:
            self._each("convolution.depthwise_back", x.dtype, y.size, rows,
                       _taps_first(xp, weight), _dense(xp, bias), y, geometry, o, o // groups)
            return channels_first(y)
        matrices = _matrices(weight, groups).swapaxes(-1, -2)
        for some in _rounds(len(x), math.prod(out) * math.prod(window) * c * groups):
            given = _grouped(rows[some], groups)
            columns = given @ matrices if groups > 1 else given[0] @ matrices[0]
            part = y[some]
            self._each("convolution.from_columns", x.dtype, part.size, dense(xp, columns),
                       _dense(xp, bias), part, geometry, len(part), groups, c)
        return channels_first(y)

    def convolution_weight_gradient(
        self, x: Any, dy: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int,
    ) -> Any:
        if not _fit(x, dy):
            return super().convolution_weight_gradient(
                x, dy, window, stride, padding, dilation, groups)
        xp, out, o, c = self.xp, dy.shape[2:], dy.shape[1], x.shape[1] // groups
        rows, given = dense(xp, channels_last(x)), dense(xp, channels_last(dy))
        geometry = self._geometry(x.shape[2:], out, window, stride, padding, dilation)
        taps = math.prod(window)
        if c == 1 and groups > 1:
            chunks = max(1, min(CHUNKS, len(x) * math.prod(out) // 32))
            sums = xp.empty((chunks, taps, o), dtype=x.dtype)
            self._each("convolution.depthwise_weight", x.dtype, sums.size, rows, given, sums,
                       geometry, len(x), chunks, o, o // groups)
            return dense(xp, sums.sum(axis=0).T).reshape(o, 1, *window)
        dw = xp.zeros((groups, taps * c, o // groups), dtype=x.dtype)
        for some in _rounds(len(x), math.prod(out) * taps * c * groups):
            columns = self._columns(rows[some], geometry, window, out, groups)
            dw += columns.swapaxes(-1, -2) @ _grouped(given[some], groups)
        dw = dw.reshape(groups, taps, c, o // groups).transpose(0, 3, 2, 1)
        return dense(xp, dw).reshape(o, c, *window)

    def unfold(self, x: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Any:
        if not _fit(x):
            return super().unfold(x, window, stride, padding, dilation)
        out, taps = output_size(x.shape[2:], window, stride, padding, dilation), math.prod(window)
        geometry = self._geometry(x.shape[2:], out, window, stride, padding, dilation)
        columns = self._columns(dense(self.xp, channels_last(x)), geometry, window, out, 1)
        n, c = x.shape[:2]
        columns = columns.reshape(n, math.prod(out), taps, c).transpose(0, 3, 2, 1)
        return dense(self.xp, columns).reshape(n, c * taps, math.prod(out))

    def fold(
        self, columns: Any, size: Ints, window: Ints, stride: Ints, padding: Pairs, dilation: Ints
    ) -> Any:
        if not _fit(columns) or len(size) > 3:
            return super().fold(columns, size, window, stride, padding, dilation)
        out, taps = output_size(size, window, stride, padding, dilation), math.prod(window)
        n, c = columns.shape[0], columns.shape[1] // taps
        laid = columns.reshape(n, c, taps, math.prod(out)).transpose(0, 3, 2, 1)
        x = self.xp.empty((n, *size, c), dtype=columns.dtype)
        geometry = self._geometry(size, out, window, stride, padding, dilation)
        self._each("convolution.from_columns", x.dtype, x.size, dense(self.xp, laid), None, x,
                   geometry, n, 1, c)
        return channels_first(x)

    def _columns(self, rows: Any, geometry: Any, window: Ints, out: Ints, groups: int) -> Any:
        """All windows of images (n, *size, c): (groups, n * places, taps * c / groups)."""
        n, c = rows.shape[0], rows.shape[-1] // groups
        if groups == 1 and math.prod(window) == 1 and rows.shape[1:-1] == out:
            return rows.reshape(1, -1, c)  # windows of one pixel, all of them: so it cannot slide
        shape = (groups, n * math.prod(out), math.prod(window) * c)
        columns = self.xp.empty(shape, dtype=rows.dtype)
        self._each("convolution.columns_of", rows.dtype, columns.size, rows, columns, geometry, n,
                   groups, c)
        return columns

    def _geometry(
        self, size: Ints, out: Ints, window: Ints, stride: Ints, padding: Pairs, dilation: Ints
    ) -> Any:
        """The numbers of `Slide` in convolution.cu, on the device: three axes, the first of 1."""
        more = (1,) * (3 - len(size))
        before = (0,) * len(more) + tuple(a for a, _ in padding)
        numbers = (*more, *size, *more, *out, *more, *window, *more, *stride, *before,
                   *more, *dilation)
        return constant(self.xp, tuple(map(int, numbers)), "int64", 0)


def _fit(x: Any, *others: Any) -> bool:
    return x.ndim <= 5 and real(x, *others)


def _dense(xp: Any, bias: Any | None) -> Any | None:
    return None if bias is None else dense(xp, bias)


def _taps_first(xp: Any, weight: Any) -> Any:
    """weight (o, 1, *window) as (taps, o)."""
    return xp.ascontiguousarray(weight.reshape(weight.shape[0], -1).T)


def _matrices(weight: Any, groups: int) -> Any:
    """weight (o, c, *window) as (groups, taps * c, o / groups)."""
    o, c = weight.shape[:2]
    taps = math.prod(weight.shape[2:])
    laid = weight.reshape(groups, o // groups, c, taps).transpose(0, 3, 2, 1)
    return laid.reshape(groups, taps * c, o // groups)


def _grouped(rows: Any, groups: int) -> Any:
    """rows (n, *places, o) as (groups, n * places, o / groups)."""
    o = rows.shape[-1]
    if groups == 1:
        return rows.reshape(1, -1, o)
    return rows.reshape(-1, groups, o // groups).transpose(1, 0, 2)


def _rounds(images: int, numbers: int) -> Iterator[slice]:
    """So many images at a time that `numbers` for each stay below MOST_COLUMNS."""
    some = max(1, MOST_COLUMNS // max(1, numbers))
    for first in range(0, max(1, images), some):
        yield slice(first, min(first + some, images))


def _joined(xp: Any, parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=0)
