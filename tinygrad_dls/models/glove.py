"""GloVe: vectors whose dot products are the logarithms of co-occurrence counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError
from ..nn import Embedding, Module, init
from ..random import Generator


class GloVe(Module):
    """Fit w_i . v_j + b_i + c_j to log X_ij, frequent pairs first (Pennington et al. 2014).

        loss = mean of f(X_ij) (w_i . v_j + b_i + c_j - log X_ij)^2,  f(x) = min(1, (x/x_max)^alpha)

    words: how many there are. X is symmetric, so w and v are alike; their sum is the vector.

        model = models.GloVe(len(vocabulary), 50, x_max=10)
        models.fit_word_vectors(model, *text.cooccurrences(sentences, window=8), epochs=30)
    """

    def __init__(
        self, words: int, embedding_dim: int, x_max: float = 100.0, alpha: float = 0.75
    ) -> None:
        if not x_max > 0:
            raise DataError(f"x_max is above 0, not {x_max!r}")
        self.x_max, self.alpha = float(x_max), float(alpha)
        bound = 0.5 / embedding_dim
        self.w, self.v = Embedding(words, embedding_dim), Embedding(words, embedding_dim)
        self.b, self.c = Embedding(words, 1), Embedding(words, 1)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extras(self, *examples: Any, generator: Generator | None = None) -> tuple[Any, ...]:
        """Nothing is drawn."""
        return ()

    def forward(self, rows: Any, columns: Any, counts: Any) -> Any:
        """Mean loss of pairs: words rows, columns (m,), and how often they meet, counts (m,)."""
        score = (self.w(rows) * self.v(columns)).sum(axis=-1)  # (m,)
        score = score + self.b(rows)[:, 0] + self.c(columns)[:, 0]
        gap = score - counts.log()
        weight = (counts / self.x_max).clip(None, 1.0) ** self.alpha
        return (weight * gap * gap).mean()

    def vectors(self) -> np.ndarray[Any, Any]:
        """The vectors of all words, w + v, an array (words, d)."""
        return np.asarray(self.w.weight.numpy() + self.v.weight.numpy())
