"""Mistakes in a part of an array: where a condition holds, at an edge, in one slice."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from .case import Case
from .hypotheses import factor
from .ingredients import spread
from .numeric import Array


def of_region(case: Case, sure: bool = True) -> str:
    """Name a condition that holds exactly where the gradient is wrong: x < 0, or an edge.

    Not sure: also if nothing is known of the values there but that they are wrong.
    """
    mine, truth = case.truth.of_candidate(case.mine), case.truth.values
    wrong = np.abs(mine - truth) > 1e-4 * case.truth.scale
    matters = (mine != 0) | (truth != 0)  # where both are 0 nothing is told
    if wrong.sum() < 2 or (matters & ~wrong).sum() < 2:
        return ""
    if not truth[wrong].any() and (truth != 0).sum() >= 2:
        return ("it must be 0 where the output does not depend on the input, and is not: a mask is "
                "missing")
    for text, condition in _conditions(case):
        if np.array_equal(condition & matters, wrong):
            what = _what(mine[wrong], truth[wrong])
            if what or not sure:
                return f"it is wrong exactly where {text}: {what or 'the values differ'}"
    return ""


def _what(mine: Array, truth: Array) -> str:
    if not mine.any():
        return "it is 0 there, and must not be"
    if not truth.any():
        return "it must be 0 there (a mask is missing)"
    c = factor(mine, truth)
    if c is None:
        return ""
    if c == -1:
        return "wrong sign"
    return f"it is {c if isinstance(c, Fraction) else f'{c:.5g}'} times the right one"


def _conditions(case: Case) -> Iterator[tuple[str, Array]]:
    shape, at = case.truth.shape, case.truth.of_candidate
    for name, value in case.known():
        here = spread(value, shape)
        if here is not None:
            flat = at(here)
            for text, condition in ((f"{name} < 0", flat < 0), (f"{name} > 0", flat > 0),
                                    (f"{name} = 0", flat == 0), (f"{name} is not 0", flat != 0),
                                    (f"{name} > 1", flat > 1), (f"{name} < -1", flat < -1),
                                    (f"|{name}| > 1", np.abs(flat) > 1),
                                    (f"|{name}| < 1", np.abs(flat) < 1)):
                yield text, condition
            for number, c in case.rule.numbers.items():
                if here is not None and type(c) is float and c > 0:
                    yield f"|{name}| > {number}", np.abs(at(here)) > c
    yield from _of_labels(case)
    index = np.indices(shape)
    for axis, n in enumerate(shape):
        along = at(index[axis])
        if n < 3:
            continue
        for text, condition in ((f"the index along axis {axis} is 0 (the first)", along == 0),
                                (f"the index along axis {axis} is {n - 1} (the last)",
                                 along == n - 1),
                                (f"the index along axis {axis} is the first or the last",
                                 (along == 0) | (along == n - 1)),
                                (f"the index along axis {axis} is not 0", along != 0),
                                (f"the index along axis {axis} is not the last", along != n - 1),
                                (f"the index along axis {axis} is odd", along % 2 == 1),
                                (f"the index along axis {axis} is even", along % 2 == 0)):
            yield text, condition
    edge = np.zeros(len(case.truth.places), bool)
    for axis, n in list(enumerate(shape))[-2:]:
        edge |= (at(index[axis]) == 0) | (at(index[axis]) == n - 1)
    yield "it is at the edge (padding?)", edge
    if len(shape) >= 2:
        row, column = at(index[-2]), at(index[-1])
        yield "it is above the diagonal", column > row
        yield "it is below the diagonal", column < row
        yield "it is on the diagonal", column == row
        yield "it is off the diagonal", column != row


def _of_labels(case: Case) -> Iterator[tuple[str, Array]]:
    """The places that labels name: one in each row."""
    shape = case.truth.shape
    for name, labels in case.rule.values.items():
        if labels.dtype.kind == "i" and len(shape) == 2 and labels.shape == shape[:1] and (
                0 <= labels.min() <= labels.max() < shape[1]):
            one = np.arange(shape[1]) == labels[:, np.newaxis]
            yield f"the column is {name} (one-hot)", case.truth.of_candidate(one)
            yield f"the column is not {name} (one-hot)", case.truth.of_candidate(~one)


def of_parts(case: Case) -> str:
    """Name the parts of an axis that are off by a factor, such as one gate with a wrong sign."""
    mine = np.asarray(case.mine, dtype=np.float64)
    truth = np.full(mine.shape, np.nan)
    truth.flat[case.truth.places] = case.truth.values
    for axis, n in enumerate(mine.shape):
        for parts in dict.fromkeys((2, 3, 4, n)):
            if n % parts or parts < 2 or mine.size // parts < 2:
                continue
            pairs = list(zip(np.split(mine, parts, axis), np.split(truth, parts, axis)))
            if text := _parts(case, axis, parts, pairs):
                return text
    return ""


def _parts(case: Case, axis: int, parts: int, pairs: list[tuple[Array, Array]]) -> str:
    factors: list[Fraction | float] = []
    for mine, truth in pairs:
        known = ~np.isnan(truth)
        m, t = mine[known], truth[known]
        if np.abs(m - t).max(initial=0.0) <= 1e-4 * case.truth.scale:
            factors.append(Fraction(1))
            continue
        c = factor(m, t) if m.size >= 2 and t.any() and m.any() else (
            0.0 if m.size and not m.any() else None)
        if c is None:
            return ""
        factors.append(c)
    wrong = {i: c for i, c in enumerate(factors) if c != 1}
    if not wrong or (len(wrong) == parts and parts > 8):
        return ""
    each = ", ".join(f"part {i} is {_number(c)}" for i, c in list(wrong.items())[:4])
    return f"of {parts} parts along axis {axis} {each}"


def _number(c: Fraction | float) -> str:
    if c == -1:
        return "negative (wrong sign)"
    if c == 0:
        return "0: it was never filled, or overwritten"
    return f"{c if isinstance(c, Fraction) else f'{c:.5g}'} times the right one"
