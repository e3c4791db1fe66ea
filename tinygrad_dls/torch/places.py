"""Indices in brackets with PyTorch's meaning, as NumPy means them.

- A list that holds lists, tensors, slices, None or ... is read as the tuple of what it holds.
- uint8 tensors are masks.
- A number takes its axis away first; NumPy counts it among the arrays, and where something lies
  between puts their axes to the front: `x[0, :, [0, 1]]`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..engine.autograd import TensorBase
from ..errors import ShapeError

LONGEST = 32  # from here on PyTorch reads a list as an array


def getitem(x: Any, index: Any) -> Any:
    """x[index]."""
    kind = index.__class__
    if kind is int or kind is slice:
        return ops.getitem(x, index)
    index = _as_numpy(index)
    if index.__class__ is tuple and _is_apart(index):
        first, index = _numbers_first(index)
        x = ops.getitem(x, first)
    return ops.getitem(x, index)


def to_write(index: Any, values: Any) -> tuple[Any, Any]:
    """The index and the values of x[index] = values."""
    if isinstance(values, TensorBase) and values._data.ndim and values._data.size == 1:
        values = ops.reshape(values, ())  # fits where NumPy wants a number
    if index.__class__ in (int, slice):
        return index, values
    index = _as_numpy(index)
    if index.__class__ is tuple and _is_apart(index):
        numbers = [_is_number(part) for part in index]
        leading = numbers.index(False)
        if any(numbers[leading:]):
            raise ShapeError("x[...] = v takes a number apart from lists only before them: "
                             "write row = x[:, 0], then row[:, [0, 1]] = v")
        index = (*(_one(part) for part in index[:leading]), *index[leading:])
    return index, values


def _as_numpy(index: Any) -> Any:
    kind = index.__class__
    if kind is list and len(index) < LONGEST and any(map(_is_sequence, index)):
        index = tuple(index)
    if index.__class__ is tuple:
        return tuple([_mask(part) for part in index])
    return _mask(index)


def _is_sequence(part: Any) -> bool:
    return part is None or part is Ellipsis or isinstance(
        part, list | tuple | slice | TensorBase | np.ndarray | range)


def _mask(part: Any) -> Any:
    if isinstance(part, TensorBase) and part._data.dtype == np.uint8:
        return ops.cast(part, np.dtype("bool"))
    return part


def _is_number(part: Any) -> bool:
    if isinstance(part, TensorBase):
        return part._data.ndim == 0 and part._data.dtype.kind in "iu"
    return isinstance(part, int | np.integer) and not isinstance(part, bool)


def _is_plain(part: Any) -> bool:
    return part is None or part is Ellipsis or isinstance(part, slice)


def _is_apart(index: tuple[Any, ...]) -> bool:
    """Return whether numbers stand among arrays, and something plain between two of them."""
    places = [i for i, part in enumerate(index) if not _is_plain(part)]
    if len(places) < 2 or places[-1] - places[0] < len(places):
        return False
    numbers = sum(map(_is_number, index))
    return 0 < numbers < len(places)


def _numbers_first(index: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """An index that takes the numbers' axes away, and the index of what is left."""
    first: list[Any] = []
    for part in index:
        if part is None:
            continue
        if _is_number(part) or part is Ellipsis:
            first.append(part)
            continue
        array = part._data if isinstance(part, TensorBase) else part
        axes = 1 if isinstance(part, slice) else np.ndim(array) if _holds_bools(array) else 1
        first += [slice(None)] * axes
    return tuple(first), tuple(part for part in index if not _is_number(part))


def _holds_bools(array: Any) -> bool:
    return np.asarray(array).dtype.kind == "b"


def _one(part: Any) -> slice:
    """The slice of one place."""
    place = int(part)
    return slice(place, None) if place == -1 else slice(place, place + 1)
