"""Sampling: its distributions worked out by hand, and what is drawn from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import text

P = np.array([0.1, 0.4, 0.05, 0.25, 0.2])


@pytest.mark.parametrize(("options", "expected"), [
    ({}, P),
    ({"top_k": 2}, [0, 8 / 13, 0, 5 / 13, 0]),
    ({"top_k": 99}, P),
    ({"top_p": 0.65}, [0, 8 / 13, 0, 5 / 13, 0]),
    ({"top_p": 0.66}, [0, 8 / 17, 0, 5 / 17, 4 / 17]),
    ({"top_p": 0.01}, [0, 1, 0, 0, 0]),
    ({"top_p": 1.0}, P),
    ({"min_p": 0.5}, [0, 8 / 17, 0, 5 / 17, 4 / 17]),
    ({"min_p": 1.0}, [0, 1, 0, 0, 0]),
    ({"top_k": 3, "top_p": 0.7}, [0, 8 / 13, 0, 5 / 13, 0]),  # 8/17 + 5/17 is more than .7
    ({"temperature": 0}, [0, 1, 0, 0, 0]),
    ({"temperature": 0.5}, P**2 / (P**2).sum()),
    ({"temperature": 1e-300}, [0, 1, 0, 0, 0])])
def test_the_distribution_is_that_worked_out_by_hand(options, expected) -> None:
    for logits in (np.log(P), np.log(P) + 7, dls.Tensor(np.log(P)), np.log(P)[None]):
        found = text.sampling_distribution(logits, **options)
        np.testing.assert_allclose(found.reshape(-1), expected, rtol=1e-9, atol=1e-15)


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_filters_keep_the_largest_and_no_more_than_they_must(
    seed: int, k: int, p: float, floor: float
) -> None:
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=(3, 6)), seed % 3)  # with ties
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for row, whole in zip(text.sampling_distribution(logits, top_k=k), chances):
        assert (row > 0).sum() == k and whole[row > 0].min() >= whole[row == 0].max(initial=0)
    for row, whole in zip(text.sampling_distribution(logits, top_p=p), chances):
        kept = np.sort(whole[row > 0])
        assert kept.sum() >= p - 1e-9 and kept[1:].sum() < p
    for row, whole in zip(text.sampling_distribution(logits, min_p=floor), chances):
        assert ((row > 0) == (whole >= floor * whole.max())).all()


def test_tokens_are_drawn_as_often_as_they_should() -> None:
    logits = np.tile(np.log(P), (20_000, 1))
    drawn = text.sample(logits, generator=dls.Generator(0))
    np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 20_000, P, atol=0.015)
    few = text.sample(logits, top_k=2, generator=dls.Generator(0))
    np.testing.assert_allclose(np.bincount(few, minlength=5) / 20_000, [0, 8 / 13, 0, 5 / 13, 0],
                               atol=0.015)


def test_what_goes_in_comes_out_and_a_seed_repeats_it() -> None:
    drawn = text.sample(dls.zeros((2, 3, 5)), generator=dls.Generator(3))
    assert isinstance(drawn, dls.Tensor) and drawn.shape == (2, 3) and drawn.dtype == np.int64
    again = text.sample(np.zeros((2, 3, 5)), generator=dls.Generator(3))
    assert isinstance(again, np.ndarray) and (again == drawn.numpy()).all()
    dls.manual_seed(1)
    first = text.sample(np.zeros((9, 5)))
    dls.manual_seed(1)
    assert (text.sample(np.zeros((9, 5))) == first).all()
    only = text.sample(np.array([-np.inf, 0.0, -np.inf]), generator=dls.Generator(0))
    assert int(only) == 1


def test_a_token_of_chance_0_is_not_drawn_even_by_a_0() -> None:
    class Zeros(dls.Generator):
        def uniform(self, shape, *_, **__):
            return np.zeros(shape)

    assert int(text.sample(np.array([-np.inf, 0.0, 0.0]), generator=Zeros())) == 1


@pytest.mark.parametrize(("logits", "options", "said"), [
    ([np.nan, 1.0], {}, "NaN"), ([np.inf, 1.0], {}, "infinite"), ([-np.inf], {}, "-inf"),
    (np.zeros((2, 0)), {}, "none"), (1.0, {}, "last axis"),
    ([1.0], {"temperature": -1}, "temperature"), ([1.0], {"temperature": np.nan}, "temperature"),
    ([1.0], {"top_k": 0}, "top_k"), ([1.0], {"top_p": 0}, "top_p"),
    ([1.0], {"top_p": 1.5}, "top_p"), ([1.0], {"min_p": 2}, "min_p")])
def test_bad_input_is_named(logits, options, said: str) -> None:
    with pytest.raises(dls.DataError, match=said):
        text.sample(logits, **options)
