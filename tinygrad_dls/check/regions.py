"""Mistakes in a part of an array: where a condition holds, at an edge, in one slice."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from .case import Case, OutOfTime
from .compared import compared_at
from .hypotheses import factor
from .ingredients import spread
from .numeric import Array

FEW = 3  # elements, on each side of a condition of values, of which chance makes nothing


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
    what = _what(mine[wrong], truth[wrong])
    if not what and sure:
        return ""
    said = f"{{}}: {what or 'the values differ'}".format
    if wrong.sum() >= FEW and (matters & ~wrong).sum() >= FEW:
        for text, condition in _of_values(case):
            if np.array_equal(condition & matters, wrong) and _holds_again(case, text):
                return said(f"it is wrong exactly where {text}")
    for text, condition in _of_places(case):
        if np.array_equal(condition & matters, wrong):
            return said(f"it is wrong exactly where {text}")
    return ""


def _holds_again(case: Case, text: str) -> bool:
    """Return whether it is wrong exactly there at other inputs, too: it may have been chance."""
    case.tick()
    try:
        inputs = [_moved(x, case.rng) for x in case.rule.inputs]
        rule = case.rule.at(inputs)
        shares, problem = rule.gradients()
        if problem:
            return False
        compared = compared_at(rule, case.place, shares[case.place], 1e-6, 1e-6, case.rng)
        verdict, truth = compared.verdict()
        if verdict != "wrong":
            return False
        other = replace(case, rule=rule, shares=shares, truth=truth, compared=compared)
        mine, right = truth.of_candidate(other.mine), truth.values
        wrong = np.abs(mine - right) > 1e-4 * truth.scale
        matters = (mine != 0) | (right != 0)
        inside = next((condition & matters for name, condition in _of_values(other)
                       if name == text), np.zeros_like(wrong))
        few = inside.sum() // 5  # that are wrong by next to nothing
        return bool(not (wrong & ~inside).any() and (inside & ~wrong).sum() <= few)
    except OutOfTime:
        raise
    except Exception:  # inputs that forward does not take
        return False


def _moved(x: Any, rng: np.random.Generator) -> Any:
    """An array of floats with its slices in turn, and of other sizes."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or not x.ndim:
        return x
    return np.asarray(np.roll(x, 1, axis=-1) * rng.uniform(0.7, 1.0, x.shape)).astype(x.dtype)


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


def _of_values(case: Case) -> Iterator[tuple[str, Array]]:
    """Conditions of the values beside an element."""
    shape, at = case.truth.shape, case.truth.of_candidate
    for name, value in case.known():
        here = spread(value, shape)
        if here is not None:
            flat = at(here)
            yield from ((f"{name} < 0", flat < 0), (f"{name} > 0", flat > 0),
                                    (f"{name} = 0", flat == 0), (f"{name} is not 0", flat != 0),
                                    (f"{name} > 1", flat > 1), (f"{name} < -1", flat < -1),
                                    (f"|{name}| > 1", np.abs(flat) > 1),
                                    (f"|{name}| < 1", np.abs(flat) < 1))
            for number, c in case.rule.numbers.items():
                if here is not None and type(c) is float and c > 0:
                    yield f"|{name}| > {number}", np.abs(at(here)) > c


def _of_places(case: Case) -> Iterator[tuple[str, Array]]:
    """Conditions of the place of an element: the first row, the edge, the diagonal."""
    shape, at = case.truth.shape, case.truth.of_candidate
    yield from _of_labels(case)
    index = np.indices(shape)
    for axis, n in enumerate(shape):
        along = at(index[axis])
        if n < 3:
            continue
        yield from ((f"the index along axis {axis} is 0 (the first)", along == 0),
                                (f"the index along axis {axis} is {n - 1} (the last)",
                                 along == n - 1),
                                (f"the index along axis {axis} is the first or the last",
                                 (along == 0) | (along == n - 1)),
                                (f"the index along axis {axis} is not 0", along != 0),
                                (f"the index along axis {axis} is not the last", along != n - 1),
                                (f"the index along axis {axis} is odd", along % 2 == 1),
                                (f"the index along axis {axis} is even", along % 2 == 0))
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
