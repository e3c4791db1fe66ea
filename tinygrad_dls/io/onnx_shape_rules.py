"""Operations of the engine that move elements about, as nodes of ONNX: shapes, indexing ..."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import GraphError
from .onnx_graph import Builder
from .onnx_rules import rule
from .onnx_tracing import Call

LAST = 2**63 - 1  # where a slice ends that goes to the end
FIRST = -(2**63)  # where one ends that goes back to the start


@rule("Reshape", lengths=("shape",))
def _reshape(b: Builder, c: Call, o: Call) -> str:
    if -1 in c.op.shape and 0 in c.out.shape:
        return b.reshape(b.operand(c, 0), c, c.out.shape, o.out.shape)
    if -1 in c.op.shape and c.op.shape == o.op.shape:
        return b.reshape(b.operand(c, 0), c, c.op.shape, None)
    return b.reshape(b.operand(c, 0), c, c.out.shape, o.out.shape)


@rule("Transpose")
def _transpose(b: Builder, c: Call, o: Call) -> str:
    return b.node("Transpose", [b.operand(c, 0)], perm=c.op.axes)


@rule("BroadcastTo", lengths=("shape",))
def _broadcast_to(b: Builder, c: Call, o: Call) -> str:
    return b.node("Expand", [b.operand(c, 0), b.lengths(c.op.shape, o.op.shape, c)])


@rule("Concatenate")
def _concatenate(b: Builder, c: Call, o: Call) -> str:
    names = [b.operand(c, i) for i in range(len(c.arrays))]
    return b.node("Concat", names, axis=int(c.op.axis))


@rule("Stack")
def _stack(b: Builder, c: Call, o: Call) -> str:
    axis = c.op.axis % c.out.ndim
    names = [b.node("Unsqueeze", [b.operand(c, i), b.ints(axis)]) for i in range(len(c.arrays))]
    return b.node("Concat", names, axis=axis)


@rule("Tile")
def _tile(b: Builder, c: Call, o: Call) -> str:
    x, reps = b.operand(c, 0), c.op.reps
    more = len(reps) - c.arrays[0].ndim
    if more > 0:
        x = b.node("Unsqueeze", [x, b.ints(*range(more))])
    return b.node("Tile", [x, b.ints(*[1] * -more, *reps)])


@rule("Repeat")
def _repeat(b: Builder, c: Call, o: Call) -> str:
    axis = c.op.axis % c.arrays[0].ndim
    wide = b.node("Unsqueeze", [b.operand(c, 0), b.ints(axis + 1)])
    times = [1] * (c.arrays[0].ndim + 1)
    times[axis + 1] = c.op.count
    return b.reshape(b.node("Tile", [wide, b.ints(*times)]), c, c.out.shape, o.out.shape)


@rule("Flip")
def _flip(b: Builder, c: Call, o: Call) -> str:
    axes = [a % c.arrays[0].ndim for a in c.op.axes]
    return _slice(b, b.operand(c, 0), b.ints(*[-1] * len(axes)), b.ints(*[FIRST] * len(axes)),
                  axes, [-1] * len(axes)) if axes else b.operand(c, 0)


@rule("Roll")
def _roll(b: Builder, c: Call, o: Call) -> str:
    x = b.operand(c, 0)
    for shift, axis in zip(c.op.shift, c.op.axis):
        n, m = c.arrays[0].shape[axis], o.arrays[0].shape[axis]
        if n != m:
            raise GraphError(f"{c.where}: it rolls along the examples: dynamic_batch=False")
        at = n - shift % n if n else 0
        parts = [_slice(b, x, b.ints(at), b.ints(LAST), [axis], [1]),
                 _slice(b, x, b.ints(0), b.ints(at), [axis], [1])]
        x = b.node("Concat", parts, axis=int(axis))
    return x


@rule("Tril", "Triu")
def _triangle(b: Builder, c: Call, o: Call) -> str:
    upper = int(type(c.op).__name__ == "Triu")
    return b.node("Trilu", [b.operand(c, 0), b.constant(np.int64(c.op.k))], upper=upper)


@rule("Take")
def _take(b: Builder, c: Call, o: Call) -> str:
    return b.node("Gather", [b.operand(c, 0), _places(b, c)], axis=int(c.op.axis))


def _places(b: Builder, c: Call) -> str:
    """The second operand as places, which ONNX has in int32 and int64."""
    places = b.operand(c, 1)
    return places if c.arrays[1].dtype.name in ("int32", "int64") else b.cast(places, np.int64)


@rule("Embedding")
def _embedding(b: Builder, c: Call, o: Call) -> str:
    return b.node("Gather", [b.operand(c, 0), _places(b, c)], axis=0)


@rule("TakeAlongAxis")
def _take_along_axis(b: Builder, c: Call, o: Call) -> str:
    names = [b.operand(c, 0), _places(b, c)]
    axis = c.op.axis % c.arrays[0].ndim
    for i, (array, other) in enumerate(zip(c.arrays, o.arrays)):
        wide, theirs = (
            tuple(call[i].shape[axis] if j == axis else n for j, n in enumerate(out.shape))
            for call, out in ((c.arrays, c.out), (o.arrays, o.out)))
        if (array.shape, other.shape) != (wide, theirs):  # ONNX does not broadcast here
            names[i] = b.node("Expand", [names[i], b.lengths(wide, theirs, c)])
    return b.node("GatherElements", names, axis=axis)


@rule("TopPlaces")
def _top_places(b: Builder, c: Call, o: Call) -> str:
    return b.nodes("TopK", [b.operand(c, 0), b.ints(c.op.k)], 2, axis=int(c.op.axis),
                   largest=int(c.op.largest))[1]


@rule("Sort", "Argsort")
def _sort(b: Builder, c: Call, o: Call) -> str:
    axis = c.op.axis % c.arrays[0].ndim
    count = b.lengths([c.arrays[0].shape[axis]], [o.arrays[0].shape[axis]], c)
    values, places = b.nodes("TopK", [b.operand(c, 0), count], 2, axis=axis,
                             largest=int(c.op.descending))
    return values if type(c.op).__name__ == "Sort" else places


@rule("Pad")
def _pad(b: Builder, c: Call, o: Call) -> str:
    mode, widths = c.op.mode, c.op.pad_width
    if mode == "wrap" and b.opset < 19:
        raise GraphError(f"{c.where}: ONNX pads in circles from opset 19 on: opset=19")
    if mode == "symmetric":
        raise GraphError(f"{c.where}: ONNX has no mode 'symmetric': write it with dls.flip and "
                         "dls.concatenate")
    widest = max((max(w) for w in widths), default=0)
    if mode in ("reflect", "wrap") and any(
            max(w) >= n + (mode == "wrap") for w, n in zip(widths, c.arrays[0].shape) if max(w)):
        raise GraphError(f"{c.where}: {widest} places are more than there are to take from")
    if not widths:
        return b.node("Identity", [b.operand(c, 0)])
    pads = b.ints(*[w[0] for w in widths], *[w[1] for w in widths])
    value = b.like(c.op.value, c.arrays[0].dtype) if mode == "constant" else ""
    return b.node("Pad", [b.operand(c, 0), pads, value], mode=mode)


# --- x[index] ------------------------------------------------------------------------------------


@rule("GetItem", lengths=("index",))
def _get_item(b: Builder, c: Call, o: Call) -> str:
    x, other = c.arrays[0], o.arrays[0]
    index, theirs = (_whole(call.op.index, array) for call, array in ((c, x), (o, other)))
    if (name := _part(b, c, index)) is not None:
        return name
    name, axis, cut, picked, new = b.operand(c, 0), 0, [], [], []
    place = 0  # in the result
    for one, two in zip(index, theirs, strict=True):
        if one is None:
            new.append(place)
        elif isinstance(one, slice):
            cut.append((axis, one, two))
        else:
            picked.append((axis, one))
        axis += one is not None
        place += 1 if one is None or isinstance(one, slice) else getattr(one, "ndim", 0)
    name = _cut(b, c, name, cut, x.shape, other.shape)
    arrays = [one for _, one in picked if isinstance(one, np.ndarray)]
    if any(a.dtype.kind == "b" for a in arrays):
        raise GraphError(f"{c.where}: what a mask picks has no fixed shape: use dls.where")
    if len(arrays) > 1 or (arrays and len(picked) > 1):
        raise GraphError(f"{c.where}: ONNX takes places along one axis at a time: write "
                         "x.take(places, axis), one axis after the other")
    for where, one in picked[::-1]:
        at = b.value(one, c) if isinstance(one, np.ndarray) else b.constant(np.int64(one))
        name = b.node("Gather", [name, at], axis=where)
    return b.node("Unsqueeze", [name, b.ints(*new)]) if new else name


def _whole(index: Any, x: Any) -> list[Any]:
    """An index with one part for each axis, and None for each new one."""
    parts = list(index) if isinstance(index, tuple) else [index]
    used = sum(p is not None and p is not Ellipsis for p in parts)
    rest: list[Any] = [slice(None)] * (x.ndim - used)
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), None)
    return [*parts, *rest] if at is None else [*parts[:at], *rest, *parts[at + 1 :]]


def _part(b: Builder, c: Call, index: Sequence[Any]) -> str | None:
    """The part of a flat vector that was put together here, where that is all that is taken."""
    whole = isinstance(c.given[0], np.ndarray) and b.parts.get(id(c.given[0]))
    if not whole or len(index) != 1 or not isinstance(index[0], slice):
        return None
    start, stop, step = index[0].indices(c.arrays[0].size)
    for first, last, name in whole:
        if (first, last, 1) == (start, stop, step):
            return name
    return None


def _cut(
    b: Builder, c: Call, name: str, cut: Sequence[tuple[int, slice, slice]],
    of_a: Sequence[int], of_b: Sequence[int],
) -> str:
    """Slices along some axes; whole ones are left out."""
    a: list[list[int]] = [[], []]
    both: list[list[int]] = [[], []]
    axes, steps = [], []
    for axis, one, two in cut:
        first, second = one.indices(of_a[axis]), two.indices(of_b[axis])
        if first == (0, of_a[axis], 1) and second == (0, of_b[axis], 1):
            continue
        axes.append(axis)
        steps.append(first[2])
        for ends, (start, stop, step) in ((a, first), (both, second)):
            ends[0].append(start)
            ends[1].append(FIRST if step < 0 and stop < 0 else stop)
    if not axes:
        return name
    return _slice(b, name, b.lengths(a[0], both[0], c), b.lengths(a[1], both[1], c), axes, steps)


def _slice(
    b: Builder, name: str, starts: str, ends: str, axes: Sequence[int], steps: Sequence[int]
) -> str:
    return b.node("Slice", [name, starts, ends, b.ints(*axes), b.ints(*steps)])
