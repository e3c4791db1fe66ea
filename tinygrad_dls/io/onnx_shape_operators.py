"""ONNX's operators that move elements about, by functions of ours: shapes, slices, joining."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..errors import FormatError
from ..nn import functional as F
from .onnx_operators import Args, host, operator
from .reading import short

MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


@operator("Shape")
def _shape(a: Args) -> Any:
    lengths = np.array(a[0].shape, np.int64)
    return lengths[slice(a.option("start", 0), a.option("end"))]


@operator("Size")
def _size(a: Args) -> Any:
    return np.array(math.prod(a[0].shape), np.int64)


@operator("Reshape", host=(1,))
def _reshape(a: Args) -> Any:
    wanted = a.ints(1) if a[1] is not None else a.option("shape")
    if wanted is None:
        raise FormatError(f"{a.what} has no shape")
    if not a.option("allowzero", 0):
        if any(n == 0 and i >= a[0].ndim for i, n in enumerate(wanted)):
            raise FormatError(f"{a.what}: shape {short(wanted)} copies lengths that "
                              f"{a[0].shape} does not have")
        wanted = [n or a[0].shape[i] for i, n in enumerate(wanted)]
    return a[0].reshape(tuple(wanted))


@operator("Flatten")
def _flatten(a: Args) -> Any:
    axis = a.option("axis", 1)
    axis = axis + a[0].ndim if axis < 0 else axis
    shape = a[0].shape
    return a[0].reshape((math.prod(shape[:axis]), math.prod(shape[axis:])))


@operator("Transpose")
def _transpose(a: Args) -> Any:
    return a[0].transpose(a.option("perm", list(range(a[0].ndim))[::-1]))


@operator("Squeeze", host=(1,))
def _squeeze(a: Args) -> Any:
    axes = a.ints(1) if a[1] is not None else a.option("axes")
    if axes is None:
        axes = [i for i, n in enumerate(a[0].shape) if n == 1]
    gone = {axis % a[0].ndim for axis in axes}
    if any(a[0].shape[i] != 1 for i in gone):
        raise FormatError(f"{a.what}: axes {axes} of {a[0].shape} are not all of length 1")
    return a[0].reshape(tuple(n for i, n in enumerate(a[0].shape) if i not in gone))


@operator("Unsqueeze", host=(1,))
def _unsqueeze(a: Args) -> Any:
    axes = a.ints(1) if a[1] is not None else a.option("axes", [])
    total = a[0].ndim + len(axes or [])
    new = {axis % total for axis in axes or []}
    old = iter(a[0].shape)
    return a[0].reshape(tuple(1 if i in new else next(old) for i in range(total)))


@operator("Expand", host=(1,))
def _expand(a: Args) -> Any:
    return ops.broadcast_to(a[0], np.broadcast_shapes(a[0].shape, tuple(a.ints(1) or [])))


@operator("Tile", host=(1,))
def _tile(a: Args) -> Any:
    return ops.tile(a[0], tuple(a.ints(1) or []))


@operator("Concat")
def _concat(a: Args) -> Any:
    return ops.concatenate(a.values, axis=a.option("axis", 0))


@operator("Split", host=(1,))
def _split(a: Args) -> Any:
    axis, n = a.option("axis", 0), a[0].shape[a.option("axis", 0)]
    lengths = a.ints(1) if a[1] is not None else a.option("split")
    if lengths is None:
        each = -(-n // a.option("num_outputs", a.outputs))
        lengths = [min(each, n - i * each) for i in range(a.outputs)]
    if sum(lengths) != n or min(lengths) < 0:
        raise FormatError(f"{a.what}: {short(lengths)} are not the {n} places of its axis")
    return tuple(ops.split_with_sizes(a[0], list(lengths), axis))


@operator("Slice", host=(1, 2, 3, 4))
def _slice(a: Args) -> Any:
    starts = a.ints(1) if a[1] is not None else a.option("starts")
    ends = a.ints(2) if a[2] is not None else a.option("ends")
    if starts is None or ends is None:
        raise FormatError(f"{a.what} has no starts and ends")
    axes = (a.ints(3) if a[3] is not None else a.option("axes")) or list(range(len(starts)))
    steps = a.ints(4) or [1] * len(starts)
    index = [slice(None)] * a[0].ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = a[0].shape[axis]
        stop: int | None = end
        if step < 0 and end < -n:
            stop = None  # back to the first place
        index[axis] = slice(start, stop, step)
    return a[0][tuple(index)]


@operator("Gather")
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
    return ops.take_along_axis(a[0], a[1], a.option("axis", 0))


@operator("ScatterElements")
def _scatter_elements(a: Args) -> Any:
    how = bytes(a.option("reduction", b"none"))
    if how not in (b"none", b"add"):
        raise a.refuse(f"reduction {how!r}")
    function = ops.scatter if how == b"none" else ops.scatter_add
    return function(a[0], a.option("axis", 0), a[1], a[2])


@operator("Pad", host=(1, 2, 3))
def _pad(a: Args) -> Any:
    pads = a.ints(1) if a[1] is not None else a.option("pads")
    value = a.option("value", 0.0) if a[2] is None else float(host(a[2]).item())
    mode = bytes(a.option("mode", b"constant")).decode("utf-8", "replace")
    if pads is None or mode not in MODES:
        raise a.refuse(f"mode {mode!r}")
    axes = a.ints(3) or list(range(a[0].ndim))
    half = len(pads) // 2
    widths = [(0, 0)] * a[0].ndim
    for axis, before, after in zip(axes, pads[:half], pads[half:], strict=True):
        widths[axis] = before, after
    cut = tuple(slice(max(0, -before), n - max(0, -after))
                for n, (before, after) in zip(a[0].shape, widths))
    grow = tuple((max(0, before), max(0, after)) for before, after in widths)
    inside = a[0][cut] if any(min(pair) < 0 for pair in widths) else a[0]
    return ops.pad(inside, grow, MODES[mode], value) if any(map(any, grow)) else inside


@operator("Constant")
def _constant(a: Args) -> Any:
    kinds = {"value_float": np.float32, "value_int": np.int64, "value_floats": np.float32,
             "value_ints": np.int64}
    for name, kind in kinds.items():
        if name in a.options:
            return np.array(a.options[name], kind)
    value = a.option("value")
    if not isinstance(value, np.ndarray):
        raise a.refuse(f"a constant of {', '.join(a.options) or 'nothing'}")
    return value


@operator("ConstantOfShape", host=(0,))
def _constant_of_shape(a: Args) -> Any:
    value = a.option("value", np.zeros(1, np.float32))
    return np.broadcast_to(value.reshape(()), tuple(a.ints(0) or []))


@operator("Range", host=(0, 1, 2))
def _range(a: Args) -> Any:
    start, stop, step = (host(a[i]) for i in range(3))
    return np.arange(start.item(), stop.item(), step.item()).astype(start.dtype)


@operator("Trilu", host=(1,))
def _trilu(a: Args) -> Any:
    k = 0 if a[1] is None else int(host(a[1]).item())
    return (ops.triu if a.option("upper", 1) else ops.tril)(a[0], k)


@operator("TopK", host=(1,))
def _top_k(a: Args) -> Any:
    k = (a.ints(1) or [a.option("k", 0)])[0]
    return tuple(ops.topk(a[0], k, a.option("axis", -1), bool(a.option("largest", 1))))


@operator("OneHot", host=(1, 2))
def _one_hot(a: Args) -> Any:
    depth, (off, on) = (a.ints(1) or [0])[0], host(a[2])
    if a.option("axis", -1) not in (-1, a[0].ndim):
        raise a.refuse("an axis that is not the last")
    chosen = F.one_hot(ops.where(a[0] < 0, a[0] + depth, a[0]), depth)
    return ops.cast(chosen, host(a[2]).dtype) * (on - off).item() + off.item()


@operator("DepthToSpace")
def _depth_to_space(a: Args) -> Any:
    r = a.option("blocksize", 1)
    if bytes(a.option("mode", b"DCR")) == b"CRD":
        return F.pixel_shuffle(a[0], r)
    m, c, h, w = a[0].shape
    apart = a[0].reshape((m, r, r, c // (r * r), h, w)).transpose((0, 3, 4, 1, 5, 2))
    return apart.reshape((m, c // (r * r), h * r, w * r))


@operator("SpaceToDepth")
def _space_to_depth(a: Args) -> Any:
    r = a.option("blocksize", 1)
    m, c, h, w = a[0].shape
    apart = a[0].reshape((m, c, h // r, r, w // r, r)).transpose((0, 3, 5, 1, 2, 4))
    return apart.reshape((m, c * r * r, h // r, w // r))
