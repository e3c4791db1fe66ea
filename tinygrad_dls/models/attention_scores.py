"""The two classic scores of attention: Bahdanau's (additive) and Luong's (a product)."""

from __future__ import annotations

import math
from typing import Any

from .._util.keywords import near_names
from ..nn import Linear, Module
from ..nn import functional as F
from ..tensors import functions as f


class BahdanauAttention(Module):
    """Additive attention (Bahdanau, Cho and Bengio 2014): e = v . tanh(W_q q + W_k k + b).

    Queries (m, t, query_size), keys (m, s, key_size), and a hidden layer of `size` units. Its cost
    is m * t * s * size additions and tanh.
    """

    def __init__(self, query_size: int, key_size: int, size: int) -> None:
        self.query = Linear(query_size, size, bias=False)
        self.key = Linear(key_size, size)
        self.score = Linear(size, 1, bias=False)

    def prepare(self, keys: Any) -> Any:
        """W_k k + b of keys (m, s, key_size), once for a sentence: (m, s, size)."""
        return self.key(keys)

    def forward(self, queries: Any, prepared: Any) -> Any:
        """Scores (m, t, s) of queries (m, t, query_size) and of what `prepare` returned."""
        summed = self.query(queries)[:, :, None] + prepared[:, None]  # (m, t, s, size)
        return self.score(f.tanh(summed))[..., 0]


class LuongAttention(Module):
    """Multiplicative attention (Luong, Pham and Manning 2015, "general"): e = q . W k.

    Queries (m, t, query_size), keys (m, s, key_size): one matrix product, no hidden layer.
    """

    def __init__(self, query_size: int, key_size: int) -> None:
        self.key = Linear(key_size, query_size, bias=False)

    def prepare(self, keys: Any) -> Any:
        """W k of keys (m, s, key_size), once for a sentence: (m, s, query_size)."""
        return self.key(keys)

    def forward(self, queries: Any, prepared: Any) -> Any:
        """Scores (m, t, s) of queries (m, t, query_size) and of what `prepare` returned."""
        return queries @ prepared.swapaxes(1, 2)


@near_names
def attention_weights(scores: Any, hidden: Any = None) -> Any:
    """Return the softmax of scores (m, t, s) over the s places, 0 where `hidden` (m, s) is True."""
    if hidden is not None:
        scores = f.where(hidden[:, None], -math.inf, scores)
    return F.softmax(scores, axis=-1)
