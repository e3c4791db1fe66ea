"""ONNX's losses of classes, by functions of ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..errors import FormatError
from .onnx_operators import Args, operator


@operator("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
def _class_loss(a: Args) -> Any:
    """(loss, log probabilities): -log p of the labels, of scores (m, classes, ...)."""
    log_p = a[0] if a.kind == "NegativeLogLikelihoodLoss" else ops.log_softmax(a[0], 1)
    labels, reduction = a[1], bytes(a.option("reduction", b"mean"))
    if labels.shape != (*log_p.shape[:1], *log_p.shape[2:]) or reduction not in (
            b"none", b"sum", b"mean"):
        raise FormatError(f"{a.what}: labels {labels.shape} for scores {log_p.shape}, "
                          f"reduction {reduction!r}")
    counted = None
    if a.option("ignore_index") is not None:
        counted = labels != a.option("ignore_index")
        labels = ops.where(counted, labels, 0)
    loss = -ops.take_along_axis(log_p, ops.cast(ops.expand_dims(labels, 1), np.int64), 1)
    loss = loss.reshape(labels.shape)
    weights = ops.ones_like(loss) if a[2] is None else ops.take(a[2], labels, 0)
    weights = weights if counted is None else ops.where(counted, weights, 0.0)
    loss = loss * weights if counted is not None or a[2] is not None else loss
    if reduction != b"none":
        total = ops.sum(loss)
        loss = total / ops.sum(weights) if reduction == b"mean" else total
    return (loss, log_p) if a.outputs > 1 else loss
