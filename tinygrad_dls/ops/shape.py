"""Operations that move elements and do not change them."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Array, TensorBase
from ..device import default_device
from ..errors import ShapeError
from .call import function, function_of, is_float, tensor_of
from .op import Op
from .samples import samples_of


class Reshape(Op):
    """y = the elements of x in another shape.    dL/dx = dL/dy in the shape of x"""

    numpy = staticmethod(lambda x, shape: np.reshape(x, shape))
    samples = samples_of(
        ([(2, 6)], {"shape": (3, 4)}), ([()], {"shape": (1, 1)}), ([(4,)], {"shape": (2, -1)}),
        ([(0, 3)], {"shape": (3, 0)}),
    )

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return x.reshape(self.shape)

    def backward(self, dy: Any, shapes: Any) -> Any:
        return dy.reshape(shapes[0])

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return (
            f"a shape of {math.prod(shapes[0])} elements is wanted, {self.shape} has "
            f"{abs(math.prod(self.shape))}{' times the -1' if -1 in self.shape else ''}"
        )


class Transpose(Op):
    """y = x with its axes in another order.    dL/dx = dL/dy with the axes put back"""

    numpy = staticmethod(lambda x, axes: np.transpose(x, axes))
    samples = samples_of(
        ([(2, 3)], {"axes": (1, 0)}), ([(2, 3, 4)], {"axes": (2, 0, 1)}), ([(3,)], {"axes": (0,)}),
        ([(2, 0, 1)], {"axes": (1, 2, 0)}),
    )

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def backward(self, dy: Any) -> Any:
        return dy.transpose(tuple(self.axes.index(i) for i in range(len(self.axes))))


class BroadcastTo(Op):
    """y = x repeated along axes of length 1.    dL/dx = dL/dy summed over the repeats"""

    broadcasts = True  # the engine sums the gradient
    numpy = staticmethod(lambda x, shape: np.broadcast_to(x, shape))
    samples = samples_of(
        ([(3,)], {"shape": (2, 3)}), ([(2, 1)], {"shape": (2, 4)}), ([()], {"shape": (2, 2)})
    )

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return self.xp.broadcast_to(x, self.shape)

    def backward(self, dy: Any) -> Any:
        return dy

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return f"axes of length 1 can be repeated, and new ones put before: to {self.shape}"


class Concatenate(Op):
    """y = arrays one after the other along an axis.    dL/darray = its slice of dL/dy"""

    numpy = staticmethod(lambda *arrays, axis: np.concatenate(arrays, axis=axis))
    samples = samples_of(
        ([(2, 3), (2, 1)], {"axis": 1}), ([(3,), (2,), (4,)], {"axis": 0}), ([(2, 2)], {"axis": 0}),
        ([(2, 3), (0, 3)], {"axis": 0}),
    )

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def forward(self, *arrays: Array) -> Array:
        return self.xp.concatenate(arrays, axis=self.axis)

    def backward(self, dy: Any, needs: Any, shapes: Any) -> Any:
        before: tuple[Any, ...] = (slice(None),) * self.axis
        shares, start = [], 0
        for need, shape in zip(needs, shapes):
            stop = start + shape[self.axis]
            shares.append(dy[(*before, slice(start, stop))] if need else None)
            start = stop
        return tuple(shares)

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return f"all axes but axis {self.axis} must be equal"


class Stack(Op):
    """y = arrays of one shape along a new axis.    dL/darray = its slice of dL/dy"""

    numpy = staticmethod(lambda *arrays, axis: np.stack(arrays, axis=axis))
    samples = samples_of(
        ([(2, 3), (2, 3)], {"axis": 1}), ([(), (), ()], {"axis": 0}), ([(2,)], {"axis": 0})
    )

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def forward(self, *arrays: Array) -> Array:
        return self.xp.stack(arrays, axis=self.axis)

    def backward(self, dy: Any, needs: Any) -> Any:
        before: tuple[Any, ...] = (slice(None),) * self.axis
        return tuple(dy[(*before, i)] if need else None for i, need in enumerate(needs))

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return "all must have the same shape"


class Contiguous(Op):
    """y = a copy of x with memory of its own.    dL/dx = dL/dy"""

    numpy = np.copy
    samples = samples_of(([(2, 3)], {}), ([()], {}))

    def forward(self, x: Array) -> Array:
        return self.xp.array(x, order="C")

    def backward(self, dy: Any) -> Any:
        return dy


clone = function(Contiguous())


def _ints(values: tuple[Any, ...]) -> tuple[int, ...]:
    """(2, 3), ((2, 3),) and ([2, 3],) all mean 2 by 3."""
    if len(values) == 1 and isinstance(values[0], Sequence):
        values = tuple(values[0])
    try:
        return tuple(map(operator.index, values))
    except TypeError as error:
        raise ShapeError(f"lengths and axes are integers, not {values}") from error


def _axis(axis: Any, ndim: int, name: str) -> int:
    """One axis of a tensor with `ndim` of them, counted from the start."""
    if not isinstance(axis, (int, np.integer)) or not -ndim <= axis < ndim:
        raise ShapeError(f"{name}: {axis!r} is no axis of a tensor with {ndim} dimensions")
    return int(axis) % ndim


def reshape(x: Any, *shape: Any) -> Any:
    """x in another shape (one length may be -1: the rest); shares memory where it can."""
    lengths = _ints(shape)
    if lengths and min(lengths) < -1:
        raise ShapeError(f"reshape: a length is -1 (the rest), 0 or more, in\n  {lengths}")
    return function_of(Reshape, lengths)(x)


def transpose(x: Any, *axes: Any) -> Any:
    """x with its axes in the order given, all of them as in NumPy; without any, reversed."""
    order = _ints(axes) if axes and axes != (None,) else tuple(range(x.ndim))[::-1]
    if len(order) != x.ndim:
        swap = len(order) == 2 and all(-x.ndim <= i < x.ndim for i in order)
        hint = f"\nTo swap two axes write x.swapaxes({order[0]}, {order[1]})" if swap else ""
        raise ShapeError(
            f"transpose names all axes, as NumPy's does: {order} for a tensor of shape\n"
            f"  {x.shape}{hint}"
        )
    order = tuple(i % x.ndim if -x.ndim <= i < x.ndim else i for i in order)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(
            f"transpose: {order} is no order of the axes of a tensor of shape\n  {x.shape}"
        )
    return function_of(Transpose, order)(x)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """x with two axes exchanged."""
    order = list(range(x.ndim))
    a, b = _axis(axis1, x.ndim, "swapaxes"), _axis(axis2, x.ndim, "swapaxes")
    order[a], order[b] = order[b], order[a]
    return transpose(x, order)


def moveaxis(x: Any, source: int, destination: int) -> Any:
    """x with one axis moved to another place, the others in their order."""
    order = list(range(x.ndim))
    taken = order.pop(_axis(source, x.ndim, "moveaxis"))
    order.insert(_axis(destination, x.ndim, "moveaxis"), taken)
    return transpose(x, order)


def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """x repeated to `shape` as broadcasting would; no copy."""
    return function_of(BroadcastTo, _ints((shape,)))(x)


def spread(x: Any, shape: Sequence[int]) -> Any:
    """`broadcast_to`, under the name of the kernel it stands for on tensors."""
    return broadcast_to(x, shape)


def expand_dims(x: Any, axis: int) -> Any:
    """x with a new axis of length 1 at place `axis`."""
    place = _axis(axis, x.ndim + 1, "expand_dims")
    return reshape(x, (*x.shape[:place], 1, *x.shape[place:]))


def squeeze(x: Any, axis: Any = None) -> Any:
    """x without its axes of length 1, or without the ones named."""
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    named = axis if isinstance(axis, (tuple, list)) else [axis]
    axes = [_axis(i, x.ndim, "squeeze") for i in named]
    if any(x.shape[i] != 1 for i in axes):
        raise ShapeError(
            f"squeeze takes axes of length 1, not axis {axis} of a tensor of shape\n  {x.shape}"
        )
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Any:
    """x with the axes from `start_axis` to `end_axis` made one."""
    if x.ndim == 0:
        return reshape(x, (1,))
    start, end = _axis(start_axis, x.ndim, "flatten"), _axis(end_axis, x.ndim, "flatten")
    if start > end:
        raise ShapeError(f"flatten from axis {start_axis} to {end_axis}: the first comes after")
    middle = math.prod(x.shape[start : end + 1])
    return reshape(x, (*x.shape[:start], middle, *x.shape[end + 1 :]))


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Tensors one after the other along `axis`; all other axes must be equal."""
    parts = all_tensors(arrays, "concatenate")
    ndim = max(1, *(part.ndim for part in parts))
    return function_of(Concatenate, _axis(axis, ndim, "concatenate"))(*parts)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Tensors of one shape along a new axis."""
    parts = all_tensors(arrays, "stack")
    return function_of(Stack, _axis(axis, parts[0].ndim + 1, "stack"))(*parts)


def all_tensors(arrays: Sequence[Any], name: str) -> list[Any]:
    """Tensors as they are; numbers, lists and arrays on the device of the first tensor."""
    parts = list(arrays)
    device = next((a.device for a in parts if isinstance(a, TensorBase)), default_device())
    if not parts:
        raise ShapeError(f"{name} of no tensors")
    if all(isinstance(a, TensorBase) for a in parts):
        return parts
    floats = [a.dtype for a in parts if is_float(a)]
    return [
        a if isinstance(a, TensorBase)
        else tensor_of(np.asarray(a, np.result_type(*floats)) if floats and isinstance(a, float)
                       else a, device)
        for a in parts
    ]
