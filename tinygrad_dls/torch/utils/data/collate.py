"""Examples as a batch, as PyTorch does: lists of tensors of this namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .... import ops
from ....engine.autograd import TensorBase
from ....errors import DtypeError
from ...creation import tensor


def default_collate(batch: Any) -> Any:
    """Tensors, arrays and numbers along a new axis 0; tuples and dictionaries part by part."""
    first = batch[0]
    if isinstance(first, TensorBase):
        return ops.stack(list(batch))
    if isinstance(first, np.ndarray | np.generic):
        return tensor(np.stack([np.asarray(x) for x in batch]))
    if isinstance(first, float):
        return tensor(list(batch), dtype="float64")
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, Mapping):
        return {key: default_collate([example[key] for example in batch]) for key in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(default_collate, zip(*batch)))
    if isinstance(first, list | tuple):
        return [default_collate(part) for part in zip(*batch)]
    if isinstance(first, str | bytes):
        return batch
    raise DtypeError(
        "default_collate: a batch is of tensors, arrays, numbers, texts, dictionaries or lists, "
        f"not of {type(first).__name__}: give collate_fn="
    )
