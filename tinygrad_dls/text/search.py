"""Writing a sequence with a model, token by token: greedily, by sampling or by beam search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..engine.modes import no_grad
from ..errors import DataError, ShapeError
from .operands import Array, log_probabilities, on_host, whole

Step = Callable[[Array, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Hypothesis:
    """An output of a model: `tokens`, without the start and the end token.

    log_probability: the sum of the logarithms of the chances of its tokens, the end token's with
    them. score: that sum divided by (number of tokens) ** length_penalty. finished: whether it
    came to the end token, or was cut at max_length.

    >>> from tinygrad_dls import text
    >>> text.Hypothesis((3, 1), -2.0, -1.0, True).tokens
    (3, 1)
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float
    finished: bool


@near_names
def greedy_search(
    step: Step, start: Any, *, end: int | None, max_length: int, state: Any = None,
    reorder: Callable[[Any, Array], Any] | None = None,
) -> Any:
    """Write the likeliest next token each time: `generate` with a beam of one.

    Returns a Hypothesis, or a list of them if `start` is (sources,).

    >>> import numpy as np
    >>> from tinygrad_dls import text
    >>> chances = np.log([[.2, .5, .3], [.6, .1, .3]])     # after token 0, and after token 1
    >>> text.greedy_search(lambda last, _: (chances[last], None), 0, end=2, max_length=4).tokens
    (1, 0, 1, 0)
    """
    found = generate(step, start, end=end, max_length=max_length, state=state, reorder=reorder)
    return found[0] if np.ndim(on_host(start)) == 0 else [hypotheses[0] for hypotheses in found]


@near_names
def beam_search(
    step: Step, start: Any, *, end: int | None, max_length: int, state: Any = None,
    beam_width: int = 4, length_penalty: float = 0.7,
    reorder: Callable[[Any, Array], Any] | None = None,
) -> Any:
    """Follow the `beam_width` likeliest beginnings: `generate` with a beam and normalized lengths.

    Returns at most `beam_width` Hypotheses, the best score first; a list of such lists if `start`
    is (sources,).

    >>> import numpy as np
    >>> from tinygrad_dls import text
    >>> chances = np.log([[.2, .5, .3], [.6, .1, .3]])     # after token 0, and after token 1
    >>> best = text.beam_search(lambda last, _: (chances[last], None), 0, end=2, max_length=4,
    ...                         beam_width=2, length_penalty=0)[0]
    >>> best.tokens, round(best.score, 3)
    ((), -1.204)
    """
    return generate(step, start, end=end, max_length=max_length, state=state,
                    beam_width=beam_width, length_penalty=length_penalty, reorder=reorder)


@near_names
def generate(
    step: Step, start: Any, *, end: int | None, max_length: int, state: Any = None,
    beam_width: int = 1, length_penalty: float = 0.0,
    sampler: Callable[[Array], Any] | None = None,
    reorder: Callable[[Any, Array], Any] | None = None,
) -> Any:
    """Write sequences with a model of the next token; the one loop behind every way to choose.

    step(last, state) -> (scores, state): from the last token of each sequence, int64 (n,), and the
    state, the logits or log-probabilities (n, tokens) of the next, as an array or a tensor. It runs
    without a graph. n changes on the way: the sequences of all sources are in it, and those that
    are finished leave it.

    start: the first token, or one for each of several sources (sources,) that are written at once.
    end: the token that finishes a sequence (None: all go on to max_length). state: what the step
    needs of the past, with a row for each source: arrays and tensors (n, ...) in any nest of
    tuples, lists and dicts. Where rows are not the first axis, as in an LSTM's (layers, n, hidden),
    give `reorder(state, rows)`, which returns the state of the rows int64 (n,).

    How the next token is chosen: with beam_width 1 the likeliest (greedy search); more keeps the
    likeliest beginnings and takes the place of one that finished out of the beam, as Course 5 does;
    `sampler`, such as `functools.partial(text.sample, top_p=0.9)`, draws tokens (n,) from scores.
    Finished sequences are ranked by log P / length ** length_penalty: 0 sums, 1 averages, .7 is
    usual. A beam as wide as there are sequences finds the best one.

    Returns Hypotheses, the best first, at most `beam_width`; a list of them for each of several
    sources. DataError for scores that are NaN, and for tokens outside of them.

    >>> import functools
    >>> import numpy as np
    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import text
    >>> chances = np.log([[.2, .5, .3], [.6, .1, .3]])     # after token 0, and after token 1
    >>> draw = functools.partial(text.sample, generator=dls.Generator(1))
    >>> drawn = text.generate(lambda last, _: (chances[last], None), 0, end=2, max_length=4,
    ...                       sampler=draw)
    >>> len(drawn), len(drawn[0].tokens) <= 4
    (1, True)
    """
    first = on_host(start)
    if first.ndim > 1 or first.dtype.kind not in "iu":
        raise DataError(f"start is a token or one for each source, (sources,), not "
                        f"{first.dtype} of the shape {first.shape}")
    width, longest = whole("beam_width", beam_width), whole("max_length", max_length)
    if not 0 <= length_penalty < np.inf:
        raise DataError(f"length_penalty is a number of at least 0, not {length_penalty!r}")
    if sampler is not None and width > 1:
        raise DataError("a sampler writes one sequence for each source: beam_width is 1 with it "
                        "(repeat the start for more)")
    beams = _Beams(len(first.reshape(-1)), width, float(length_penalty), end, longest)
    last = first.reshape(-1).astype(np.int64)
    with no_grad():
        for length in range(1, longest + 1):
            scores, state = step(last, state)
            logs = _checked(scores, len(last), end)
            picked = None if sampler is None else _drawn(sampler(logs), logs)
            before = len(last)
            rows, last = beams.advance(logs, picked, length)
            if len(rows) == 0:
                break
            if reorder:
                state = reorder(state, rows)
            else:
                same = len(rows) == before and bool((rows == np.arange(before)).all())
                state = _select(state, None if same else rows, before)
    found = beams.ranked()
    return found[0] if first.ndim == 0 else found


class _Beams:
    """The beginnings that are followed, one row each, and the hypotheses that are finished."""

    def __init__(
        self, sources: int, width: int, penalty: float, end: int | None, longest: int
    ) -> None:
        self.width, self.penalty, self.end, self.longest = width, penalty, end, longest
        self.source = np.arange(sources)  # of each row; rows of one source are neighbours
        self.logs = np.zeros(sources)
        self.tokens = np.zeros((sources, 0), np.int64)
        self.finished: list[list[Hypothesis]] = [[] for _ in range(sources)]

    def advance(self, logs: Array, picked: Array | None, length: int) -> tuple[Array, Array]:
        """Choose the continuations of all rows, whose next tokens have `logs` (rows, tokens).

        Returns the rows that go on (as numbers of the old rows) and their new last tokens.
        """
        totals = self.logs[:, None] + logs
        rows: list[int] = []
        tokens: list[int] = []
        for source in np.unique(self.source).tolist():
            own = np.flatnonzero(self.source == source)
            if picked is not None:
                chosen = [(int(own[0]), int(picked[own[0]]))]
            else:
                free = self.width - len(self.finished[source])
                chosen = [(int(own[i]), token) for i, token in _largest(totals[own], free)]
            for row, token in chosen:
                total = float(totals[row, token])
                written = (*self.tokens[row].tolist(), token)
                if token == self.end:
                    self._finish(source, written[:-1], total, length, True)
                elif length == self.longest:
                    self._finish(source, written, total, length, False)
                else:
                    rows.append(row)
                    tokens.append(token)
        kept, new = np.array(rows, np.int64), np.array(tokens, np.int64)
        self.logs = totals[kept, new]
        self.source = self.source[kept]
        self.tokens = np.concatenate([self.tokens[kept], new[:, None]], axis=1)
        return kept, new

    def _finish(
        self, source: int, tokens: tuple[int, ...], total: float, length: int, ended: bool
    ) -> None:
        score = total / length**self.penalty
        self.finished[source].append(Hypothesis(tokens, total, score, ended))

    def ranked(self) -> list[list[Hypothesis]]:
        return [sorted(found, key=lambda h: -h.score) for found in self.finished]


def _largest(totals: Array, count: int) -> list[tuple[int, int]]:
    """The places (row, token) of the `count` largest possible totals, the largest first."""
    flat = totals.reshape(-1)
    count = min(count, flat.size)
    places = np.arange(flat.size)
    if count < flat.size:  # all that may be among them, ties too, so that the first of equals stays
        places = np.flatnonzero(flat >= np.partition(flat, flat.size - count)[flat.size - count])
    places = places[np.argsort(-flat[places], kind="stable")][:count]
    return [divmod(place, totals.shape[1]) for place in places.tolist() if flat[place] > -np.inf]


def _checked(scores: Any, rows: int, end: int | None) -> Array:
    values = on_host(scores)
    if values.ndim != 2 or len(values) != rows:
        raise ShapeError("step returns scores (n, tokens) for the tokens (n,) it was given:\n"
                         f"  tokens  ({rows},)\n  scores  {values.shape}")
    if end is not None and not 0 <= end < values.shape[1]:
        raise DataError(f"the end token is {end}, but the model scores the tokens 0 to "
                        f"{values.shape[1] - 1}: does the vocabulary fit the model?")
    return log_probabilities(values)


def _drawn(tokens: Any, logs: Array) -> Array:
    picked = on_host(tokens)
    if (picked.shape != logs.shape[:1] or picked.dtype.kind not in "iu"
            or (picked < 0).any() or (picked >= logs.shape[1]).any()):
        raise DataError(f"sampler returns one of the tokens 0 to {logs.shape[1] - 1} for each of "
                        f"{len(logs)} rows, not {tokens!r}")
    return picked


def _select(state: Any, rows: Array | None, count: int) -> Any:
    """The rows of every array and tensor (count, ...) in a nest of tuples, lists and dicts; None:
    all, which need not be copied."""
    if state is None:
        return None
    if isinstance(state, Mapping):
        return {name: _select(part, rows, count) for name, part in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(_select(part, rows, count) for part in state))
    if isinstance(state, (tuple, list)):
        return type(state)(_select(part, rows, count) for part in state)
    if not hasattr(state, "shape") or len(state.shape) == 0:
        raise DataError(f"a state holds arrays and tensors with a row for each sequence, not a "
                        f"{type(state).__name__}; reorder= tells how to select its rows")
    if state.shape[0] != count:
        raise ShapeError(f"the first axis of a state has a row for each of {count} sequences; "
                         "reorder= tells how to select rows where that is another axis:\n"
                         f"  {state.shape}")
    return state if rows is None else state[rows]
