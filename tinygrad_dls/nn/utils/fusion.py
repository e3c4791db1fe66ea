"""A batch norm in evaluation is a scale and a shift: folded into the layer before it."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from ...errors import DataError
from ...modes import no_grad
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


def fuse_conv_bn_eval(conv: M, bn: Any, transpose: bool = False) -> M:
    """A copy of a convolution that gives what `bn(conv(x))` gives in evaluation.

    `transpose`: of a transposed convolution without groups, whose outputs are axis 1.
    """
    return _fused(conv, bn, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: M, bn: Any) -> M:
    """A copy of a linear layer that gives what `bn(linear(x))` gives in evaluation."""
    return _fused(linear, bn, 0)


def _fused(layer: M, bn: Any, axis: int) -> M:
    if layer.training or bn.training or bn.running_mean is None:
        raise DataError(
            "only in evaluation is a batch norm a scale and a shift: call eval() on both first, "
            "and let the batch norm have running statistics"
        )
    fused: Any = copy.deepcopy(layer)
    with no_grad():
        scale = (bn.running_var + bn.eps) ** -0.5
        scale = scale if bn.weight is None else scale * bn.weight
        shape = [1] * fused.weight.ndim
        shape[axis] = -1
        bias = -bn.running_mean if fused.bias is None else fused.bias - bn.running_mean
        bias = bias * scale
        bias = bias if bn.bias is None else bias + bn.bias
        fused.weight = Parameter(fused.weight * scale.reshape(tuple(shape)))
        fused.bias = Parameter(bias)
    result: M = fused
    return result
