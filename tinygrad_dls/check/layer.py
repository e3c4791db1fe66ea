"""Layers written by hand, a forward and a backward in NumPy, checked as the engine's ops are."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from .case import Case
from .compared import compared_at
from .diagnosis import name_mistakes
from .layer_rule import RAISED, WRITES, LayerRule
from .local import STALE, check_rule
from .repair.aliases import written_into
from .repair.intermediates import first_wrong
from .repair.search import mend
from .repair.wording import drawn_again, sentence
from .report import Check, Report


def check_layer(
    forward: Callable[..., Any], backward: Callable[..., Any], *inputs: Any,
    names: Sequence[str] | None = None, eps: float = 1e-6, tolerance: float = 1e-6, seed: int = 0,
) -> Report:
    """Check a layer written by hand in NumPy: `forward` and `backward` as in the course.

    `forward(*inputs)` returns the output, or several, then a cache; `backward(dy, cache)`, with
    as many gradients of outputs as it takes, returns the gradients of the float inputs: a tuple
    in their order, or a dict {"dW": ...}. Inputs are arrays, dicts of arrays or of parameters
    such as {"stride": 2}, and numbers. All runs in float64 on copies.

    The report names the line to mend, and how, where an edit of the source makes every gradient
    right, at other inputs and sizes, too. Else it says what is wrong with each gradient: a
    hypothesis is said only if mending it gives the right numbers.
    `names` of the inputs are the parameters' of `forward` if they are not given.
    DataError if forward returns no cache, or NaN.

        report = check_layer(linear_activation_forward, linear_activation_backward, A_prev, W, b)
        assert report, report

    The 1/m of the course: its dA and dZ are those of the loss of one example, while dW and db are
    those of the cost, which is 1/m of the sum. No function has both, so `dW = 1/m dZ A_prev.T` is
    reported as wrong. Check all of it as gradients of the cost:

        def backward_of_cost(dA, cache):
            dA_prev, dW, db = linear_activation_backward(m * dA, cache)
            return dA_prev / m, dW, db
    """
    rng = np.random.default_rng([seed, 1])  # inputs are often drawn with seed 0 itself
    rule = LayerRule(forward, backward, inputs, names)
    if not np.isfinite(rule.y).all():
        raise DataError("forward made NaN or Inf of these inputs: there is no gradient to check")
    rule.dy = np.asarray(rng.standard_normal(rule.y.shape))
    with np.errstate(all="ignore"):
        problem = _problem(rule, rng)
        if problem.startswith(RAISED):
            causes = _repairs(rule, _unknown(rule, eps, tolerance, rng))
            return Report(problems=(problem,), causes=tuple(dict.fromkeys(causes.values())))
        if problem.startswith(WRITES):
            told = written_into(rule, _unknown(rule, eps, tolerance, rng))
            return Report(problems=(told or problem,))
        if problem:
            return Report(problems=(problem,))
        places = [place for place in rule.floats if rule.given(place)]
        if not places:
            raise DataError("backward returned the gradient of none of the inputs: a dict has the "
                            "names of forward's inputs with a d, such as 'dW'")
        notes: list[str] = []
        causes = {}

        def names_of(cases: Sequence[Case]) -> list[str]:
            causes.update(_repairs(rule, cases))
            rest = [case for case in cases if case.place not in causes]
            named = dict(zip((case.place for case in rest), name_mistakes(rest)))
            if rest and (text := first_wrong(rule)):
                notes.append(text)
            return [causes.get(case.place) or named[case.place] for case in cases]

        found = check_rule(rule, places, eps, tolerance, rng, names_of)
    checks = [Check("d" + rule.input_name(place or 0), verdict=verdict, hint=hint)
              for place, verdict, hint in found]
    return Report(gradients=tuple(checks), tolerance=tolerance,
                  causes=(*dict.fromkeys(causes.values()), *notes))


def _problem(rule: LayerRule, rng: np.random.Generator) -> str:
    """The fault of backward as a function; "" if it gives gradients."""
    shares, problem = rule.gradients()
    if problem:
        return problem
    again, _ = rule.gradients()
    if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(shares, again)
           if a is not None and b is not None):
        return drawn_again(rule)
    if rule.remembers(rng):
        return STALE.partition(": this")[0] + ". Keep what backward needs in the cache"
    return ""


def _unknown(
    rule: LayerRule, eps: float, tolerance: float, rng: np.random.Generator
) -> list[Case]:
    """The gradients of a backward that gives none."""
    shares = [None] * len(rule.inputs)
    found = []
    for place in rule.floats:
        compared = compared_at(rule, place, None, eps, tolerance, rng)
        verdict, measured = compared.verdict()
        if verdict == "wrong":
            found.append(Case(rule, place, shares, measured, compared, rng))
    return found


def _repairs(rule: LayerRule, cases: Sequence[Case]) -> dict[int, str]:
    """The line to mend, by the places of the gradients that it mends."""
    found: dict[int, str] = {}
    for edits, places, everywhere in mend(rule, cases) if cases else ():
        right = [f"d{rule.input_name(place)}" for place in places]
        then = right[0] if len(right) == 1 else ", ".join(right[:-1]) + f" and {right[-1]}"
        then += " is right" if len(right) == 1 else " are right"
        then += "" if everywhere else " at these sizes, though not at all others"
        text = f"{', and '.join(map(sentence, edits))}; then {then}"
        found |= dict.fromkeys(places, text)
    return found
