"""Reductions with PyTorch's meaning: pairs of values and places, `correction=1`, lower medians."""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .. import ops
from ..errors import DataError, DtypeError
from .operands import array_of, tensor_like

Dim = Any  # an axis, several, or None
NUMPYS = {"axis": "dim", "keepdims": "keepdim"}  # which PyTorch takes, too
F = TypeVar("F", bound=Callable[..., Any])


def takes_axis(function: F) -> F:
    """`function` with axis= and keepdims= for dim= and keepdim=."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if options:
            options = {NUMPYS.get(name, name): value for name, value in options.items()}
        return function(*args, **options)

    return call  # type: ignore[return-value]


class Pair(NamedTuple):
    """Values along an axis, and the places where they are."""

    values: Any
    indices: Any


class MinMax(NamedTuple):
    """The smallest and the largest."""

    min: Any
    max: Any


def _at(input: Any, places: Any, dim: int, keepdim: bool) -> Pair:
    """The elements at `places`, which has length 1 along dim, and these places."""
    values = ops.gather(input, dim, places)
    if keepdim:
        return Pair(values, places)
    return Pair(ops.squeeze(values, dim), ops.squeeze(places, dim))


def _extreme(input: Any, dim: Any, keepdim: bool, of: Any, place: Any, among: Any) -> Any:
    if dim is None:
        return of(input)
    if not isinstance(dim, builtins.int):
        return among(input, dim)
    if input.ndim == 0:
        return Pair(ops.clone(input), ops.zeros_like(input, "int64"))
    return _at(input, place(input, dim, True), dim, keepdim)


@takes_axis
def max(input: Any, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
    """The largest element; along `dim` the pair (values, indices); of two tensors element-wise."""
    dim = dim if other is None else other
    return _extreme(input, dim, keepdim, ops.max, ops.argmax, ops.maximum)


@takes_axis
def min(input: Any, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
    """The smallest element; along `dim` the pair (values, indices); of two tensors element-wise."""
    dim = dim if other is None else other
    return _extreme(input, dim, keepdim, ops.min, ops.argmin, ops.minimum)


@takes_axis
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower one of the two in the middle; along `dim` the pair (values, indices)."""
    if dim is None:
        flat = ops.reshape(input, -1)
        return median(flat, 0)[0]
    if input.ndim == 0:
        return Pair(ops.clone(input), ops.zeros_like(input, "int64"))
    places = narrow(ops.argsort(input, dim), dim, (input.shape[dim] - 1) // 2, 1)
    if input._data.dtype.kind == "f":  # NaN, if there is one, is the median
        bad = ops.isnan(input)
        places = ops.where(ops.any(bad, dim, True), ops.argmax(bad, dim, True), places)
    return _at(input, places, dim, keepdim)


@takes_axis
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of those that are not NaN; along `dim` the pair (values, indices)."""
    if dim is None:
        return nanmedian(ops.reshape(input, -1), 0)[0]
    count = ops.sum(ops.cast(ops.logical_not(ops.isnan(input)), "int64"), dim, True)
    place = ops.clip((count - 1) // 2, 0, None)
    return _at(input, ops.gather(ops.argsort(input, dim), dim, place), dim, keepdim)


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Pair:
    """The k-th smallest along `dim`, from 1, and its place."""
    places = ops.argsort(input, dim)
    return _at(input, narrow(places, dim, k - 1, 1), dim, keepdim)


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """input[start : start + length] along axis `dim`."""
    axis = dim % input.ndim
    return ops.getitem(input, (*(slice(None),) * axis, slice(start, start + length)))


def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Pair:
    """The most frequent value along `dim`, the smallest of them, and its last place."""
    if input.ndim == 0:
        return Pair(ops.clone(input), ops.zeros_like(input, "int64"))
    host = np.moveaxis(input.device.to_host(input._data), dim, -1)
    places = np.empty((*host.shape[:-1], 1), np.int64)
    for at in np.ndindex(host.shape[:-1]):
        found, counts = np.unique(host[at], return_counts=True)
        places[at] = np.flatnonzero(host[at] == found[counts.argmax()])[-1]
    return _at(input, tensor_like(np.moveaxis(places, -1, dim), input), dim, keepdim)


@takes_axis
def sort(
    input: Any, dim: int = -1, descending: bool = False, stable: bool = False
) -> Pair:
    """The elements in order along `dim`, and the places they come from."""
    if input.ndim == 0:
        return Pair(ops.clone(input), ops.zeros_like(input, "int64"))
    places = ops.argsort(input, dim, descending)
    return Pair(ops.gather(input, dim, places), places)


@takes_axis
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The places of the elements in order along `dim`."""
    if input.ndim == 0:
        return ops.zeros_like(input, "int64")
    return ops.argsort(input, dim, descending)


@takes_axis
def topk(
    input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Pair:
    """The k largest along `dim`, and their places."""
    return Pair(*ops.topk(input, k, dim, largest, sorted))


def sum(
    input: Any, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, axis: Dim = None,
    keepdims: bool = False,
) -> Any:
    """Sum of all, or along `dim`."""
    dim, keepdim = dim if axis is None else axis, keepdim or keepdims
    return _of_dtype(ops.sum(_widened(input, dtype), _dims(dim), keepdim), dtype)


def _widened(input: Any, dtype: Any = None) -> Any:
    """In the dtype that is wanted; unsigned numbers as int64, where NumPy takes uint64."""
    if dtype is not None:
        return ops.cast(input, dtype)
    return ops.cast(input, np.dtype("int64")) if input._data.dtype.kind == "u" else input


def _of_dtype(found: Any, dtype: Any) -> Any:
    """The result in the dtype that was wanted: NumPy adds small integers up as int64."""
    return found if dtype is None else ops.cast(found, dtype)


def _dims(dim: Dim) -> Any:
    """PyTorch takes lists of axes, and takes an empty one for all."""
    if isinstance(dim, list | tuple):
        return tuple(dim) or None
    return dim


def nansum(input: Any, dim: Dim = None, keepdim: bool = False) -> Any:
    """Sum of those that are not NaN."""
    if input._data.dtype.kind != "f":
        return sum(input, dim, keepdim)
    return ops.sum(ops.where(ops.isnan(input), 0, input), _dims(dim), keepdim)


def nanmean(input: Any, dim: Dim = None, keepdim: bool = False) -> Any:
    """Mean of those that are not NaN."""
    there = ops.cast(ops.logical_not(ops.isnan(input)), input.dtype)
    return nansum(input, dim, keepdim) / ops.sum(there, _dims(dim), keepdim)


@takes_axis
def diff(
    input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Any:
    """The differences of neighbours along `dim`, n times."""
    parts = [x for x in (prepend, input, append) if x is not None]
    x = parts[0] if len(parts) == 1 else ops.concatenate(parts, dim)
    for _ in range(n):
        length = x.shape[dim]
        after, before = narrow(x, dim, 1, length - 1), narrow(x, dim, 0, length - 1)
        x = ops.not_equal(after, before) if x._data.dtype.kind == "b" else after - before
    return x


def mean(
    input: Any, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, axis: Dim = None,
    keepdims: bool = False,
) -> Any:
    """Mean of all, or along `dim`; of floats only."""
    dim, keepdim = dim if axis is None else axis, keepdim or keepdims
    if dtype is not None:
        input = ops.cast(input, dtype)
    if input._data.dtype.kind != "f":
        raise DtypeError(
            f"mean(): PyTorch takes the mean of floats, this tensor is {input.dtype}: write "
            "x.float().mean()"
        )
    return ops.mean(input, _dims(dim), keepdim)


def _spread(
    of: Any, input: Any, dim: Dim, unbiased: Any, keepdim: bool, correction: Any
) -> Any:
    """Variance or standard deviation: also std(unbiased) and std(dim, unbiased, keepdim)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    if input._data.dtype.kind != "f":
        raise DtypeError(f"std and var are of floats, this tensor is {input.dtype}: x.float()")
    correction = 1 if correction is None else correction
    dim = _dims(dim)
    axes = range(input.ndim) if dim is None or not input.ndim else (
        dim if isinstance(dim, tuple) else (dim,))
    if math.prod(input.shape[a] for a in axes) <= correction:  # NaN there, as 0 / 0 is
        return ops.sum(input, dim, keepdim) * math.nan
    return of(input, dim, keepdim, correction)


@takes_axis
def std(
    input: Any, dim: Dim = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> Any:
    """Standard deviation, divided by n - 1 unless `correction` or `unbiased` says otherwise."""
    return _spread(ops.std, input, dim, unbiased, keepdim, correction)


@takes_axis
def var(
    input: Any, dim: Dim = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> Any:
    """Variance, divided by n - 1 unless `correction` or `unbiased` says otherwise."""
    return _spread(ops.var, input, dim, unbiased, keepdim, correction)


def var_mean(
    input: Any, dim: Dim = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Any, Any]:
    """Variance and mean."""
    dim, unbiased = (None, dim) if isinstance(dim, bool) else (dim, unbiased)
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)


def std_mean(
    input: Any, dim: Dim = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Any, Any]:
    """Standard deviation and mean."""
    dim, unbiased = (None, dim) if isinstance(dim, bool) else (dim, unbiased)
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)


@takes_axis
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Product of all, or along `dim`."""
    return _of_dtype(ops.prod(_widened(input, dtype), dim, keepdim), dtype)


def _truth(input: Any, found: Any) -> Any:
    """Bools, but uint8 of uint8, as PyTorch keeps it."""
    return ops.cast(found, input.dtype) if input._data.dtype == np.uint8 else found


@takes_axis
def all(input: Any, dim: Dim = None, keepdim: bool = False) -> Any:
    """Return whether all are true."""
    found = ops.not_equal(input, 0) if dim in ((), []) else ops.all(input, _dims(dim), keepdim)
    return _truth(input, found)


@takes_axis
def any(input: Any, dim: Dim = None, keepdim: bool = False) -> Any:
    """Return whether one is true."""
    found = ops.not_equal(input, 0) if dim in ((), []) else ops.any(input, _dims(dim), keepdim)
    return _truth(input, found)


@takes_axis
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The place of the largest: in the flattened tensor, or along `dim`."""
    return ops.argmax(input, dim, keepdim)


@takes_axis
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The place of the smallest: in the flattened tensor, or along `dim`."""
    return ops.argmin(input, dim, keepdim)


@takes_axis
def amax(input: Any, dim: Dim = (), keepdim: bool = False) -> Any:
    """The largest along `dim`; equal ones share the gradient."""
    return ops.max(input, _dims(dim), keepdim)


@takes_axis
def amin(input: Any, dim: Dim = (), keepdim: bool = False) -> Any:
    """The smallest along `dim`; equal ones share the gradient."""
    return ops.min(input, _dims(dim), keepdim)


def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """The smallest and the largest."""
    return MinMax(ops.min(input, dim, keepdim), ops.max(input, dim, keepdim))


@takes_axis
def count_nonzero(input: Any, dim: Dim = None) -> Any:
    """The number of elements that are not 0."""
    return ops.count_nonzero(input, _dims(dim))


@takes_axis
def norm(
    input: Any, p: Any = "fro", dim: Dim = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    """The p-norm of all elements as one vector, or along `dim`; "fro" is 2, "nuc" of a matrix."""
    x = input if dtype is None else ops.cast(input, dtype)
    if p == "nuc":
        return ops.norm(x, "nuc", _dims(dim), keepdim)
    order = 2 if p in ("fro", None) else math.inf if p == "inf" else p
    return ops.vector_norm(x, order, _dims(dim), keepdim)


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of the difference."""
    return norm(ops.sub(input, other), p)


@takes_axis
def logsumexp(input: Any, dim: Dim, keepdim: bool = False) -> Any:
    """log(sum(exp(x))) along `dim`, without overflow."""
    return ops.logsumexp(input, _dims(dim), keepdim)


@takes_axis
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The sums of what comes up to each place along `dim`."""
    return _of_dtype(ops.cumsum(_widened(input, dtype), dim), dtype)


@takes_axis
def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The products of what comes up to each place along `dim`."""
    return _of_dtype(ops.cumprod(_widened(input, dtype), dim), dtype)


def _running(input: Any, dim: int, better: Any) -> Pair:
    host = np.moveaxis(input.device.to_host(input._data), dim, 0)
    places = np.zeros(host.shape, np.int64)
    for i in range(1, len(host)):
        before = np.take_along_axis(host, places[i - 1 : i], 0)[0]
        places[i] = np.where(better(host[i], before), i, places[i - 1])
    indices = tensor_like(np.moveaxis(places, 0, dim), input)
    return Pair(ops.gather(input, dim, indices), indices)


def cummax(input: Any, dim: int) -> Pair:
    """The largest up to each place along `dim`, and where it is."""
    return _running(input, dim, np.greater_equal)


def cummin(input: Any, dim: int) -> Pair:
    """The smallest up to each place along `dim`, and where it is."""
    return _running(input, dim, np.less_equal)


def softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """exp(x) over its sum along `dim`."""
    dim = _softmax_dim(input) if dim is None else dim
    return ops.softmax(input if dtype is None else ops.cast(input, dtype), dim)


def log_softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """The logarithm of softmax along `dim`."""
    dim = _softmax_dim(input) if dim is None else dim
    return ops.log_softmax(input if dtype is None else ops.cast(input, dtype), dim)


def _softmax_dim(input: Any) -> int:
    """PyTorch's axis where none is given: the first of 0, 1 or 3 axes, else the second."""
    return 0 if input.ndim in (0, 1, 3) else 1


def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Any:
    """The values below which a share q of the elements lies."""
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise DataError("quantile: interpolation is 'linear', 'lower', 'higher', 'midpoint' or "
                        f"'nearest', not {interpolation!r}")
    x, axis = (ops.reshape(input, -1), 0) if dim is None else (input, dim % input.ndim)
    ordered, n = ops.sort(x, axis), x.shape[axis]
    shares = np.asarray(array_of(q), np.float64)
    found = []
    for share in shares.reshape(-1):
        low = math.floor(place := float(share) * (n - 1))
        high, part = builtins.min(low + 1, n - 1), place - low
        if interpolation in ("lower", "higher", "nearest"):
            up = {"lower": False, "higher": part > 0, "nearest": builtins.round(place) > low}
            low = high = high if up[interpolation] else low
        part = 0.5 if interpolation == "midpoint" and part else part
        a, b = narrow(ordered, axis, low, 1), narrow(ordered, axis, high, 1)
        y = a + (b - a) * part
        found.append(y if keepdim and dim is not None else ops.squeeze(y, axis))
    return ops.stack(found) if shares.ndim else found[0]
