"""CTC decoding against the sum over all paths, and against the loss."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import text


def collapsed(path, blank: int) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def random_log_probs(seed: int, steps: int, classes: int) -> np.ndarray:
    z = np.random.default_rng(seed).normal(size=(steps, classes)) * 2
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def every_labelling(log_probs: np.ndarray, blank: int) -> dict[tuple[int, ...], float]:
    steps, classes = log_probs.shape
    chances: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(classes), repeat=steps):
        labels = collapsed(path, blank)
        chances[labels] = chances.get(labels, 0) + np.exp(log_probs[range(steps), path].sum())
    return chances


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(0, 3))
def test_collapsing_is_grouping_and_leaving_out_blanks(path: list[int], blank: int) -> None:
    assert text.ctc_collapse(path, blank) == list(collapsed(path, blank))
    assert text.ctc_collapse(dls.Tensor(np.array(path, "int64")), blank) == list(
        collapsed(path, blank))


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2))
def test_a_wide_beam_finds_every_labelling_with_its_chance(
    seed: int, steps: int, classes: int, blank: int
) -> None:
    blank = min(blank, classes - 1)
    log_probs = random_log_probs(seed, steps, classes)
    expected = every_labelling(log_probs, blank)
    found = text.ctc_beam_search(log_probs, beam_width=len(expected) + 50, blank=blank)
    assert {tuple(labels): pytest.approx(np.exp(p)) for labels, p in found} == expected
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
    for labels, log_p in found:
        loss = F.ctc_loss(log_probs, np.array(labels, "int64"), steps, len(labels), blank=blank,
                          reduction="none")
        assert loss.item() == pytest.approx(-log_p, abs=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_a_narrow_beam_promises_no_more_than_the_true_chance(seed: int, width: int) -> None:
    log_probs = random_log_probs(seed, 5, 3)
    chances = every_labelling(log_probs, 0)
    found = text.ctc_beam_search(dls.Tensor(log_probs), width)
    assert 1 <= len(found) <= width
    for labels, log_p in found:
        assert np.exp(log_p) <= chances[tuple(labels)] + 1e-12


@given(st.integers(0, 10_000), st.integers(0, 3))
def test_greedy_decoding_collapses_the_likeliest_path(seed: int, blank: int) -> None:
    log_probs = random_log_probs(seed, 5, 4)
    path = max(itertools.product(range(4), repeat=5),
               key=lambda path: log_probs[range(5), path].sum())
    labels, log_p = text.ctc_greedy(log_probs, blank)
    assert labels == list(collapsed(path, blank))
    assert log_p == pytest.approx(log_probs[range(5), path].sum())
    assert text.ctc_greedy(log_probs + 3, blank) == (labels, pytest.approx(log_p))  # logits


def test_impossible_classes_and_a_beam_that_sums() -> None:
    with np.errstate(divide="ignore"):
        logs = np.log([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert text.ctc_beam_search(logs) == [([1, 1], 0.0)]
    two = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert text.ctc_greedy(two)[0] == [] and text.ctc_beam_search(two)[0][0] == [1]


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda: text.ctc_greedy(np.zeros((2, 3, 4))), dls.ShapeError, "one sequence"),
    (lambda: text.ctc_greedy(np.zeros((0, 3))), dls.ShapeError, "one sequence"),
    (lambda: text.ctc_beam_search(np.zeros((2, 3)), blank=3), dls.DataError, "blank"),
    (lambda: text.ctc_beam_search(np.zeros((2, 3)), beam_width=0), dls.DataError, "beam_width"),
    (lambda: text.ctc_greedy([[np.nan]]), dls.DataError, "NaN"),
    (lambda: text.ctc_collapse([[1]]), dls.ShapeError, "a path"),
    (lambda: text.ctc_collapse([0.5]), dls.ShapeError, "a path")])
def test_bad_input_is_named(call, error, said: str) -> None:
    with pytest.raises(error, match=said):
        call()
