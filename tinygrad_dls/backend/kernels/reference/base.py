"""Base of every family of reference kernels: the array namespace, sums, the sigmoid."""

from typing import Any

import numpy as np

from ...dtypes import WIDER


class Family:
    """Kernels as methods; `self.xp` is numpy, cupy or the strict namespace."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp


def sigmoid(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)): with e = exp(-|x|), which cannot overflow, 1 / (1 + e) or e / (1 + e).

    Differentiable on tensors, at 0 as well: |x| is chosen by `where`, whose slope there is 1.
    """
    negative = x < 0
    e = xp.exp(xp.where(negative, x, -x))
    return xp.where(negative, e, 1.0) / (1.0 + e)


def summed(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """x.sum(axis), added up in the next wider dtype.

    NumPy keeps one running sum for each column, which loses the digits of numbers that are small
    beside it. CuPy adds in blocks, and in float32 what is float16; sums of tensors come back here.
    """
    wider = WIDER.get(x.dtype) if isinstance(x, np.ndarray) else None
    if wider is None:
        return x.sum(axis=axis, keepdims=keepdims)
    return x.sum(axis=axis, dtype=wider, keepdims=keepdims).astype(x.dtype)
