"""Figures that say how good a model is."""

from __future__ import annotations

from typing import Any

from .. import ops
from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from ..tensors import Tensor


@near_names
def accuracy(output: Tensor, labels: Any, threshold: float = 0.0) -> Tensor:
    """Compute the fraction of right answers, 0 to 1, as a tensor that stays on the device.

    output (m, classes) with labels (m,): the largest one wins. output (m, 1) or (m,) with labels
    0 and 1 of as many elements: 1 is meant above `threshold`, which is 0 for logits; for
    probabilities pass .5.

    >>> import tinygrad_dls as dls
    >>> dls.accuracy(dls.tensor([[0.1, 2.0], [3.0, 0.0]]), dls.tensor([1, 1]))
    Tensor(0.5)
    """
    labels = labels if isinstance(labels, Tensor) else Tensor(labels, device=output.device)
    if output.size == 0:
        raise DataError(f"accuracy of nothing: the output has shape\n  {output.shape}")
    binary = output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1)
    if binary and labels.size == output.size and labels.ndim <= 2:
        right = (output.reshape(-1) > threshold) == (labels.reshape(-1) > 0.5)
    elif not binary and output.ndim == 2 and labels.shape == output.shape[:1]:
        right = ops.argmax(output, 1) == labels
    else:
        hint = (
            "\nwould work: labels.argmax(axis=1)" if labels.shape == output.shape else
            "\nwould work: labels.reshape(-1)" if output.shape[:1] == (labels.size,) else ""
        )
        raise ShapeError(
            "accuracy takes output (m, classes) with labels (m,), or (m, 1) or (m,) with 0 and 1:\n"
            f"  output  {output.shape}\n  labels  {labels.shape}{hint}"
        )
    fraction: Tensor = ops.sum(right) / float(right.size)
    return fraction
