"""Surroundings of each word: pairs, contexts and co-occurrences, for learning embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError
from ..random import Generator, chosen
from .operands import Array, on_host, whole


@near_names
def skip_gram_pairs(sentences: Iterable[Any], window: int) -> tuple[Array, Array]:
    """List (centre, context) for each word and each word at most `window` places from it.

    sentences: arrays of token numbers (T_i,); a pair never crosses the end of a sentence.
    Returns two int64 arrays (pairs,), in the order of the text.

    >>> from tinygrad_dls import text
    >>> text.skip_gram_pairs([[5, 6, 7]], window=1)
    (array([5, 6, 6, 7]), array([6, 5, 7, 6]))
    """
    centres, contexts, _ = context_windows(sentences, window)
    row, place = np.nonzero(contexts >= 0)
    return centres[row], contexts[row, place]


@near_names
def context_windows(sentences: Iterable[Any], window: int) -> tuple[Array, Array, Array]:
    """List each word with its context: `window` words before it, and `window` after it.

    Returns centres int64 (n,), contexts int64 (n, 2 window) with -1 where the sentence has no
    word, and the distances (2 window,) of these places from the centre. DataError where no
    sentence has two words.

    >>> from tinygrad_dls import text
    >>> centres, contexts, distances = text.context_windows([[5, 6, 7]], window=1)
    >>> contexts
    array([[-1,  6],
           [ 5,  7],
           [ 6, -1]])
    """
    window = whole("window", window)
    steps = np.array([*range(-window, 0), *range(1, window + 1)])
    centres, contexts = [], []
    for sentence in sentences:
        ids = on_host(sentence)
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise DataError("a sentence is token numbers (T,), not "
                            f"{ids.dtype} of the shape {ids.shape}")
        if len(ids) < 2:
            continue
        padded = np.full(len(ids) + 2 * window, -1, np.int64)
        padded[window:window + len(ids)] = ids
        places = window + np.arange(len(ids))
        centres.append(ids.astype(np.int64))
        contexts.append(padded[places[:, None] + steps])
    if not centres:
        raise DataError("no sentence has two words: there is nothing around a word to learn from")
    return np.concatenate(centres), np.concatenate(contexts), np.abs(steps)


@near_names
def cooccurrences(sentences: Iterable[Any], window: int) -> tuple[Array, Array, Array]:
    """Count how often words stand near each other, each time weighed by 1 / distance (GloVe).

    Returns rows, columns int64 (k,) and counts float64 (k,) of the pairs that occur, each once;
    symmetric, sorted by row and column.

    >>> from tinygrad_dls import text
    >>> text.cooccurrences([[0, 1, 0]], window=2)
    (array([0, 0, 1]), array([0, 1, 0]), array([1., 2., 2.]))
    """
    centres, contexts, distances = context_windows(sentences, window)
    row, place = np.nonzero(contexts >= 0)
    size = int(centres.max()) + 1
    keys = centres[row] * size + contexts[row, place]
    found, where = np.unique(keys, return_inverse=True)
    counts = np.bincount(where, weights=1.0 / distances[place], minlength=len(found))
    return found // size, found % size, counts


@near_names
def subsample(
    sentences: Iterable[Any], counts: Any, threshold: float = 1e-3,
    generator: Generator | None = None,
) -> list[Array]:
    """Drop frequent words at random: word w stays with probability sqrt(threshold / f(w)).

    f(w) = counts[w] / sum(counts) is the word's share of the text; rarer words than `threshold`
    stay always (Mikolov et al. 2013).

    >>> from tinygrad_dls import text
    >>> text.subsample([[0, 1, 1]], counts=[1, 2], threshold=1)  # no word is that frequent
    [array([0, 1, 1])]
    """
    numbers = on_host(counts).astype(np.float64)
    share = numbers / numbers.sum()
    keep = np.sqrt(threshold / np.maximum(share, threshold))
    source = chosen(generator)
    kept = []
    for sentence in sentences:
        ids = on_host(sentence)
        kept.append(ids[source.uniform((len(ids),)) < keep[ids]])
    return kept


@near_names
def noise_distribution(counts: Any, power: float = 0.75) -> Array:
    """Return probabilities (n,) of words as negative samples: counts ** power, over their sum.

    >>> from tinygrad_dls import text
    >>> text.noise_distribution([81, 16, 0]).round(3)
    array([0.771, 0.229, 0.   ])
    """
    numbers = on_host(counts).astype(np.float64)
    if numbers.ndim != 1 or not (numbers >= 0).all() or not numbers.any():
        raise DataError("counts are numbers (n,) from 0, and not all of them 0")
    scaled = np.where(numbers > 0, numbers ** power, 0.0)
    return np.asarray(scaled / scaled.sum())
