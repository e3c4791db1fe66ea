"""For the files of checks, `lessons/courseN_.../checks/cNwM_subject.py`.

    from tinygrad_dls.learn.checking import gradients, same, untouched

    def test_sigmoid(lesson):                      # `lesson`: what the learner's file defines
        same("sigmoid(0)", lesson.sigmoid(0), 0.5)

Each helper raises AssertionError with a message that says what is wrong and where to look.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ..check import check_gradients, compare
from ..check.hypotheses import Words, length_one

Array = npt.NDArray[Any]
WORDS = Words(mine="yours", truth="it", value="right")


def same(name: str, mine: Any, right: Any, hint: str = "", rtol: float = 1e-7) -> None:
    """`mine` has the shape and the values of `right` (numbers, arrays, or nested lists of them).

    rtol is relative to the largest element. What a known mistake looks like is named by itself
    (a transpose, a factor, a sum over the wrong axis); `hint` is added.
    """
    array = _array(name, mine, hint)
    truth = np.asarray(right)
    shape(name, array, truth.shape, hint, truth)
    verdict = compare(name, array, truth, rtol, print=False)
    if not verdict.ok and _distance(array, truth) > 1e-13:
        raise AssertionError(_with(hint, f"{name}: {_plain(verdict.hint, array, truth)}"))


def shape(
    name: str, mine: Any, right: tuple[int, ...], hint: str = "", truth: Array | None = None
) -> None:
    """`mine` is an array of this shape."""
    array = _array(name, mine, hint)
    if array.shape != right:
        said = f"{name} has shape {array.shape}, it must be {right}"
        if truth is not None:
            cause = compare(name, array, truth, print=False).hint.partition(")")[2]
            cause = cause.partition(")")[2].lstrip(":, ")
            said += f": {cause}" if cause else ""
        elif array.shape == right[::-1]:
            said += ": transposed?"
        elif array.size == np.prod(right, dtype=int):
            said += f": {length_one(array.shape, right)}"
        raise AssertionError(_with(hint, said))


def keys(name: str, mine: Any, right: Sequence[str]) -> None:
    """`mine` is a dictionary with (at least) these keys."""
    if not isinstance(mine, Mapping):
        raise AssertionError(f"{name} is a {type(mine).__name__}, it must be a dictionary")
    lost = [key for key in right if key not in mine]
    if lost:
        raise AssertionError(f"{name} lacks {', '.join(map(repr, lost))}; it has {list(mine)}")


def result(name: str, mine: Any, count: int) -> tuple[Any, ...]:
    """`mine` is a tuple of `count` things, as `return a, b` makes it; returns it."""
    if not isinstance(mine, tuple) or len(mine) != count:
        what = f"{len(mine)} things" if isinstance(mine, tuple) else f"a {type(mine).__name__}"
        raise AssertionError(f"{name} returns {what}, it must return {count}, with commas")
    return mine


def gradients(
    cost: Callable[[dict[str, Array]], Any], parameters: Mapping[str, Any],
    mine: Mapping[str, Any], m: int | None = None, hint: str = "",
) -> None:
    """`mine` {"dW1": ...} are the derivatives of `cost`, a function of `parameters` {"W1": ...}.

    Measured by central differences; `m`, the number of examples, lets it say that 1/m is missing.
    """
    keys("the gradients", mine, [f"d{name}" for name in parameters])
    for name in parameters:
        if not np.isfinite(_array(f"d{name}", mine[f"d{name}"], hint)).all():
            raise AssertionError(_with(hint, f"d{name} holds NaN or infinity"))
    report = check_gradients(cost, parameters, mine, eps=1e-6, tolerance=1e-6, m=m, words=WORDS)
    if not report.ok:
        wrong = [check.name for check in report.wrong]
        right = [check.name for check in report.gradients if check.name not in wrong]
        said = f"{wrong[0]}: {report.wrong[0].hint}"
        if len(report.gradients) > 1:
            others = f"{_are(right, 'right')}, {_are(wrong, 'wrong')}" if right else "all are wrong"
            said += f"; {others}"
        raise AssertionError(_with(hint, said))


def _are(names: list[str], what: str) -> str:
    """dW1, db1 are right."""
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {what}"


def numeric_gradient(f: Callable[[Array], Any], x: Any, eps: float = 1e-6) -> Array:
    """df/dx by central differences, element by element; f returns a number or an array.

    For an array the sum of its elements is derived.
    """
    start = np.array(x, dtype=np.float64)
    slope = np.zeros(start.shape)
    for place in range(start.size):
        values = []
        for step in (eps, -eps):
            moved = start.copy()
            moved.flat[place] += step
            values.append(float(np.sum(f(moved))))
        slope.flat[place] = (values[0] - values[1]) / (2 * eps)
    return slope


@contextmanager
def untouched(**given: Any) -> Iterator[None]:
    """The arrays (or dicts and lists of them) given by name are the same after the block."""
    before = {name: _copies(value) for name, value in given.items()}
    yield
    for name, value in given.items():
        for old, new in zip(before[name], _copies(value), strict=True):
            if old.shape != new.shape or not np.array_equal(old, new, equal_nan=True):
                raise AssertionError(
                    f"{name} was changed by the function: make a new array "
                    "(a = a - b, not a -= b; .copy() before assigning to elements)"
                )


def _copies(value: Any) -> list[Array]:
    if isinstance(value, Mapping):
        return [copy for key in value for copy in _copies(value[key])]
    if isinstance(value, list | tuple):
        return [copy for item in value for copy in _copies(item)]
    return [np.array(value)]


def _array(name: str, value: Any, hint: str = "") -> Array:
    if value is None:
        raise AssertionError(_with(hint, f"{name} is None: is `return` missing?"))
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise AssertionError(_with(hint, f"{name} is not an array: {error}")) from None
    if array.dtype.kind not in "fiub":
        kind = type(value).__name__
        raise AssertionError(_with(hint, f"{name} is a {kind}, it must hold numbers"))
    return array


def _distance(mine: Array, right: Array) -> float:
    if not mine.size:
        return 0.0
    gap = float(np.abs(mine.astype(np.float64) - right.astype(np.float64)).max())
    return gap if gap == gap else float("inf")


def _plain(said: str, mine: Array, right: Array) -> str:
    """The words of `compare` without "auto": a learner's check has a right value.

    It may be of anything, labels too: nothing is said of lost gradients.
    """
    said = said.replace(f": {Words().zero[2:]}", "")
    if not mine.shape:
        cause = said.partition(": ")[2].replace("mine", "yours")
        known = f": {cause}" if cause and "." not in cause else ""
        return f"{mine.item():.8g}, it must be {right.item():.8g}{known}"
    return said.replace("mine", "yours").replace(" auto ", " right ")


def _with(hint: str, said: str) -> str:
    return f"{said}; {hint}" if hint else said
