"""ONNX's operators that move elements about, by functions of ours: shapes, slices, joining."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..errors import FormatError
from ..nn import functional as F
from ..ops.call import tensor_of
from .onnx_operators import Args, bound_size, dtype_option, host, operator
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
    wanted = np.broadcast_shapes(a[0].shape, tuple(a.ints(1) or []))
    bound_size(a, wanted)
    return ops.broadcast_to(a[0], wanted)


@operator("Tile", host=(1,))
def _tile(a: Args) -> Any:
    times = a.ints(1) or []
    if len(times) != a[0].ndim:
        raise FormatError(f"{a.what}: {short(times)} times for the shape {a[0].shape}")
    bound_size(a, [n * m for n, m in zip(a[0].shape, times)])
    return ops.tile(a[0], tuple(times))


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
    bound_size(a, [max(0, n + before + after) for n, (before, after) in zip(a[0].shape, widths)])
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
    lengths = a.ints(0) or []
    bound_size(a, lengths)
    return np.broadcast_to(value.reshape(()), tuple(lengths))


@operator("Range", host=(0, 1, 2))
def _range(a: Args) -> Any:
    kind = host(a[0]).dtype
    start, stop, step = (host(a[i]).item() for i in range(3))
    if not step or any(v != v or abs(v) == math.inf for v in (start, stop, step)):
        raise FormatError(f"{a.what} from {start} to {stop} in steps of {step}")
    bound_size(a, [max(0, math.ceil((stop - start) / step))])
    return np.arange(start, stop, step).astype(kind)


@operator("EyeLike")
def _eye_like(a: Args) -> Any:
    if a[0].ndim != 2:
        raise FormatError(f"{a.what}: {a[0].shape} is not a matrix")
    kind = dtype_option(a, "dtype", 0, a[0].dtype)
    rows, columns = a[0].shape
    return tensor_of(np.eye(rows, columns, a.option("k", 0), kind), a[0].device)


@operator("CenterCropPad", host=(1,))
def _center_crop_pad(a: Args) -> Any:
    """The middle of x, or x in the middle of zeros, along some axes."""
    x, wanted = a[0], a.ints(1) or []
    axes = [i % max(1, x.ndim) for i in a.option("axes") or range(x.ndim)]
    lengths = dict(zip(axes, wanted, strict=True))
    bound_size(a, [lengths.get(i, n) for i, n in enumerate(x.shape)])
    cut, grow = [slice(None)] * x.ndim, [(0, 0)] * x.ndim
    for i, m in lengths.items():
        less, more = (x.shape[i] - m) // 2, (m - x.shape[i]) // 2
        if m < x.shape[i]:
            cut[i] = slice(less, less + m)
        else:
            grow[i] = more, m - x.shape[i] - more
    return ops.pad(x[tuple(cut)], tuple(grow), "constant", 0)


@operator("Trilu", host=(1,))
def _trilu(a: Args) -> Any:
    k = 0 if a[1] is None else int(host(a[1]).item())
    return (ops.triu if a.option("upper", 1) else ops.tril)(a[0], k)


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
    crd = bytes(a.option("mode", b"DCR")) == b"CRD"
    order = (0, 1, 3, 5, 2, 4) if crd else (0, 3, 5, 1, 2, 4)
    apart = a[0].reshape((m, c, h // r, r, w // r, r)).transpose(order)
    return apart.reshape((m, c * r * r, h // r, w // r))
