"""The gradient that a rule gave one input, beside differences."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .numeric import EPS, SURE, Array, Differences, Measured, Verdict, nudged, own_errors
from .rules import Rule

SMALL = 2.0**-20  # a step, relative to the size of x, that hardly a kink is within
SAMPLED = 256  # elements of a wrong gradient that are looked at


def compared_at(
    rule: Rule, place: int, share: Any, eps: float, tolerance: float, rng: np.random.Generator
) -> "Compared":
    """The gradient `share` of one input, beside differences."""
    y = rule.y
    coarse = y.dtype != np.float64
    differences = Differences(
        _of_input(rule, place), rule.inputs[place], y.astype(np.float64),
        rule.dy.astype(np.float64), float(np.finfo(y.dtype).eps),
    )
    step, close = (1e-2, 1e-3) if coarse else (eps, tolerance)
    return Compared(differences, share, step, close, rng, lambda: _slack(rule, place, rng))


def _slack(rule: Rule, place: int, rng: np.random.Generator) -> Array:
    """Return by how much the gradient of an input changes if all it is made of does, a little."""
    shares, problem = rule.gradients()
    slack = np.zeros(np.shape(rule.inputs[place]))
    gradient = None if problem else shares[place]
    if gradient is None:
        return slack
    for _ in range(3):
        inputs = [nudged(x, rng) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
                  for x in rule.inputs]
        dy = nudged(rule.dy, rng, float(np.finfo(rule.dy.dtype).eps)).astype(rule.dy.dtype)
        shares, problem = rule.at(inputs, dy).gradients()
        if not problem and shares[place] is not None:
            slack = np.maximum(slack, np.abs(shares[place] - gradient))
    return slack


def _of_input(rule: Rule, place: int) -> Callable[[Array], Array]:
    """y as a function of one input, the others held."""

    def f(x: Array) -> Array:
        inputs = list(rule.inputs)
        inputs[place] = x
        return rule.forward(inputs).astype(np.float64)

    return f


@dataclass
class Compared:
    """One gradient that a rule gave, against differences."""

    differences: Differences
    share: Any
    step: float
    tolerance: float
    rng: np.random.Generator
    slack: Callable[[], Array]  # how much the gradient changes where the inputs hardly do

    def verdict(self) -> tuple[Verdict, Measured]:
        """Right, wrong or at a kink; and the numeric gradient, at some elements, if wrong."""
        x, share = self.differences.x, self.share
        nothing = Measured(x.shape, np.zeros(0, int), np.zeros(0))
        comparable = share is not None and share.shape == x.shape
        gradient = share if comparable else np.zeros(x.shape)
        if comparable or share is None:
            finite = bool(np.isfinite(gradient).all())
            directions = np.asarray(self.rng.standard_normal((2, *x.shape)))
            if finite and all(self.is_right(gradient, v) for v in directions):
                return "right", nothing
        return self._by_element(gradient, comparable or share is None)

    def is_right(self, gradient: Array, direction: Array) -> bool:
        return self._judge(gradient, direction) == "right"

    def _judge(self, gradient: Array, direction: Array) -> Verdict:
        slope = float((gradient * direction).sum())
        return self.differences.judge(direction, slope, self.step, self.tolerance)[0]

    def _by_element(self, gradient: Array, comparable: bool) -> tuple[Verdict, Measured]:
        """Look closer: element by element, at a sample of them and at one that is wrong."""
        size = gradient.size
        places = np.sort(self.rng.choice(size, min(size, SAMPLED), replace=False))
        if comparable and size > SAMPLED and (one := self._search(gradient)) is not None:
            places = np.unique(np.append(places, one))
        verdicts: list[Verdict] = []
        values = []
        for place in places:
            verdict, value = self.differences.judge(
                self.differences.unit(place), float(gradient.flat[place]), self.step,
                max(self.tolerance, 1e-5),
            )
            verdicts.append(verdict)
            values.append(float(gradient.flat[place]) if verdict == "right" else value)
        if comparable and "wrong" in verdicts:
            gaps = np.abs(gradient.flat[places] - values)
            for i in np.flatnonzero(gaps <= SURE * self.slack().flat[places]):
                verdicts[i], values[i] = "right", float(gradient.flat[places[i]])
        smooth = np.array([verdict != "kink" for verdict in verdicts], bool)
        measured = Measured(gradient.shape, places[smooth], np.array(values)[smooth])
        wrong = not comparable or self._stands_out(gradient, measured, verdicts)
        if wrong and comparable:
            measured = self._beyond_kinks(gradient, measured)
        if not wrong:
            return ("right" if smooth.all() else "kink"), measured
        return ("wrong" if smooth.any() or not comparable else "kink"), measured

    def _beyond_kinks(self, gradient: Array, measured: Measured) -> Measured:
        """The slopes of the smallest step where a larger one, over a kink or by chance, confirmed
        a gradient that is wrong elsewhere.
        """
        if self.differences.rounding > EPS:
            return measured
        values = measured.values.copy()
        size = float(np.abs(self.differences.x).max(initial=0.0)) or 1.0
        for i in np.flatnonzero(measured.of_candidate(gradient) == values):
            slope = self.differences.at(self.differences.unit(measured.places[i]), SMALL * size)
            gap = abs(slope.value - values[i])
            if np.isfinite(slope.value) and (
                    gap > max(1e-5 * measured.scale, SURE * own_errors([slope])[0])):
                values[i] = slope.value
        return Measured(measured.shape, measured.places, values)

    def _stands_out(self, gradient: Array, measured: Measured, verdicts: list[Verdict]) -> bool:
        """Return whether an error exceeds what differences of small beside large elements show."""
        if "wrong" not in verdicts:
            return False
        gap = np.abs(measured.of_candidate(gradient) - measured.values)
        return not bool((gap <= self.tolerance * measured.scale).all())

    def _search(self, gradient: Array) -> int | None:
        """The place of one wrong element, by halving; None if the halves are right or at kinks."""
        places = np.arange(gradient.size)
        while len(places) > 1:
            for half in np.array_split(places, 2):
                direction = np.zeros(gradient.shape)
                direction.flat[half] = self.rng.standard_normal(len(half))
                if self._judge(gradient, direction) == "wrong":
                    places = half
                    break
            else:
                return None
        return int(places[0])

    def slopes_of(self, place: int) -> Array:
        """The contributions to one element of the gradient: one for each element of y."""
        d = self.differences
        step = self.step * (float(np.abs(d.x).max(initial=0.0)) or 1.0)
        h = step * d.unit(place)
        change: Array = d.dy * (d.f(d.x + h) - d.f(d.x - h)) / (2 * step)
        return change
