"""Names for the mistake: the change that turns a wrong gradient into the right one.

Each hypothesis is a mistake that people make, tried on the two arrays. What is said is therefore
never a guess: multiplying by that number, or transposing, does give the right gradient.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import isclose
from typing import Any, NamedTuple

import numpy as np

from .numeric import Array, Measured, index_of


class Words(NamedTuple):
    """The names of the two gradients in a message."""

    mine: str = "analytic"
    truth: str = "numeric"
    value: str = "numeric"  # the truth beside one element
    zero: str = ": the gradient is lost"  # what it means that all are 0


DIFFERENCES = Words()


def mistake(
    mine: Any, truth: Measured, lengths: Mapping[str, int] | None = None, words: Words = DIFFERENCES
) -> str:
    """Name the mistake in `mine`, in a few words; if no name fits, say where it differs.

    "" if it is right. `lengths` are numbers a factor may come from, by name: {"m": 64} makes
    64 times too much "is 1/m missing?".
    """
    if mine is not None and truth.is_close(mine, 1e-6):
        return ""
    return named(mine, truth, lengths, words) or elements(mine, truth, words)


def named(
    mine: Any, truth: Measured, lengths: Mapping[str, int] | None = None, words: Words = DIFFERENCES
) -> str:
    """The name of the mistake in a wrong gradient; "" if it is none of those known."""
    if mine is None:
        return f"{words.mine} is None: no gradient was returned"
    if mine.shape != truth.shape:
        return _wrong_shape(mine, truth, words)
    at = truth.of_candidate(mine)
    if not np.isfinite(at).all():
        place = index_of(truth.places[np.argmin(np.isfinite(at))], truth.shape)
        return f"{words.mine} holds NaN or Inf, first at {place}"
    if not at.any():
        return f"{words.mine} is 0 everywhere{words.zero}"
    if c := factor(at, truth.values):
        return f"{words.mine} = {_times(c, words.truth)}{_cause(c, lengths or {})}"
    if mine.ndim == 2 and mine.shape[0] == mine.shape[1]:
        if c := factor(truth.of_candidate(mine.T), truth.values):
            scaled = "" if c == 1 else f", and {_times(c, 'it')}"
            return f"{words.mine} is the transpose of {words.truth}{scaled}: write .T"
    if mine.ndim == 2 and truth.is_close(mine.reshape(mine.shape[::-1]).T):
        return (f"{words.mine} has the numbers of {words.truth} in another order: "
                "reshaped where it must be transposed, write .T")
    return ""


def factor(mine: Array, truth: Array) -> Fraction | float | None:
    """The number c with mine = c * truth; a fraction if c is a plain one, None if there is none."""
    square = float((truth * truth).sum())
    if not square:
        return None
    c = float((mine * truth).sum()) / square
    if not c or np.abs(mine - c * truth).max() > 1e-4 * abs(c) * np.abs(truth).max():
        return None
    for plain in (Fraction(c).limit_denominator(12), _one_over(c)):
        if plain and abs(plain.numerator) < 1e6 and isclose(plain, c, rel_tol=1e-5):
            return plain
    return c


def _one_over(c: float) -> Fraction | None:
    """1/k for the whole k nearest to 1/c."""
    k = round(1 / c)
    return Fraction(1, k) if k else None


def _times(c: Fraction | float, what: str) -> str:
    if isinstance(c, float):
        return f"{c:.5g} x {what}"
    if c == -1:
        return f"-{what}" if what != "it" else "minus it"
    return f"{c} x {what}" if c.denominator == 1 else f"{c} of {what}"


def _cause(c: Fraction | float, lengths: Mapping[str, int]) -> str:
    """Explain where such a factor comes from, as far as one can tell."""
    sign = " wrong sign" if c < 0 else ""
    size = abs(c)
    causes = [sign.strip()] if sign else []
    if isinstance(size, Fraction) and size != 1:
        named = {n: name for name, n in [*lengths.items()][::-1] if n > 1}
        if size.numerator in named and size.denominator == 1:
            causes.append(f"{_named(named, size.numerator)}: is 1/{_short(named, size)} missing?")
        elif size.denominator in named and size.numerator == 1:
            over = Fraction(size.denominator)
            causes.append(f"{_named(named, size.denominator)}: is there one 1/{_short(named, over)}"
                          " too many?")
    return f" ({', '.join(causes)})" if causes else ""


def _named(named: Mapping[int, str], n: int) -> str:
    return f"{named[n]} = {n}"


def _short(named: Mapping[int, str], size: Fraction) -> str:
    name = named[size.numerator]
    return name if name.isidentifier() else str(size.numerator)


def _wrong_shape(mine: Array, truth: Measured, words: Words) -> str:
    """Why the shapes differ, if one can tell from the values."""
    text = f"{words.mine} has shape {mine.shape}, it must be {truth.shape}"
    if mine.T.shape == truth.shape and truth.is_close(mine.T):
        return f"{text}: it is the transpose, write .T"
    if mine.size == np.prod(truth.shape, dtype=int) and truth.is_close(mine.reshape(truth.shape)):
        return f"{text}: the values are right, {length_one(mine.shape, truth.shape)}"
    for axes in _reducible(mine.shape, truth.shape):
        if mine.sum(axis=axes).size != np.prod(truth.shape, dtype=int):
            continue
        if truth.is_close(mine.sum(axis=axes).reshape(truth.shape)):
            return f"{text}: broadcast, but not summed: write .sum(axis={_axes(axes)})"
        if truth.is_close(mine.mean(axis=axes).reshape(truth.shape)):
            return f"{text}: broadcast; .mean(axis={_axes(axes)}) is missing"
    return text


def length_one(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Name the axes of length 1 that are too many or too few, in an array with the same number of
    elements.
    """
    if len(shape) > len(wanted):
        return f"with too many axes of length 1 (without keepdims, or .reshape({wanted}))"
    if len(shape) < len(wanted):
        return f"with too few axes of length 1 (keepdims=True? or .reshape{wanted})"
    return "with axes of length 1 in other places"


def _reducible(shape: tuple[int, ...], wanted: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    """Axes to sum over so that the elements left are those of `wanted`: as broadcasting has it."""
    lead = len(shape) - len(wanted)
    if lead >= 0:
        stretched = [lead + i for i, n in enumerate(wanted) if n == 1 and shape[lead + i] != 1]
        yield (*range(lead), *stretched)
    if len(shape) == 2:
        yield from ((0,), (1,))


def _axes(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


def elements(mine: Array, truth: Measured, words: Words = DIFFERENCES) -> str:
    """Count the wrong elements, and show the worst of them."""
    at = truth.of_candidate(mine)
    gap = np.abs(at - truth.values)
    wrong = gap > 1e-4 * truth.scale
    if not wrong.any():
        wrong = gap == gap.max()
    worst = int(gap.argmax())
    place = index_of(truth.places[worst], truth.shape)
    here = f"at {place}: {words.mine} {at[worst]:.6g}, {words.value} {truth.values[worst]:.6g}"
    count = int(wrong.sum())
    if count == len(at):
        return f"the values differ, most {here}"
    return f"{count} of {len(at)} elements differ, " + ("" if count == 1 else "most ") + here
