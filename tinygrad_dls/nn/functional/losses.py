"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...autograd import as_tensor
from ...device import default_device
from ...errors import DataError, DtypeError, ShapeError
from ...ops.call import operand
from ...ops.elementwise import abs_
from ...ops.indexing import check_places
from ...ops.losses import check_probabilities, check_weighted, reduce_loss, same_shape
from ...tensors import Tensor

cross_entropy, mse_loss = ops.cross_entropy, ops.mse_loss
binary_cross_entropy_with_logits = ops.binary_cross_entropy_with_logits

SMALLEST = 1e-45  # a positive number of float32 and float64 whose log is below -100


def l1_loss(input: Tensor, target: Any, reduction: str = "mean") -> Tensor:
    """|input - target| of tensors of one shape."""
    input = operand(input, default_device())
    target = operand(target, input.device)
    same_shape("l1_loss", input, target)
    return reduce_loss(abs_(input - target), reduction)  # type: ignore[no-any-return]


def binary_cross_entropy(
    input: Tensor, target: Any, weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) of probabilities p against targets t in [0, 1], natural log.

    Logs are held at -100, as in PyTorch, and have gradient 0 there: p = 0 for t = 1 learns nothing.
    `binary_cross_entropy_with_logits` has neither the limit nor the dead end.
    """
    input = operand(input, default_device())
    target = operand(target, input.device)
    same_shape("binary_cross_entropy", input, target)
    values = input._data
    if isinstance(values, np.ndarray) and values.size and not (
        values.min() >= 0 and values.max() <= 1
    ):
        raise DataError(
            "binary_cross_entropy takes probabilities from 0 to 1, these go from "
            f"{values.min():.4g} to {values.max():.4g}: take the sigmoid first, or "
            "binary_cross_entropy_with_logits"
        )
    check_probabilities(target, "targets")
    losses = -(target * _held_log(input) + (1 - target) * _held_log(1 - input))
    weighted = losses if weight is None else losses * weight
    check_weighted(input, weighted)
    return reduce_loss(weighted, reduction)  # type: ignore[no-any-return]


def _held_log(p: Tensor) -> Tensor:
    """log(p), but -100 where it is less."""
    return ops.maximum(ops.log(ops.clip(p, SMALLEST)), -100.0)  # type: ignore[no-any-return]


def nll_loss(
    input: Tensor, target: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log p[label] of log-probabilities (m, classes) and integer labels (m,).

    `weight` (classes,) weighs the classes; rows labelled `ignore_index` count for nothing.
    DataError for a label out of range. `cross_entropy` takes logits instead.
    """
    input = operand(input, default_device())
    target = operand(target, input.device)
    if input.ndim != 2 or target.shape != input.shape[:1]:
        raise ShapeError(
            "nll_loss takes log-probabilities (m, classes) and labels (m,):\n"
            f"  input   {input.shape}\n  target  {target.shape}"
        )
    device = input.device
    labels = target._data
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"labels are integers, not {labels.dtype}")
    counted = labels != ignore_index
    labels = device.xp.where(counted, labels, 0)
    check_places(labels, input.shape[1], "label")
    if reduction == "mean" and device.xp is np and not counted.any():
        raise DataError(f"the mean of no losses: there are no labels other than {ignore_index}")
    places = as_tensor(labels, device)
    shares = as_tensor(counted, device).astype(input.dtype)
    if weight is not None:
        weight = operand(weight, device)
        if weight.shape != input.shape[1:]:
            raise ShapeError(
                f"one weight for each class:\n  input   {input.shape}\n  weight  {weight.shape}"
            )
        shares = shares * weight[places]
    chosen = ops.take_along_axis(input, places[:, None], 1).reshape(-1)
    losses = -chosen * shares
    return reduce_loss(losses, reduction, shares)  # type: ignore[no-any-return]
