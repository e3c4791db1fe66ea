"""Batches of token numbers, padded on the right: how models check, reverse and translate them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import text
from .._util.keywords import near_names
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


class Translator(Module):
    """Base of the networks that translate: a search writes with their `_first` and `step`."""

    max_length: int
    padding: int

    def _first(self, src: Tensor) -> Any:
        """Sentences (m, s) to the state from which `step` starts."""
        raise NotImplementedError

    def step(self, last: Any, state: Any) -> tuple[Any, Any]:
        """One token further: logits (m, tgt_tokens) after the last tokens (m,), and the state.

        The step function that `text.greedy_search`, `text.beam_search` and `text.generate` take.
        """
        raise NotImplementedError

    @near_names
    def translate(
        self, src: Any, start: int, end: int, max_length: int | None = None, beam_width: int = 1,
        length_penalty: float = 0.7,
    ) -> list[text.Hypothesis]:
        """The best translation of each sentence (m, s), by greedy or beam search.

        start, end: the tokens that open and close a translation; at most `max_length` tokens are
        written, the model's own limit by default. In `eval()` mode, whatever mode it is in now.
        DataError for a sentence without a token.

            model.translate(batch, vocabulary["<start>"], vocabulary["<end>"])[0].tokens
        """
        src = on_device(src, self)
        check_tokens("the sentence", src, self.max_length)
        empty = ~(src.numpy() != self.padding).any(axis=1)
        if empty.any():
            raise DataError(f"sentence {int(empty.argmax())} holds nothing but padding: "
                            "give at least one token")
        longest = self.max_length if max_length is None else min(max_length, self.max_length)
        training = self.training
        self.eval()
        try:
            with no_grad():
                found = text.beam_search(
                    self.step, np.full(len(src), start), end=end, max_length=longest,
                    state=self._first(src), beam_width=beam_width, length_penalty=length_penalty)
        finally:
            self.train(training)
        return [hypotheses[0] for hypotheses in found]


def reversing(there: Any) -> Any:
    """Return places (m, s) that reverse the tokens of each sentence and leave its padding alone.

    there: (m, s), True at tokens. Taken twice, they give the sentence back.
    """
    place = arange(there.shape[1], device=there.device)[None]
    length = there.sum(axis=1, keepdims=True)
    return where(there, length - 1 - place, place)
