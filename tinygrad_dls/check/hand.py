"""Gradients written by hand, checked as in Course 2, week 1."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import DataError
from .hypotheses import DIFFERENCES, Words, mistake
from .numeric import EPS, Array, Differences, Measured, course_difference, on_host
from .report import Check, Report

Parameters = Mapping[str, Any]


def check_gradients(
    cost: Callable[[dict[str, Array]], Any], parameters: Parameters, gradients: Parameters,
    eps: float = 1e-7, tolerance: float = 2e-7, m: int | None = None,
    words: Words = DIFFERENCES,
) -> Report:
    """Check gradients {"dW1": ...} of `cost`, a function of parameters {"W1": ...}, by differences.

    gradapprox = (J(theta + eps) - J(theta - eps)) / (2 eps), element by element, in float64;
    `report.difference` is ||grad - gradapprox|| / (||grad|| + ||gradapprox||) over all of them,
    and each wrong gradient gets a line that names the mistake. `m`, the number of examples, lets
    it say that 1/m is missing; `words` are what the lines call the two gradients. Gradients of
    other things (dZ1, dA1 ...) are not looked at.
    """
    theta = {name: _array(value, name) for name, value in parameters.items()}
    mine = {name: _gradient_of(name, gradients) for name in theta}
    value = float(cost({name: x.copy() for name, x in theta.items()}))
    if not np.isfinite(value):
        raise DataError(f"the cost is {value}: there is no gradient to check")
    rounding = 64 * EPS * abs(value) / eps  # of one difference
    checks, compared, measured = [], [], []
    for name, x in theta.items():
        truth = Measured.of(_approximation(cost, theta, name, eps))
        gradient = mine[name]
        verdict = _check(f"d{name}", gradient, truth, tolerance, rounding, m, words)
        if verdict.difference is not None and verdict.verdict == "wrong":
            again = _measured_again(cost, theta, name, gradient, value, truth)
            second = _check(f"d{name}", gradient, again, tolerance, rounding, m, words)
            if second.verdict == "right":
                verdict, truth = second, again
        checks.append(verdict)
        fits = gradient is not None and gradient.shape == x.shape
        compared.append(np.ravel(gradient if fits else np.zeros(x.shape)))  # type: ignore[arg-type]
        measured.append(truth.values)
    flat, approximation = np.concatenate(compared), np.concatenate(measured)
    return Report(
        gradients=tuple(checks), difference=course_difference(flat, approximation),
        tolerance=tolerance, elements=(len(flat), len(flat)),
    )


def _approximation(
    cost: Callable[[dict[str, Array]], Any], theta: dict[str, Array], name: str, eps: float
) -> Array:
    """gradapprox of one parameter."""
    approximation = np.zeros(theta[name].shape)
    for place in range(theta[name].size):
        values = []
        for step in (eps, -eps):
            moved = {key: x.copy() for key, x in theta.items()}
            moved[name].flat[place] += step
            values.append(float(cost(moved)))
        approximation.flat[place] = (values[0] - values[1]) / (2 * eps)
    return approximation


def _measured_again(
    cost: Callable[[dict[str, Array]], Any], theta: dict[str, Array], name: str, gradient: Any,
    value: float, truth: Measured,
) -> Measured:
    """gradapprox with steps that suit the size of the numbers, which `eps` may not."""

    def f(x: Array) -> Array:
        moved = {key: other.copy() for key, other in theta.items()} | {name: x.copy()}
        return np.array([float(cost(moved))])

    differences = Differences(f, theta[name], np.array([value]), np.ones(1))
    slopes = truth.values.copy()
    for place, mine in enumerate(gradient.flat):
        verdict, slope = differences.judge(differences.unit(place), float(mine), 1e-6, 1e-6)
        if verdict != "kink":
            slopes[place] = slope
    return Measured.of(slopes.reshape(truth.shape))


def _check(
    name: str, gradient: Array | None, truth: Measured, tolerance: float, rounding: float,
    m: int | None, words: Words,
) -> Check:
    if gradient is None or gradient.shape != truth.shape:
        hint = mistake(gradient, truth, words=words)
        return Check(name, verdict="wrong", hint=hint or "it is missing")
    difference = course_difference(gradient.ravel(), truth.values)
    distance = float(np.linalg.norm(gradient.ravel() - truth.values))
    size = float(np.linalg.norm(gradient) + np.linalg.norm(truth.values))
    if distance <= tolerance * size + min(rounding * np.sqrt(gradient.size), 1e-5 * size):
        return Check(name, difference=difference)
    hint = mistake(gradient, truth, {} if m is None else {"m": m}, words)
    return Check(name, verdict="wrong", hint=hint, difference=difference)


def _gradient_of(name: str, gradients: Parameters) -> Array | None:
    """The gradient of parameter `name`, under "dW1" or "W1"; float64."""
    for key in (f"d{name}", name):
        if key in gradients:
            value = gradients[key]
            return None if value is None else _array(value, key, finite=False)
    raise DataError(f"no gradient for {name!r}: 'd{name}' is not among {', '.join(gradients)}")


def _array(value: Any, name: str, finite: bool = True) -> Array:
    array = np.array(on_host(value), dtype=np.float64)
    if finite and not np.isfinite(array).all():
        raise DataError(f"{name} holds NaN or Inf: there is no gradient to check")
    return array
