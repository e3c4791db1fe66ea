"""The loss of labels whose places in the sequence are not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ..._util.keywords import near_names
from ...engine.autograd import TensorBase, as_tensor
from ...errors import DataError, DtypeError, ShapeError
from ...ops.indexing import check_places
from ...tensors import Tensor
from .checks import check_reduction, floats, operands, reduce_loss


@near_names
def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:
    """-log of the summed probability of all alignments of the labels with the sequence.

    "mean" divides each loss by its number of labels first, as PyTorch does. A sequence too short
    for its labels costs infinity, or with `zero_infinity` 0, with gradient 0. The gradient is the
    formula's; PyTorch's is right only after log_softmax, where both agree (Graves et al. 2006;
    Course 5, week 3).

    Shape: log_probs (T, N, C), logarithms of a softmax; targets (N, S), padded with anything, or
    all labels in one row (sum of target_lengths,); lengths (N,). One sequence: (T, C), (S,), two
    numbers.
    Raises: ShapeError if these do not fit together, DataError for a label that is out of range or
    the blank.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> log_probs = dls.log(dls.full((2, 1, 2), 0.5))
    >>> F.ctc_loss(log_probs, dls.tensor([[1]]), [2], [1])  # -log(3/4): "1-", "-1" and "11"
    Tensor(0.2877)
    """
    check_reduction(reduction)
    log_probs, targets = operands("log_probs targets", log_probs, targets)
    log_probs = floats(log_probs)
    alone = log_probs.ndim == 2
    if alone:
        log_probs = ops.expand_dims(log_probs, 1)
    if log_probs.ndim != 3 or 0 in log_probs.shape[:1] + log_probs.shape[2:]:
        raise ShapeError(
            f"ctc_loss takes log-probabilities (time, batch, classes), not\n  {log_probs.shape}"
        )
    steps, batch, classes = log_probs.shape
    if not (isinstance(blank, (int, np.integer)) and 0 <= blank < classes):
        raise DataError(f"blank is one of the {classes} classes, 0 to {classes - 1}, not {blank!r}")
    inputs = _lengths("input_lengths", input_lengths, batch, log_probs.device)
    counts = _lengths("target_lengths", target_lengths, batch, log_probs.device)
    if targets.dtype.kind not in "iu" and targets.size:
        raise DtypeError(f"targets are integers, not {targets.dtype}")
    check_places(inputs._data, steps + 1, "input length")
    padded = _padded(targets, counts, batch, alone)
    _check_labels(padded, counts, classes, int(blank))
    losses = ops.ctc(log_probs, padded, inputs, counts, int(blank))
    if zero_infinity:
        finite = ops.isfinite(losses)
        losses = ops.where(finite, losses, 0.0)
    if reduction == "mean":
        losses = losses / ops.maximum(counts, 1).astype(log_probs.dtype)
    if alone:
        losses = losses.reshape(())
    return reduce_loss(losses, reduction)


def _lengths(name: str, lengths: Any, batch: int, device: Any) -> Tensor:
    """The lengths as an integer tensor (batch,), wherever they were given."""
    if isinstance(lengths, TensorBase):
        array = lengths._data
        if lengths.device is not device:  # PyTorch's users leave them on the host
            array = device.from_host(lengths.device.to_host(array))
    else:
        array = device.from_host(np.atleast_1d(np.asarray(lengths)))
    array = array.reshape(-1)
    if array.dtype.kind not in "iu":
        raise DtypeError(f"{name} are whole numbers, not {array.dtype}")
    if array.shape != (batch,):
        raise ShapeError(f"{name}: one for each of {batch} sequences, not {array.shape[0]}")
    return as_tensor(array.astype(np.int64), device)  # type: ignore[no-any-return]


def _padded(targets: Tensor, counts: Tensor, batch: int, alone: bool) -> Tensor:
    """The labels as (N, S), of at least one column."""
    device, xp, data = targets.device, targets.device.xp, targets._data
    on_host = isinstance(data, np.ndarray)
    if targets.ndim == 2:
        if targets.shape[0] != batch:
            raise ShapeError(
                f"ctc_loss: targets (batch, labels) for a batch of {batch}, not\n  {targets.shape}"
            )
        check_places(counts._data, targets.shape[1] + 1, "target length")
    elif targets.ndim == 1:
        if on_host and not alone and int(counts._data.sum()) != targets.size:
            raise ShapeError(
                f"targets one after the other are as many as target_lengths say, "
                f"{int(counts._data.sum())}, not {targets.size}"
            )
        if on_host and alone:
            check_places(counts._data, targets.size + 1, "target length")
        longest = int(counts._data.max(initial=0)) if on_host else targets.size
        starts = xp.cumsum(counts._data) - counts._data
        places = starts[:, None] + xp.arange(max(longest, 1))[None, :]
        if targets.size:
            data = data[xp.minimum(places, targets.size - 1)]
    else:
        raise ShapeError(
            f"ctc_loss takes targets (batch, labels) or (labels,), not\n  {targets.shape}"
        )
    if data.ndim != 2 or data.shape[1] == 0:
        data = xp.zeros((batch, 1), dtype=xp.int64)
    return as_tensor(data.astype(xp.int64), device)  # type: ignore[no-any-return]


def _check_labels(padded: Tensor, counts: Tensor, classes: int, blank: int) -> None:
    """On the CPU: labels are classes other than the blank."""
    labels = padded._data
    if not isinstance(labels, np.ndarray):
        return
    used = labels[np.arange(labels.shape[1]) < counts._data[:, None]]
    check_places(used, classes, "label")
    if (used == blank).any():
        raise DataError(f"a label is {blank}, the blank, which stands for no label: choose another")
