"""Operations of layers as nodes of ONNX: convolutions, pooling, norms, recurrent, attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend.kernels.windows import Sliding
from ..errors import GraphError
from .onnx_graph import Builder
from .onnx_rules import rule
from .onnx_tracing import Call

WHOLE = ("_BatchNorm", "EmbeddingBag")  # modules that are written as one
NEAREST = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest",
           "nearest_mode": "floor"}
LINEAR = {"linear", "bilinear", "trilinear"}


# --- convolutions --------------------------------------------------------------------------------


@rule("Convolution")
def _convolution(b: Builder, c: Call, o: Call) -> str:
    op, (x, weight, bias) = c.op, (b.operand(c, i) for i in range(3))
    pads = [p[0] for p in op.padding] + [p[1] for p in op.padding]
    if min(pads, default=0) < 0:  # places are cut off, which Conv does not do itself
        half = len(op.padding)
        x = b.node("Pad", [x, b.ints(0, 0, *pads[:half], 0, 0, *pads[half:])])
        pads = [0] * len(pads)
    return b.node("Conv", [x, weight, bias], strides=op.stride, pads=pads,
                  dilations=op.dilation, group=op.groups, kernel_shape=c.arrays[1].shape[2:])


@rule("TransposedConvolution")
def _transposed_convolution(b: Builder, c: Call, o: Call) -> str:
    op, before = c.op, [p[0] for p in c.op.padding]
    spans = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(
        c.arrays[0].shape[2:], op.stride, op.dilation, c.arrays[1].shape[2:])]
    after = [span - p - n for span, p, n in zip(spans, before, op.size)]
    more = [max(0, -a) for a in after]
    if min(before) < 0 or any(m >= max(s, d) for m, s, d in zip(more, op.stride, op.dilation) if m):
        raise GraphError(f"{c.where}: of these sizes ONNX makes none")
    return b.node("ConvTranspose", [b.operand(c, i) for i in range(3)], strides=op.stride,
                  pads=[*before, *(max(0, a) for a in after)], output_padding=more,
                  dilations=op.dilation, group=op.groups, kernel_shape=c.arrays[1].shape[2:])


# --- pooling and other lengths -------------------------------------------------------------------


def _pads(window: Sliding, lengths: Sequence[int], counts: Sequence[int]) -> list[int]:
    """Padding before and after each axis with which no window is left out or over."""
    after = [(m - 1) * s + d * (k - 1) + 1 - n - p for m, s, d, k, n, p in zip(
        counts, window.stride, window.dilation, window.kernel_size, lengths, window.padding)]
    return [*window.padding, *[max(0, a) for a in after]]


def _as_sliding(window: Any, lengths: Sequence[int], counts: Sequence[int]) -> Sliding | None:
    """Windows of one size and stride, where they are that."""
    if isinstance(window, Sliding):
        return window
    if any(n % m for n, m in zip(lengths, counts)):
        return None
    sizes = tuple(n // m for n, m in zip(lengths, counts))
    return Sliding(sizes, sizes, (0,) * len(sizes), (1,) * len(sizes))


@rule("MaxPool")
def _max_pool(b: Builder, c: Call, o: Call) -> str:
    name, lengths, counts = b.operand(c, 0), c.arrays[0].shape[2:], c.out.shape[2:]
    if set(counts) == {1} and not isinstance(c.op.window, Sliding):
        return b.node("GlobalMaxPool", [name])
    window = _as_sliding(c.op.window, lengths, counts)
    if window is not None:
        return b.node("MaxPool", [name], kernel_shape=window.kernel_size, strides=window.stride,
                      pads=_pads(window, lengths, counts), dilations=window.dilation)
    for axis, windows in enumerate(c.op.window.over(lengths), 2):
        parts = [
            b.reduce("ReduceMax", b.node("Slice", [name, b.ints(start), b.ints(start + count),
                                                   b.ints(axis)]), [axis], True)
            for start, count in zip(windows.starts, windows.counts)
        ]
        name = b.node("Concat", parts, axis=axis)
    return name


@rule("AvgPool")
def _avg_pool(b: Builder, c: Call, o: Call) -> str:
    op, name = c.op, b.operand(c, 0)
    lengths, counts = c.arrays[0].shape[2:], c.out.shape[2:]
    window = _as_sliding(op.window, lengths, counts)
    if set(counts) == {1} and not isinstance(op.window, Sliding):
        return b.node("GlobalAveragePool", [name])
    if window is None:
        return _by_matrices(b, name, [m.dense for m in op.maps(lengths)], c)
    pads = _pads(window, lengths, counts)
    half = len(lengths)
    plain = all(after <= before for before, after in zip(pads[:half], pads[half:]))
    include = op.count_include_pad or op.divisor_override is not None
    if include and not plain:  # windows over the end count other places than ONNX's
        return _by_matrices(b, name, [m.dense for m in op.maps(lengths)], c)
    y = b.node("AveragePool", [name], kernel_shape=window.kernel_size, strides=window.stride,
               pads=pads, count_include_pad=int(include))
    if op.divisor_override is None:
        return y
    factor = math.prod(window.kernel_size) / op.divisor_override
    return b.node("Mul", [y, b.like(factor, c.out.dtype)])


@rule("Interpolate")
def _interpolate(b: Builder, c: Call, o: Call) -> str:
    op, name, before = c.op, b.operand(c, 0), c.arrays[0].shape[2:]
    whole = op.scales is None or all(n * s == m for n, s, m in zip(before, op.scales, op.lengths))
    how: dict[str, Any] | None = None
    if op.mode == "nearest":
        how = NEAREST
    elif op.mode in LINEAR or op.mode == "bicubic":
        place = "align_corners" if op.align_corners else "half_pixel"
        how = {"mode": "cubic" if op.mode == "bicubic" else "linear",
               "coordinate_transformation_mode": place}
        if op.mode == "bicubic":
            how["cubic_coeff_a"] = -0.75
    if how is None or not whole:
        return _by_matrices(b, name, [m.dense for m in op.maps(before)], c)
    sizes = b.lengths(c.out.shape, o.out.shape, c)
    return b.node("Resize", [name, "", "", sizes], **how)


@rule("Resample")
def _resample(b: Builder, c: Call, o: Call) -> str:
    return _by_matrices(b, b.operand(c, 0), [m.dense for m in c.op.maps], c)


def _by_matrices(b: Builder, name: str, matrices: Sequence[Any], c: Call) -> str:
    """A matrix applied along each of the last axes."""
    ndim = c.arrays[0].ndim
    for axis, matrix in enumerate(matrices, ndim - len(matrices)):
        order = [i for i in range(ndim) if i != axis] + [axis]
        turned = name if axis == ndim - 1 else b.node("Transpose", [name], perm=order)
        name = b.node("MatMul", [turned, b.constant(matrix.T.astype(c.out.dtype))])
        if axis != ndim - 1:
            back = [order.index(i) for i in range(ndim)]
            name = b.node("Transpose", [name], perm=back)
    return name


# --- norms ---------------------------------------------------------------------------------------


@rule("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
def _batch_norm(b: Builder, c: Call, o: Call) -> str:
    layer, dtype = c.op.module, c.arrays[0].dtype
    if layer.running_mean is None:
        raise GraphError(f"{c.where}: without running statistics its output depends on the batch")
    n = layer.num_features
    scale = b.like(1, dtype, (n,)) if layer.weight is None else b.value(layer.weight._data, c)
    shift = b.like(0, dtype, (n,)) if layer.bias is None else b.value(layer.bias._data, c)
    running = [b.value(t._data, c) for t in (layer.running_mean, layer.running_var)]
    return b.node("BatchNormalization", [b.operand(c, 0), scale, shift, *running],
                  epsilon=float(layer.eps))


@rule("FrozenBatchNorm")
def _frozen_batch_norm(b: Builder, c: Call, o: Call) -> str:
    array = c.arrays[0]
    n = array.shape[1:2]
    scale = b.operand(c, 1) or b.like(1, array.dtype, n)
    shift = b.operand(c, 2) or b.like(0, array.dtype, n)
    running = [b.operand(c, i) for i in (3, 4)]
    return b.node("BatchNormalization", [b.operand(c, 0), scale, shift, *running],
                  epsilon=float(c.op.eps))


@rule("ScaleChannels")
def _scale_channels(b: Builder, c: Call, o: Call) -> str:
    x, scale, shift = (b.operand(c, i) for i in range(3))
    ndim = c.arrays[0].ndim
    scale, shift = (_of_channels(b, name, ndim) for name in (scale, shift))
    return b.node("Add", [b.node("Mul", [x, scale]), shift])


def _of_channels(b: Builder, name: str, ndim: int) -> str:
    """(channels,) so that it meets axis 1 of `ndim`."""
    return b.node("Unsqueeze", [name, b.ints(*range(1, ndim - 1))]) if ndim > 2 else name


@rule("LayerNorm")
def _layer_norm(b: Builder, c: Call, o: Call) -> str:
    array, ndim = c.arrays[0], c.op.ndim
    weight = b.operand(c, 1) or b.like(1, array.dtype, array.shape[array.ndim - ndim :])
    return b.node("LayerNormalization", [b.operand(c, 0), weight, b.operand(c, 2)],
                  axis=-ndim, epsilon=float(c.op.eps))


@rule("RmsNorm")
def _rms_norm(b: Builder, c: Call, o: Call) -> str:
    x, array = b.operand(c, 0), c.arrays[0]
    axes = list(range(array.ndim - c.op.ndim, array.ndim))
    mean = b.reduce("ReduceMean", b.node("Mul", [x, x]), axes, True)
    root = b.node("Sqrt", [b.node("Add", [mean, b.like(c.op.eps, array.dtype)])])
    y, weight = b.node("Div", [x, root]), b.operand(c, 1)
    return b.node("Mul", [y, weight]) if weight else y


@rule("GroupNorm", "InstanceNorm")
def _group_norm(b: Builder, c: Call, o: Call) -> str:
    x, array, other = b.operand(c, 0), c.arrays[0], o.arrays[0]
    groups = getattr(c.op, "groups", array.shape[1])
    rest = array.size // max(1, array.shape[0] * groups)
    seen = b.reshape(x, c, (array.shape[0], groups, rest), (other.shape[0], groups, rest))
    ones, zeros = (b.like(v, array.dtype, (groups,)) for v in (1, 0))
    y = b.node("InstanceNormalization", [seen, ones, zeros], epsilon=float(c.op.eps))
    y = b.reshape(y, c, array.shape, other.shape)
    for kind, place in (("Mul", 1), ("Add", 2)):
        if name := b.operand(c, place):
            y = b.node(kind, [y, _of_channels(b, name, array.ndim)])
    return y


# --- attention, embeddings -----------------------------------------------------------------------


@rule("Attention")
def _attention(b: Builder, c: Call, o: Call) -> str:
    op, (q, k, v, mask) = c.op, (b.operand(c, i) for i in range(4))
    array, dtype = c.arrays[0], c.arrays[0].dtype
    if op.p:
        raise GraphError(f"{c.where}: it drops weights at random, also in evaluation")
    order = [*range(array.ndim - 2), array.ndim - 1, array.ndim - 2]
    scores = b.node("MatMul", [b.node("Mul", [q, b.like(op.scale, dtype)]),
                               b.node("Transpose", [k], perm=order)])
    hidden = b.like(-math.inf, dtype)
    if mask and c.arrays[3].dtype.kind == "b":
        scores = b.node("Where", [mask, scores, hidden])
    elif mask:
        scores = b.node("Add", [scores, mask])
    if op.causal:
        rows, columns = array.shape[-2], c.arrays[1].shape[-2]
        if rows != o.arrays[0].shape[-2]:
            raise GraphError(f"{c.where}: its steps are the examples: dynamic_batch=False")
        seen = b.constant(np.tril(np.ones((rows, columns), bool)))
        scores = b.node("Where", [seen, scores, hidden])
    weights = b.node("Softmax", [scores], axis=-1)
    if mask:  # a row that sees nothing gives 0 here, and NaN in ONNX
        weights = b.node("Where", [b.node("IsNaN", [weights]), b.like(0, dtype), weights])
    return b.node("MatMul", [weights, v])


@rule("EmbeddingBag")
def _embedding_bag(b: Builder, c: Call, o: Call) -> str:
    bag, places = c.op.module, c.arrays[0]
    if len(c.given) > 1 or places.ndim != 2 or bag.padding_idx is not None or (
            bag.max_norm is not None):
        raise GraphError(f"{c.where}: only bags of one size, (bags, places), can be written, "
                         "without padding_idx, max_norm and weights")
    rows = b.node("Gather", [b.value(bag.weight._data, c), b.operand(c, 0)], axis=0)
    kind = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax"}[bag.mode]
    return b.reduce(kind, rows, [1], False)


# --- recurrent layers ----------------------------------------------------------------------------

ORDERS = {"Rnn": (0,), "Lstm": (0, 3, 1, 2), "Gru": (1, 0, 2)}  # ONNX's gates: i o f c, and z r h


@rule("Rnn", "Lstm", "Gru")
def _recurrent(b: Builder, c: Call, o: Call) -> str:
    op, kind = c.op, type(c.op).__name__
    if op.sizes is not None:
        raise GraphError(f"{c.where}: packed sequences cannot be written: pad them")
    cells = kind == "Lstm"
    names = ["" if i in (1, 1 + cells) and _is_zero(b, c, o, i) else b.operand(c, i)
             for i in range(len(c.arrays))]
    w_ih, w_hh, b_ih, b_hh = names[2 + cells :]
    hidden = c.arrays[3 + cells].shape[1]
    order = np.concatenate([np.arange(g * hidden, (g + 1) * hidden) for g in ORDERS[kind]])
    rows, first = b.constant(order), b.ints(0)

    def gates(name: str) -> str:
        moved = name if kind == "Rnn" else b.node("Gather", [name, rows], axis=0)
        return b.node("Unsqueeze", [moved, first])

    bias = b.node("Concat", [gates(b_ih), gates(b_hh)], axis=1) if b_ih else ""
    states = [b.node("Unsqueeze", [s, first]) if s else "" for s in names[1 : 2 + cells]]
    options: dict[str, Any] = {"hidden_size": hidden,
                               "direction": "reverse" if op.reverse else "forward"}
    if kind == "Rnn":
        options["activations"] = [op.nonlinearity.capitalize()]
    elif kind == "Gru":
        options["linear_before_reset"] = 1
    made = b.nodes(kind.upper(), [names[0], gates(w_ih), gates(w_hh), bias, "", *states], 2 + cells,
                   **options)
    flat = [b.node("Reshape", [name, b.ints(-1)]) for name in made]
    steps, count = c.arrays[0].shape[:2]
    ends = np.cumsum([0, steps * count * hidden, *[count * hidden] * (1 + cells)]).tolist()
    b.parts[id(c.out)] = list(zip(ends[:-1], ends[1:], flat))
    b.kept.append(c.out)
    return b.node("Concat", flat, axis=0)




def _is_zero(b: Builder, c: Call, o: Call, place: int) -> bool:
    """Return whether it is a constant state of zeros: ONNX starts from zeros without one."""
    given = (c.given[place], o.given[place])
    return id(given[0]) not in b.names and not any(a.any() for a in given)
