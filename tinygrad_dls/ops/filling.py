"""Constant tensors in the shape, dtype and place of another one."""

from typing import Any

from ..backend.dtypes import tensor_dtype
from ..engine.autograd import constant


def full_like(x: Any, value: float, dtype: Any = None) -> Any:
    """A tensor like x, of its dtype unless another is given, all elements `value`; no gradient."""
    kind = x.dtype if dtype is None else tensor_dtype(dtype)
    return constant(x.device.xp.full(x.shape, value, dtype=kind), x.device, x._kind)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros in the shape, dtype and place of x."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones in the shape, dtype and place of x."""
    return full_like(x, 1, dtype)
