"""Sequence to sequence with attention: an LSTM reads in both directions, another one writes."""

from __future__ import annotations

from typing import Any

from .._util.keywords import near_names
from ..errors import DataError
from ..nn import LSTM, Dropout, Embedding, Linear
from ..tensors import Tensor
from ..tensors import functions as f
from .attention_scores import BahdanauAttention, LuongAttention, attention_weights
from .token_batches import Translator, check_tokens, on_device, reversing
from .weights import Weights, fill

Memory = tuple[Any, Any, Any]  # what attention looks at: values, prepared keys, padding
State = tuple[Any, Any]  # h and c of the decoder


class AttentionSeq2Seq(Translator):
    """Read a sentence with a bidirectional LSTM; write its translation with attention to it.

    attention says how the decoder looks back, and where the look goes:

    - "bahdanau" (2014): the state *before* a token, s<t-1>, asks, with an additive score; the
      context goes into the LSTM beside the last token. One step after the other, in training too.
    - "luong" (2015): the state *after* the LSTM, s<t>, asks, with a product; the context joins the
      state in front of the output. In training all steps are computed at once.

    | layer, for s tokens in and t out | output             |
    |----------------------------------|--------------------|
    | src_embed                        | (m, s, embedding)  |
    | ahead, back (LSTMs)              | (m, s, 2 hidden)   |
    | tgt_embed                        | (m, t, embedding)  |
    | decoder (LSTM), attention        | (m, t, hidden)     |
    | combine, tanh                    | (m, t, embedding)  |
    | output                           | (m, t, tgt_tokens) |

    Sentences are rows of token numbers, int64, of 1 to `max_length` tokens, padded on the right
    with `padding`. Padding is never seen: it changes no output and no gradient. dropout: of
    embeddings, and in front of the output.
    """

    def __init__(
        self, src_tokens: int, tgt_tokens: int, embedding: int = 128, hidden: int = 128,
        attention: str = "luong", dropout: float = 0.0, max_length: int = 64, padding: int = 0,
    ) -> None:
        if attention not in ("bahdanau", "luong"):
            raise DataError(f'attention is "bahdanau" or "luong", not {attention!r}')
        self.max_length, self.padding, self.attention = max_length, padding, attention
        before = attention == "bahdanau"
        self.src_embed = Embedding(src_tokens, embedding, padding)
        self.tgt_embed = Embedding(tgt_tokens, embedding, padding)
        self.ahead = LSTM(embedding, hidden, batch_first=True)
        self.back = LSTM(embedding, hidden, batch_first=True)
        self.start = Linear(hidden, 2 * hidden)
        self.decoder = LSTM(embedding + 2 * hidden * before, hidden, batch_first=True)
        self.score: BahdanauAttention | LuongAttention = (
            BahdanauAttention(hidden, 2 * hidden, hidden) if before
            else LuongAttention(hidden, 2 * hidden))
        self.combine = Linear(3 * hidden, embedding)
        self.dropout = Dropout(dropout)
        self.output = Linear(embedding, tgt_tokens)

    def forward(self, src: Any, tgt: Any) -> Tensor:
        """Sentences (m, s), beginnings of translations (m, t) to logits (m, t, tgt_tokens).

        Place i scores token i + 1: in training tgt is the start token and the translation without
        its end token (teacher forcing). DataError for a sentence that is empty or longer than
        `max_length`.
        """
        return self.output(self.dropout(self._decode(src, tgt)[0]))

    def attend(self, src: Any, tgt: Any) -> Any:
        """The attention (m, t, s) with which each token after the beginnings (m, t) is written."""
        return self._decode(src, tgt)[1]

    def encode(self, src: Any) -> tuple[Memory, State]:
        """Sentences (m, s) to what attention looks at, and the decoder's first state.

        Memory: values (m, s, 2 hidden), prepared keys, and padding (m, s), True where not to look;
        state: (h, c), each (m, hidden), from the backward LSTM's output at the first token.
        """
        src = on_device(src, self)
        check_tokens("the sentence", src, self.max_length)
        hidden = src == self.padding
        places = reversing(~hidden)
        forth, _ = self.ahead(self.dropout(self.src_embed(src)))
        embedded = self.dropout(self.src_embed(f.take_along_axis(src, places, 1)))
        back, _ = self.back(embedded)  # of the sentence reversed, padding still on the right
        back = f.take_along_axis(back, places[:, :, None], 1)
        values = f.concatenate([forth, back], 2)
        h, c = f.split(f.tanh(self.start(back[:, 0])), 2, axis=1)
        return (values, self.score.prepare(values), hidden), (h, c)

    def step(self, last: Any, state: tuple[Memory, State]) -> tuple[Any, tuple[Memory, State]]:
        """One token further: logits (m, tgt_tokens) after the last tokens (m,), and the state.

        The step function that `text.greedy_search`, `text.beam_search` and `text.generate` take.
        """
        memory, state_before = state
        tgt = on_device(last, self)[:, None]
        combined, _, state_after = self._further(tgt, memory, state_before)
        return self.output(combined)[:, 0], (memory, state_after)

    def _first(self, src: Tensor) -> tuple[Memory, State]:
        return self.encode(src)

    def _decode(self, src: Any, tgt: Any) -> tuple[Any, Any]:
        """Return the states before the output layer (m, t, embedding), and the weights (m, t, s).
        """
        memory, state = self.encode(src)
        tgt = on_device(tgt, self)
        check_tokens("the translation", tgt, self.max_length)
        if self.attention == "luong":
            return self._further(tgt, memory, state)[:2]
        made, weights = [], []
        for t in range(tgt.shape[1]):
            combined, weight, state = self._further(tgt[:, t : t + 1], memory, state)
            made.append(combined)
            weights.append(weight)
        return f.concatenate(made, 1), f.concatenate(weights, 1)

    def _further(self, tgt: Any, memory: Memory, state: State) -> tuple[Any, Any, State]:
        """Decode tokens (m, t), with Bahdanau's attention one token (m, 1): what stands in front
        of the output, the weights, and the state afterwards."""
        values, keys, hidden = memory
        embedded = self.dropout(self.tgt_embed(tgt))
        before = tuple(part[None] for part in state)  # (1, m, hidden), as nn.LSTM wants it
        if self.attention == "bahdanau":
            weights = attention_weights(self.score(state[0][:, None], keys), hidden)
            context = weights @ values
            states, after = self.decoder(f.concatenate([embedded, context], 2), before)
        else:
            states, after = self.decoder(embedded, before)
            weights = attention_weights(self.score(states, keys), hidden)
            context = weights @ values
        combined = f.tanh(self.combine(f.concatenate([states, context], 2)))
        return combined, weights, (after[0][0], after[1][0])


@near_names
def attention_seq2seq(
    src_tokens: int, tgt_tokens: int, *, weights: Weights = None, **options: Any
) -> AttentionSeq2Seq:
    """Return a network that translates with attention; options: those of `AttentionSeq2Seq`.

    weights: a file with the names of its `state_dict()`; ShapeError if they belong to another
    vocabulary.
    """
    return fill(AttentionSeq2Seq(src_tokens, tgt_tokens, **options), weights)
