"""ONNX's operators that take and put elements at places, by functions of ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import ops
from ..errors import FormatError
from ..ops.call import tensor_of
from .onnx_operators import Args, bound_size, host, operator
from .reading import Array, short


@operator("Gather", numbers=True)
def _gather(a: Args) -> Any:
    axis, places = a.option("axis", 0), a[1]
    axis = axis % a[0].ndim
    if isinstance(places, np.ndarray) and not places.ndim:
        return a[0][(*[slice(None)] * axis, int(places))]
    if isinstance(places, np.ndarray):
        places = np.where(places < 0, places + a[0].shape[axis], places)
    return ops.take(a[0], places, axis)


@operator("GatherElements")
def _gather_elements(a: Args) -> Any:
    return ops.gather(a[0], a.option("axis", 0), a[1])


@operator("GatherND", host=(1,))
def _gather_nd(a: Args) -> Any:
    places, batch = host(a[1]), a.option("batch_dims", 0)
    depth = places.shape[-1] if places.ndim else 0
    if not 0 <= batch < places.ndim or batch + depth > a[0].ndim or (
            a[0].shape[:batch] != places.shape[:batch]):
        raise FormatError(f"{a.what}: places {places.shape} are not for {a[0].shape}")
    count = math.prod(a[0].shape[:batch])
    x = a[0].reshape((count, *a[0].shape[batch:]))
    rows = places.reshape((count, -1, depth))
    index = (np.arange(count)[:, None], *np.moveaxis(rows, -1, 0))
    found = x[tuple(np.broadcast_arrays(*index))]
    return found.reshape((*places.shape[:-1], *a[0].shape[batch + depth :]))


# --- putting elements somewhere -------------------------------------------------------------------

REDUCTIONS: dict[bytes, Callable[[Any, Any], Any]] = {
    b"none": lambda old, new: new, b"add": ops.add, b"mul": ops.mul, b"max": ops.maximum,
    b"min": ops.minimum,
}


@operator("ScatterElements", "Scatter", host=(1,))
def _scatter_elements(a: Args) -> Any:
    x, places, axis = a[0], host(a[1]), a.option("axis", 0) % max(1, a[0].ndim)
    if places.ndim != x.ndim or places.shape != a[2].shape or any(
            m > n for i, (m, n) in enumerate(zip(places.shape, x.shape)) if i != axis):
        raise FormatError(f"{a.what}: places {places.shape} for values {a[2].shape}, in {x.shape}")
    index = list(np.indices(places.shape, sparse=True))
    index[axis] = _inside(a, places, x.shape[axis])
    flat = np.ravel_multi_index(tuple(np.broadcast_arrays(*index)), x.shape)
    y = _scattered(a, x.reshape(-1), flat.reshape(-1), a[2].reshape(-1))
    return y.reshape(x.shape)


@operator("ScatterND", host=(1,))
def _scatter_nd(a: Args) -> Any:
    x, places = a[0], host(a[1])
    depth = places.shape[-1] if places.ndim else 0
    inner = x.shape[depth:]
    if depth > x.ndim or a[2].shape != (*places.shape[:-1], *inner):
        raise FormatError(f"{a.what}: places {places.shape} for values {a[2].shape}, in {x.shape}")
    index = [_inside(a, places[..., i], n) for i, n in enumerate(x.shape[:depth])]
    rows = np.ravel_multi_index(tuple(index), x.shape[:depth]) if depth else np.zeros(
        places.shape[:-1], np.int64)
    y = _scattered(a, x.reshape((math.prod(x.shape[:depth]), *inner)), rows.reshape(-1),
                   a[2].reshape((rows.size, *inner)))
    return y.reshape(x.shape)


def _inside(a: Args, places: Array, n: int) -> Array:
    """Places from 0 on; FormatError for one outside."""
    if places.size and not (-n <= int(places.min()) and int(places.max()) < n):
        raise FormatError(f"{a.what}: places {short([int(places.min()), int(places.max())])} in an "
                          f"axis of length {n}")
    return np.where(places < 0, places + n, places)


def _scattered(a: Args, x: Any, rows: Array, values: Any) -> Any:
    """x with `values` put into its rows, or joined to them; in turns where a row is named twice."""
    how = bytes(a.option("reduction", b"none"))
    if how not in REDUCTIONS:
        raise a.refuse(f"reduction {how!r}")
    if how == b"add":
        return ops.index_put(x, rows, values, accumulate=True)
    for turn in _turns(rows):
        some, new = (rows, values) if turn is None else (rows[turn], values[turn])
        x = ops.index_put(x, some, REDUCTIONS[how](x[some], new))
    return x


def _turns(rows: Array) -> Iterator[Array | None]:
    """Split the rows into turns so that no turn names a row twice; None stands for all of them."""
    order = np.argsort(rows, kind="stable")
    in_order = rows[order]
    starts = np.flatnonzero(np.r_[True, in_order[1:] != in_order[:-1]]) if rows.size else rows
    ranks = np.empty(len(rows), np.int64)
    ranks[order] = np.arange(len(rows)) - np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
    last = int(ranks.max(initial=-1))
    if last <= 0:
        yield from [None] * (last + 1)
        return
    for turn in range(last + 1):
        yield np.flatnonzero(ranks == turn)


@operator("TensorScatter", host=(2,))
def _tensor_scatter(a: Args) -> Any:
    """A cache with new steps written from a place on, one for each example."""
    axis, steps = a.option("axis", -2) % a[0].ndim, a[1].shape[a.option("axis", -2)]
    n = a[0].shape[axis]
    starts = np.zeros(a[0].shape[0], np.int64) if a[2] is None else host(a[2])
    at = starts[:, None] + np.arange(steps)
    at = at % n if bytes(a.option("mode", b"linear")) == b"circular" else _inside(a, at, n)
    x, new = ops.swapaxes(a[0], 1, axis), ops.swapaxes(a[1], 1, axis)
    if axis == 0 or len(starts) != a[0].shape[0]:
        raise a.refuse(f"steps along axis {axis} from {short(starts.shape)} places")
    y = ops.index_put(x, (np.arange(len(starts))[:, None], at), new)
    return ops.swapaxes(y, 1, axis)


# --- places that values tell ----------------------------------------------------------------------


@operator("NonZero")
def _non_zero(a: Args) -> Any:
    x = a[0] if a[0].ndim else a[0].reshape(1)
    return ops.stack(list(ops.nonzero(x)), 0)


@operator("Compress", host=(1,))
def _compress(a: Args) -> Any:
    x, axis = a[0], a.option("axis")
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis % x.ndim)
    chosen = np.flatnonzero(host(a[1]).reshape(-1))
    return ops.take(x, _inside(a, chosen, x.shape[axis]), axis)


@operator("Unique")
def _unique(a: Args) -> Any:
    """(values, first places, which one each is, how often it is there)."""
    axis, x = a.option("axis"), host(a[0])
    made: list[Array] = list(np.unique(x, True, True, True, axis=axis))
    if not a.option("sorted", 1):  # in the order in which they first come
        order = np.argsort(made[1], kind="stable")
        back = np.argsort(order)
        made = [made[0].take(order, 0 if axis is None else axis), made[1][order],
                back[made[2]], made[3][order]]
    return tuple(tensor_of(m if i == 0 else m.reshape(-1).astype(np.int64), a[0].device)
                 for i, m in enumerate(made))


@operator("TopK", host=(1,))
def _top_k(a: Args) -> Any:
    k = (a.ints(1) or [a.option("k", 0)])[0]
    return tuple(ops.topk(a[0], k, a.option("axis", -1), bool(a.option("largest", 1))))


@operator("ArgMax", "ArgMin")
def _arg(a: Args) -> Any:
    function = ops.argmax if a.kind == "ArgMax" else ops.argmin
    axis, keep = a.option("axis", 0), bool(a.option("keepdims", 1))
    if not a.option("select_last_index", 0):
        return function(a[0], axis=axis, keepdims=keep)
    return a[0].shape[axis] - 1 - function(ops.flip(a[0], axis), axis=axis, keepdims=keep)


@operator("Hardmax")
def _hardmax(a: Args) -> Any:
    x, axis = a[0], a.option("axis", -1 if a.opset >= 13 else 1) % max(1, a[0].ndim)
    if a.opset < 13:  # of old: all axes from this one on are one
        x, axis = x.reshape((math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))), 1
    first = ops.argmax(x, axis=axis, keepdims=True)
    return ops.cast(first == _along(x, axis), x.dtype).reshape(a[0].shape)


def _along(x: Any, axis: int) -> Any:
    """0, 1, 2 ... along an axis of x."""
    places = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return tensor_of(places, x.device)


@operator("OneHot", host=(1, 2))
def _one_hot(a: Args) -> Any:
    """`on` at the place that an index names (below 0: from behind), elsewhere `off`."""
    depth, (off, on) = (a.ints(1) or [0])[0], host(a[2])
    axis = a.option("axis", -1) % (a[0].ndim + 1)
    bound_size(a, [*a[0].shape, depth])
    index = ops.expand_dims(ops.cast(a[0], np.int64), axis)
    index = ops.where(index < 0, index + depth, index)
    places = np.arange(depth).reshape([-1 if i == axis else 1 for i in range(index.ndim)])
    kind = host(a[2]).dtype
    values = (tensor_of(np.array(v, kind), index.device) for v in (on, off))
    return ops.where(index == tensor_of(places, index.device), *values)


@operator("ReverseSequence", host=(1,))
def _reverse_sequence(a: Args) -> Any:
    time, batch = a.option("time_axis", 0), a.option("batch_axis", 1)
    lengths = host(a[1]).reshape(-1)
    if {time, batch} != {0, 1} or a[0].ndim < 2 or len(lengths) != a[0].shape[batch] or (
            not ((lengths >= 0) & (lengths <= a[0].shape[time])).all()):
        raise FormatError(f"{a.what}: lengths {short(lengths.tolist())} of sequences in "
                          f"{a[0].shape}, time axis {time}")
    t = np.arange(a[0].shape[time])[:, None]
    at = np.where(t < lengths, lengths - 1 - t, t)  # (steps, sequences)
    examples = np.broadcast_to(np.arange(len(lengths)), at.shape)
    return a[0][(at, examples) if time == 0 else (examples.T, at.T)]
