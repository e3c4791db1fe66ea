"""Pairs, contexts and co-occurrences against loops over the text."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import text
from tinygrad_dls.errors import DataError

SENTENCES = st.lists(st.lists(st.integers(0, 9), min_size=0, max_size=8), min_size=1, max_size=5)


def pairs_by_loops(sentences, window):
    return [
        (sentence[i], sentence[j], abs(i - j))
        for sentence in sentences
        for i in range(len(sentence))
        for j in range(max(0, i - window), min(len(sentence), i + window + 1))
        if i != j
    ]


@given(SENTENCES, st.integers(1, 4))
def test_pairs_and_counts(sentences, window):
    right = pairs_by_loops(sentences, window)
    if not right:
        with pytest.raises(DataError, match="no sentence has two words"):
            text.skip_gram_pairs(sentences, window)
        return
    centres, contexts = text.skip_gram_pairs(sentences, window)
    assert list(zip(centres.tolist(), contexts.tolist(), strict=True)) == [p[:2] for p in right]
    weighed = Counter()
    for i, j, distance in right:
        weighed[i, j] += 1 / distance
    rows, columns, counts = text.cooccurrences(sentences, window)
    found = dict(zip(zip(rows.tolist(), columns.tolist(), strict=True), counts, strict=True))
    assert len(found) == len(rows) and set(found) == set(weighed)
    assert all(found[key] == pytest.approx(value) for key, value in weighed.items())
    assert all(found[j, i] == pytest.approx(found[i, j]) for i, j in found)


def test_contexts_do_not_cross_sentences():
    centres, contexts, distances = text.context_windows([[1, 2, 3], [4], [], [5, 6]], 2)
    assert centres.tolist() == [1, 2, 3, 5, 6] and distances.tolist() == [2, 1, 1, 2]
    assert contexts.tolist() == [
        [-1, -1, 2, 3], [-1, 1, 3, -1], [1, 2, -1, -1], [-1, -1, 6, -1], [-1, 5, -1, -1],
    ]


def test_frequent_words_are_dropped_by_their_share():
    counts = [9_000, 900, 100]
    source = dls.random.Generator(1)
    sentence = np.repeat([0, 1, 2], counts)
    (kept,) = text.subsample([sentence], counts, 0.01, source)
    left = np.bincount(kept, minlength=3) / counts
    assert left == pytest.approx([np.sqrt(0.01 / 0.9), np.sqrt(0.01 / 0.09), 1], abs=0.03)


def test_noise():
    assert text.noise_distribution([1, 16], 0.5).tolist() == pytest.approx([0.2, 0.8])
    assert text.noise_distribution([0, 3], 0).tolist() == [0, 1]  # what never occurs is not drawn
    for wrong in ([0, 0], [-1, 2], [[1, 2]]):
        with pytest.raises(DataError, match="counts"):
            text.noise_distribution(wrong)


@pytest.mark.parametrize("sentence", [[[1, 2]], [0.5, 1.0]])
def test_what_is_not_a_sentence(sentence):
    with pytest.raises(DataError, match="token numbers"):
        text.context_windows([sentence], 2)
