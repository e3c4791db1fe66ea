"""Convolutions over any number of spatial axes: one matrix product for each place in the window.

x (n, c, *size), weight (o, c / groups, *window), y (n, o, *places). With padded x,

    y[., o, p] = bias[o] + sum over k, c of x[., c, p stride + k dilation] weight[o, c, k]

so for one k of the window (a tap) all y at once get a slice of x times a matrix. Both gradients
go through the same taps: x gets back what went to y, the weight the product of the two. Results
lie channels-last in memory. `stride`, `dilation`: one number for each spatial axis; `padding`: a
pair (before, after), negative to cut off.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from .base import Family, summed

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Convolution(Family):
    """convolution and its gradients, sum_channels, unfold, fold."""

    def convolution(
        self, x: Any, weight: Any, bias: Any | None, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int,
    ) -> Any:
        """y as above; group i of the output channels sees group i of the input channels."""
        window = weight.shape[2:]
        out = output_size(x.shape[2:], window, stride, padding, dilation)
        rows = self._framed(channels_last(x), padding)
        matrices = by_tap(weight, groups)
        y: Any = None
        for tap, places in taps(window, out, stride, dilation):
            share = grouped(rows[places], groups) @ matrices[tap]
            y = share if y is None else y + share
        y = y.transpose(1, 0, 2).reshape(x.shape[0], *out, weight.shape[0])
        return channels_first(y if bias is None else y + bias)

    def convolution_relu(
        self, x: Any, weight: Any, bias: Any | None, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int,
    ) -> Any:
        """The same, negative results as 0."""
        y = self.convolution(x, weight, bias, stride, padding, dilation, groups)
        return self.xp.maximum(y, 0)

    def transposed_convolution(
        self, x: Any, weight: Any, bias: Any | None, size: Ints, stride: Ints, padding: Pairs,
        dilation: Ints, groups: int,
    ) -> Any:
        """y (n, c, *size) of x (n, o, *places): what goes back to the input of a convolution."""
        window, out = weight.shape[2:], x.shape[2:]
        padded = [n + before + after for n, (before, after) in zip(size, padding)]
        matrices = by_tap(weight, groups).swapaxes(-1, -2)
        rows = grouped(channels_last(x), groups)
        channels = weight.shape[1] * groups
        y: Any = None
        for tap, places in taps(window, out, stride, dilation):
            share = (rows @ matrices[tap]).transpose(1, 0, 2)
            if y is None:
                y = self.xp.zeros((x.shape[0], *padded, channels), share.dtype)
            y[places] += share.reshape(x.shape[0], *out, channels)
        y = self._framed(y, [(-before, -after) for before, after in padding])
        return channels_first(y if bias is None else y + bias)

    def convolution_weight_gradient(
        self, x: Any, dy: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints,
        groups: int,
    ) -> Any:
        """dweight (o, c / groups, *window)."""
        rows = self._framed(channels_last(x), padding)
        given = grouped(channels_last(dy), groups)
        shares = [
            grouped(rows[places], groups).swapaxes(-1, -2) @ given
            for _, places in taps(window, dy.shape[2:], stride, dilation)
        ]
        dw = self.xp.stack(shares, axis=-1)  # (groups, c / groups, o / groups, taps)
        shape = (dy.shape[1], x.shape[1] // groups, *window)
        return self.xp.ascontiguousarray(dw.transpose(0, 2, 1, 3).reshape(shape))

    def sum_channels(self, x: Any) -> Any:
        """The sum over all axes of x (n, c, ...) but c."""
        return summed(x, (0, *range(2, x.ndim)))

    def unfold(self, x: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Any:
        """All windows of x as columns: (n, c * taps, places), as torch.nn.Unfold lays them."""
        out = output_size(x.shape[2:], window, stride, padding, dilation)
        rows = self._framed(channels_last(x), padding)
        shares = [rows[places] for _, places in taps(window, out, stride, dilation)]
        columns = self.xp.stack(shares, axis=-1)  # (n, *out, c, taps)
        columns = columns.reshape(x.shape[0], math.prod(out), x.shape[1] * math.prod(window))
        return self.xp.ascontiguousarray(columns.transpose(0, 2, 1))

    def fold(
        self, columns: Any, size: Ints, window: Ints, stride: Ints, padding: Pairs, dilation: Ints
    ) -> Any:
        """The sum of windows (n, c * taps, places), each put at its place in x (n, c, *size)."""
        out = output_size(size, window, stride, padding, dilation)
        n, channels = columns.shape[0], columns.shape[1] // math.prod(window)
        padded = [n + before + after for n, (before, after) in zip(size, padding)]
        shares = columns.reshape(n, channels, math.prod(window), *out)
        x = self.xp.zeros((n, *padded, channels), columns.dtype)
        for tap, places in taps(window, out, stride, dilation):
            x[places] += channels_last(shares[:, :, tap])
        return channels_first(self._framed(x, [(-before, -after) for before, after in padding]))

    def _framed(self, rows: Any, padding: Sequence[tuple[int, int]]) -> Any:
        """`rows` (n, *size, c) with zeros around; a negative width cuts off."""
        if not any(itertools.chain(*padding)):
            return rows
        size = rows.shape[1:-1]
        kept = [(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(size, padding)]
        rows = rows[(slice(None), *(slice(i, max(i, j)) for i, j in kept))]
        wide = [max(0, n + a + b) for n, (a, b) in zip(size, padding)]
        framed = self.xp.zeros_like(rows, shape=(rows.shape[0], *wide, rows.shape[-1]))
        inside = [slice(max(0, a), max(0, a) + n)
                  for n, (a, _) in zip(rows.shape[1:-1], padding)]
        framed[(slice(None), *inside)] = rows
        return framed


def output_size(size: Ints, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    """Return the number of window positions along each axis."""
    return tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, (before, after), d in zip(size, window, stride, padding, dilation)
    )


def taps(
    window: Ints, out: Ints, stride: Ints, dilation: Ints
) -> Iterator[tuple[int, tuple[slice, ...]]]:
    """(number of the tap, what it meets of padded rows (n, *size, c)) for all of the window."""
    for number, tap in enumerate(itertools.product(*map(range, window))):
        starts = [k * d for k, d in zip(tap, dilation)]
        ends = [start + (n - 1) * s + 1 for start, n, s in zip(starts, out, stride)]
        yield number, (slice(None), *map(slice, starts, ends, stride))


def by_tap(weight: Any, groups: int) -> Any:
    """weight (o, c / groups, *window) as matrices (taps, groups, c / groups, o / groups)."""
    o, c = weight.shape[:2]
    return weight.reshape(groups, o // groups, c, math.prod(weight.shape[2:])).transpose(3, 0, 2, 1)


def grouped(rows: Any, groups: int) -> Any:
    """rows (n, *size, c) as (groups, all places, c / groups)."""
    c = rows.shape[-1] // groups
    return rows.reshape(math.prod(rows.shape[:-1]), groups, c).transpose(1, 0, 2)


def channels_last(x: Any) -> Any:
    """x (n, c, ...) as a view (n, ..., c)."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x: Any) -> Any:
    """x (n, ..., c) as a view (n, c, ...)."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
