"""Losses of classes: which of them (cross-entropy, margins), or which several of them."""

from __future__ import annotations

from typing import Any, Never

import numpy as np

from ... import ops
from ..._util.arguments import is_amount, is_whole, number
from ..._util.keywords import near_names, wrong_keyword
from ...engine.autograd import constant
from ...engine.modes import replayed, traces
from ...errors import DataError, DtypeError, ShapeError
from ...ops.indexing import check_places
from ...ops.losses import (
    REDUCTIONS,
    binary_cross_entropy_of_logits,
    binary_cross_entropy_of_probabilities,
    cross_entropy_of_rows,
    pick,
)
from ...tensors import Tensor
from .checks import (
    check_probabilities,
    check_reduction,
    check_weighted,
    floats,
    operands,
    reduce_loss,
    same_shape,
)


def cross_entropy(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0, **wrong: Never,
) -> Tensor:
    """Softmax cross-entropy: -log softmax(logits)[label], natural log.

    Labels are integers, or probabilities of the shape of the logits. `weight` weighs the classes;
    labels equal to `ignore_index` do not count. "mean" divides by the weights that counted.
    `label_smoothing` e: the target is 1 - e for the label, and e / classes more for every class.

    Shape: logits (m, classes), labels (m,); or (m, classes, d1, ...) with (m, d1, ...), or
    (classes,) with one label. weight (classes,). The loss is one number, with "none" as the labels.
    Raises: DataError for a label out of range, or if none counts; ShapeError if labels do not fit.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> logits = dls.tensor([[0.0, 0.0], [0.0, 9.0]])
    >>> F.cross_entropy(logits, dls.tensor([0, 1]), reduction="none").round(decimals=3)
    Tensor([0.693, 0.   ])
    """
    if wrong:
        raise wrong_keyword(cross_entropy, wrong, "cross_entropy")
    # Most steps of training come by here: the usual case makes no call of its own.
    if not isinstance(input, Tensor) or not isinstance(target, Tensor) or (
            input.device is not target.device):
        input, target = operands("logits labels", input, target)
    if input._data.dtype.kind != "f":
        input = floats(input)
    if not 0 < input.ndim:
        raise ShapeError("cross_entropy takes logits (m, classes), not one number")
    classes = input.shape[min(input.ndim - 1, 1)]
    weight = _class_weight(weight, input, classes)
    if reduction not in REDUCTIONS:
        check_reduction(reduction)
    if label_smoothing and not (is_amount(label_smoothing) and label_smoothing <= 1):
        raise DataError(f"label_smoothing is a number from 0 to 1, not {label_smoothing!r}")
    if target.dtype.kind == "f":
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    places, shape = _labels(target, input, "cross_entropy"), target.shape
    rows = _rows(input)
    counted = _counted(places, classes, ignore_index, reduction)
    if counted is None and weight is None:
        losses = cross_entropy_of_rows(rows, places, reduction, label_smoothing)
        return losses.reshape(shape) if reduction == "none" else losses  # type: ignore[no-any-return]
    if counted is not None:
        places = ops.mul(places, counted)  # 0 for those ignored
    shares = _shares(counted, weight, places, input.dtype)
    if weight is None or not label_smoothing:
        losses = cross_entropy_of_rows(rows, places, "none", label_smoothing)
        losses = _finite(losses, counted, shares) * shares
    else:  # each class weighs its own part of what is spread
        even = ops.sum(ops.log_softmax(rows, 1) * weight, axis=1) * (-1.0 / classes)
        hits = _finite(cross_entropy_of_rows(rows, places, "none"), counted, shares) * shares
        losses = hits * (1 - label_smoothing) + _finite(even, counted, shares) * label_smoothing
    if reduction == "none":
        return losses.reshape(shape)  # type: ignore[no-any-return]
    return reduce_loss(losses, reduction, shares)


@near_names
def nll_loss(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood: -p[label] of log-probabilities p. `cross_entropy` takes logits.

    `weight` weighs the classes; labels equal to `ignore_index` do not count.

    Shape: as `cross_entropy`, with integer labels.
    Raises: DataError for a label out of range; ShapeError if labels do not fit.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.nll_loss(dls.log(dls.tensor([[0.25, 0.75]])), dls.tensor([0]))
    Tensor(1.3863)
    """
    input, target = operands("input target", input, target)
    input = floats(input)
    if not 0 < input.ndim:
        raise ShapeError("nll_loss takes log-probabilities (m, classes), not one number")
    classes = input.shape[min(input.ndim - 1, 1)]
    weight = _class_weight(weight, input, classes)
    check_reduction(reduction)
    places, shape = _labels(target, input, "nll_loss"), target.shape
    counted = _counted(places, classes, ignore_index, reduction)
    if counted is not None:
        places = ops.mul(places, counted)  # 0 for those ignored
    check_places(places._data, classes, "label")  # before a replay takes the last class for -1
    losses = -pick(_rows(input), places)
    shares = None
    if counted is not None or weight is not None:
        shares = _shares(counted, weight, places, input.dtype)
        losses = _finite(losses, counted, shares) * shares
    if reduction == "none":
        return losses.reshape(shape)  # type: ignore[no-any-return]
    return reduce_loss(losses, reduction, shares)


def _soft_cross_entropy(
    logits: Tensor, targets: Tensor, weight: Any, reduction: str, label_smoothing: float
) -> Tensor:
    if targets.shape != logits.shape:
        raise ShapeError(
            "labels are integers (m,); floats are probabilities, of the shape of the logits:\n"
            f"  logits         {logits.shape}\n  probabilities  {targets.shape}"
        )
    axis = min(logits.ndim - 1, 1)
    if logits.shape[axis] == 1:
        raise DataError(
            "the cross-entropy of one class is 0 whatever it learns: for labels 0 and 1 take "
            "binary_cross_entropy_with_logits"
        )
    check_probabilities(targets, "probabilities")
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / logits.shape[axis]
    losses = ops.log_softmax(logits, axis) * targets
    if weight is not None:
        losses = losses * weight.reshape((-1, *(1,) * (logits.ndim - axis - 1)))
    return reduce_loss(-ops.sum(losses, axis=axis), reduction)


def _class_weight(weight: Any, logits: Tensor, classes: int) -> Any:
    if weight is None:
        return None
    _, weight = operands("logits weight", logits, weight)
    if weight.shape != (classes,):
        raise ShapeError(
            f"one weight for each class:\n  logits  {logits.shape}\n  weight  {weight.shape}"
        )
    return weight


def _labels(labels: Tensor, logits: Tensor, name: str) -> Tensor:
    """The labels as one row; errors unless they are one integer for each place of the logits."""
    if labels.dtype.kind not in "iu":
        soft = " (or float probabilities)" if name == "cross_entropy" else ""
        raise DtypeError(f"labels are integers{soft}, not {labels.dtype}")
    wanted = logits.shape[:1] + logits.shape[2:] if logits.ndim > 1 else ()
    if labels.shape != wanted:
        what = "each row" if logits.ndim == 2 else "each place"
        first, second = ("logits", "labels") if name == "cross_entropy" else ("input ", "target")
        raise ShapeError(
            f"{name} takes one label for {what} of {first.strip()}:\n"
            f"  {first}  {logits.shape}\n  {second}  {labels.shape}"
            + (f"\nwould work: labels.reshape({wanted if len(wanted) != 1 else -1})"
               if labels.size == logits.size // max(logits.shape[min(logits.ndim - 1, 1)], 1)
               else "")
        )
    return labels if labels.ndim == 1 else labels.reshape(-1)


def _rows(logits: Tensor) -> Tensor:
    """Logits (m, classes, d1, ...) as (m d1 ..., classes): of images channels-last no copy."""
    if logits.ndim == 2:
        return logits
    if logits.ndim == 1:
        return ops.expand_dims(logits, 0)  # type: ignore[no-any-return]
    last = ops.moveaxis(logits, 1, -1)
    return ops.reshape(last, (-1, logits.shape[1]))  # type: ignore[no-any-return]


def _counted(places: Tensor, classes: int, ignore_index: int, reduction: str) -> Tensor | None:
    """Return which labels count; None if all do. Only on the CPU are they checked: elsewhere that
    would wait for the device.
    """
    labels = places._data
    if ignore_index.__class__ is not int and not is_whole(ignore_index, -(2**63)):
        raise DataError(f"ignore_index is a whole number, a label, not {ignore_index!r}")
    if isinstance(labels, np.ndarray):
        low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
        # A class that is ignored, such as padding, is in some batches and not in others: there the
        # way never depends on the labels, so that a captured step takes them all.
        a_class = 0 <= ignore_index < classes
        usual = 0 <= low and high < classes and not a_class
        if usual or not (_check_ignored(labels, classes, ignore_index, reduction) or a_class):
            if traces.active:
                _check_all_count(labels, ignore_index)
            return None
    return ops.not_equal(places, ignore_index)  # type: ignore[no-any-return]


@replayed
def _check_all_count(labels: Any, ignore_index: int) -> None:
    """DataError where a replayed batch has labels to ignore, and the recorded ones had none."""
    if (labels == ignore_index).any():
        raise DataError(
            f"this batch has labels {ignore_index}, to be ignored, and the step was recorded "
            "without any: let its first two batches have some each, or run this one without "
            "dls.capture"
        )


@replayed
def _check_ignored(labels: Any, classes: int, ignore_index: int, reduction: str) -> Any:
    """Return whether any label is ignored. DataError if all are, for a mean, or if one is out of
    range.
    """
    ignored = labels == ignore_index
    check_places(np.where(ignored, 0, labels), classes, "label")
    if reduction == "mean" and labels.size and ignored.all():
        raise DataError(f"the mean of no losses: all labels are {ignore_index}, the ignored")
    return True if ignored.any() else None


def _finite(losses: Any, counted: Tensor | None, shares: Any) -> Any:
    """The losses, but where a label is ignored its share, 0: an infinite loss times 0 is NaN."""
    return losses if counted is None else ops.where(counted, losses, shares)


def _shares(counted: Tensor | None, weight: Any, places: Tensor, dtype: Any) -> Tensor:
    """Return the weight of each position: 1 or 0, times the weight of its class."""
    if weight is None:
        assert counted is not None
        return counted.astype(dtype)
    shares = ops.take(weight, places, axis=0)
    if counted is not None:
        shares = shares * counted.astype(dtype)
    return shares  # type: ignore[no-any-return]


@near_names
def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) of probabilities p against targets t in [0, 1], natural log.

    As in PyTorch, logarithms are clamped at -100, and in the gradient (p - t) / (p (1 - p)) the
    denominator at 1e-12. Where a sigmoid is exactly 0 or 1, its own slope of 0 stops the gradient:
    `binary_cross_entropy_with_logits` has neither the limits nor that dead end.

    Shape: p and t any, of one shape; `weight` broadcasts to it.
    Raises: DataError if p or t is outside [0, 1]; ShapeError if the shapes differ.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.binary_cross_entropy(dls.tensor([0.9, 0.5]), dls.tensor([1.0, 0.0]))
    Tensor(0.3993)
    """
    input, target = operands("input target", input, target)
    same_shape("binary_cross_entropy", input, target)
    _check_predictions(input._data)
    check_probabilities(target, "targets")
    check_reduction(reduction)
    each = binary_cross_entropy_of_probabilities
    if weight is None:
        return each[reduction](input, target)  # type: ignore[no-any-return]
    weighted = each["none"](input, target) * weight
    check_weighted(input, weighted)
    return reduce_loss(weighted, reduction)


@replayed
def _check_predictions(values: Any) -> None:
    """DataError if an array on the CPU has values outside [0, 1], or NaN."""
    if isinstance(values, np.ndarray) and values.size and not (
        values.min() >= 0 and values.max() <= 1
    ):
        if np.isnan(values).any():
            raise DataError("binary_cross_entropy takes probabilities, and there is NaN among them")
        raise DataError(
            "binary_cross_entropy takes probabilities from 0 to 1, these go from "
            f"{values.min():.4g} to {values.max():.4g}: take the sigmoid first, or "
            "binary_cross_entropy_with_logits"
        )


@near_names
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """Binary cross-entropy of sigmoid(x) against targets t in [0, 1]: log(1 + exp(x)) - t x.

    `weight` weighs the losses, `pos_weight` the part of the targets 1. Computed without overflow.

    Shape: x and t any, of one shape; `weight` and `pos_weight` broadcast to it.
    Raises: DataError if t is outside [0, 1]; ShapeError if the shapes differ.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.binary_cross_entropy_with_logits(dls.tensor([0.0, 200.0]), dls.tensor([1.0, 0.0]))
    Tensor(100.3466)
    """
    input, target = operands("logits targets", input, target)
    same_shape("binary_cross_entropy_with_logits", input, target)
    check_probabilities(target, "targets")
    check_reduction(reduction)
    each = binary_cross_entropy_of_logits
    if weight is None and pos_weight is None:
        return each[reduction](input, target)  # type: ignore[no-any-return]
    if pos_weight is None:
        losses = each["none"](input, target)
    else:
        _, pos_weight = operands("logits pos_weight", input, pos_weight)
        if not _stretches(pos_weight.shape, input.shape):
            raise ShapeError(
                "pos_weight is one number for each class, the last axis, or broadcasts otherwise:\n"
                f"  logits      {input.shape}\n  pos_weight  {pos_weight.shape}"
            )
        hits, misses = each["none"](input, 1.0), each["none"](input, 0.0)
        losses = pos_weight * target * hits + (1 - target) * misses
    weighted = losses if weight is None else losses * weight
    check_weighted(input, weighted)
    return reduce_loss(weighted, reduction)


def _stretches(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Return whether `shape` broadcasts to `wanted`."""
    return len(shape) <= len(wanted) and all(
        n in (1, m) for n, m in zip(shape[::-1], wanted[::-1])
    )


@near_names
def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Mean over the classes j other than the label y of max(0, margin - x[y] + x[j])**p.

    The mean divides by all classes, y included. p is 1 or 2; `weight` weighs the examples by their
    labels.

    Shape: x (m, classes) or (classes,), labels (m,) or (), weight (classes,).
    Raises: DataError for another p, or a label out of range.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.multi_margin_loss(dls.tensor([[1.0, 0.5, 3.0]]), dls.tensor([0]))  # (0.5 + 3) / 3
    Tensor(1.1667)
    """
    if p not in (1, 2):
        raise DataError(f"multi_margin_loss takes p = 1 or 2, not {p!r}")
    margin = number("multi_margin_loss: margin", margin)
    input, target = operands("input target", input, target)
    input = floats(input)
    if input.ndim not in (1, 2):
        raise ShapeError(f"multi_margin_loss takes x (m, classes), not\n  {input.shape}")
    classes = input.shape[-1]
    weight = _class_weight(weight, input, classes)
    if input.ndim == 1 and target.shape == (1,):  # PyTorch takes one label so as well
        target = target.reshape(())
    places, rows = _labels(target, input, "multi_margin_loss"), _rows(input)
    check_places(places._data, classes, "label")
    right = ops.expand_dims(pick(rows, places), 1)
    over = ops.clip(margin - right + rows, 0.0)
    over = over if p == 1 else over * over
    numbers = constant(input.device.xp.arange(classes), input.device)
    other = ops.not_equal(numbers, ops.expand_dims(places, 1)).astype(input.dtype)
    losses = ops.sum(over * other, axis=1) * (1.0 / classes)
    losses = losses if weight is None else losses * ops.take(weight, places, axis=0)
    return reduce_loss(losses.reshape(target.shape), reduction)


@near_names
def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """Mean over the classes, the last axis, of binary_cross_entropy_with_logits.

    Shape: logits and targets (m, classes), weight (classes,); with "none" a loss for each of the m.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.multilabel_soft_margin_loss(dls.tensor([[0.0, 9.0]]), dls.tensor([[1.0, 1.0]]))
    Tensor(0.3466)
    """
    check_reduction(reduction)
    losses = binary_cross_entropy_with_logits(input, target, weight, "none")
    return reduce_loss(ops.mean(losses, axis=-1), reduction)
