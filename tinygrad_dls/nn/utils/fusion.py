"""A batch norm in evaluation is a scale and a shift: folded into the layer before it."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from ...engine.modes import no_grad
from ...errors import DataError
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


def fuse_conv_bn_eval(conv: M, bn: Any, transpose: bool = False) -> M:
    """Copy a convolution so that it computes what `bn(conv(x))` computes in evaluation.

    weight' = weight g, bias' = (bias - running_mean) g + bn.bias, g = bn.weight /
    sqrt(running_var + eps). Both must be in evaluation. `transpose`: of a transposed convolution
    without groups, whose outputs are axis 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> conv, bn = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval()
    >>> x = dls.randn(2, 3, 5, 5)
    >>> dls.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5)
    True
    """
    return _fused(conv, bn, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: M, bn: Any) -> M:
    """Copy a linear layer so that it computes what `bn(linear(x))` computes in evaluation.

    Both must be in evaluation; the formula as in `fuse_conv_bn_eval`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> linear, bn = nn.Linear(3, 4).eval(), nn.BatchNorm1d(4).eval()
    >>> x = dls.randn(2, 3)
    >>> dls.allclose(nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-5)
    True
    """
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
