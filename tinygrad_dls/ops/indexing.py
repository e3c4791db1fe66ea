"""Indexing: slices, integers, arrays of places, masks; and putting the gradient back."""

import math
from typing import Any

import numpy as np

from ..backend.device import default_device
from ..engine.autograd import Array, TensorBase
from ..engine.modes import mode, replayed, traces
from ..errors import DataError, DeviceError, DtypeError, ShapeError
from .call import call_once, function_of, operand
from .op import Op
from .samples import Rng, Sample
from .shape import axis_of, reshape


def _index_samples(rng: Rng) -> list[Sample]:
    x = rng.standard_normal((4, 5, 2))
    places = np.array([0, 2, 2, -1])
    indices: list[Any] = [
        1, (slice(1, 3),), (slice(None, None, -1), 2), (Ellipsis, 0), (None, slice(None), 1),
        places, (places, slice(None), 1), (places, np.array([1, 0, 1, 4])), x > 0,
        np.array([True, False, True, True]), (slice(0, 0),), (places, None, places % 2, Ellipsis),
        (slice(None), places, 1), (slice(None), slice(None, None, -2), np.array([[1], [0]])),
        np.zeros((0, 3), int), (np.array(2), Ellipsis, np.array(-1)), (), (2, -1, 1),
        (np.array([True, False, True, True]), slice(1, 2)), x > 9.0,
    ]
    return [Sample((x,), {"index": i}) for i in indices]


class GetItem(Op):
    """y = x[index].    dL/dx = dL/dy added at the places taken, 0 elsewhere

    A place taken several times gets the sum.
    """

    views = True
    numpy = staticmethod(lambda x, index: x[index])
    samples = staticmethod(_index_samples)

    def __init__(self, index: Any) -> None:
        self.index = index

    def label(self) -> str:
        return "getitem"

    def forward(self, x: Array) -> Array:
        return x[self.index]

    def backward(self, dy: Any, shapes: Any) -> Any:
        return call_once(Put(shapes[0], self.index), operand(dy, self.device))

    def backward_kernel(self, dy: Array, shapes: Any) -> Array:
        if dy.size == math.prod(shapes[0]) and _keeps_order(self.index):
            return dy.reshape(shapes[0])  # all was taken, as by x[:, None]: nothing to put it into
        return Put(shapes[0], self.index).on(self.device).forward(dy)


class Put(Op):
    """y = zeros, with x added at an index: what goes back through `x[index]`.

    dL/dx = dL/dy[index]
    """

    numpy = staticmethod(lambda x, shape, index: _add_at(x, shape, index))
    samples = staticmethod(
        lambda rng: [
            Sample((rng.standard_normal(np.shape(s.inputs[0][s.parameters["index"]])),),
                   {"shape": s.inputs[0].shape, "index": s.parameters["index"]})
            for s in _index_samples(rng)
        ]
    )

    def __init__(self, shape: tuple[int, ...], index: Any) -> None:
        self.shape, self.index = shape, index
        parts = index if isinstance(index, tuple) else (index,)
        self.adds = any(_kind(i) in "iu" for i in parts)  # a place may be taken several times

    def label(self) -> str:
        return "put"

    def forward(self, x: Array) -> Array:
        if self.adds:
            return self.kernels.add_at(x, self.shape, self.index)
        y = self.xp.zeros(self.shape, dtype=x.dtype)
        y[self.index] = x
        return y

    def backward(self, dy: Any) -> Any:
        return dy[self.index]


def _keeps_order(index: Any) -> bool:
    """Return whether `index` takes each element at most once, and the first ones first."""
    return all(
        part is None or part is Ellipsis or part.__class__ is int
        or (part.__class__ is slice and (part.step is None or part.step > 0))
        for part in (index if isinstance(index, tuple) else (index,))
    )


def _kind(part: Any) -> str:
    return str(part.dtype.kind) if hasattr(part, "dtype") else "-"


def _add_at(x: Any, shape: tuple[int, ...], index: Any) -> Any:
    y = np.zeros(shape)
    np.add.at(y, index, x)
    return y


class Take(Op):
    """y = the slices of x at `places` along an axis.    dL/dx = dL/dy added at those places"""

    numpy = staticmethod(lambda x, places, axis: np.take(x, places, axis))
    samples = staticmethod(
        lambda rng: [
            Sample((rng.standard_normal(shape), rng.integers(-shape[axis], shape[axis], places)),
                   {"axis": axis})
            for shape, axis, places in (
                ((5, 3), 0, (7,)), ((5, 3), 0, (2, 4)), ((5, 3), 1, (4,)), ((5,), 0, ()),
                ((2, 4, 3), 1, (2, 2)), ((5, 3), 0, (0,)), ((1, 1), 0, (1,)), ((3, 0), 0, (4,)),
            )
        ]
    )

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array, places: Array) -> Array:
        # NumPy's take copies all of x first, where it does not lie in C order.
        return x.take(places, axis=self.axis) if x.flags.c_contiguous else x[self._index(places)]

    def backward_x(self, dy: Any, places: Any, shapes: Any) -> Any:
        return self.kernels.add_at(dy, shapes[0], self._index(places))

    def _index(self, places: Any) -> tuple[Any, ...]:
        return (*(slice(None),) * self.axis, places)


def getitem(x: Any, index: Any) -> Any:
    """x[index] as in NumPy: integers, slices, None, ..., arrays or tensors of places, masks."""
    if not isinstance(index, int):
        index = plain_index(index, x, keep=x.requires_grad and mode.grad)
    return call_once(GetItem(index), x)


def add_at(values: Any, shape: tuple[int, ...], index: Any) -> Any:
    """Zeros of `shape` with `values` added at `index`, whose arrays may be tensors.

    Under the name of the kernel that it stands for on tensors.
    """
    values = operand(values, default_device())
    return call_once(Put(shape, plain_index(index, values)), values)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The slices of x at `indices` (integers, of any shape) along `axis`, as NumPy's.

    Without an axis the elements of x counted through all of it.

    >>> dls.take(dls.tensor([10, 20, 30]), dls.tensor([2, 0]), axis=0)
    Tensor([30, 10])
    """
    if axis is None:
        x, axis = reshape(x, -1), 0
    return function_of(Take, axis_of(axis, x.ndim, "take"))(x, places_of(indices, x, "take"))


def places_of(indices: Any, x: Any, name: str) -> Any:
    """A tensor of integers on x's device."""
    places = operand(indices, x.device)
    if places.dtype.kind not in "iu":
        if places.size:
            raise DtypeError(f"{name} takes integer places, not a tensor of {places.dtype}")
        places = operand(np.zeros(places.shape, np.int64), x.device)
    if places.device is not x.device:
        raise DeviceError(f"{name}: places on {places.device} of a tensor on {x.device}: move them")
    return places


def plain_index(index: Any, x: Any, keep: bool = False, writes: bool = False) -> Any:
    """`index` with tensors, lists and host arrays as arrays of x's device.

    With `keep` arrays are copied: backward will need them as they are now. `writes`: it says where
    to write, not what to read.
    """
    if isinstance(index, tuple):
        return tuple([_part(i, x, keep, writes) for i in index])
    return _part(index, x, keep, writes)


def _part(part: Any, x: Any, keep: bool, writes: bool) -> Any:
    if part is None or part is Ellipsis or isinstance(part, (slice, int)):
        return part
    if isinstance(part, np.integer):
        return int(part)
    if isinstance(part, TensorBase):
        if part.device is not x.device:
            raise DeviceError(f"an index on {part.device} of a tensor on {x.device}: move it")
        part = part._data
        if traces.active and mode.recorder is not None:
            mode.recorder.indexes(part, writes)
    elif isinstance(part, (list, tuple, range, np.ndarray)):
        try:
            part = np.asarray(part)
        except ValueError as error:
            raise ShapeError(
                f"nested lists of several lengths are not an index\n({error})"
            ) from error
        part = part.astype(np.int64) if part.size == 0 and part.dtype.kind == "f" else part
        part = x.device.from_host(part)
    if not hasattr(part, "dtype") or part.dtype.kind not in "iub":
        kind = getattr(part, "dtype", type(part).__name__)
        raise DtypeError(f"a tensor is indexed by integers, slices and masks, not by {kind}")
    return x.device.copy(part) if keep else part


@replayed
def check_places(places: Any, count: int, what: str) -> None:
    """DataError if an integer array on the CPU holds a place outside [0, count)."""
    if isinstance(places, np.ndarray) and places.size:
        low, high = places.min(), places.max()
        if low < 0 or high >= count:
            bad = low if low < 0 else high
            raise DataError(f"{what} {bad} is out of range: there are {count}, 0 to {count - 1}")


def put(x: Any, shape: tuple[int, ...], index: Any, unique: bool = False) -> Any:
    """Zeros of `shape` with x added at `index`."""
    return add_at(x, shape, index)
