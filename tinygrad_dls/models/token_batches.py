"""What models of tokens take: rows of numbers, not empty and not longer than the model's limit."""

from __future__ import annotations

from typing import Any

from ..errors import DataError, DtypeError, ShapeError
from ..nn import Module
from ..tensors import Tensor


def on_device(tokens: Any, model: Module) -> Tensor:
    """Tokens (m, t) as a tensor on the device of the model."""
    if isinstance(tokens, Tensor):
        return tokens
    return Tensor(tokens, device=next(iter(model.parameters())).device)


def check_tokens(what: str, tokens: Tensor, longest: int, before: int = 0) -> None:
    """Raise unless tokens are integers (m, t) with 1 <= before + t <= longest.

    before: tokens that the model has read already.
    """
    if tokens.ndim != 2:
        raise ShapeError(f"{what} is a row of a batch, (m, t), not\n  {tokens.shape}")
    if tokens.dtype.kind not in "iu":
        raise DtypeError(f"tokens are whole numbers, not {tokens.dtype}: encode the text first")
    length = before + tokens.shape[1]
    if tokens.shape[1] == 0:
        raise DataError(f"{what} is empty: give at least one token")
    if length > longest:
        raise DataError(
            f"{what} has {length} tokens, more than the {longest} of the model's context: cut it, "
            "or build the model for longer ones")
