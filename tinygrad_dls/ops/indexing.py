"""Indexing: slices, integers, arrays of places, masks; and putting the gradient back."""

from typing import Any

import numpy as np

from ..autograd import Array, TensorBase
from ..errors import DataError, DeviceError, DtypeError, ShapeError
from ..modes import mode
from .call import function, function_of, tensor_of
from .op import Op
from .reduction import normal_axis
from .samples import Rng, Sample


def _index_samples(rng: Rng) -> list[Sample]:
    x = rng.standard_normal((4, 5, 2))
    places = np.array([0, 2, 2, -1])
    indices: list[Any] = [
        1, (slice(1, 3),), (slice(None, None, -1), 2), (Ellipsis, 0), (None, slice(None), 1),
        places, (places, slice(None), 1), (places, np.array([1, 0, 1, 4])), x > 0,
        np.array([True, False, True, True]), (slice(0, 0),),
    ]
    return [Sample((x,), {"index": i}) for i in indices]


class GetItem(Op):
    """y = x[index].    dL/dx = dL/dy added at the places taken, 0 elsewhere

    A place taken several times gets the sum.
    """

    numpy = staticmethod(lambda x, index: x[index])
    samples = staticmethod(_index_samples)

    def __init__(self, index: Any) -> None:
        self.index = index
        parts = index if isinstance(index, tuple) else (index,)
        self.basic = not any(hasattr(i, "dtype") for i in parts)  # each place at most once

    def label(self) -> str:
        return "getitem"

    def forward(self, x: Array) -> Array:
        return x[self.index]

    def backward(self, dy: Any, shapes: Any) -> Any:
        return put(dy, shapes[0], self.index, self.basic)

    def backward_kernel(self, dy: Array, shapes: Any) -> Array:
        return _put(self.xp, dy, shapes[0], self.index, self.basic)


class Put(Op):
    """y = zeros, with x added at an index: what goes back through `x[index]`.

    dL/dx = dL/dy[index]
    """

    def __init__(self, shape: tuple[int, ...], index: Any, basic: bool) -> None:
        self.shape, self.index, self.basic = shape, index, basic

    numpy = staticmethod(lambda x, shape, index, basic: _put(np, x, shape, index, False))
    samples = staticmethod(
        lambda rng: [
            Sample((rng.standard_normal((2, 3)),),
                   {"shape": (4, 3), "index": (slice(1, 3),), "basic": True}),
            Sample((rng.standard_normal(3),),
                   {"shape": (2,), "index": np.array([0, 1, 0]), "basic": False}),
        ]
    )

    def label(self) -> str:
        return "put"

    def forward(self, x: Array) -> Array:
        return _put(self.xp, x, self.shape, self.index, self.basic)

    def backward(self, dy: Any) -> Any:
        return dy[self.index]


def _put(xp: Any, x: Array, shape: tuple[int, ...], index: Any, basic: bool) -> Array:
    y = xp.zeros(shape, dtype=x.dtype)
    if basic:
        y[index] = x
    else:
        xp.add.at(y, index, x)
    return y


def put(x: Any, shape: tuple[int, ...], index: Any, basic: bool) -> Any:
    """Zeros of `shape` with x added at `index`."""
    return function(Put(shape, index, basic))(x)


class TakeAlongAxis(Op):
    """y = the elements of x at `places` along an axis.    dL/dx = dL/dy added at those places"""

    numpy = staticmethod(lambda x, places, axis: np.take_along_axis(x, places, axis))
    samples = staticmethod(
        lambda rng: [
            Sample((rng.standard_normal((3, 4)), rng.integers(0, 4, (3, 2))), {"axis": 1}),
            Sample((rng.standard_normal((3, 4)), rng.integers(0, 3, (2, 4))), {"axis": 0}),
            Sample((rng.standard_normal((3, 4)), rng.integers(-4, 4, (1, 2))), {"axis": 1}),
        ]
    )

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array, places: Array) -> Array:
        return x[self._index(self.xp, x.shape, places)]

    def backward_x(self, dy: Any, places: Any, shapes: Any) -> Any:
        if isinstance(dy, TensorBase):
            index = self._index(dy.device.xp, shapes[0], places._data)
            return put(dy, shapes[0], index, False)
        return _put(self.xp, dy, shapes[0], self._index(self.xp, shapes[0], places), False)

    def _index(self, xp: Any, shape: tuple[int, ...], places: Array) -> tuple[Any, ...]:
        """`places` along the axis, and every place of the others: they broadcast."""
        index = [
            xp.arange(n).reshape([-1 if i == j else 1 for j in range(len(shape))])
            for i, n in enumerate(shape)
        ]
        index[self.axis] = places
        return tuple(index)


def getitem(x: Any, index: Any) -> Any:
    """x[index] as in NumPy: integers, slices, None, ..., arrays or tensors of places, masks."""
    return function(GetItem(plain_index(index, x, keep=x.requires_grad and mode.grad)))(x)


def take_along_axis(x: Any, places: Any, axis: int) -> Any:
    """The elements of x at `places` (integers, one for each) along `axis`, as NumPy's."""
    places = places if isinstance(places, TensorBase) else tensor_of(places, x.device)
    if places.dtype.kind not in "iu" or places.ndim != x.ndim:
        raise ShapeError(
            "take_along_axis takes as many axes of integer places as x has, not "
            f"{places.dtype}:\n  x       {x.shape}\n  places  {places.shape}"
        )
    return function_of(TakeAlongAxis, normal_axis(axis, x.ndim, "take_along_axis"))(x, places)


def plain_index(index: Any, x: Any, keep: bool = False) -> Any:
    """`index` with tensors, lists and host arrays as arrays of x's device.

    With `keep` arrays are copied: backward will need them as they are now.
    """
    if isinstance(index, tuple):
        return tuple([_part(i, x, keep) for i in index])
    return _part(index, x, keep)


def _part(part: Any, x: Any, keep: bool) -> Any:
    if part is None or part is Ellipsis or isinstance(part, (slice, int)):
        return part
    if isinstance(part, np.integer):
        return int(part)
    if isinstance(part, TensorBase):
        if part.device is not x.device:
            raise DeviceError(f"an index on {part.device} of a tensor on {x.device}: move it")
        part = part._data
    elif isinstance(part, (list, range, np.ndarray)):
        try:
            part = np.asarray(part)
        except ValueError as error:
            raise ShapeError(f"nested lists of several lengths are no index\n({error})") from error
        part = part.astype(np.int64) if part.size == 0 and part.dtype.kind == "f" else part
        part = x.device.from_host(part)
    if not hasattr(part, "dtype") or part.dtype.kind not in "iub":
        kind = getattr(part, "dtype", type(part).__name__)
        raise DtypeError(f"a tensor is indexed by integers, slices and masks, not by {kind}")
    return x.device.copy(part) if keep else part


def check_places(places: Any, count: int, what: str) -> None:
    """DataError if an integer array on the CPU holds a place outside [0, count)."""
    if isinstance(places, np.ndarray) and places.size:
        low, high = places.min(), places.max()
        if low < 0 or high >= count:
            bad = low if low < 0 else high
            raise DataError(f"{what} {bad} is out of range: there are {count}, 0 to {count - 1}")
