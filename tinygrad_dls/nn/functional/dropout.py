"""Dropout."""

from __future__ import annotations

from ... import ops
from ...arguments import is_amount
from ...device import default_device
from ...dtypes import default_dtype
from ...errors import DataError
from ...ops.call import operand
from ...random import Generator, chosen
from ...tensors import Tensor


def dropout(
    x: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None
) -> Tensor:
    """In training each element is 0 with probability p, else x / (1 - p); otherwise x itself."""
    if probability(p) == 0 or not training:
        return x
    if p == 1:
        return x * 0.0  # type: ignore[no-any-return]
    x = operand(x, default_device())
    if x.dtype.kind != "f":
        x = x.astype(default_dtype())
    return ops.dropout(x, p, chosen(generator).stream())  # type: ignore[no-any-return]


def probability(p: float) -> float:
    """`p` itself; DataError unless 0 <= p <= 1."""
    if not is_amount(p) or p > 1:
        raise DataError(f"dropout takes a probability between 0 and 1, not {p!r}")
    return p
