"""Taking single elements: along an axis, by a mask, or where they are not zero."""

from functools import lru_cache
from typing import Any

import numpy as np

from ..engine import autograd
from ..engine.autograd import Array, TensorBase
from ..errors import DtypeError, ShapeError
from .call import function_of, operand
from .indexing import getitem, places_of, take
from .op import Op
from .samples import Rng, Sample
from .shape import axis_of, broadcast_arrays, reshape, row


def _samples(rng: Rng) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], tuple[int, ...], int]] = [
        ((3, 4), (3, 2), 1), ((3, 4), (2, 4), 0), ((3, 4), (1, 2), 1), ((5,), (7,), 0),
        ((2, 3, 4), (2, 1, 5), 2), ((3, 4), (3, 0), 1), ((1, 1), (1, 1), 0), ((0, 4), (0, 2), 1),
    ]
    return [
        Sample((rng.standard_normal(shape), rng.integers(-shape[axis], shape[axis], places)),
               {"axis": axis})
        for shape, places, axis in cases
    ]


class TakeAlongAxis(Op):
    """y = the elements of x at `places` along an axis.    dL/dx = dL/dy added at those places"""

    numpy = staticmethod(lambda x, places, axis: np.take_along_axis(x, places, axis))
    samples = staticmethod(_samples)

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array, places: Array) -> Array:
        return x[along(self.xp, x.shape, places, self.axis)]

    def backward_x(self, dy: Any, places: Any, shapes: Any) -> Any:
        if isinstance(dy, TensorBase):
            index = along(dy.device.xp, shapes[0], places._data, self.axis)
        else:
            index = along(self.xp, shapes[0], places, self.axis)
        return self.kernels.add_at(dy, shapes[0], index)


def along(xp: Any, shape: tuple[int, ...], places: Array, axis: int) -> tuple[Any, ...]:
    """The index of `places` along the axis, and of every place of the others: they broadcast."""
    ndim = len(shape)
    return tuple(
        places if i == axis else (_kept_places if n <= 4096 else _all_places)(xp, n, i, ndim)
        for i, n in enumerate(shape)
    )


def _all_places(xp: Any, n: int, axis: int, ndim: int) -> Array:
    """0 to n - 1 along one axis, length 1 along the others; not to be written to."""
    return xp.arange(n).reshape([-1 if i == axis else 1 for i in range(ndim)])


_kept_places = lru_cache(maxsize=256)(_all_places)  # short ones, which are asked for all the time


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """The elements of x at `indices` (integers, as many axes as x) along `axis`, as NumPy's.

    >>> dls.take_along_axis(dls.tensor([[1, 2], [3, 4]]), dls.tensor([[1], [0]]), axis=1)
    Tensor([[2],
            [3]])
    """
    if axis is None:
        x, axis = getitem(x, Ellipsis).reshape(-1), 0
    places = places_of(indices, x, "take_along_axis")
    if places.ndim != x.ndim:
        raise ShapeError(
            "take_along_axis takes as many axes of places as x has:\n"
            f"  x       {x.shape}\n  places  {places.shape}"
        )
    return function_of(TakeAlongAxis, axis_of(axis, x.ndim, "take_along_axis"))(x, places)


def gather(x: Any, axis: int, index: Any) -> Any:
    """PyTorch's `take_along_axis`: y[i][j] = x[i][index[i][j]] for axis 1; nothing broadcasts.

    Along the other axes `index` may be shorter than x: then it means the first places of x.
    A single number or place counts as a row of one.

    >>> dls.gather(dls.tensor([[1, 2], [3, 4]]), 1, dls.tensor([[1], [0]]))
    Tensor([[2],
            [3]])
    """
    places = places_of(index, x, "gather")
    if 0 in (x.ndim, places.ndim):
        return reshape(gather(row(x), axis, row(places)), places.shape)
    place = axis_of(axis, x.ndim, "gather")
    first = first_places("gather", x, places, place)
    whole = all(m == n or i == place for i, (m, n) in enumerate(zip(places.shape, x.shape)))
    return take_along_axis(x if whole else getitem(x, first), places, place)


def index_select(x: Any, axis: int, index: Any) -> Any:
    """PyTorch's order of arguments for `take(x, index, axis)`, with one row of places.

    >>> dls.index_select(dls.tensor([[1, 2], [3, 4]]), 1, dls.tensor([1]))
    Tensor([[2],
            [4]])
    """
    places = places_of(index, x, "index_select")
    if places.ndim > 1:
        raise ShapeError(f"index_select takes one row of places, not the shape\n  {places.shape}")
    if x.ndim == 0 and places.size == 1:
        return reshape(take(row(x), row(places), axis), ())
    return take(x, places.reshape(-1), axis)


def first_places(name: str, x: Any, places: Any, axis: int) -> tuple[slice, ...]:
    """The part of x that `places` speak of: all along the axis, the first ones along the others."""
    fits = places.ndim == x.ndim and all(
        m <= n or i == axis for i, (m, n) in enumerate(zip(places.shape, x.shape))
    )
    if not fits:
        raise ShapeError(
            f"{name}: the places have as many axes as x, and are no longer than x but along axis "
            f"{axis}:\n  x       {x.shape}\n  places  {places.shape}"
        )
    return tuple(
        slice(None) if i == axis else slice(0, m) for i, m in enumerate(places.shape)
    )


def masked_select(x: Any, mask: Any) -> Any:
    """PyTorch's x[mask]: the elements where the mask holds, in one row; both broadcast.

    >>> x = dls.tensor([1, 5, 2])
    >>> dls.masked_select(x, x > 1)
    Tensor([5, 2])
    """
    mask = operand(mask, x.device)
    if mask.dtype.kind != "b":
        raise DtypeError(f"masked_select takes a mask of bools, not of {mask.dtype}: x != 0 is one")
    return getitem(*broadcast_arrays(x, mask))


def nonzero(x: Any) -> tuple[Any, ...]:
    """Find the elements of x that are not 0: for each axis a tensor of indices (int64), as in
    NumPy. No gradient.

    (PyTorch's is one tensor with a row for each place: `argwhere`.)

    >>> dls.nonzero(dls.tensor([0, 5, 7]))
    (Tensor([1, 2]),)
    """
    if x.ndim == 0:
        raise ShapeError("nonzero of a tensor of shape () has no axis to name places along")
    found = x.device.xp.nonzero(x._data)
    return tuple(autograd.as_tensor(a, x.device, None, x._kind) for a in found)


def argwhere(x: Any) -> Any:
    """Find the elements of x that are not 0: one row of indices each, shape (count, x.ndim), int64.
    No gradient.

    >>> dls.argwhere(dls.tensor([[0, 5], [7, 0]]))
    Tensor([[0, 1],
            [1, 0]])
    """
    return autograd.as_tensor(x.device.xp.argwhere(x._data), x.device, None, x._kind)
