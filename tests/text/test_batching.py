"""Padding, masks and buckets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import text

SEQUENCES = st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=6)


@given(SEQUENCES, st.sampled_from(["right", "left"]), st.integers(0, 3))
def test_padding_keeps_each_sequence_and_adds_only_the_value(rows, side: str, more: int) -> None:
    length = max(1, max(map(len, rows)) + more)
    batch, lengths = text.pad(rows, length, value=0, side=side)
    assert batch.shape == (len(rows), length) and lengths.tolist() == [len(r) for r in rows]
    for row, given_row in zip(batch.tolist(), rows):
        zeros = [0] * (length - len(given_row))
        assert row == (given_row + zeros if side == "right" else zeros + given_row)
    if side == "right":
        assert (text.padding_mask(lengths, length) == (batch > 0)).all()


def test_padding_takes_features_tensors_and_dtypes() -> None:
    batch, lengths = text.pad([dls.Tensor(np.ones((2, 3), "float32")), np.ones((1, 3), "float32")])
    assert batch.shape == (2, 2, 3) and batch.dtype == np.float32 and lengths.tolist() == [2, 1]
    assert batch[1, 1].tolist() == [0, 0, 0]
    assert text.pad([[1, 2, 3]], length=2, truncate=True)[0].tolist() == [[1, 2]]


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda: text.pad([]), dls.DataError, "no sequence"),
    (lambda: text.pad([[1], [1, 2, 3]], length=2), dls.DataError, "sequence 1 has 3 .*truncate"),
    (lambda: text.pad([np.ones((1, 2)), np.ones((1, 3))]), dls.ShapeError, "first axis"),
    (lambda: text.pad([1, 2]), dls.ShapeError, "first axis"),
    (lambda: text.pad([[1]], side="both"), dls.DataError, "side"),
    (lambda: text.padding_mask([3, 1], 2), dls.DataError, "0 to 2"),
    (lambda: text.padding_mask([3, 1], 10**10), dls.DataError, "GiB"),
    (lambda: text.causal_mask(10**6), dls.DataError, "a mask of length 1000000 takes 931.3 GiB"),
    (lambda: text.padding_mask([[3]]), dls.ShapeError, "whole numbers"),
    (lambda: text.bucket_batches([], 2), dls.ShapeError, "lengths"),
    (lambda: text.bucket_batches([1], 0), dls.DataError, "batch_size")])
def test_bad_input_is_named(call, error, said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_the_causal_mask_is_that_of_attention() -> None:
    q = dls.randn(1, 5, 4, generator=dls.Generator(0))
    masked = F.scaled_dot_product_attention(q, q, q, attn_mask=dls.Tensor(text.causal_mask(5)))
    causal = F.scaled_dot_product_attention(q, q, q, is_causal=True)
    np.testing.assert_allclose(masked.numpy(), causal.numpy(), atol=1e-6)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=300), st.integers(1, 5), st.booleans())
def test_each_sequence_is_in_one_batch(lengths: list[int], size: int, shuffle: bool) -> None:
    batches = text.bucket_batches(lengths, size, shuffle, dls.Generator(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert sum(len(b) < size for b in batches) <= 1 and max(map(len, batches)) <= size
    if not shuffle:
        assert [lengths[i] for i in np.concatenate(batches)] == sorted(lengths)


def test_buckets_waste_less_padding_than_chance_and_change_by_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 2000)
    source = dls.Generator(0)

    def waste(batches) -> int:
        return sum(int(lengths[b].max() * len(b) - lengths[b].sum()) for b in batches)

    first, second = (text.bucket_batches(lengths, 20, generator=source) for _ in range(2))
    order = np.random.default_rng(1).permutation(2000).reshape(100, 20)
    assert waste(first) < 0.2 * waste(list(order))
    assert any(a.tolist() != b.tolist() for a, b in zip(first, second))
    longest = [int(lengths[b].max()) for b in first]
    assert longest[:50] != sorted(longest[:50])  # batches come in random order
