"""Batches of token numbers, padded on the right: what models check, and how they read backwards."""

from __future__ import annotations

from typing import Any

from ..creation import arange
from ..errors import DataError, DtypeError, ShapeError
from ..functions import where
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


def reversing(there: Any) -> Any:
    """Return places (m, s) that reverse the tokens of each sentence and leave its padding alone.

    there: (m, s), True at tokens. Taken twice, they give the sentence back.
    """
    place = arange(there.shape[1], device=there.device)[None]
    length = there.sum(axis=1, keepdims=True)
    return where(there, length - 1 - place, place)
