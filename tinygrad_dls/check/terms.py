"""Terms that are missing from a gradient, or too many: branches through sums, means, variances."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, permutations, product

import numpy as np

from .case import Case
from .follow import SUM, halved
from .hypotheses import factor
from .ingredients import forms, spread
from .numeric import Array


def missing_term(case: Case) -> str:
    """Name the term that, added to the gradient, makes it right."""
    if len(case.truth.values) != np.prod(case.truth.shape, dtype=int):
        return ""  # sums over axes need all elements
    mine = np.asarray(case.mine, dtype=np.float64)
    for text, term in _plain(case, mine):
        for sign in (1, -1):
            if term.any() and case.close((mine + sign * term).ravel()):
                if text.startswith("its mean") and sign < 0:
                    return f"{text} must be subtracted: the branch through the mean is missing"
                return (f"the term {text} is missing" if sign > 0
                        else f"there is the term {text} too much")
    return _wrong_axis(case) or _multiple_of_dy(case)


def _multiple_of_dy(case: Case) -> str:
    """Recognize a plain multiple of dy, spread over an axis, that is missing."""
    rest = case.truth.values - case.truth.of_candidate(case.mine)
    dy = case.rule.dy
    wider = [np.expand_dims(dy, axis) for axis in range(dy.ndim + 1)]
    for here in (spread(value, case.truth.shape) for value in (dy, *wider)):
        if here is None or np.ptp(here) == 0:
            continue
        c = factor(rest, case.truth.of_candidate(here))
        if isinstance(c, Fraction):
            return (f"the term {c} * dy is missing" if c > 0
                    else f"the term {-c} * dy must be subtracted")
    return ""


def _plain(case: Case, mine: Array) -> Iterator[tuple[str, Array]]:
    """Terms that a branch adds: dy itself, the mean over an axis, dy times a value."""
    rule, shape = case.rule, case.truth.shape
    for axes in _axes(len(shape)):
        yield f"its mean over {_said(axes)}", np.broadcast_to(
            mine.mean(axis=axes, keepdims=True), shape)
    if rule.dy.shape == shape:
        yield "dy (a branch that passes the input on, as a shortcut does)", rule.dy
        for name, value in case.known():
            if (here := spread(value, shape)) is not None:
                yield f"dy * {name}" if name.isidentifier() else f"dy * ({name})", rule.dy * here
    for other, share in enumerate(case.shares):
        if other != case.place and share is not None and share.shape == shape:
            yield f"the gradient of {rule.input_name(other)}", share


def _wrong_axis(case: Case) -> str:
    """Recognize a sum of dy times a value that is taken over the wrong axis."""
    rule, shape = case.rule, case.truth.shape
    if rule.dy.shape != shape or len(shape) < 2:
        return ""
    known = [("1", np.ones(shape))] + [(name, here) for name, value in case.known()
                                       if (here := spread(value, shape)) is not None]
    for (inner, value), (_, outer) in product(known, known):
        for verb, reduce in ("summed", np.sum), ("averaged", np.mean):
            sums = {axes: outer * reduce(rule.dy * value, axis=axes, keepdims=True)
                    for axes in _axes(len(shape))}
            for (wrong, one), (right, other) in permutations(sums.items(), 2):
                for sign in (1, -1):
                    if case.close((case.mine + sign * (other - one)).ravel()):
                        what = "dy" if inner == "1" else f"dy * {inner}"
                        return (f"{what} is {verb} over {_said(wrong)}, it must be over "
                                f"{_said(right)} (the wrong axis)")
    return ""


def branches(case: Case, sums: bool = True) -> str:
    """Name the missing rest that, in each slice, is a constant, a multiple of a value, or both.

    sums: also if backward adds up something; it may then be there, with a wrong factor.
    """
    if not sums and any(site.what == SUM and not case.spoils(site, halved) for site in case.sites):
        return ""
    if len(case.truth.values) != np.prod(case.truth.shape, dtype=int):
        return ""
    mine = np.asarray(case.mine, dtype=np.float64)
    rest = case.truth.values.reshape(case.truth.shape) - mine
    values = [(name, here) for name, value in case.known()
              if (here := spread(value, case.truth.shape)) is not None]
    values.sort(key=lambda pair: pair[0] != "y")
    for name, here in values[:1]:
        values += forms(name, here, ("exp({v})", "sigmoid({v})", "tanh({v})"))
    for axes in _axes(rest.ndim):
        length = int(np.prod([rest.shape[axis] for axis in axes]))
        if length < 3 or (rest.size < 2 * length and length < 5):
            continue
        constant = rest.mean(axis=axes, keepdims=True)
        if case.close((case.mine + constant + 0 * rest).ravel()):
            return (f"the same number is missing everywhere along {_said(axes)}: the branch "
                    "through the mean (or sum) over it")
        for name, value in values:
            centred = value - value.mean(axis=axes, keepdims=True)
            for what, v in ((f"{name} - its mean", centred), (name, value)):
                square = (v * v).sum(axis=axes, keepdims=True)
                if not square.all():
                    continue
                share = v * ((rest * v).sum(axis=axes, keepdims=True) / square)
                if case.close((case.mine + share).ravel()):
                    return _of_value(name, what, axes)
            square = (centred * centred).sum(axis=axes, keepdims=True)
            if length >= 4 and square.all():
                share = centred * ((rest * centred).sum(axis=axes, keepdims=True) / square)
                if case.close((case.mine + constant + share).ravel()):
                    return (f"a number and a multiple of {name} are missing along {_said(axes)}: "
                            "the branches through the mean and the variance over it")
    return ""


def _of_value(name: str, what: str, axes: tuple[int, ...]) -> str:
    if "mean" in what:
        return (f"a multiple of {what} is missing along {_said(axes)}: the branch through the "
                "variance (or standard deviation) over it")
    return (f"a multiple of {name} is missing along {_said(axes)}: a sum over it, such as "
            f"(dy * {name}).sum()")


def _axes(ndim: int) -> list[tuple[int, ...]]:
    found = [axes for count in range(1, min(ndim, 4) + 1)
             for axes in combinations(range(ndim), count)]
    return found if ndim <= 4 else found[:ndim]


def _said(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
