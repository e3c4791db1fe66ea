"""Operations that move elements and do not change them."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend.device import default_device
from ..engine.autograd import Array
from ..errors import ShapeError
from .call import function, function_of, operand
from .op import Op, kernel
from .samples import samples_of


class Reshape(Op):
    """y = the elements of x in another shape.    dL/dx = dL/dy in the shape of x"""

    views = True
    numpy = staticmethod(lambda x, shape: np.reshape(x, shape))
    samples = samples_of(
        ([(2, 6)], {"shape": (3, 4)}), ([()], {"shape": (1, 1)}), ([(4,)], {"shape": (2, -1)}),
        ([(0, 3)], {"shape": (3, 0)}), ([(1, 1)], {"shape": ()}), ([(2, 3)], {"shape": (-1,)}),
        ([(2, 3, 4)], {"shape": (4, 6)}),
    )

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return self.kernels.reshape(x, self.shape)

    def backward(self, dy: Any, shapes: Any) -> Any:
        return dy.reshape(shapes[0])

    def backward_kernel(self, dy: Array, shapes: Any) -> Array:
        return self.kernels.reshape(dy, shapes[0])

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return (
            f"a shape of {math.prod(shapes[0])} elements is wanted, {self.shape} has "
            f"{abs(math.prod(self.shape))}{' times the -1' if -1 in self.shape else ''}"
        )


class Transpose(Op):
    """y = x with its axes in another order.    dL/dx = dL/dy with the axes put back"""

    views = True
    numpy = staticmethod(lambda x, axes: np.transpose(x, axes))
    samples = samples_of(
        ([(2, 3)], {"axes": (1, 0)}), ([(2, 3, 4)], {"axes": (2, 0, 1)}), ([(3,)], {"axes": (0,)}),
        ([(2, 0, 1)], {"axes": (1, 2, 0)}), ([()], {"axes": ()}), ([(1, 1)], {"axes": (1, 0)}),
        ([(2, 1, 3, 2)], {"axes": (3, 1, 0, 2)}),
    )

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def backward(self, dy: Any) -> Any:
        return dy.transpose(tuple(self.axes.index(i) for i in range(len(self.axes))))


class BroadcastTo(Op):
    """y = x repeated along axes of length 1.    dL/dx = dL/dy summed over the repeats"""

    views = True
    broadcasts = True  # the engine sums the gradient
    numpy = staticmethod(lambda x, shape: np.broadcast_to(x, shape))
    samples = samples_of(
        ([(3,)], {"shape": (2, 3)}), ([(2, 1)], {"shape": (2, 4)}), ([()], {"shape": (2, 2)}),
        ([(1, 1)], {"shape": (1, 1)}), ([(1, 3)], {"shape": (0, 3)}),
        ([(2, 0)], {"shape": (3, 2, 0)}), ([(2, 1, 3)], {"shape": (4, 2, 5, 3)}),
    )

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return self.xp.broadcast_to(x, self.shape)

    def backward(self, dy: Any) -> Any:
        return dy

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return f"axes of length 1 can be repeated, and new ones put before: to {self.shape}"


class Contiguous(Op):
    """y = a copy of x with memory of its own.    dL/dx = dL/dy

    >>> dls.tensor([1.0, 2.0]).clone()
    Tensor([1., 2.])
    """

    numpy = np.copy
    samples = samples_of(([(2, 3)], {}), ([()], {}), ([(0, 2)], {}), ([(1, 1)], {}))

    forward = kernel("copy")

    def backward(self, dy: Any) -> Any:
        return dy


clone = function(Contiguous())


def _ints(values: tuple[Any, ...]) -> tuple[int, ...]:
    """(2, 3), ((2, 3),) and ([2, 3],) all mean 2 by 3."""
    if len(values) == 1 and isinstance(values[0], (tuple, list, Sequence)):
        values = tuple(values[0])
    try:
        return tuple(map(operator.index, values))
    except TypeError as error:
        raise ShapeError(f"lengths and axes are integers, not {values}") from error


def axis_of(axis: Any, ndim: int, name: str) -> int:
    """One axis of a tensor with `ndim` of them, counted from the start."""
    if not isinstance(axis, (int, np.integer)) or not -ndim <= axis < ndim:
        raise ShapeError(f"{name}: {axis!r} is not an axis of a tensor with {ndim} dimensions")
    return int(axis) % ndim


def axes_of(axes: Any, ndim: int, name: str) -> list[int]:
    """One axis or several, each once, counted from the start."""
    named = list(axes) if isinstance(axes, (tuple, list)) else [axes]
    places = [axis_of(axis, ndim, name) for axis in named]
    if len(set(places)) < len(places):
        raise ShapeError(f"{name}: an axis stands twice in {axes}")
    return places


def reshape(x: Any, *shape: Any) -> Any:
    """x in another shape (one length may be -1: the rest); shares memory where it can.

    >>> dls.reshape(dls.ones(2, 6), (3, -1)).shape
    (3, 4)
    """
    lengths = _ints(shape)
    if lengths and min(lengths) < -1:
        raise ShapeError(f"reshape: a length is -1 (the rest), 0 or more, in\n  {lengths}")
    return function_of(Reshape, lengths)(x)


def transpose(x: Any, *axes: Any) -> Any:
    """x with its axes in the order given, all of them as in NumPy; without any, reversed.

    >>> dls.transpose(dls.tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 3.],
            [2., 4.]])
    """
    order = _ints(axes) if axes and axes != (None,) else tuple(range(x.ndim))[::-1]
    if len(order) != x.ndim:
        swap = len(order) == 2 and all(-x.ndim <= i < x.ndim for i in order)
        hint = f"\nTo swap two axes write x.swapaxes({order[0]}, {order[1]})" if swap else ""
        raise ShapeError(
            f"transpose names all axes, as NumPy's does: {order} for a tensor of shape\n"
            f"  {x.shape}{hint}"
        )
    every = list(range(x.ndim))
    if sorted(order) != every:  # some are counted from the end, or wrong
        order = tuple(i % x.ndim if -x.ndim <= i < x.ndim else i for i in order)
    if sorted(order) != every:
        raise ShapeError(
            f"transpose: {order} is not an order of the axes of a tensor of shape\n  {x.shape}"
        )
    return function_of(Transpose, order)(x)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """x with two axes exchanged.

    >>> dls.swapaxes(dls.ones(2, 3, 4), 0, 2).shape
    (4, 3, 2)
    """
    order = list(range(x.ndim))
    a, b = axis_of(axis1, x.ndim, "swapaxes"), axis_of(axis2, x.ndim, "swapaxes")
    order[a], order[b] = order[b], order[a]
    return transpose(x, order)


def permute_dims(x: Any, axes: Sequence[int]) -> Any:
    """x with its axes in the order given, all of them.

    >>> dls.permute_dims(dls.ones(2, 3, 4), (2, 0, 1)).shape
    (4, 2, 3)
    """
    return transpose(x, axes)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """x with one axis (or several) moved to other places, the others in their order.

    >>> dls.moveaxis(dls.ones(2, 3, 4), 0, -1).shape
    (3, 4, 2)
    """
    taken, places = axes_of(source, x.ndim, "moveaxis"), axes_of(destination, x.ndim, "moveaxis")
    if len(taken) != len(places):
        raise ShapeError(f"moveaxis: {len(taken)} axes cannot go to {len(places)} places")
    order = [i for i in range(x.ndim) if i not in taken]
    for place, axis in sorted(zip(places, taken)):
        order.insert(place, axis)
    return transpose(x, order)


def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """x repeated to `shape` as broadcasting would; no copy.

    >>> dls.broadcast_to(dls.tensor([1.0, 2.0]), (2, 2))
    Tensor([[1., 2.],
            [1., 2.]])
    """
    return function_of(BroadcastTo, _ints((shape,)))(x)


def broadcast(x: Any, shape: Sequence[int]) -> Any:
    """`broadcast_to`, under the name of the kernel it stands for on tensors."""
    return broadcast_to(x, shape)


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """All tensors repeated to the one shape that they broadcast to; no copies.

    >>> [x.shape for x in dls.broadcast_arrays(dls.ones(3, 1), dls.ones(2))]
    [(3, 2), (3, 2)]
    """
    arrays = tuple(operand(x, default_device()) for x in arrays)
    try:
        shape = np.broadcast_shapes(*[x.shape for x in arrays])
    except ValueError as error:
        shapes = "".join(f"\n  {x.shape}" for x in arrays)
        raise ShapeError(f"broadcast_arrays: these shapes do not broadcast:{shapes}") from error
    return [x if x.shape == shape else broadcast_to(x, shape) for x in arrays]


def expand(x: Any, *shape: Any) -> Any:
    """PyTorch's `broadcast_to`, in which a length of -1 is x's own.

    >>> dls.expand(dls.ones(3, 1), -1, 4).shape
    (3, 4)
    """
    lengths = _ints(shape)
    lead = len(lengths) - x.ndim
    if lead < 0 or -1 in lengths[:lead]:
        raise ShapeError(
            f"expand: {lengths} names every axis of a tensor of shape\n  {x.shape}\n"
            "and new ones before, by their length; -1 keeps the length of an axis that is there"
        )
    own = (*lengths[:lead], *x.shape)
    return broadcast_to(x, [m if n == -1 else n for n, m in zip(lengths, own)])


def meshgrid(*xs: Any, indexing: str = "xy") -> list[Any]:
    """The coordinates of a grid with axes xs (one-dimensional), as tensors of its shape.

    indexing "xy", as NumPy: the second axis of the result runs along the first of xs; "ij": the
    first. (PyTorch's default is "ij".)

    >>> [x.shape for x in dls.meshgrid(dls.arange(2), dls.arange(3))]
    [(3, 2), (3, 2)]
    """
    if indexing not in ("xy", "ij"):
        raise ShapeError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    xs = tuple(operand(x, default_device()) for x in xs)
    if any(x.ndim > 1 for x in xs):
        shapes = "".join(f"\n  {x.shape}" for x in xs)
        raise ShapeError(f"meshgrid takes tensors of one axis, not of the shapes{shapes}")
    places = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        places[:2] = [1, 0]
    return broadcast_arrays(*[
        reshape(x, tuple(-1 if i == place else 1 for i in range(len(xs))))
        for x, place in zip(xs, places)
    ])


def expand_dims(x: Any, axis: Any) -> Any:
    """x with a new axis of length 1 at place `axis` of the result (or several).

    >>> dls.expand_dims(dls.ones(2, 3), 0).shape
    (1, 2, 3)
    """
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    places = axes_of(axis, x.ndim + count, "expand_dims")
    shape = list(x.shape)
    for place in sorted(places):
        shape.insert(place, 1)
    return reshape(x, shape)


def squeeze(x: Any, axis: Any = None) -> Any:
    """x without its axes of length 1, or without the ones named.

    A single number counts as a row of one.

    >>> dls.squeeze(dls.ones(1, 3, 1)).shape
    (3,)
    """
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    lengths = x.shape or (1,)
    axes = axes_of(axis, len(lengths), "squeeze")
    if any(lengths[i] != 1 for i in axes):
        raise ShapeError(
            f"squeeze takes axes of length 1, not axis {axis} of a tensor of shape\n  {x.shape}"
        )
    return reshape(x, tuple(n for i, n in enumerate(lengths) if i not in axes))


def row(x: Any) -> Any:
    """x itself, or the row of one that a single number counts as."""
    return x if x.ndim else reshape(x, (1,))


def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Any:
    """x with the axes from `start_axis` to `end_axis` made one.

    >>> dls.flatten(dls.ones(2, 3, 4), 1).shape
    (2, 12)
    """
    if x.ndim == 0:
        return reshape(x, (1,))
    start, end = axis_of(start_axis, x.ndim, "flatten"), axis_of(end_axis, x.ndim, "flatten")
    if start > end:
        raise ShapeError(f"flatten from axis {start_axis} to {end_axis}: the first comes after")
    middle = math.prod(x.shape[start : end + 1])
    return reshape(x, (*x.shape[:start], middle, *x.shape[end + 1 :]))


def ravel(x: Any) -> Any:
    """All elements of x in one row, axis after axis; shares memory where it can.

    >>> dls.ravel(dls.tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 2., 3., 4.])
    """
    return reshape(x, (-1,) if x.size else (0,))


def unflatten(x: Any, axis: int, sizes: Sequence[int]) -> Any:
    """x with one axis made several, of lengths `sizes` (one may be -1): undoes `flatten`.

    >>> dls.unflatten(dls.ones(2, 6), 1, (3, -1)).shape
    (2, 3, 2)
    """
    place = axis_of(axis, x.ndim, "unflatten")
    if not isinstance(sizes, Sequence):
        raise ShapeError(f"unflatten takes a tuple of lengths, not {sizes!r}")
    lengths = list(_ints((tuple(sizes),)))
    known = math.prod(n for n in lengths if n != -1)
    n = x.shape[place]
    if lengths.count(-1) == 1 and known and n % known == 0:
        lengths[lengths.index(-1)] = n // known
    if min(lengths, default=0) < 0 or math.prod(lengths) != n:
        raise ShapeError(
            f"unflatten: axis {axis} of length {n} is not {tuple(sizes)}; the shape is\n  {x.shape}"
        )
    return reshape(x, (*x.shape[:place], *lengths, *x.shape[place + 1 :]))
