"""Joining tensors, and taking them apart."""

import operator
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..backend.device import default_device
from ..engine.autograd import Array, TensorBase
from ..errors import DtypeError, ShapeError
from .call import function_of, is_float, operand, tensor_of
from .indexing import getitem
from .op import Op
from .samples import samples_of
from .shape import axis_of, reshape


class Concatenate(Op):
    """y = arrays one after the other along an axis.    dL/darray = its slice of dL/dy"""

    numpy = staticmethod(lambda *arrays, axis: np.concatenate(arrays, axis=axis))
    samples = samples_of(
        ([(2, 3), (2, 1)], {"axis": 1}), ([(3,), (2,), (4,)], {"axis": 0}), ([(2, 2)], {"axis": 0}),
        ([(2, 3), (0, 3)], {"axis": 0}), ([(1, 1), (1, 1)], {"axis": 1}),
        ([(2, 1, 3), (2, 4, 3), (2, 0, 3)], {"axis": 1}),
    )

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def forward(self, *arrays: Array) -> Array:
        return self.kernels.concatenate(arrays, self.axis)

    def backward(self, dy: Any, needs: Any, shapes: Any) -> Any:
        before: tuple[Any, ...] = (slice(None),) * self.axis
        shares: list[Any] = []
        start = 0
        for need, shape in zip(needs, shapes):
            stop = start + shape[self.axis]
            if need and self.axis and hasattr(dy, "strides"):
                # It would have gaps: copied once here, instead of by each user.
                shares.append(self.kernels.part_of(dy, self.axis, start, stop))
            else:
                shares.append(dy[(*before, slice(start, stop))] if need else None)
            start = stop
        return tuple(shares)

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return f"all axes but axis {self.axis} must be equal"


class Stack(Op):
    """y = arrays of one shape along a new axis.    dL/darray = its slice of dL/dy"""

    numpy = staticmethod(lambda *arrays, axis: np.stack(arrays, axis=axis))
    samples = samples_of(
        ([(2, 3), (2, 3)], {"axis": 1}), ([(), (), ()], {"axis": 0}), ([(2,)], {"axis": 0}),
        ([(0, 2), (0, 2)], {"axis": 2}), ([(1,), (1,)], {"axis": 1}),
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


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Tensors one after the other along `axis` (None: flattened); other axes must be equal.

    >>> dls.concatenate([dls.tensor([1, 2]), dls.tensor([3])])
    Tensor([1, 2, 3])
    """
    parts = all_tensors(arrays, "concatenate")
    if axis is None:
        parts, axis = [part.reshape(-1) for part in parts], 0
    ndim = max(1, *(part.ndim for part in parts))
    return function_of(Concatenate, axis_of(axis, ndim, "concatenate"))(*parts)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Tensors of one shape along a new axis.

    >>> dls.stack([dls.tensor([1, 2]), dls.tensor([3, 4])])
    Tensor([[1, 2],
            [3, 4]])
    """
    parts = all_tensors(arrays, "stack")
    return function_of(Stack, axis_of(axis, parts[0].ndim + 1, "stack"))(*parts)


def all_tensors(arrays: Sequence[Any], name: str) -> list[Any]:
    """Tensors as they are; numbers, lists and arrays on the device of the first tensor."""
    if not isinstance(arrays, (list, tuple, Iterable)):  # an Iterable asks in Python: last
        raise DtypeError(f"{name} takes a list of tensors, not a {type(arrays).__name__}")
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


def hstack(arrays: Sequence[Any]) -> Any:
    """Tensors side by side: along axis 1, those of one axis along it.

    >>> dls.hstack([dls.tensor([1, 2]), dls.tensor([3])])
    Tensor([1, 2, 3])
    """
    parts = [_at_least(part, 1) for part in all_tensors(arrays, "hstack")]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(arrays: Sequence[Any]) -> Any:
    """Tensors on top of each other: along axis 0, those of one axis as rows.

    >>> dls.vstack([dls.tensor([1, 2]), dls.tensor([3, 4])])
    Tensor([[1, 2],
            [3, 4]])
    """
    return concatenate([_at_least(part, 2) for part in all_tensors(arrays, "vstack")], 0)


def _at_least(x: Any, ndim: int) -> Any:
    """x with axes of length 1 put before, up to `ndim` axes."""
    return x if x.ndim >= ndim else reshape(x, (1,) * (ndim - x.ndim) + x.shape)


# --- taking apart --------------------------------------------------------------------------------


def split(x: Any, sections: Any, axis: int = 0, *, dim: Any = None) -> list[Any]:
    """x cut along `axis`, as NumPy does it; the pieces share its memory.

    An int is the number of equal pieces, a list the places to cut at. (In PyTorch an int is the
    length of a piece and a list has lengths: that is `split_with_sizes` here, or `chunk`.)

    >>> [x.tolist() for x in dls.split(dls.arange(6), 3)]
    [[0, 1], [2, 3], [4, 5]]
    """
    if dim is not None:
        raise ShapeError(
            "split(dim=) is PyTorch's, which takes lengths: write x.split_with_sizes(lengths, dim),"
            " or x.split(number_of_pieces, axis)"
        )
    x = operand(x, default_device())
    if isinstance(sections, (int, np.integer)):
        n = x.shape[axis_of(axis, x.ndim, "split")]
        if sections < 1 or n % sections:
            raise ShapeError(
                f"split: axis {axis} of length {n} is not {sections} equal pieces; the shape is\n"
                f"  {x.shape}\narray_split cuts it into nearly equal ones"
            )
    return array_split(x, sections, axis)


def array_split(x: Any, sections: Any, axis: int = 0) -> list[Any]:
    """x cut along `axis` into nearly equal pieces (the first ones longer by one), or at places.

    >>> [x.tolist() for x in dls.array_split(dls.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    place = axis_of(axis, x.ndim, "array_split")
    n = x.shape[place]
    if isinstance(sections, (int, np.integer)):
        if sections < 1:
            raise ShapeError(f"array_split: the number of pieces is at least 1, not {sections}")
        short, longer = divmod(n, int(sections))
        cuts = [i * short + min(i, longer) for i in range(int(sections) + 1)]
    else:
        cuts = [0, *_lengths(sections, "array_split"), n]
    return [_piece(x, place, slice(a, b)) for a, b in pairwise(cuts)]


def split_with_sizes(x: Any, sizes: Sequence[int], axis: int = 0) -> list[Any]:
    """x cut along `axis` into pieces of the given lengths, which fill it.

    >>> [x.tolist() for x in dls.split_with_sizes(dls.arange(5), [1, 4])]
    [[0], [1, 2, 3, 4]]
    """
    place = axis_of(axis, x.ndim, "split_with_sizes")
    lengths = _lengths(sizes, "split_with_sizes")
    if min(lengths, default=0) < 0 or sum(lengths) != x.shape[place]:
        raise ShapeError(
            f"split_with_sizes: the lengths {lengths} do not fill axis {axis} of a tensor of shape"
            f"\n  {x.shape}"
        )
    cuts = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    return [_piece(x, place, slice(a, b)) for a, b in pairwise(cuts)]


def chunk(x: Any, chunks: int, axis: int = 0) -> list[Any]:
    """x cut along `axis` into at most `chunks` pieces of one length, the last one shorter.

    As PyTorch's: 5 in 4 chunks is 2 + 2 + 1.

    >>> [x.tolist() for x in dls.chunk(dls.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    place = axis_of(axis, x.ndim, "chunk")
    if not isinstance(chunks, (int, np.integer)) or chunks < 1:
        raise ShapeError(f"chunk: the number of pieces is at least 1, not {chunks}")
    n = x.shape[place]
    if n == 0:
        return [x] * int(chunks)
    length = -(-n // int(chunks))
    return [_piece(x, place, slice(i, min(i + length, n))) for i in range(0, n, length)]


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices of x along `axis`, without it: what `stack` puts together.

    >>> [x.tolist() for x in dls.unstack(dls.tensor([[1, 2], [3, 4]]))]
    [[1, 2], [3, 4]]
    """
    place = axis_of(axis, x.ndim, "unstack")
    return tuple(_piece(x, place, i) for i in range(x.shape[place]))


def _piece(x: Any, axis: int, part: slice | int) -> Any:
    return getitem(x, (*(slice(None),) * axis, part))


def _lengths(values: Any, name: str) -> list[int]:
    try:
        return [operator.index(value) for value in values]
    except TypeError as error:
        raise ShapeError(f"{name}: whole numbers are wanted, not {values!r}") from error
