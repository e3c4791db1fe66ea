"""Shapes with PyTorch's meaning: repeat tiles, split takes lengths, transpose swaps two axes."""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..errors import ShapeError
from .operands import array_of, tensor_like
from .reductions import narrow, takes_axis
from .size import Size


def _listed(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """f(2, 3), f((2, 3)) and f([2, 3]) alike."""
    if len(values) == 1 and isinstance(values[0], list | tuple):
        return tuple(values[0])
    return values


def repeat(input: Any, *repeats: Any) -> Any:
    """The tensor, that often along each axis, side by side."""
    counts = _listed(repeats)
    if len(counts) < input.ndim:
        raise ShapeError(f"repeat takes a number for each of {input.ndim} axes, not {counts}")
    return ops.tile(input, *counts)


def tile(input: Any, *counts: Any, dims: Any = ()) -> Any:
    """The tensor, that often along the last axes, side by side."""
    return ops.tile(input, *(_listed(counts) or tuple(dims)))


@takes_axis
def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each element that often, one after the other; of counts alone each place that often."""
    if repeats is None:
        counts = array_of(input)
        return tensor_like(np.repeat(np.arange(len(counts)), counts), input)
    return ops.repeat(input, repeats, dim)


@takes_axis
def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of this length (the last may be shorter), or of these lengths."""
    sizes, length = split_size_or_sections, tensor.shape[dim]
    if not isinstance(sizes, list | tuple):
        size = builtins.int(sizes)
        sizes = [builtins.min(size, length - start) for start in range(0, length, size)] or [0]
    return tuple(ops.split_with_sizes(tensor, list(sizes), dim))


def split_method(self: Any, split_size: Any, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of this length (the last may be shorter), or of these lengths."""
    return split(self, split_size, dim)


@takes_axis
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most this many pieces, all but the last of one length."""
    return tuple(split(input, math.ceil(input.shape[dim] / chunks) or 1, dim))


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """This many pieces, or pieces cut before these places."""
    cuts = indices_or_sections
    if isinstance(cuts, builtins.int):
        return tuple(ops.array_split(input, cuts, dim))
    ends = [0, *[builtins.int(c) for c in cuts], input.shape[dim]]
    return tuple(narrow(input, dim, a, b - a) for a, b in itertools.pairwise(ends))


def hsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Pieces along axis 1, of a vector along axis 0."""
    return tensor_split(input, indices_or_sections, 0 if input.ndim == 1 else 1)


def vsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Pieces along axis 0."""
    return tensor_split(input, indices_or_sections, 0)


@takes_axis
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """The parts along `dim`."""
    return tuple(ops.unstack(input, dim))


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two axes swapped."""
    return ops.swapaxes(input, dim0, dim1)


def permute(input: Any, *axes: Any, dims: Any = ()) -> Any:
    """All axes in this order."""
    return ops.permute_dims(input, _listed(axes) or tuple(dims))


def t(input: Any) -> Any:
    """The transpose of a matrix; a vector as it is."""
    if input.ndim > 2:
        raise ShapeError(f"t() transposes a matrix: x.mT, or x.transpose(a, b), of {input.shape}")
    return ops.swapaxes(input, 0, 1) if input.ndim == 2 else input


def reshape(input: Any, *lengths: Any, shape: Any = None) -> Any:
    """The same elements in another shape."""
    return ops.reshape(input, *lengths) if shape is None else ops.reshape(input, tuple(shape))


def view(self: Any, *shape: Any) -> Any:
    """The same elements in another shape; `view(dtype)` reads the memory as another dtype."""
    if len(shape) == 1 and isinstance(shape[0], np.dtype):
        return tensor_like(self._data.view(shape[0]), self)
    return ops.reshape(self, *shape)


def ravel(input: Any) -> Any:
    """All elements in one axis."""
    return ops.reshape(input, -1)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from start_dim to end_dim as one."""
    return ops.flatten(input, start_dim, end_dim)


def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """Axis `dim` as several, of these lengths."""
    return ops.unflatten(input, dim, tuple(sizes))


@takes_axis
def squeeze(input: Any, dim: Any = None) -> Any:
    """Without axes of length 1; a named one is left out only if its length is 1."""
    if dim is None:
        return ops.squeeze(input)
    dims = dim if isinstance(dim, list | tuple) else (dim,)
    ones = tuple(d for d in dims if input.ndim and input.shape[d] == 1)
    return ops.squeeze(input, ones) if ones else ops.reshape(input, input.shape)


@takes_axis
def unsqueeze(input: Any, dim: int) -> Any:
    """A new axis of length 1 at `dim`."""
    return ops.expand_dims(input, dim)


def expand(self: Any, *sizes: Any, size: Any = ()) -> Any:
    """Axes of length 1 stretched to these lengths, without a copy; -1 keeps one."""
    return ops.expand(self, *(_listed(sizes) or tuple(size)))


def broadcast_to(input: Any, size: Sequence[int]) -> Any:
    """Stretched to this shape, without a copy."""
    return ops.broadcast_to(input, tuple(size))


def broadcast_method(self: Any, *size: Any) -> Any:
    """Stretched to this shape, without a copy."""
    return ops.broadcast_to(self, _listed(size))


def msort(input: Any) -> Any:
    """In order along axis 0."""
    return ops.sort(input, 0)


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """All stretched to one shape."""
    return tuple(ops.broadcast_arrays(*_listed(tensors)))


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that these shapes make together."""
    return Size(np.broadcast_shapes(*shapes))


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Axes moved from these places to those."""
    return ops.moveaxis(input, source, destination)


def flip(input: Any, *axes: Any, dims: Any = ()) -> Any:
    """The order reversed along these axes."""
    return ops.flip(input, _listed(axes) or tuple(dims))


def fliplr(input: Any) -> Any:
    """Columns in reverse order."""
    return ops.flip(input, (1,))


def flipud(input: Any) -> Any:
    """Rows in reverse order."""
    return ops.flip(input, (0,))


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """Moved along `dims`; what falls off comes back at the other end."""
    pair = [tuple(v) if isinstance(v, list) else v for v in (shifts, dims)]
    return ops.roll(input, *pair)


def rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Turned by k times 90 degrees in the plane of two axes."""
    return ops.rot90(input, k, tuple(dims))


def unfold(self: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of this size along one axis, `step` apart, as a new last axis."""
    count = (self.shape[dimension] - size) // step + 1
    windows = [narrow(self, dimension, i * step, size) for i in range(count)]
    return ops.stack([ops.moveaxis(w, dimension, -1) for w in windows], dimension % self.ndim)


def select(input: Any, dim: int, index: int) -> Any:
    """The part at one place along `dim`."""
    axis = dim % input.ndim
    return ops.getitem(input, (*(slice(None),) * axis, index))


def narrow_of(input: Any, dim: int, start: Any, length: int) -> Any:
    """input[start : start + length] along `dim`."""
    axis, start = dim % input.ndim, builtins.int(start)
    start += input.shape[axis] if start < 0 else 0
    if length < 0 or start < 0 or start + length > input.shape[axis]:
        raise ShapeError(f"narrow: {length} places from {start} on an axis of length "
                         f"{input.shape[axis]}")
    return narrow(input, axis, start, length)


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    return ops.diag(input, diagonal)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The elements on the diagonal of two axes."""
    return ops.diagonal(input, offset, dim1, dim2)


def diagflat(input: Any, offset: int = 0) -> Any:
    """A matrix with all elements on its diagonal."""
    return ops.diag(ops.reshape(input, -1), offset)


def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix."""
    return ops.sum(ops.diagonal(input)) if input._data.dtype.kind != "u" else ops.sum(
        ops.cast(ops.diagonal(input), np.dtype("int64")))


def tril(input: Any, diagonal: int = 0) -> Any:
    """Zeros above a diagonal."""
    return ops.tril(input, diagonal)


def triu(input: Any, diagonal: int = 0) -> Any:
    """Zeros below a diagonal."""
    return ops.triu(input, diagonal)


# --- of several tensors --------------------------------------------------------------------------


@takes_axis
def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Joined along an axis that is there; empty vectors are passed over."""
    kept = [x for x in tensors if x.shape != (0,)]
    if len(kept) < len(tensors) and not kept:
        kept = list(tensors)[:1]
    return ops.concatenate(kept, dim)


@takes_axis
def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Joined along a new axis."""
    if isinstance(tensors, list | tuple) and not tensors:
        raise ShapeError("stack expects a list of tensors that is not empty")
    return ops.stack(tensors, dim)


def hstack(tensors: Sequence[Any]) -> Any:
    """Joined along axis 1, vectors along axis 0."""
    return ops.hstack(tensors)


def vstack(tensors: Sequence[Any]) -> Any:
    """Joined along axis 0, vectors as rows."""
    return ops.vstack(tensors)


def dstack(tensors: Sequence[Any]) -> Any:
    """Joined along axis 2."""
    return ops.concatenate([atleast_3d(x) for x in tensors], 2)


def column_stack(tensors: Sequence[Any]) -> Any:
    """Joined along axis 1, vectors as columns."""
    return ops.concatenate([x if x.ndim > 1 else ops.reshape(x, -1, 1) for x in tensors], 1)


def atleast_1d(input: Any) -> Any:
    """One axis or more."""
    return ops.reshape(input, 1) if input.ndim == 0 else input


def atleast_2d(input: Any) -> Any:
    """Two axes or more."""
    return ops.expand_dims(atleast_1d(input), 0) if input.ndim < 2 else input


def atleast_3d(input: Any) -> Any:
    """Three axes or more."""
    return ops.expand_dims(atleast_2d(input), -1) if input.ndim < 3 else input


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """A grid of the coordinates of each axis, the first tensor along axis 0."""
    vectors = [atleast_1d(x) for x in _listed(tensors)]
    return tuple(ops.meshgrid(*vectors, indexing=indexing))


def block_diag(*tensors: Any) -> Any:
    """A matrix with these along its diagonal."""
    blocks = [atleast_2d(x) for x in tensors]
    width, left, rows = sum(b.shape[1] for b in blocks), 0, []
    for b in blocks:
        after = width - left - b.shape[1]
        rows.append(ops.pad(b, ((0, 0), (left, after))))
        left += b.shape[1]
    return ops.concatenate(rows, 0)


def cartesian_prod(*tensors: Any) -> Any:
    """All combinations of one element of each, a row each."""
    if len(tensors) == 1:
        return tensors[0]
    return ops.stack([ops.reshape(g, -1) for g in meshgrid(*tensors)], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of r elements, a row each."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(len(input)), r)), np.int64).reshape(-1, r)
    return ops.getitem(input, tensor_like(places, input))

