"""Huffman's code against its own laws, and against the cost of a brute-force search."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_dls import text
from tinygrad_dls.errors import DataError


def words_of(code):
    return [tuple(row[:n]) for row, n in zip(code.codes.tolist(), code.lengths, strict=True)]


@given(st.lists(st.integers(0, 50), min_size=2, max_size=40))
def test_a_code_that_can_be_read_and_ends_at_every_leaf(counts):
    code = text.huffman(counts)
    found = words_of(code)
    assert len(set(found)) == len(counts)
    for first, second in itertools.permutations(found, 2):
        assert first != second[:len(first)]  # none begins another
    assert sum(2.0 ** -int(n) for n in code.lengths) == pytest.approx(1)
    assert (code.nodes[:, 0] == len(counts) - 2).all()  # each way begins at the root
    for row, (way, n) in enumerate(zip(code.nodes, code.lengths, strict=True)):
        assert len(set(way[:n].tolist())) == n, row  # a way passes no node twice


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6))
def test_no_code_is_shorter(counts):
    """Kraft: lengths fit a tree if the sum of 2^-length is at most 1."""
    code = text.huffman(counts)
    mine = int(np.dot(code.lengths, counts))
    best = min(
        sum(n * c for n, c in zip(lengths, counts, strict=True))
        for lengths in itertools.product(range(1, len(counts)), repeat=len(counts))
        if sum(2.0 ** -n for n in lengths) <= 1
    )
    assert mine == best


@pytest.mark.parametrize("counts", [[1], [], [[1, 2]], [1, -1], [1, np.nan]])
def test_what_is_not_counts(counts):
    with pytest.raises(DataError, match="counts"):
        text.huffman(counts)
