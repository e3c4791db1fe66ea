"""Labels and places."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...autograd import as_tensor
from ...errors import DtypeError
from ...ops.indexing import check_places
from ...tensors import Tensor


def one_hot(target: Any, num_classes: int = -1) -> Tensor:
    """int64: for each label a row of `num_classes` zeros with a 1 at the label.

    -1: as many classes as the largest label needs.
    """
    labels = target if isinstance(target, Tensor) else Tensor(target)
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"labels are integers, not {labels.dtype}")
    if num_classes == -1:
        num_classes = int(labels.max()) + 1
    check_places(labels._data, num_classes, "label")
    classes = as_tensor(labels.device.xp.arange(num_classes), labels.device)
    return (ops.expand_dims(labels, -1) == classes).astype("int64")  # type: ignore[no-any-return]
