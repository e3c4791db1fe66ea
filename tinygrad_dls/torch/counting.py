"""Counts of values: unique ones, bins, histograms."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..engine.autograd import as_tensor
from .operands import array_of, tensor_like


def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in order; on demand where each went, and how often each is there."""
    found: Any = np.unique(  # type: ignore[call-overload]
        input.device.to_host(input._data), return_inverse=return_inverse,
        return_counts=return_counts, axis=dim)
    if not (return_inverse or return_counts):
        return tensor_like(found, input)
    parts = [tensor_like(part, input) for part in found]
    if return_inverse and dim is None:
        parts[1] = ops.reshape(parts[1], input.shape)
    return tuple(parts)


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False
) -> Any:
    """Elements of a vector that differ from the one before."""
    host = input.device.to_host(input._data).reshape(-1)
    new = np.concatenate([[True], host[1:] != host[:-1]])
    starts = np.flatnonzero(new)
    parts = [host[new]]
    parts += [np.cumsum(new) - 1] if return_inverse else []
    parts += [np.diff([*starts, len(host)])] if return_counts else []
    made = [tensor_like(part, input) for part in parts]
    return made[0] if len(made) == 1 else tuple(made)


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Count how often each whole number from 0 is there, or the sums of their weights."""
    found = np.bincount(array_of(input), None if weights is None else array_of(weights), minlength)
    kind = None if weights is None else weights._data.dtype
    return tensor_like(found if kind is None else found.astype(kind), input)


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """Count elements in each of `bins` ranges from min to max, of all if both are 0."""
    host = array_of(input)
    ends = (float(host.min()), float(host.max())) if min == max == 0 else (min, max)
    counts = np.histogram(host, bins, ends)[0].astype(host.dtype)
    return as_tensor(input.device.from_host(counts), input.device, None, input._kind)


class Histogram(NamedTuple):
    """Counts of elements, and the ends of the ranges they were counted in."""

    hist: Any
    bin_edges: Any


def histogram(
    input: Any, bins: Any = 100, *, range: tuple[float, float] | None = None, weight: Any = None,
    density: bool = False,
) -> Histogram:
    """Count elements in each of `bins` ranges, or between the ends given in a tensor."""
    host = array_of(input)
    ends = bins if isinstance(bins, builtins.int) else array_of(bins)
    found = np.histogram(host, ends, range, density, None if weight is None else array_of(weight))
    return Histogram(*(as_tensor(input.device.from_host(part.astype(host.dtype)), input.device,
                                 None, input._kind) for part in found))
