"""ONNX's pooling by functions of ours: the largest, the mean or a norm of each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..backend.kernels.axis_map import AxisMap
from ..errors import FormatError
from ..ops.call import tensor_of
from ..tensors import functions
from .onnx_conv_operators import pads_of
from .onnx_operators import Args, bound_size, host, operator, spatial

Pads = Sequence[tuple[int, int]]
LONGEST = 2**28  # places of an axis whose windows are listed


class _Pool(NamedTuple):
    """The windows of a node along the axes of its images."""

    lengths: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    ceil: bool

    @property
    def plain(self) -> bool:
        """Return whether our own pooling pads the same way: on both sides, by at most half a
        window.
        """
        return all(b == a and 2 * b <= k for (b, a), k in zip(self.pads, self.window))

    def counts(self) -> list[int]:
        """Return the number of windows along each axis; none starts in the padding at the end."""
        found = []
        for n, k, s, d, (before, after) in zip(
                self.lengths, self.window, self.strides, self.dilations, self.pads):
            room = n + before + after - d * (k - 1) - 1
            count = (-(-room // s) if self.ceil else room // s) + 1
            found.append(count - (self.ceil and (count - 1) * s >= n + before))
        return found

    def fitting_pads(self) -> list[tuple[int, int]]:
        """(before, after) with which the last window ends where the padded axis does."""
        return [(before, (m - 1) * s + d * (k - 1) + 1 - n - before)
                for n, k, s, d, (before, _), m in zip(self.lengths, self.window, self.strides,
                                                      self.dilations, self.pads, self.counts())]

    def maps(self, divisor: str) -> tuple[AxisMap, ...]:
        """Return the maps that sum each window; divided by "one", its positions "inside" or all
        "padded" ones.
        """
        found = []
        for n, k, s, d, (before, after), m in zip(self.lengths, self.window, self.strides,
                                                  self.dilations, self.pads, self.counts()):
            rows = []
            for start in range(-before, m * s - before, s):
                inside = range(start + max(0, -(start // d)) * d, min(n, start + d * k), d)
                padded = min(k, -((start - n - after) // d))
                of = {"one": 1, "inside": len(inside), "padded": padded}[divisor]
                rows.append([(place, 1.0 / of) for place in inside])
            found.append(AxisMap.of_rows(n, rows))
        return tuple(found)


def _pool(a: Args) -> _Pool:
    window = a.option("kernel_shape") or []
    axes = len(window)
    if axes not in (1, 2, 3) or a[0].ndim != axes + 2 or min(window) < 1:
        raise a.refuse(f"windows {window} for images of shape {a[0].shape}")
    strides = spatial(a.option("strides"), axes, 1, a)
    dilations = spatial(a.option("dilations"), axes, 1, a)
    if min(*strides, *dilations) < 1:
        raise FormatError(f"{a.what}: strides and dilations are whole numbers from 1")
    lengths = a[0].shape[2:]
    made = _Pool(lengths, tuple(window), tuple(strides), tuple(dilations),
                 tuple(pads_of(a, lengths, window, strides, dilations)),
                 bool(a.option("ceil_mode", 0)))
    for n, pads in zip(lengths, made.pads):
        bound_size(a, [n + sum(pads)])
        if n + sum(pads) > LONGEST:
            raise a.refuse(f"an axis of {n + sum(pads)} places with its padding")
    bound_size(a, [*a[0].shape[:2], *(max(0, count) for count in made.counts())])
    if min(made.counts()) < 1:
        raise FormatError(f"{a.what}: its windows do not fit into images of shape {a[0].shape}")
    return made


@operator("MaxPool")
def _max_pool(a: Args) -> Any:
    p, x = _pool(a), a[0]
    padding, ceil = tuple(before for before, _ in p.pads), p.ceil
    if not p.plain:
        lowest = -math.inf if x.dtype.kind == "f" else int(np.iinfo(x.dtype).min)
        x, padding, ceil = _fitted(x, p.fitting_pads(), lowest), (0,) * len(p.window), False
    y = ops.max_pool(x, p.window, p.strides, padding, p.dilations, ceil, a.outputs > 1,
                     axes=len(p.window))
    return (y[0], _flat_places(a, p, host(y[1]), x.shape)) if a.outputs > 1 else y


def _fitted(x: Any, pads: Pads, value: float) -> Any:
    """x with places added at the ends of the last axes, or cut off where the number is negative."""
    cut = tuple(slice(None, n + min(0, after) or None) for n, (_, after) in zip(x.shape[2:], pads))
    more = tuple((before, max(0, after)) for before, after in pads)
    return ops.pad(x[(slice(None), slice(None), *cut)], ((0, 0), (0, 0), *more), "constant", value)


def _flat_places(a: Args, p: _Pool, places: Any, shape: Sequence[int]) -> Any:
    """Places within each image, as `max_pool` gives them, as places in the whole tensor."""
    moved = [0] * len(p.lengths) if p.plain else [before for before, _ in p.pads]
    at = [i - m for i, m in zip(np.unravel_index(places, shape[2:]), moved)]
    order = "F" if a.option("storage_order", 0) else "C"
    flat = np.ravel_multi_index(tuple(at), p.lengths, mode="clip", order=order)  # type: ignore[call-overload]
    image = np.arange(math.prod(shape[:2])).reshape(*shape[:2], *[1] * len(p.lengths))
    return tensor_of(flat + image * math.prod(p.lengths), a[0].device)


@operator("AveragePool")
def _average_pool(a: Args) -> Any:
    p, include = _pool(a), bool(a.option("count_include_pad", 0))
    if p.plain and set(p.dilations) == {1}:
        return ops.avg_pool(a[0], p.window, p.strides, tuple(before for before, _ in p.pads),
                            p.ceil, include, axes=len(p.window))
    return ops.resample(a[0], p.maps("padded" if include else "inside"))


@operator("LpPool")
def _lp_pool(a: Args) -> Any:
    power = float(a.option("p", 2))
    total = ops.resample(ops.abs(a[0]) ** power, _pool(a).maps("one"))
    return total ** (1.0 / power)


@operator("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def _global_pool(a: Args) -> Any:
    axes = tuple(range(2, a[0].ndim))
    if a.kind == "GlobalLpPool":
        return functions.vector_norm(a[0], float(a.option("p", 2)), axis=axes, keepdims=True)
    function = ops.mean if a.kind == "GlobalAveragePool" else ops.max
    return function(a[0], axis=axes, keepdims=True)


@operator("MaxUnpool", host=(1, 2))
def _max_unpool(a: Args) -> Any:
    window = a.option("kernel_shape") or []
    axes = len(window)
    if axes not in (1, 2, 3) or a[0].ndim != axes + 2:
        raise a.refuse(f"windows {window} for images of shape {a[0].shape}")
    strides = spatial(a.option("strides"), axes, 1, a)
    pads = spatial(a.option("pads"), 2 * axes, 0, a)
    lengths = tuple((n - 1) * s + k - before - after for n, s, k, before, after in zip(
        a[0].shape[2:], strides, window, pads[:axes], pads[axes:]))
    bound_size(a, [*a[0].shape[:2], *(a.ints(2) or lengths)[-axes:]])
    bound_size(a, [*a[0].shape[:2], *lengths])
    places = host(a[1]) % max(1, math.prod(lengths))
    y = ops.max_unpool(a[0], places, tuple(window), tuple(strides), 0, lengths, axes=axes)
    wanted = a.ints(2)
    if wanted is None or tuple(wanted) == y.shape:
        return y
    return _fitted(y, [(0, m - n) for m, n in zip(wanted[2:], lengths)], 0.0)
