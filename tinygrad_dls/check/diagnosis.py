"""Diagnosis of a wrong gradient: families of mistakes, the plainest first."""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from .case import Case, OutOfTime, Trial
from .contributions import of_jacobian, of_one, of_outputs, of_slices
from .hypotheses import elements, factor, named
from .ingredients import factor_of, of_number, of_products, spread
from .patterns import moved
from .regions import of_parts, of_region
from .steps import of_steps
from .supports import of_mask, of_small_windows, of_supports
from .terms import branches, missing_term
from .trials import (
    nothing_there,
    other_dy,
    other_values,
    penalty,
    special_numbers,
    special_points,
)

SECONDS = 10.0  # of the processor, for all gradients of one rule


def name_mistakes(cases: Sequence[Case]) -> list[str]:
    """Name the mistake in each of the gradients that a rule gave its inputs.

    One mistake spoils several: what mends one of them is tried on the others first. What is not
    named after SECONDS of the processor stays without a name.
    """
    for case in cases:
        case.end = time.process_time() + SECONDS
    with np.errstate(all="ignore"):
        names = [_in_time(case) for case in cases]
        mended: list[tuple[str, Trial]] = []
        for family in FAMILIES:
            for i, case in enumerate(cases):
                if not names[i] and case.fits:
                    with suppress(OutOfTime):
                        names[i] = next(
                            (text for text, trial in mended if case.repeat(trial)), "") or (
                                family(case))
                    if names[i] and case.last is not None:
                        mended.append((names[i], case.last))
        return [name or elements(case.mine, case.truth) for name, case in zip(names, cases)]


def _in_time(case: Case) -> str:
    with suppress(OutOfTime):
        return _plain(case)
    return ""


def _plain(case: Case) -> str:
    """The mistakes that two arrays show; or that the gradient cannot be looked at closer."""
    mine, truth = case.mine, case.truth
    if mine is None:
        return "backward returned None, but the output does depend on it"
    plain = _is_dy(case) or _without_dy(case) or _named(case) or _of_another_input(case)
    if plain or not case.fits:
        return plain or other_values(case) or elements(mine, truth)
    return moved(mine, truth)


def _named(case: Case) -> str:
    text = named(case.mine, case.truth, case.rule.lengths)
    if case.fits and (" x numeric" in text or " of numeric" in text):
        plain, _, cause = text.partition(" (")
        number = of_number(case, own=True) or (of_number(case) if not cause else "")
        return plain + number if number else text
    return text


def _is_dy(case: Case) -> str:
    mine, truth, dy = case.mine, case.truth, case.rule.dy
    if not (mine.shape == truth.shape == dy.shape and np.array_equal(mine, dy)):
        return ""
    slopes = case.compared.slopes_of(int(truth.places[0])).ravel()
    alone = np.count_nonzero(np.abs(slopes) > 1e-6 * truth.scale) < 2
    if not alone or factor(truth.of_candidate(mine), truth.values) is not None:
        return ""
    return "analytic = dy: the derivative of the op itself is forgotten"


def _without_dy(case: Case) -> str:
    dy, mine = case.rule.dy, case.mine
    if case.rule.outputs or case.truth.is_close(mine):
        return ""
    wider = [np.expand_dims(dy, axis) for axis in range(dy.ndim + 1)]
    for value in (dy, *wider):
        here = spread(value, mine.shape)
        if here is not None and case.truth.is_close(mine * here):
            return "dy is forgotten: this is dy/dx, which must be multiplied by dy"
    return ""


def _of_another_input(case: Case) -> str:
    for other, share in enumerate(case.shares):
        if other != case.place and share is not None and case.truth.is_close(share):
            return f"this is the gradient of {case.rule.input_name(other)}: is the order wrong?"
    return ""


def not_added(case: Case) -> str:
    """Recognize elements that hold one of the contributions that should have been added up."""
    mine, truth = case.mine, case.truth
    at = truth.of_candidate(mine)
    wrong = np.flatnonzero(np.abs(at - truth.values) > 1e-5 * truth.scale)[:8]
    if not len(wrong):
        return ""
    for i in wrong:
        shares = case.compared.slopes_of(int(truth.places[i]))
        shares = shares[np.abs(shares) > 1e-9 * max(truth.scale, 1e-300)]
        parts = [at[i] * times for times in (1, 2, 3, 4)]  # it may be used twice within one
        if shares.size < 2 or not any(np.isclose(shares, part, rtol=1e-4).any() for part in parts):
            return ""
    return "only one contribution of a value that is used several times has arrived" + (
        "" if case.rule.edits_tried else
        ": `=` where `+=` is meant (np.add.at for places), or a sum is missing")


# Each returns the name of the mistake once it has shown that mending it gives the right gradient,
# or "". Those that explain more with less come first.
FAMILIES = (
    of_outputs, other_values, of_jacobian, factor_of, other_dy, penalty, missing_term,
    partial(branches, sums=False), of_one, not_added, of_products, of_slices, of_mask,
    special_numbers, of_parts, of_steps, branches, of_region, of_supports,
    partial(of_region, sure=False), nothing_there, of_small_windows, special_points,
    partial(of_slices, sure=False),
)
