"""ONNX's operators that are layers, by functions of ours: convolutions, pooling, norms, RNNs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..errors import FormatError
from ..nn import functional as F
from .onnx_operators import Args, host, operator, spatial

SAME = {b"SAME_UPPER", b"SAME_LOWER"}
ORDERS = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}  # of ONNX's gates, as ours stand
ACTIVATIONS = {"LSTM": [[b"Sigmoid", b"Tanh", b"Tanh"]], "GRU": [[b"Sigmoid", b"Tanh"]],
               "RNN": [[b"Tanh"], [b"Relu"]]}


# --- convolutions and pooling --------------------------------------------------------------------


def _pads(a: Args, lengths: Sequence[int], window: Sequence[int], strides: Sequence[int],
          dilations: Sequence[int]) -> list[tuple[int, int]]:
    """(before, after) for each axis, as `pads` or `auto_pad` say it."""
    axes, auto = len(lengths), bytes(a.option("auto_pad", b"NOTSET"))
    if auto in SAME:
        found = []
        for n, k, s, d in zip(lengths, window, strides, dilations):
            total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
            more, less = total - total // 2, total // 2
            found.append((less, more) if auto == b"SAME_UPPER" else (more, less))
        return found
    pads = spatial(None if auto == b"VALID" else a.option("pads"), 2 * axes, 0, a)
    return list(zip(pads[:axes], pads[axes:]))


def _padded(x: Any, pads: Sequence[tuple[int, int]], value: float) -> tuple[Any, list[int]]:
    """x and the padding that is left to a layer, which pads both ends alike."""
    if all(before == after for before, after in pads):
        return x, [before for before, _ in pads]
    return ops.pad(x, ((0, 0), (0, 0), *pads), "constant", value), [0] * len(pads)


@operator("Conv")
def _conv(a: Args) -> Any:
    x, weight = a[0], a[1]
    axes = weight.ndim - 2
    if axes not in (1, 2, 3):
        raise a.refuse(f"a convolution over {axes} axes")
    strides = spatial(a.option("strides"), axes, 1, a)
    dilations = spatial(a.option("dilations"), axes, 1, a)
    x, padding = _padded(x, _pads(a, x.shape[2:], weight.shape[2:], strides, dilations), 0.0)
    convolve = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    return convolve(x, weight, a[2], tuple(strides), tuple(padding), tuple(dilations),
                    a.option("group", 1))


@operator("ConvTranspose")
def _conv_transpose(a: Args) -> Any:
    x, weight = a[0], a[1]
    axes = weight.ndim - 2
    if axes not in (1, 2, 3) or a.option("output_shape") or bytes(
            a.option("auto_pad", b"NOTSET")) in SAME:
        raise a.refuse("a transposed convolution to a given size")
    strides = spatial(a.option("strides"), axes, 1, a)
    dilations = spatial(a.option("dilations"), axes, 1, a)
    more = spatial(a.option("output_padding"), axes, 0, a)
    pads = _pads(a, x.shape[2:], weight.shape[2:], strides, dilations)
    even = all(before == after for before, after in pads)
    convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[axes - 1]
    y = convolve(x, weight, a[2], tuple(strides), tuple(p[0] for p in pads) if even else 0,
                 tuple(more), a.option("group", 1), tuple(dilations))
    if even:
        return y
    inside = [slice(before, n - after) for n, (before, after) in zip(y.shape[2:], pads)]
    return y[(slice(None), slice(None), *inside)]


@operator("MaxPool")
def _max_pool(a: Args) -> Any:
    if a.outputs > 1:
        raise a.refuse("the places of the largest")
    window = a.option("kernel_shape") or []
    axes = len(window)
    if axes not in (1, 2, 3):
        raise a.refuse(f"pooling over {axes} axes")
    strides = spatial(a.option("strides"), axes, 1, a)
    dilations = spatial(a.option("dilations"), axes, 1, a)
    pads = _pads(a, a[0].shape[2:], window, strides, dilations)
    small = all(2 * p[0] <= k for p, k in zip(pads, window))
    x, padding = _padded(a[0], pads, -math.inf) if small else (
        ops.pad(a[0], ((0, 0), (0, 0), *pads), "constant", -math.inf), [0] * axes)
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[axes - 1]
    return pool(x, tuple(window), tuple(strides), tuple(padding), tuple(dilations),
                bool(a.option("ceil_mode", 0)))


@operator("AveragePool")
def _average_pool(a: Args) -> Any:
    window = a.option("kernel_shape") or []
    axes = len(window)
    if axes not in (1, 2, 3) or set(a.option("dilations", [1])) != {1}:
        raise a.refuse("pooling with these windows")
    strides = spatial(a.option("strides"), axes, 1, a)
    pads = _pads(a, a[0].shape[2:], window, strides, [1] * axes)
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[axes - 1]
    ceil, include = bool(a.option("ceil_mode", 0)), bool(a.option("count_include_pad", 0))
    small = all(before == after and 2 * before <= k for (before, after), k in zip(pads, window))
    if small:
        return pool(a[0], tuple(window), tuple(strides), tuple(p[0] for p in pads), ceil, include)
    wide = ((0, 0), (0, 0), *pads)
    y = pool(ops.pad(a[0], wide, "constant", 0.0), tuple(window), tuple(strides), 0, ceil)
    if include:
        return y
    ones = ops.pad(ops.ones_like(a[0]), wide, "constant", 0.0)
    return y / pool(ones, tuple(window), tuple(strides), 0, ceil)


@operator("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(a: Args) -> Any:
    function = ops.mean if a.what.startswith("GlobalAverage") else ops.max
    return function(a[0], axis=tuple(range(2, a[0].ndim)), keepdims=True)


# --- norms ---------------------------------------------------------------------------------------


@operator("BatchNormalization")
def _batch_normalization(a: Args) -> Any:
    if a.option("training_mode", 0) or a.outputs > 1:
        raise a.refuse("batch norm in training")
    return F.batch_norm(a[0], a[3], a[4], a[1], a[2], False, 0.0, a.option("epsilon", 1e-5))


@operator("InstanceNormalization")
def _instance_normalization(a: Args) -> Any:
    return F.instance_norm(a[0], None, None, a[1], a[2], eps=a.option("epsilon", 1e-5))


@operator("LayerNormalization")
def _layer_normalization(a: Args) -> Any:
    if a.outputs > 1:
        raise a.refuse("the statistics of a layer norm")
    axis = a.option("axis", -1) % a[0].ndim
    shape, eps = a[0].shape[axis:], a.option("epsilon", 1e-5)
    if a[1].shape == shape and (a[2] is None or a[2].shape == shape):
        return F.layer_norm(a[0], shape, a[1], a[2], eps)
    y = F.layer_norm(a[0], shape, None, None, eps) * a[1]
    return y if a[2] is None else y + a[2]


@operator("GroupNormalization")
def _group_normalization(a: Args) -> Any:
    groups, channels = a.option("num_groups", 1), a[0].shape[1]
    weight, bias = (x if x.shape[0] == channels else ops.repeat(x, channels // groups, 0)
                    for x in (a[1], a[2]))
    return F.group_norm(a[0], groups, weight, bias, a.option("epsilon", 1e-5))


@operator("RMSNormalization")
def _rms_normalization(a: Args) -> Any:
    axis = a.option("axis", -1) % a[0].ndim
    return F.rms_norm(a[0], a[0].shape[axis:], a[1], a.option("epsilon", 1e-5))


@operator("LRN")
def _lrn(a: Args) -> Any:
    return F.local_response_norm(a[0], a.option("size", 1), a.option("alpha", 1e-4),
                                 a.option("beta", 0.75), a.option("bias", 1.0))


# --- other lengths -------------------------------------------------------------------------------


@operator("Resize", "Upsample", host=(1, 2, 3))
def _resize(a: Args) -> Any:
    old = a.what.startswith("Upsample") or a.opset < 11
    factors = a[1] if old else a[2]
    if factors is not None and not factors.size:
        factors = None
    x, mode = a[0], bytes(a.option("mode", b"nearest"))
    sizes = a.ints(3)
    scales = [float(v) for v in host(factors)] if factors is not None else a.option("scales")
    if sizes is None and scales is None:
        raise FormatError(f"{a.what} has neither scales nor sizes")
    if a.option("axes") or a.option("antialias", 0) or bytes(
            a.option("keep_aspect_ratio_policy", b"stretch")) != b"stretch":
        raise a.refuse("a way to resize")
    if sizes is None:
        sizes = [math.floor(n * f) for n, f in zip(x.shape, scales)]
    if len(sizes) != x.ndim or tuple(sizes[:2]) != x.shape[:2]:
        raise a.refuse("resizing of examples or channels")
    lengths, before = tuple(sizes[2:]), x.shape[2:]
    place = bytes(a.option("coordinate_transformation_mode",
                           b"asymmetric" if old else b"half_pixel"))
    if mode == b"nearest":
        return F.interpolate(x, lengths, mode=_nearest(a, place, before, lengths, old))
    align = place == b"align_corners"
    if place not in (b"half_pixel", b"pytorch_half_pixel", b"align_corners") or mode not in (
            b"linear", b"cubic") or (mode == b"cubic" and (
                a.option("cubic_coeff_a", -0.75) != -0.75 or a.option("exclude_outside", 0))):
        raise a.refuse(f"mode {mode!r} with coordinates {place!r}")
    kind = "bicubic" if mode == b"cubic" else ("linear", "bilinear", "trilinear")[len(lengths) - 1]
    return F.interpolate(x, lengths, mode=kind, align_corners=align)


def _nearest(a: Args, place: bytes, before: Sequence[int], lengths: Sequence[int], old: bool
             ) -> str:
    rounding = bytes(a.option("nearest_mode", b"floor" if old else b"round_prefer_floor"))
    if place == b"asymmetric" and rounding == b"floor":
        return "nearest"
    if place in (b"half_pixel", b"pytorch_half_pixel"):
        whole = all(m % n == 0 for n, m in zip(before, lengths))
        if rounding == b"round_prefer_ceil" or (whole and rounding == b"round_prefer_floor"):
            return "nearest-exact"
    raise a.refuse(f"nearest with coordinates {place!r} and {rounding!r}")


# --- recurrent layers ----------------------------------------------------------------------------


@operator("RNN", "LSTM", "GRU")
def _recurrent(a: Args) -> Any:
    kind = a.what.split()[0]
    x, w, r, bias = a[0], a[1], a[2], a[3]
    directions, hidden = w.shape[0], r.shape[2]
    said = a.option("activations")
    each = len(said) // directions if said else 0
    activations = [[bytes(s) for s in said[i * each : (i + 1) * each]]
                   for i in range(directions)] if said else [ACTIVATIONS[kind][0]] * directions
    if (a[4] is not None or a[7] is not None or a.option("clip") or a.option("layout", 0)
            or a.option("input_forget", 0) or any(s not in ACTIVATIONS[kind] for s in activations)
            or (kind == "GRU" and not a.option("linear_before_reset", 0))):
        raise a.refuse("one of: lengths of sequences, peepholes, clip, layout=1, other "
                       "activations, or a GRU that resets before the product")
    order = np.concatenate([np.arange(g * hidden, (g + 1) * hidden) for g in ORDERS[kind]])
    backward = bytes(a.option("direction", b"forward")) == b"reverse"
    outputs: list[Any] = []
    last: list[list[Any]] = [[], []]
    for i in range(directions):
        weights = [_gates(v[i], order) for v in (w, r)]
        rows = len(order)
        biases = [None, None] if bias is None else [
            _gates(bias[i, :rows], order), _gates(bias[i, rows:], order)]
        states = [None if s is None else s[i] for s in (a[5], a[6])[: 1 + (kind == "LSTM")]]
        run: Any = {"RNN": ops.rnn, "LSTM": ops.lstm, "GRU": ops.gru}[kind]
        options: dict[str, Any] = {"reverse": backward or i == 1}
        if kind == "RNN":
            options["nonlinearity"] = activations[i][0].decode().lower()
        output, *ends = run(x, *states, *weights, *biases, **options)
        outputs.append(output)
        for kept, end in zip(last, ends):
            kept.append(end)
    made = [ops.stack(outputs, 1), ops.stack(last[0], 0)]
    return tuple([*made, ops.stack(last[1], 0)] if kind == "LSTM" else made)


def _gates(value: Any, order: Any) -> Any:
    return ops.take(value, order, 0) if order.size and (np.diff(order) != 1).any() else value
