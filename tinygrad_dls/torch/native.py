"""Layers as functions of `torch`, whose parameters differ from those of torch.nn.functional."""

from __future__ import annotations

from typing import Any

from .. import nn

_F = nn.functional


def batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float, cudnn_enabled: bool = False,
) -> Any:
    """Batch norm; weight and bias come before the running statistics."""
    return _F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """Layer norm over the last axes."""
    return _F.layer_norm(input, tuple(normalized_shape), weight, bias, eps)


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """Group norm over groups of channels."""
    return _F.group_norm(input, num_groups, weight, bias, eps)


def embedding(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """The rows of a table at these places; the table comes first."""
    return _F.embedding(indices, weight, None if padding_idx < 0 else padding_idx)
