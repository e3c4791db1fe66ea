"""Indexing with PyTorch's meaning: nonzero gives rows, scatter takes numbers, where one tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..errors import DataError, ShapeError
from .operands import array_of, tensor_like


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The places of elements that are not 0, a row each; `as_tuple`: a tensor for each axis."""
    return ops.nonzero(input) if as_tuple else ops.argwhere(input)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Elements of `input` where the condition holds, else of `other`; alone: the places."""
    if input is None:
        return ops.nonzero(condition)
    return ops.where(condition, input, other)


def where_method(self: Any, condition: Any, other: Any) -> Any:
    """Elements of this tensor where the condition holds, else of `other`."""
    return ops.where(condition, self, other)


def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """The elements at these places along `dim`."""
    return ops.gather(input, dim, index)


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """The elements at these places along `dim`, with broadcasting."""
    return ops.take_along_axis(input, indices, dim)


def take(input: Any, index: Any) -> Any:
    """The elements at these places of the flattened tensor."""
    return ops.take(input, index)


def index_select(input: Any, dim: int, index: Any) -> Any:
    """The parts at these places along `dim`."""
    return ops.index_select(input, dim, index)


def masked_select(input: Any, mask: Any) -> Any:
    """The elements where the mask is true, as a vector."""
    return ops.masked_select(input, mask)


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """`value` where the mask is true."""
    return ops.masked_fill(input, mask, value)


def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """The first elements of `source` where the mask is true, in order."""
    full = ops.broadcast_to(mask, input.shape)
    count = int(array_of(full).sum())
    return ops.index_put(input, (full,), ops.reshape(source, -1)[:count])


def _filled(index: Any, value: Any, input: Any) -> Any:
    """A number as a source for all places."""
    return tensor_like(np.full(index.shape, value, input._data.dtype), input)


def scatter(
    input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Any:
    """`src` (or one number) written at these places along `dim`; reduce="add", "multiply"."""
    src = value if src is None else src
    if not hasattr(src, "shape") or isinstance(src, np.generic):
        src = _filled(index, src, input)
    if reduce is None:
        return ops.scatter(input, dim, index, src)
    return scatter_reduce(input, dim, index, src, {"add": "sum", "multiply": "prod"}[reduce])


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """`src` added at these places along `dim`."""
    return ops.scatter_add(input, dim, index, src)


def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    """`src` and what is there summed (or "mean", "prod", "amax", "amin") at these places."""
    if reduce not in ("sum", "mean", "prod", "amax", "amin"):
        raise DataError(f"reduce is 'sum', 'mean', 'prod', 'amax' or 'amin', not {reduce!r}")
    part = ops.getitem(src, tuple(slice(0, n) for n in index.shape))
    ones = _filled(index, 1, input)
    start = input if include_self else ops.scatter(
        input, dim, index, ops.zeros_like(part))
    if reduce in ("sum", "mean"):
        total = ops.scatter_add(start, dim, index, part)
        if reduce == "sum":
            return total
        first = ops.full_like(input, 1) if include_self else ops.scatter(
            ops.full_like(input, 1), dim, index, ops.zeros_like(ones))
        return total / ops.scatter_add(first, dim, index, ones)
    if input.requires_grad or src.requires_grad:
        raise DataError(f"scatter_reduce with {reduce!r} has no gradient here: 'sum' and 'mean' do")
    host, axis = array_of(input).copy(), dim % input.ndim
    places = list(np.indices(index.shape))
    places[axis] = array_of(index)
    of = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce]
    if not include_self:
        host[tuple(places)] = {"prod": 1, "amax": -np.inf, "amin": np.inf}[reduce]
    of.at(host, tuple(places), array_of(part))
    return tensor_like(host, input)


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """`source` added to the parts at these places along `dim`."""
    return ops.index_add(input, dim, index, source, alpha=alpha)


def _along(input: Any, dim: int, index: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * (dim % input.ndim), index)


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """`value` in the parts at these places along `dim`."""
    return ops.index_put(input, _along(input, dim, index), value)


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """The parts of `source` at these places along `dim`."""
    return ops.index_put(input, _along(input, dim, index), source)


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """`values` written (or added) at these places."""
    return ops.index_put(input, tuple(indices), values, accumulate)


def searchsorted(
    sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False,
    side: str | None = None,
) -> Any:
    """The place where each value would go in a sorted sequence, row by row."""
    side = side or ("right" if right else "left")
    rows, values = array_of(sorted_sequence), array_of(input)
    if rows.ndim == 1:
        found = np.searchsorted(rows, values, side)  # type: ignore[call-overload]
    elif rows.shape[:-1] != values.shape[:-1]:
        raise ShapeError(f"searchsorted: rows of {rows.shape} and values of {values.shape}")
    else:
        found = np.stack([np.searchsorted(r, v, side) for r, v in zip(  # type: ignore[call-overload]
            rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1]))])
        found = found.reshape(values.shape)
    return tensor_like(np.asarray(found, "int32" if out_int32 else "int64"), sorted_sequence)


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """The number of the range between boundaries each value is in."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(elements: Any, test_elements: Any, *, invert: bool = False) -> Any:
    """Return whether each element is among the others."""
    like = elements if hasattr(elements, "_kind") else test_elements
    found = np.isin(array_of(elements), array_of(test_elements), invert=invert)
    return tensor_like(np.asarray(found), like)
