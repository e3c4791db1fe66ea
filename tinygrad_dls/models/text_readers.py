"""Networks that classify padded texts: a bag of vectors, and a recurrent layer.

Tokens are int64 (m, t), padded on the right by any token; lengths (m,) say where each text ends.
What stands behind the end changes neither an output nor a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..errors import DataError, ShapeError
from ..nn import GRU, LSTM, RNN, Dropout, Embedding, Linear, Module
from ..nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from ..tensors import Tensor
from .token_batches import check_tokens, on_device

CELLS: dict[str, Any] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
LONGEST = 1 << 20


class BagOfVectors(Module):
    """Classify a text by the mean of its words' vectors: their order does not count.

        BagOfVectors(10_000, 100, 2)(tokens, lengths)            # logits (m, 2)
    """

    def __init__(self, words: int, embedding_dim: int, classes: int, dropout: float = 0.0) -> None:
        self.embedding = Embedding(words, embedding_dim)
        self.dropout = Dropout(dropout)
        self.output = Linear(embedding_dim, classes)

    def forward(self, tokens: Any, lengths: Any) -> Tensor:
        """Texts (m, t) of the given lengths (m,) to logits (m, classes)."""
        tokens, lengths = checked(tokens, lengths, self)
        mask = real(lengths, tokens.shape[1], self.embedding.weight.dtype)
        vectors = self.embedding(within(tokens, mask))  # (m, t, d)
        return self.output(self.dropout(masked_mean(vectors, mask)))


class TextClassifier(Module):
    """Classify a text by what a recurrent layer makes of it, in order.

    cell: "rnn", "lstm" or "gru". pool: "mean" of the states over the text, or "last", the state
    behind the last word (of the second direction: behind the first). dropout acts on the vectors
    and on the pooled state.

        TextClassifier(10_000, 100, 64, 2)(tokens, lengths)      # logits (m, 2)
    """

    def __init__(
        self, words: int, embedding_dim: int, hidden_size: int, classes: int, cell: str = "lstm",
        bidirectional: bool = False, pool: str = "mean", dropout: float = 0.0,
    ) -> None:
        if cell not in CELLS:
            raise DataError(f"cell is one of {', '.join(map(repr, CELLS))}, not {cell!r}")
        if pool not in ("mean", "last"):
            raise DataError(f'pool is "mean" or "last", not {pool!r}')
        self.embedding = Embedding(words, embedding_dim)
        self.dropout = Dropout(dropout)
        self.recurrent = CELLS[cell](
            embedding_dim, hidden_size, batch_first=True, bidirectional=bidirectional)
        self.pool = pool
        self.output = Linear(hidden_size * (1 + bidirectional), classes)

    def forward(self, tokens: Any, lengths: Any) -> Tensor:
        """Texts (m, t) of the given lengths (m,) to logits (m, classes)."""
        tokens, lengths = checked(tokens, lengths, self)
        mask = real(lengths, tokens.shape[1], self.embedding.weight.dtype)  # (m, t)
        states = self._read(self.dropout(self.embedding(within(tokens, mask))), lengths)
        h = masked_mean(states, mask) if self.pool == "mean" else self._last(states, mask)
        return self.output(self.dropout(h))

    def _read(self, vectors: Any, lengths: Tensor) -> Any:
        """States (m, t, width); the second direction begins at the last word of each text."""
        if not self.recurrent.bidirectional:
            return self.recurrent(vectors)[0]
        packed = pack_padded_sequence(vectors, lengths, True, enforce_sorted=False)
        return pad_packed_sequence(
            self.recurrent(packed)[0], True, total_length=vectors.shape[1])[0]

    def _last(self, states: Any, mask: Any) -> Any:
        """The state behind the last word, of the second direction that behind the first: (m, w)."""
        shifted = ops.concatenate([mask[:, 1:], mask[:, :1] * 0], 1)
        last = (states * (mask - shifted)[:, :, None]).sum(axis=1)  # (m, width)
        if not self.recurrent.bidirectional:
            return last
        half = states.shape[2] // 2
        return ops.concatenate([last[:, :half], states[:, 0, half:]], 1)


def checked(tokens: Any, lengths: Any, model: Module) -> tuple[Tensor, Tensor]:
    """Both as tensors; raises where a text is empty or its length does not fit."""
    tokens = on_device(tokens, model)
    check_tokens("a text", tokens, LONGEST)
    lengths = on_device(lengths, model)
    if lengths.shape != tokens.shape[:1] or lengths.dtype.kind not in "iu":
        raise ShapeError("lengths are whole numbers, one for each text\n"
                         f"  {tokens.shape}\n  {lengths.shape}")
    numbers = lengths.numpy()
    if numbers.min() < 1 or numbers.max() > tokens.shape[1]:
        wrong = int(np.argmax((numbers < 1) | (numbers > tokens.shape[1])))
        raise DataError(f"text {wrong} has the length {numbers[wrong]}: lengths go from 1 to "
                        f"{tokens.shape[1]}. Leave empty texts out, or give them one unknown word")
    return tokens, lengths


def real(lengths: Tensor, t: int, dtype: Any) -> Any:
    """The mask (m, t): 1 where a text has a word, 0 behind its end."""
    places = Tensor(np.arange(t)[None], device=lengths.device)
    return (places < lengths[:, None]).astype(dtype)


def within(tokens: Tensor, mask: Any) -> Any:
    """Tokens with 0 behind the end of each text: whatever stood there is looked up nowhere."""
    return tokens * mask.astype(tokens.dtype)


def masked_mean(states: Any, mask: Any) -> Any:
    """The mean of states (m, t, d) over the places where mask (m, t) is 1: (m, d)."""
    return (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
