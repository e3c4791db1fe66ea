"""Losses of predicted numbers and of distributions; classes and distances have their own files.

`reduction`: "mean", "sum", or "none" for one loss each; the mean of an empty batch is a DataError.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops
from ..._util.arguments import number
from ..._util.keywords import near_names
from ...engine.autograd import as_tensor
from ...errors import DataError, ShapeError
from ...ops.losses import absolute_error, huber_error, squared_error
from ...tensors import Tensor
from .checks import (
    check_reduction,
    check_signs,
    check_weighted,
    floats,
    operands,
    reduce_loss,
    same_shape,
)


@near_names
def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Tensor:
    """Mean squared error: (input - target)**2; a mean divides by the sum of `weight`.

    Shape: input, target and weight any, of one shape; with "none" the loss, too.
    Raises: ShapeError if the shapes differ: broadcasting would hide a mistake.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.mse_loss(dls.tensor([1.0, 2.0]), dls.tensor([1.0, 5.0]))
    Tensor(4.5)
    """
    return _of_difference("mse_loss", squared_error, input, target, reduction, weight)


@near_names
def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Tensor:
    """Mean absolute error: |input - target|, slope 0 at 0; a mean divides by the sum of `weight`.

    Shape: as `mse_loss`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.l1_loss(dls.tensor([1.0, 2.0]), dls.tensor([1.0, 5.0]))
    Tensor(1.5)
    """
    return _of_difference("l1_loss", absolute_error, input, target, reduction, weight)


def _of_difference(
    name: str, error: Any, input: Any, target: Any, reduction: str, weight: Any
) -> Tensor:
    input, target = operands("input target", input, target)
    same_shape(name, input, target)
    check_reduction(reduction)
    if weight is None:
        return error[reduction](input, target)  # type: ignore[no-any-return]
    _, weight = operands("input weight", input, weight)
    same_shape(f"{name}'s weight", input, weight)
    return reduce_loss(error["none"](input, target) * weight, reduction, weight)


@near_names
def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d**2 / (2 beta) where |d| < beta, else |d| - beta / 2; d = input - target (Girshick 2015).

    Shape: as `mse_loss`.
    Raises: DataError if beta is below 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.smooth_l1_loss(dls.tensor([0.5, 3.0]), dls.tensor([0.0, 0.0]), reduction="none")
    Tensor([0.125, 2.5  ])
    """
    if not (beta := number("smooth_l1_loss: beta", beta)) >= 0:
        raise DataError(f"smooth_l1_loss is smooth within beta of at least 0, not {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    input, target = operands("input target", input, target)
    same_shape("smooth_l1_loss", input, target)
    check_reduction(reduction)
    return huber_error(input, target, beta, 1.0 / beta, reduction)  # type: ignore[no-any-return]


@near_names
def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Tensor:
    """d**2 / 2 where |d| <= delta, else delta (|d| - delta / 2); d = input - target (Huber 1964).

    With `weight` the mean still divides by the number of losses, as PyTorch's.

    Shape: as `mse_loss`.
    Raises: DataError if delta is not above 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.huber_loss(dls.tensor([1.0, 3.0]), dls.tensor([0.0, 0.0]), reduction="none", delta=2.0)
    Tensor([0.5, 4. ])
    """
    if not (delta := number("huber_loss: delta", delta)) > 0:
        raise DataError(f"huber_loss is a square within delta of more than 0, not {delta}")
    input, target = operands("input target", input, target)
    same_shape("huber_loss", input, target)
    check_reduction(reduction)
    if weight is None:
        return huber_error(input, target, delta, 1.0, reduction)  # type: ignore[no-any-return]
    _, weight = operands("input weight", input, weight)
    same_shape("huber_loss's weight", input, weight)
    return reduce_loss(huber_error(input, target, delta, 1.0, "none") * weight, reduction)


@near_names
def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Logistic loss: log(1 + exp(-target * input)), targets 1 and -1.

    Shape: any, both of one shape.
    Raises: ShapeError if the shapes differ, DataError for other targets than 1 and -1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.soft_margin_loss(dls.tensor([2.0, 2.0]), dls.tensor([1.0, -1.0]), reduction="none")
    Tensor([0.1269, 2.1269])
    """
    input, target = operands("input target", input, target)
    same_shape("soft_margin_loss", input, target)
    check_signs(target, "soft_margin_loss")
    return reduce_loss(ops.softplus(-target * input), reduction)


@near_names
def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Hinge of distances x: x where the target is 1, max(0, margin - x) where it is -1.

    Shape: any, both of one shape.
    Raises: ShapeError if the shapes differ, DataError for other targets than 1 and -1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.hinge_embedding_loss(dls.tensor([0.25, 0.25]), dls.tensor([1.0, -1.0]), reduction="none")
    Tensor([0.25, 0.75])
    """
    input, target = operands("input target", input, target)
    same_shape("hinge_embedding_loss", input, target)
    check_signs(target, "hinge_embedding_loss")
    input, margin = floats(input), number("hinge_embedding_loss: margin", margin)
    losses = ops.where(target.detach() > 0, input, ops.clip(margin - input, 0.0))
    return reduce_loss(losses, reduction)


@near_names
def kl_div(
    input: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target (log(target) - input): the divergence of exp(input) from target, element by element.

    `input` are log-probabilities, with `log_target` the target, too. "batchmean" divides the sum by
    the first axis, which is the divergence's definition; "mean" divides by the elements. A target
    of 0 costs 0, with gradient 0 where the slope is infinite.

    Shape: any, both of one shape.
    Raises: ShapeError if the shapes differ, DataError for negative targets.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> p, q = dls.tensor([[0.5, 0.5]]), dls.tensor([[0.9, 0.1]])
    >>> F.kl_div(dls.log(q), p, reduction="batchmean")
    Tensor(0.5108)
    """
    choices = ("none", "mean", "sum", "batchmean")
    check_reduction(reduction, choices)
    input, target = operands("input target", input, target)
    same_shape("kl_div", input, target)
    input, target = floats(input), floats(target)
    if log_target:
        losses = ops.exp(target) * (target - input)
    else:
        _refuse_negative(target, "probabilities, the targets of kl_div,")
        there = target.detach() > 0
        losses = ops.where(there, target * ops.log(ops.where(there, target, 1.0)), 0.0)
        losses = losses - target * input
    if reduction != "batchmean":
        return reduce_loss(losses, reduction)
    if input.ndim == 0 or input.shape[0] == 0:
        raise DataError(f"the mean over no batch: the input has shape\n  {input.shape}")
    return ops.sum(losses) * (1.0 / input.shape[0])  # type: ignore[no-any-return]


@near_names
def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target * input: -log of the probability of a count whose mean is exp(input).

    With log_input=False the input is the mean itself. `full` adds Stirling's approximation of
    log(target!), for targets above 1. `eps` keeps log(input + eps) finite.

    Shape: any, both of one shape.
    Raises: ShapeError if the shapes differ.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.poisson_nll_loss(dls.tensor([0.0, 1.0]), dls.tensor([1.0, 2.0]))
    Tensor(0.8591)
    """
    input, target = operands("input target", input, target)
    same_shape("poisson_nll_loss", input, target)
    eps = number("poisson_nll_loss: eps", eps)
    input = floats(input)
    if log_input:
        losses = ops.exp(input) - target * input
    else:
        losses = input - target * ops.log(input + eps)
    if full:
        count = ops.where(target.detach() > 1, floats(target), 1.0)
        stirling = count * ops.log(count) - count + 0.5 * ops.log((2 * math.pi) * count)
        losses = losses + ops.where(target.detach() > 1, stirling, 0.0)
    return reduce_loss(losses, reduction)


@near_names
def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log(var) + (input - target)**2 / var) / 2: -log of the density of a normal distribution.

    A variance below `eps` counts as eps, and gets the gradient it has there, as PyTorch's. `full`
    adds log(2 pi) / 2.

    Shape: input and target any, of one shape; `var` a number, of that shape, without its last axis,
    or with axes of length 1.
    Raises: ShapeError if these do not fit together, DataError for a negative variance.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.gaussian_nll_loss(dls.tensor([1.0]), dls.tensor([3.0]), dls.tensor([4.0]))
    Tensor(1.1931)
    """
    input, target, var = operands("input target var", input, target, var)
    same_shape("gaussian_nll_loss", input, target)
    eps = number("gaussian_nll_loss: eps", eps)
    input = floats(input)
    var = floats(var).astype(input.dtype)
    if var.ndim and var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = ops.expand_dims(var, -1)
        elif var.ndim != input.ndim or sum(
            n != 1 for n, m in zip(var.shape, input.shape) if n != m
        ):
            raise ShapeError(
                "gaussian_nll_loss takes a variance of the input's shape, or without its last "
                f"axis, or with axes of length 1:\n  input  {input.shape}\n  var    {var.shape}"
            )
    _refuse_negative(var, "variances")
    held = var.device.xp.maximum(var._data, eps) - var._data
    var = var + as_tensor(held, var.device)
    losses = 0.5 * (ops.log(var) + (input - target) ** 2 / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    check_weighted(input, losses)
    return reduce_loss(losses, reduction)


def _refuse_negative(x: Tensor, what: str) -> None:
    if isinstance(x._data, np.ndarray) and x.size and x._data.min() < 0:
        raise DataError(f"{what} are not negative; the least here is {x._data.min():.4g}")
