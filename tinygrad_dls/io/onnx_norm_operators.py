"""ONNX's normalizations by functions of ours."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..nn import functional as F
from .onnx_operators import Args, dtype_option, operator


@operator("BatchNormalization")
def _batch_normalization(a: Args) -> Any:
    eps = a.option("epsilon", 1e-5)
    if not a.option("training_mode", 0):
        if a.outputs > 1:
            raise a.refuse("the statistics of a batch norm in evaluation")
        return F.batch_norm(a[0], a[3], a[4], a[1], a[2], False, 0.0, eps)
    axes = (0, *range(2, a[0].ndim))
    kept = a.option("momentum", 0.9)
    mean, var = ops.mean(a[0], axis=axes), ops.var(a[0], axis=axes)
    y = F.batch_norm(a[0], mean, var, a[1], a[2], False, 0.0, eps)
    return (y, a[3] * kept + mean * (1.0 - kept), a[4] * kept + var * (1.0 - kept))


@operator("InstanceNormalization")
def _instance_normalization(a: Args) -> Any:
    return F.instance_norm(a[0], None, None, a[1], a[2], eps=a.option("epsilon", 1e-5))


@operator("LayerNormalization")
def _layer_normalization(a: Args) -> Any:
    axis = a.option("axis", -1) % a[0].ndim
    shape, eps = a[0].shape[axis:], a.option("epsilon", 1e-5)
    if a[1].shape == shape and (a[2] is None or a[2].shape == shape):
        y = F.layer_norm(a[0], shape, a[1], a[2], eps)
    else:
        y = F.layer_norm(a[0], shape, None, None, eps) * a[1]
        y = y if a[2] is None else y + a[2]
    if a.outputs == 1:
        return y
    x = ops.cast(a[0], dtype_option(a, "stash_type", 1))
    axes = tuple(range(axis, x.ndim))
    mean, var = (f(x, axis=axes, keepdims=True) for f in (ops.mean, ops.var))
    return y, mean, ops.rsqrt(var + eps)


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


@operator("MeanVarianceNormalization")
def _mean_variance_normalization(a: Args) -> Any:
    axes = tuple(a.option("axes", [0, 2, 3]))
    deviation = ops.sqrt(ops.var(a[0], axis=axes, keepdims=True))
    return (a[0] - ops.mean(a[0], axis=axes, keepdims=True)) / (deviation + 1e-9)


@operator("LpNormalization")
def _lp_normalization(a: Args) -> Any:
    size = ops.vector_norm(a[0], float(a.option("p", 2)), axis=a.option("axis", -1), keepdims=True)
    return a[0] / ops.where(size == 0, 1.0, size)  # zeros stay zeros


@operator("LRN")
def _lrn(a: Args) -> Any:
    size = a.option("size", 1)
    x = a[0] if size % 2 else ops.flip(a[0], 1)  # of an even number, ONNX takes the one more after
    y = F.local_response_norm(x, size, a.option("alpha", 1e-4), a.option("beta", 0.75),
                              a.option("bias", 1.0))
    return y if size % 2 else ops.flip(y, 1)
