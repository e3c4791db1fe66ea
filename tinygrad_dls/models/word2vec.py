"""word2vec: skip-gram and CBOW, by negative sampling or a hierarchical softmax (Course 5, week 2).

    model = models.SkipGram(counts, 100, models.NegativeSampling(counts, 100))
    models.fit_word_vectors(model, *text.skip_gram_pairs(sentences, window=5), epochs=5)
    model.vectors()                                          # (words, 100)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops, text
from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from ..nn import Embedding, Module, init
from ..nn import functional as F
from ..random import Generator, chosen
from ..tensors import Tensor


class NegativeSampling(Module):
    """Tell the true word from `negatives` random ones (Mikolov et al. 2013b).

        loss = -log sigmoid(u_o . h) - sum over k drawn words n of log sigmoid(-u_n . h)

    counts (words,) of the text: words are drawn with counts ** power. The table u, `output`,
    starts at 0, as in word2vec.
    """

    def __init__(
        self, counts: Any, embedding_dim: int, negatives: int = 5, power: float = 0.75
    ) -> None:
        self.output = Embedding(len(counts), embedding_dim)
        init.zeros_(self.output.weight)
        self.negatives = negatives
        self.cumulative = np.cumsum(text.noise_distribution(counts, power))

    def draw(self, targets: Any, generator: Generator | None = None) -> tuple[Any, ...]:
        """Draw words (m, negatives) to tell from targets (m,): what `forward` takes besides."""
        uniform = chosen(generator).uniform((len(targets), self.negatives))
        drawn = np.searchsorted(self.cumulative, uniform * self.cumulative[-1], side="right")
        return (np.minimum(drawn, len(self.cumulative) - 1),)

    def forward(self, h: Any, targets: Any, drawn: Any) -> Any:
        """Mean loss of vectors h (m, d) with targets (m,) against words drawn (m, negatives)."""
        true = (self.output(targets) * h).sum(axis=-1)  # (m,)
        false = (self.output(drawn) @ h[:, :, None])[:, :, 0]  # (m, k) = (m, k, d) @ (m, d, 1)
        return -(F.logsigmoid(true) + F.logsigmoid(-false).sum(axis=-1)).mean()


class HierarchicalSoftmax(Module):
    """Walk down Huffman's tree to the word, a logistic regression at each branching.

        p(w | h) = product over the nodes n on the way of sigmoid(s_n u_n . h),  s_n = 1 for
        branch 0 and -1 for branch 1 (Morin and Bengio 2005; Mikolov et al. 2013a)

    The probabilities of all words add up to 1, and one costs about log2(words) dot products.
    """

    def __init__(self, counts: Any, embedding_dim: int) -> None:
        self.code = text.huffman(counts)
        self.output = Embedding(len(counts) - 1, embedding_dim)
        init.zeros_(self.output.weight)

    def draw(self, targets: Any, generator: Generator | None = None) -> tuple[Any, ...]:
        """Look up the ways to targets (m,): nodes and signs (m, depth), 0 behind the end."""
        codes, nodes, lengths = self.code
        there = text.padding_mask(lengths, codes.shape[1])
        signs = np.where(there, 1 - 2 * codes, 0).astype(np.float32)
        return nodes[targets], signs[targets]

    def forward(self, h: Any, targets: Any, nodes: Any, signs: Any) -> Any:
        """Mean of -log p of the targets (m,), whose ways are nodes, signs (m, depth)."""
        scores = (self.output(nodes) @ h[:, :, None])[:, :, 0]  # (m, depth)
        signs = ops.cast(signs, h.dtype) if isinstance(signs, Tensor) else signs
        return -(F.logsigmoid(signs * scores) * abs(signs)).sum(axis=-1).mean()

    def log_probabilities(self, h: Any) -> Any:
        """log p of every word after vectors h (m, d): (m, words)."""
        nodes, signs = self.draw(np.arange(len(self.code.lengths)))
        scores = (h @ self.output.weight.T)[:, nodes] * signs.astype(h.dtype)
        return (F.logsigmoid(scores) * abs(signs).astype(h.dtype)).sum(axis=-1)


class FullSoftmax(Module):
    """Score every word of the vocabulary: exact, and slow where there are many words."""

    def __init__(self, counts: Any, embedding_dim: int) -> None:
        self.output = Embedding(len(counts), embedding_dim)
        init.zeros_(self.output.weight)

    def draw(self, targets: Any, generator: Generator | None = None) -> tuple[Any, ...]:
        """Nothing is drawn."""
        return ()

    def forward(self, h: Any, targets: Any) -> Any:
        """Mean of -log p of the targets (m,) after vectors h (m, d)."""
        return F.cross_entropy(h @ self.output.weight.T, targets)


Objective = NegativeSampling | HierarchicalSoftmax | FullSoftmax


class _WordVectors(Module):
    """Base of both: `embedding`, the table of vectors, and `objective`, the loss."""

    def __init__(self, counts: Any, embedding_dim: int, objective: Objective) -> None:
        width = objective.output.embedding_dim
        if width != embedding_dim:
            raise ShapeError(f"the objective takes vectors of {width} numbers, "
                             f"the model makes {embedding_dim}")
        self.embedding = Embedding(len(counts), embedding_dim)
        init.uniform_(self.embedding.weight, -0.5 / embedding_dim, 0.5 / embedding_dim)
        self.objective = objective

    def vectors(self) -> np.ndarray[Any, Any]:
        """The vectors of all words, an array (words, d)."""
        return self.embedding.weight.numpy().copy()

    def targets(self, *examples: Any) -> Any:
        """Return the array of a batch that holds the words to predict."""
        raise NotImplementedError

    def extras(self, *examples: Any, generator: Generator | None = None) -> tuple[Any, ...]:
        """Return the arguments of `forward` besides a batch: drawn words, or paths through the
        tree.
        """
        return self.objective.draw(self.targets(*examples), generator)


class SkipGram(_WordVectors):
    """Predict each word around a word from that word's vector.

    counts (words,): how often each word is in the text. objective: NegativeSampling,
    HierarchicalSoftmax or FullSoftmax of the same counts and width.
    """

    def targets(self, centres: Any, contexts: Any) -> Any:
        """The contexts."""
        return contexts

    def forward(self, centres: Any, contexts: Any, *extras: Any) -> Any:
        """Mean loss of pairs: words (m,) and words near them (m,)."""
        return self.objective(self.embedding(centres), contexts, *extras)


class CBOW(_WordVectors):
    """Predict a word from the mean of the vectors around it (continuous bag of words)."""

    def targets(self, centres: Any, contexts: Any, mask: Any) -> Any:
        """The words in the middle."""
        return centres

    def forward(self, centres: Any, contexts: Any, mask: Any, *extras: Any) -> Any:
        """Mean loss of words (m,) with contexts (m, c); mask (m, c): 1 for a word, 0 for none."""
        near = self.embedding(contexts) * mask[:, :, None]  # (m, c, d)
        h = near.sum(axis=1) / mask.sum(axis=1, keepdims=True)  # (m, d)
        return self.objective(h, centres, *extras)


@near_names
def cbow_examples(sentences: Any, window: int) -> tuple[Any, Any, Any]:
    """Make the examples of CBOW: centres (n,), contexts (n, 2 window), mask float32 (n, 2 window).

    Where the sentence has no word the context is 0 and the mask 0.
    """
    centres, contexts, _ = text.context_windows(sentences, window)
    there = contexts >= 0
    return centres, np.where(there, contexts, 0), there.astype(np.float32)


def check_words(words: Any, count: int) -> None:
    """Raise DataError unless all word numbers are within a vocabulary of `count`."""
    numbers = np.asarray(words)
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < count:
        raise DataError(f"words are numbered 0 to {count - 1} here, the text has "
                        f"{numbers.min()} to {numbers.max()}: is it another vocabulary?")
