"""Sorting, the places of the sorted, the k largest, and the median. NaN counts as the largest."""

from typing import Any

import numpy as np

from .._util.arguments import is_whole
from ..backend.dtypes import default_dtype
from ..engine.autograd import Array, as_tensor
from ..engine.modes import mode, traces
from ..errors import DataError
from .call import function_of
from .comparison import isnan, where
from .elementwise import cast
from .gathering import take_along_axis
from .op import Op
from .reduction import mean
from .samples import Rng, Sample
from .scan import REVERSED, along, one_axis
from .shape import reshape, row


def places_in_order(xp: Any, x: Array, axis: int, descending: bool) -> Array:
    """Places along an axis, from the smallest to the largest or back; equals keep their order."""
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable")
    back = along(axis, REVERSED)
    return x.shape[axis] - 1 - xp.argsort(x[back], axis=axis, kind="stable")[back]


def _samples(rng: Rng) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], int]] = [
        ((5,), 0), ((1,), 0), ((2, 3), 0), ((2, 5), 1), ((2, 3, 4), 1), ((0, 3), 1), ((2, 0), 1)
    ]
    return [
        Sample((rng.permutation(int(np.prod(s))).reshape(s) * 0.37 - 1.0,),
               {"axis": axis, "descending": descending})
        for s, axis in cases
        for descending in (False, True)
    ]


class Argsort(Op):
    """y = the places of x along an axis, in the order of what stands there; equals keep theirs."""

    differentiable = False
    numpy = staticmethod(lambda x, axis, descending: places_in_order(np, x, axis, descending))
    samples = staticmethod(_samples)

    def __init__(self, axis: int, descending: bool = False) -> None:
        self.axis, self.descending = axis, descending

    def forward(self, x: Array) -> Array:
        return places_in_order(self.xp, x, self.axis, self.descending)


class Sort(Op):
    """y = x in order along an axis.    dL/dx = dL/dy, each put back to where its element was"""

    extras = ("places",)
    numpy = staticmethod(
        lambda x, axis, descending: np.flip(np.sort(x, axis), axis) if descending
        else np.sort(x, axis)
    )
    samples = staticmethod(_samples)

    def __init__(self, axis: int, descending: bool = False) -> None:
        self.axis, self.descending = axis, descending

    def forward(self, x: Array) -> Any:
        places = places_in_order(self.xp, x, self.axis, self.descending)
        return self.xp.take_along_axis(x, places, self.axis), places

    def backward(self, dy: Any, places: Any) -> Any:
        back = places.argsort(axis=self.axis)
        return self.xp.take_along_axis(dy, back, self.axis)


def _first_ties(xp: Any, x: Array, last: Array, k: int, axis: int, largest: bool) -> Array:
    """Places, in order, of what is beyond `last` along the axis, and of the first equal to it."""
    nan, last_nan = x != x, last != last
    tied = (x == last) | (nan & last_nan)
    beyond = (x > last) | (nan & ~last_nan) if largest else (x < last) | (last_nan & ~nan)
    left = k - beyond.sum(axis, keepdims=True)
    chosen = beyond | (tied & (xp.cumsum(tied, axis=axis) <= left))
    n = x.shape[axis]
    numbers = xp.arange(n).reshape((n,) + (1,) * (x.ndim - 1 - axis))
    places = xp.where(chosen, numbers, n)  # faster to part, being values, than places by argsort
    return xp.sort(xp.partition(places, k - 1, axis=axis)[along(axis, slice(k))], axis=axis)


class TopPlaces(Op):
    """y = the places of the k largest (or smallest) of x along an axis, the most extreme first.

    Of equal elements the first ones are taken, in their order, as ONNX wants it.
    """

    differentiable = False
    numpy = staticmethod(
        lambda x, k, axis, largest: np.take(
            places_in_order(np, x, axis, largest), np.arange(k), axis
        )
    )
    samples = staticmethod(
        lambda rng: [
            Sample((s.inputs[0],), {"k": k, "axis": axis, "largest": s.parameters["descending"]})
            for s in _samples(rng)
            for axis in (s.parameters["axis"],)
            for k in (0, 1, 2, 5)
            if k <= s.inputs[0].shape[axis]
        ]
    )

    def __init__(self, k: int, axis: int, largest: bool = True) -> None:
        self.k, self.axis, self.largest = k, axis, largest

    def forward(self, x: Array) -> Array:
        xp, k, axis, n = self.xp, self.k, self.axis, x.shape[self.axis]
        if k in (0, n):
            return places_in_order(xp, x, axis, self.largest)[along(axis, slice(k))]
        least = n - k if self.largest else k - 1  # the place in order of the last that is taken
        last = xp.partition(x, least, axis=axis)[along(axis, slice(least, least + 1))]
        some = _first_ties(xp, x, last, k, axis, self.largest)
        order = places_in_order(xp, xp.take_along_axis(x, some, axis), axis, self.largest)
        return xp.take_along_axis(some, order, axis)


def sort(x: Any, axis: int | None = -1, descending: bool = False) -> Any:
    """x in order along `axis` (None: flattened), a new tensor; `argsort` gives the places.

    >>> dls.sort(dls.tensor([3.0, 1.0, 2.0]))
    Tensor([1., 2., 3.])
    """
    if x.ndim == 0 and axis is not None:
        return reshape(sort(row(x), axis, descending), ())
    x, place = one_axis(x, axis, "sort")
    if (x.requires_grad and mode.grad) or traces.active:
        return function_of(Sort, place, bool(descending))(x)
    y = x.device.xp.sort(x._data, axis=place)
    y = y[along(place, REVERSED)] if descending else y
    return as_tensor(y, x.device, None, x._kind)


def argsort(x: Any, axis: int | None = -1, descending: bool = False) -> Any:
    """Places along `axis` (None: in the flattened x) in order of x; equals keep their order.

    >>> dls.argsort(dls.tensor([3.0, 1.0, 2.0]))
    Tensor([1, 2, 0])
    """
    x, place = one_axis(x, axis, "argsort")
    return function_of(Argsort, place, bool(descending))(x)


def topk(
    x: Any, k: int, axis: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Any, Any]:
    """(values, places) of the k largest (or smallest) of x along `axis`, most extreme first.

    Of equal elements the first ones are taken, in their order. `sorted=False` sorts as well.
    Of a single number, the only one.

    >>> dls.topk(dls.tensor([3.0, 1.0, 2.0]), 2)
    (Tensor([3., 2.]), Tensor([0, 2]))
    """
    if x.ndim == 0 and k == 1:
        values, places = topk(row(x), 1, axis)
        return reshape(values, ()), reshape(places, ())
    x, place = one_axis(x, axis, "topk")
    if not is_whole(k) or k > x.shape[place]:
        raise DataError(
            f"topk: k is a whole number from 0 to the length of axis {axis}, not {k!r}, for a "
            f"tensor of shape\n  {x.shape}"
        )
    places = function_of(TopPlaces, int(k), place, bool(largest))(x)
    return take_along_axis(x, places, place), places


def median(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The middle of x along `axis`, or the mean of the middle two; NaN where x has a NaN.

    >>> dls.median(dls.tensor([3.0, 1.0, 2.0]))
    Tensor(2.)
    """
    ndim = x.ndim
    line, place = one_axis(x, axis, "median")
    n = line.shape[place]
    if n == 0:
        raise DataError(f"median of nothing: the tensor has shape\n  {x.shape}")
    ordered = sort(line if line.dtype.kind == "f" else cast(line, default_dtype()), place)
    middle = ordered[along(place, slice((n - 1) // 2, n // 2 + 1))]
    last = ordered[along(place, slice(n - 1, None))]
    y = mean(middle, place, keepdims=True)
    y = where(isnan(last), last, y)
    if keepdims:
        return y if axis is not None else reshape(y, (1,) * ndim)
    return y.squeeze(place)
