"""The Transformer for translation (Vaswani et al. 2017, "Attention Is All You Need")."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..engine.modes import no_grad
from ..nn import Embedding, Linear, SinusoidalPositionalEncoding, Transformer, init
from ..tensors import Tensor
from .token_batches import Translator, check_tokens, on_device
from .weights import Weights, fill


class TranslationTransformer(Translator):
    """Read a sentence with an encoder; write its translation with a decoder, token by token.

    The paper's base model, for sentences of s and t tokens in a vocabulary of 37,000:

    | layer                   | output          | parameters      |
    |-------------------------|-----------------|-----------------|
    | src_embed, * sqrt(512)  | (m, s, 512)     |      18,944,000 |
    | + positions             | (m, s, 512)     |               0 |
    | encoder, 6 layers       | (m, s, 512)     |      18,915,328 |
    | tgt_embed, * sqrt(512)  | (m, t, 512)     |      18,944,000 |
    | + positions             | (m, t, 512)     |               0 |
    | decoder, 6 layers       | (m, t, 512)     |      25,225,216 |
    | output                  | (m, t, 37000)   |      18,981,000 |
    | all                     |                 | **101,009,544** |

    The paper uses one table for both embeddings and the output, which leaves 63.1 million, and no
    norm after the last layer of a stack (2,048 parameters).

    Sentences are rows of token numbers, int64, of 1 to `max_length` tokens, padded on the right
    with `padding`. Padding is never seen: it changes no output and no gradient.
    """

    def __init__(
        self, src_tokens: int, tgt_tokens: int, d_model: int = 512, nhead: int = 8,
        num_layers: int = 6, dim_feedforward: int = 2048, dropout: float = 0.1,
        max_length: int = 512, padding: int = 0, norm_first: bool = False,
    ) -> None:
        self.max_length, self.padding = max_length, padding
        self.scale = math.sqrt(d_model)
        self.src_embed = Embedding(src_tokens, d_model, padding)
        self.tgt_embed = Embedding(tgt_tokens, d_model, padding)
        self.positions = SinusoidalPositionalEncoding(d_model, max_length, dropout)
        self.transformer = Transformer(
            d_model, nhead, num_layers, num_layers, dim_feedforward, dropout, batch_first=True,
            norm_first=norm_first)
        self.output = Linear(d_model, tgt_tokens)
        for table in (self.src_embed, self.tgt_embed):  # times sqrt(d_model): of size 1
            init.normal_(table.weight, std=1 / self.scale)
            with no_grad():
                table.weight[padding] = 0.0

    def forward(self, src: Any, tgt: Any) -> Tensor:
        """Sentences (m, s), beginnings of translations (m, t) to logits (m, t, tgt_tokens).

        Place i scores token i + 1: in training tgt is the start token and the translation without
        its end token. DataError for a sentence that is empty or longer than `max_length`.
        """
        return self.decode(tgt, *self.encode(src))  # type: ignore[no-any-return]

    def encode(self, src: Any) -> tuple[Any, Any]:
        """Sentences (m, s) to what the decoder looks at, (m, s, d_model), and padding (m, s)."""
        src = on_device(src, self)
        check_tokens("the sentence", src, self.max_length)
        hidden = src == self.padding  # True: not to be seen, as in nn.MultiheadAttention
        x = self.positions(self.src_embed(src) * self.scale)
        return self.transformer.encoder(x, src_key_padding_mask=hidden), hidden

    def decode(self, tgt: Any, memory: Any, hidden: Any) -> Any:
        """Beginnings (m, t) and what `encode` returned to logits (m, t, tgt_tokens)."""
        tgt = on_device(tgt, self)
        check_tokens("the translation", tgt, self.max_length)
        x = self.positions(self.tgt_embed(tgt) * self.scale)
        later = Transformer.generate_square_subsequent_mask(tgt.shape[1], x.device, x.dtype)
        # Padding on the right comes later than every token, so that mask hides it as well.
        y = self.transformer.decoder(
            x, memory, later, memory_key_padding_mask=hidden, tgt_is_causal=True)
        return self.output(y)

    def _first(self, src: Tensor) -> tuple[Any, Any, Any]:
        return np.empty((len(src), 0), np.int64), *self.encode(src)

    def step(self, last: Any, state: tuple[Any, Any, Any]) -> tuple[Any, tuple[Any, Any, Any]]:
        """One token further: logits (m, tgt_tokens) after the last tokens (m,), and the state.

        The step function that `text.greedy_search`, `text.beam_search` and `text.generate` take.
        It reads all that was written so far again.
        """
        before, memory, hidden = state
        written = np.concatenate([before, last[:, None]], axis=1)
        return self.decode(written, memory, hidden)[:, -1], (written, memory, hidden)


@near_names
def transformer(
    src_tokens: int, tgt_tokens: int, *, weights: Weights = None, **options: Any
) -> TranslationTransformer:
    """Return a Transformer for translation; options: those of `TranslationTransformer`.

    weights: a file with the names of its `state_dict()`; ShapeError if they belong to another
    vocabulary.
    """
    return fill(TranslationTransformer(src_tokens, tgt_tokens, **options), weights)
