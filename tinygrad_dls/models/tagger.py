"""A label for each token, from LSTMs that read in both directions (Graves, Schmidhuber 2005)."""

from __future__ import annotations

from typing import Any

from .._util.keywords import near_names
from ..nn import LSTM, Dropout, Embedding, Linear, Module, ModuleList
from ..tensors import Tensor
from ..tensors.functions import concatenate, take_along_axis
from .token_batches import check_tokens, on_device, reversing
from .weights import Weights, fill


class BidirectionalTagger(Module):
    """Label every token of a sentence by what stands before it and behind it.

    A vocabulary of 700 tokens, 24 labels:

    | layer                      | output        | parameters  |
    |----------------------------|---------------|-------------|
    | embed                      | (m, t, 64)    |      44,800 |
    | ahead and back, layer 1    | (m, t, 128)   |      66,560 |
    | ahead and back, layer 2    | (m, t, 128)   |      99,328 |
    | output                     | (m, t, 24)    |       3,096 |
    | all                        |               | **213,784** |

    Dropout is before each layer. Sentences are rows of token numbers, padded on the right with
    `padding`. The backward LSTMs begin at each sentence's last token, not at its padding: padding
    changes no output at a token, and no gradient.
    """

    def __init__(
        self, num_tokens: int, num_labels: int, embed: int = 64, hidden: int = 64,
        num_layers: int = 2, dropout: float = 0.3, max_length: int = 512, padding: int = 0,
    ) -> None:
        self.max_length, self.padding = max_length, padding
        self.embed = Embedding(num_tokens, embed, padding)
        sizes = [embed, *[2 * hidden] * (num_layers - 1)]
        self.ahead = ModuleList(LSTM(size, hidden, batch_first=True) for size in sizes)
        self.back = ModuleList(LSTM(size, hidden, batch_first=True) for size in sizes)
        self.dropout = Dropout(dropout)
        self.output = Linear(2 * hidden, num_labels)

    def forward(self, tokens: Any) -> Tensor:
        """Sentences (m, t) to logits (m, t, num_labels).

        DataError for sentences that are empty or longer than `max_length`.
        """
        tokens = on_device(tokens, self)
        check_tokens("the sentence", tokens, self.max_length)
        places = reversing(tokens != self.padding)[:, :, None]
        x = self.embed(tokens)
        for ahead, back in zip(self.ahead, self.back, strict=True):
            x = self.dropout(x)
            forth, _ = ahead(x)
            back_again, _ = back(take_along_axis(x, places, 1))
            x = concatenate([forth, take_along_axis(back_again, places, 1)], 2)
        return self.output(self.dropout(x))


@near_names
def bidirectional_tagger(
    num_tokens: int, num_labels: int, *, weights: Weights = None, **options: Any
) -> BidirectionalTagger:
    """Return a tagger; options: those of `BidirectionalTagger`; weights: a file of its state_dict.

    ShapeError for weights that belong to another vocabulary or other labels.
    """
    return fill(BidirectionalTagger(num_tokens, num_labels, **options), weights)
