"""Batches of token numbers, padded on the right: what models check, and how they read backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import text
from ..engine.modes import no_grad
from ..errors import DataError, DtypeError, ShapeError
from ..nn import Module
from ..tensors import Tensor
from ..tensors.creation import arange
from ..tensors.functions import where


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


def best_translations(
    model: Any, src: Any, step: Callable[..., Any], first: Callable[[Tensor], Any], *, start: int,
    end: int, max_length: int | None, beam_width: int, length_penalty: float,
) -> list[text.Hypothesis]:
    """The best translation of each sentence (m, s): in `eval()` mode, without gradients.

    step: what `text.beam_search` takes.   first: from sentences to the state that it starts from.
    DataError for a sentence without a token.
    """
    src = on_device(src, model)
    check_tokens("the sentence", src, model.max_length)
    empty = ~(src.numpy() != model.padding).any(axis=1)
    if empty.any():
        raise DataError(f"sentence {int(empty.argmax())} holds nothing but padding: "
                        "give at least one token")
    longest = model.max_length if max_length is None else min(max_length, model.max_length)
    training = model.training
    model.eval()
    try:
        with no_grad():
            found = text.beam_search(
                step, np.full(len(src), start), end=end, max_length=longest, state=first(src),
                beam_width=beam_width, length_penalty=length_penalty)
    finally:
        model.train(training)
    return [hypotheses[0] for hypotheses in found]


def reversing(there: Any) -> Any:
    """Return places (m, s) that reverse the tokens of each sentence and leave its padding alone.

    there: (m, s), True at tokens. Taken twice, they give the sentence back.
    """
    place = arange(there.shape[1], device=there.device)[None]
    length = there.sum(axis=1, keepdims=True)
    return where(there, length - 1 - place, place)
