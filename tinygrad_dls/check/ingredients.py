"""Factors of gradients: derivatives of activations, inputs, norms, masks; missing, or too many."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, permutations
from math import isclose

import numpy as np

from .case import Case
from .numeric import Array

Form = Callable[[Array], Array]


def sigmoid(v: Array) -> Array:
    """1 / (1 + exp(-v)) for any v."""
    return np.asarray(0.5 * (1 + np.tanh(v / 2)))


FORMS: dict[str, Form] = {
    "{v}": lambda v: v,
    "({v} > 0)": lambda v: (v > 0).astype(np.float64),
    "({v} != 0)": lambda v: (v != 0).astype(np.float64),
    "1 - {v}**2": lambda v: 1 - v * v,
    "{v} * (1 - {v})": lambda v: v * (1 - v),
    "1 / {v}": lambda v: 1 / v,
    "{v}**2": lambda v: v * v,
    "1 / {v}**2": lambda v: 1 / (v * v),
    "sqrt({v})": np.sqrt,
    "1 / sqrt({v})": lambda v: 1 / np.sqrt(v),
    "1 - {v}": lambda v: 1 - v,
    "1 + {v}": lambda v: 1 + v,
    "sign({v})": np.sign,
    "abs({v})": np.abs,
    "exp({v})": np.exp,
    "exp(-{v})": lambda v: np.exp(-v),
    "exp({v} / 2)": lambda v: np.exp(v / 2),
    "sigmoid({v})": sigmoid,
    "1 - sigmoid({v})": lambda v: sigmoid(-v),
    "sigmoid({v}) * (1 - sigmoid({v}))": lambda v: sigmoid(v) * sigmoid(-v),
    "tanh({v})": np.tanh,
    "1 - tanh({v})**2": lambda v: 1 - np.tanh(v) ** 2,
    "cos({v})": np.cos,
    "sin({v})": np.sin,
    "log({v})": np.log,
    "1 + {v}**2": lambda v: 1 + v * v,
    "{v}**3": lambda v: v**3,
    "{v} * sigmoid({v}) * (1 - sigmoid({v}))": lambda v: v * sigmoid(v) * sigmoid(-v),
    "{v} * exp(-{v}**2 / 2)": lambda v: v * np.exp(-v * v / 2),
}
SLOPES = ("1 - {v}**2", "{v} * (1 - {v})", "({v} > 0)", "1 - tanh({v})**2",
          "sigmoid({v}) * (1 - sigmoid({v}))", "({v} != 0)", "exp({v})", "cos({v})", "{v}")


def forms(name: str, value: Array, wanted: tuple[str, ...] = tuple(FORMS)) -> Iterator[
        tuple[str, Array]]:
    """(text, array) of the functions of a value that are finite there, and not all equal."""
    with np.errstate(all="ignore"):
        for text in wanted:
            made = FORMS[text](value)
            if np.isfinite(made).all() and np.ptp(made) > 1e-9 * np.abs(made).max():
                yield text.format(v=name), made


def factor_of(case: Case) -> str:
    """Name a factor, a function of a known array, that is missing, too much, or another one's."""
    mine, truth = case.truth.of_candidate(case.mine), case.truth.values
    found: list[tuple[str, str, Array]] = []
    for name, value in case.known():
        here = spread(value, case.truth.shape)
        if here is not None:
            found += [(name, text, case.truth.of_candidate(form))
                      for text, form in forms(name, here)]
    if not mine.any() or np.count_nonzero(truth) < 3:
        return ""
    for _, text, form in found:
        if np.ptp(form) and case.close(mine * form):
            return f"the factor {text} is missing"
    for _, text, form in found:
        if case.close(truth * form, mine) and np.unique(form).size > 2:
            return f"there is a factor {text} too much"
    for sign, word in ((-1, "-"), (2, "2 * "), (0.5, "1/2 * ")):
        for _, text, form in found:
            if np.ptp(form) and case.close(sign * mine * form):
                return f"the factor {word}{text} is missing"
    for (_, text, form), (_, other, wanted) in combinations(found, 2):
        size = np.maximum(np.abs(form), np.abs(wanted))  # else one large 1 / x drowns all others
        form, wanted = form / np.where(size, size, 1), wanted / np.where(size, size, 1)
        if case.close(mine * wanted, truth * form) and _tells(form, wanted):
            return f"it has the factor {text} where it must be {other}"
        if case.close(mine * form, truth * wanted) and _tells(form, wanted):
            return f"it has the factor {other} where it must be {text}"
    return ""


def of_products(case: Case) -> str:
    """Name a missing or superfluous term that is dy times functions of one or two known values."""
    rule, shape = case.rule, case.truth.shape
    if rule.dy.shape != shape:
        return ""
    dy = case.truth.of_candidate(rule.dy)
    rest = case.truth.values - case.truth.of_candidate(case.mine)
    found = [(text, case.truth.of_candidate(form)) for name, value in case.known()
             if (here := spread(value, shape)) is not None for text, form in forms(name, here)]
    if not found or np.count_nonzero(rest) < 4:
        return ""
    if case.rule.y.shape == shape and _of_product(case, dy):
        return ("this is dy * y / x: of the product that forward makes only one factor was "
                "differentiated (the product rule has a second term)")
    table = np.array([form for _, form in found])
    for sign, word in ((1.0, "is missing"), (-1.0, "is too much")):
        for text, form in found:
            if case.close(sign * dy * form, rest):
                return f"the term dy * {_factor(text)} {word}"
        for text, form in found:
            gaps = np.abs(sign * dy * form * table - rest).max(axis=1)
            best = int(gaps.argmin())
            if gaps[best] <= 1e-4 * float(np.abs(rest).max()):
                return f"the term dy * {_factor(text)} * {_factor(found[best][0])} {word}"
    return ""


def _factor(text: str) -> str:
    return f"({text})" if text.startswith(("1 - ", "1 + ", "1 / ")) else text


def _of_product(case: Case, dy: Array) -> bool:
    """Return whether the gradient is dy * y / x, as if y / x did not depend on x."""
    x, y = case.rule.inputs[case.place], case.rule.y
    mine, x_there = case.truth.of_candidate(case.mine), case.truth.of_candidate(x)
    return case.close(mine * x_there, dy * case.truth.of_candidate(y))


def _tells(form: Array, wanted: Array) -> bool:
    """Return whether two forms differ, in more elements than chance explains."""
    nonzero = (form != 0) & (wanted != 0)
    if np.count_nonzero(nonzero) < 4:
        return False
    return float(np.ptp(form[nonzero] / wanted[nonzero])) > 1e-6


def spread(value: Array, shape: tuple[int, ...]) -> Array | None:
    """`value` broadcast to a gradient's shape; None where it does not go."""
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        return None


def of_number(case: Case, own: bool = False) -> str:
    """Name the origin of a factor: a parameter of the op, or a function of it or of a length.

    `own`: parameters only.
    """
    mine, truth = case.truth.of_candidate(case.mine), case.truth.values
    square = float(truth @ truth)
    c = float(mine @ truth) / square if square else 0.0
    if not c or not case.close(mine / c) or abs(c - 1) < 1e-6:
        return ""
    numbers = {name: float(value) for name, value in case.rule.numbers.items()
               if not isinstance(value, bool)}
    numbers |= {name: value.item() for name, value in case.rule.values.items()
                if value.size == 1 and value.dtype.kind == "f" and name != "y"}
    shown = {f"{name} = {value:g}": (name, value) for name, value in numbers.items()}
    if not own:
        shown |= {f"{name} = {n}": (name, float(n)) for name, n in case.rule.lengths.items()}
    for text, (name, value) in shown.items():
        text += ", wrong sign" if c < 0 else ""
        for form, made in _powers(name, value):
            if made and np.isclose(c, made, rtol=1e-5):
                if form.startswith("1 / "):
                    return f": the factor {form[4:]} is missing ({text})"
                return f": a factor {form} too much, or 1 / {form} missing ({text})"
    sizes = {name: value for name, value in numbers.items() if value == round(value)}
    return _another_divisor(c, sizes, {} if own else case.rule.lengths)


def _another_divisor(c: float, numbers: Mapping[str, float], lengths: Mapping[str, int]) -> str:
    """Recognize a division by the wrong count: 4, or one length, where f**2 or another is meant."""
    whole = (abs(c), 1 / abs(c))
    if any(isclose(x, round(x), rel_tol=1e-5) for x in whole):
        return ""  # a factor by itself
    counts = {f"{name}**2": value**2 for name, value in numbers.items() if value > 1}
    counts |= {name: value for name, value in numbers.items() if value > 1}
    sign = ", wrong sign" if c < 0 else ""
    for form, count in counts.items():
        used = count / abs(c)
        if isclose(used, round(used), rel_tol=1e-5) and 1 < round(used) <= 1000:
            return (f": it is divided by {round(used)} where it must be divided by {form} = "
                    f"{count:g}{sign}")
    for (name, count), (other, used) in permutations(lengths.items(), 2):
        if used > 1 and isclose(count / used, abs(c), rel_tol=1e-5) and 1 < count != used:
            return (f": it is divided by {other} = {used} where it must be divided by {name} = "
                    f"{count}{sign}")
    return ""


def _powers(name: str, value: float) -> Iterator[tuple[str, float]]:
    """Functions of a parameter or a length that gradients are multiplied by."""
    if name.isidentifier() and value and abs(value) not in (1.0, 2.0, 0.5):
        yield from ((name, value), (f"1 / {name}", 1 / value))
        yield from ((f"{name}**2", value**2), (f"1 / {name}**2", 1 / value**2))
        yield from ((f"(1 - {name})", 1 - value), (f"1 / (1 - {name})", 1 / (1 - value)))
    if value > 1 and value != 4:
        yield from ((f"sqrt({name})", value**0.5), (f"1 / sqrt({name})", value**-0.5))
