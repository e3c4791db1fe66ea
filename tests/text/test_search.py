"""Search against the list of all sequences, and a greedy loop."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import nn, text

END = 0


class Table:
    """A model whose next token depends on all tokens so far; counts the rows it is asked for."""

    def __init__(self, seed: int, tokens: int, tensors: bool = False) -> None:
        self.seed, self.tokens, self.tensors, self.rows = seed, tokens, tensors, 0

    def logits(self, past: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng([self.seed, len(past), *past]).normal(size=self.tokens) * 2

    def log_p(self, past: tuple[int, ...]) -> np.ndarray:
        z = self.logits(past)
        return z - np.log(np.exp(z).sum())

    def step(self, last: np.ndarray, state):
        past = state["past"].numpy() if self.tensors else state["past"]
        past = np.concatenate([past, last[:, None]], axis=1)
        scores = np.array([self.logits(tuple(p)) for p in past.tolist()])
        self.rows += len(last)
        if self.tensors:
            return dls.Tensor(scores), {"past": dls.Tensor(past)}
        return scores, {"past": past}

    def state(self, sources: int):
        empty = np.zeros((sources, 0), np.int64)
        return {"past": dls.Tensor(empty) if self.tensors else empty}


def every_sequence(model: Table, start: int, longest: int, penalty: float):
    """(tokens, finished, score) of all that the model can write, the best first."""
    found = []
    for length in range(1, longest + 1):
        for written in itertools.product(range(model.tokens), repeat=length):
            ended = written[-1] == END
            if END in written[:-1] or (not ended and length < longest):
                continue
            past = (start, *written)
            total = sum(model.log_p(past[:i])[past[i]] for i in range(1, len(past)))
            found.append((written[:-1] if ended else written, ended, total / length**penalty))
    return sorted(found, key=lambda item: -item[2])


@given(st.integers(0, 10_000), st.integers(2, 3), st.integers(1, 4),
       st.sampled_from([0.0, 0.7, 1.0]), st.booleans())
def test_a_wide_beam_finds_all_sequences_in_their_order(
    seed: int, tokens: int, longest: int, penalty: float, tensors: bool
) -> None:
    model = Table(seed, tokens, tensors)
    expected = every_sequence(model, 1, longest, penalty)
    found = text.beam_search(model.step, 1, end=END, max_length=longest, state=model.state(1),
                             beam_width=len(expected), length_penalty=penalty)
    assert [(h.tokens, h.finished) for h in found] == [(t, e) for t, e, _ in expected]
    np.testing.assert_allclose([h.score for h in found], [s for *_, s in expected], rtol=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_greedy_search_is_a_loop_of_argmax_and_a_beam_of_one(seed: int, longest: int) -> None:
    model, past, total = Table(seed, 4), (1,), 0.0
    while len(past) <= longest:
        log_p = model.log_p(past)
        past, total = (*past, int(log_p.argmax())), total + log_p.max()
        if past[-1] == END:
            break
    found = text.greedy_search(model.step, 1, end=END, max_length=longest, state=model.state(1))
    assert found.tokens == tuple(t for t in past[1:] if t != END)
    assert found.finished == (past[-1] == END)
    assert found.log_probability == pytest.approx(total)
    (beam,) = text.beam_search(model.step, 1, end=END, max_length=longest, state=model.state(1),
                               beam_width=1)
    assert beam.tokens == found.tokens


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_many_sources_at_once_are_one_after_the_other(seed: int, width: int) -> None:
    model = Table(seed, 4)
    options = {"end": END, "max_length": 5, "beam_width": width}
    together = text.beam_search(model.step, np.array([1, 2, 3]), state=model.state(3), **options)
    alone = [text.beam_search(model.step, start, state=model.state(1), **options)
             for start in (1, 2, 3)]
    for some, others in zip(together, alone):
        assert [h.tokens for h in some] == [h.tokens for h in others]
        np.testing.assert_allclose([h.score for h in some], [h.score for h in others])


def test_finished_sequences_are_not_computed_on() -> None:
    scores = np.array([[0.0, -9.0, -9.0], [-9.0, 0.0, -9.0], [0.0, -9.0, -9.0]])
    asked = []

    def step(last, state):
        asked.append(len(last))
        return scores[last], None

    found = text.greedy_search(step, [1, 2], end=END, max_length=3)
    assert asked == [2, 1, 1] and [h.finished for h in found] == [False, True]
    assert text.greedy_search(step, 1, end=None, max_length=3).tokens == (1, 1, 1)


def test_a_recurrent_network_needs_a_reorder_and_leaves_no_graph() -> None:
    dls.manual_seed(0)
    cells, out, look = nn.LSTM(4, 6), nn.Linear(6, 5), nn.Embedding(5, 4)

    def step(last, state):
        y, state = cells(look(dls.Tensor(last)).unsqueeze(0), state)
        assert not y.requires_grad
        return out(y[0]), state

    def reorder(state, rows):
        return tuple(part[:, rows] for part in state)

    (best, *_) = text.beam_search(step, 1, end=END, max_length=4, beam_width=3, reorder=reorder)
    written = [1, *best.tokens] + [END] * best.finished
    y, _ = cells(look(dls.Tensor(written[:-1])).unsqueeze(1))  # all steps at once
    log_p = nn.functional.log_softmax(out(y[:, 0]), axis=1).numpy()
    expected = log_p[np.arange(len(written) - 1), written[1:]].sum()
    assert best.log_probability == pytest.approx(expected, rel=1e-5)
    with pytest.raises(dls.ShapeError, match="reorder"):
        text.beam_search(step, [1, 2], end=END, max_length=4, beam_width=3)


def test_a_sampler_draws_by_the_models_chances() -> None:
    model = Table(5, 3)
    draw = functools.partial(text.sample, generator=dls.Generator(0))
    found = text.generate(model.step, np.ones(4000, np.int64), end=END, max_length=2,
                          state=model.state(4000), sampler=draw)
    counts = {tokens: 0 for tokens, *_ in every_sequence(model, 1, 2, 0.0)}
    for (hypothesis,) in found:
        counts[hypothesis.tokens] += 1
    for tokens, _, score in every_sequence(model, 1, 2, 0.0):
        assert counts[tokens] / 4000 == pytest.approx(np.exp(score), abs=0.03)
    (cold,) = text.generate(model.step, 1, end=END, max_length=4, state=model.state(1),
                            sampler=functools.partial(text.sample, temperature=0))
    assert cold.tokens == text.greedy_search(model.step, 1, end=END, max_length=4,
                                             state=model.state(1)).tokens


def scores_of(*shape: int):
    return lambda last, state: (np.zeros(shape), state)


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda: text.generate(scores_of(2, 3), 1, end=0, max_length=2), dls.ShapeError, "step"),
    (lambda: text.generate(scores_of(1, 3), 1, end=3, max_length=2), dls.DataError, "0 to 2"),
    (lambda: text.generate(scores_of(1, 3), 1.5, end=0, max_length=2), dls.DataError, "start"),
    (lambda: text.generate(scores_of(1, 3), 1, end=0, max_length=0), dls.DataError, "max_length"),
    (lambda: text.beam_search(scores_of(1, 3), 1, end=0, max_length=2, beam_width=0),
     dls.DataError, "beam_width"),
    (lambda: text.beam_search(scores_of(1, 3), 1, end=0, max_length=2, length_penalty=-1),
     dls.DataError, "length_penalty"),
    (lambda: text.generate(scores_of(1, 3), 1, end=0, max_length=2, beam_width=2,
                           sampler=text.sample), dls.DataError, "one sequence"),
    (lambda: text.generate(scores_of(1, 3), 1, end=0, max_length=2, sampler=lambda s: [7]),
     dls.DataError, "sampler returns"),
    (lambda: text.generate(scores_of(1, 3), 1, end=0, max_length=2, state="x",
                           sampler=lambda s: [1]), dls.DataError, "reorder"),
    (lambda: text.generate(lambda last, s: ([[np.nan]], s), 1, end=0, max_length=2),
     dls.DataError, "NaN")])
def test_bad_input_is_named(call, error, said: str) -> None:
    with pytest.raises(error, match=said):
        call()
