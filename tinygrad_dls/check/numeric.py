"""Gradients from values alone: differences, what rounding does to them, and kinks.

The central difference (L(x + h) - L(x - h)) / 2h is off by h**2 L'''/6, and by the rounding of L
divided by h. Which step is good therefore depends on the size of x, of L, and of all numbers on
the way to L, of which the largest is not always seen: a sum of squares of prices loses seven
digits more than its result shows. So a gradient that the first step does not confirm is measured
with many steps, large to small, and each measurement comes with its own error, taken from the
values: the change from h to 2h shows what curvature does, and the fourth difference
L(x + 2h) - 4 L(x + h) + 6 L(x) - 4 L(x - h) + L(x - 2h), nearly 0 for a smooth function, shows
rounding, and kinks. Rounding stays as it is when the step shrinks; the fourth difference of a
kink shrinks with the step. Only what differs by more than the errors is called wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np

from ..engine.autograd import TensorBase

Array: TypeAlias = np.ndarray[Any, Any]
Function: TypeAlias = Callable[[Array], Array]  # float64 in, float64 out, of any shape
Verdict: TypeAlias = Literal["right", "wrong", "kink", "unknown"]

EPS = float(np.finfo(np.float64).eps)
LARGEST, SMALLEST = 1e-1, 1e-7  # steps, relative to the largest and the smallest |x| that moves
SHRINK = 8.0  # from one step to the next
SURE = 4.0  # so many times its error a difference may be off
TINY = float(np.finfo(np.float64).tiny)
SEEN = 0.05  # a slope is seen where its error is less than this part of it


def course_difference(gradient: Array, approximation: Array) -> float:
    """||grad - gradapprox|| / (||grad|| + ||gradapprox||), of Course 2, week 1; 0 if both are 0."""
    size = float(np.linalg.norm(gradient) + np.linalg.norm(approximation))
    return float(np.linalg.norm(gradient - approximation)) / size if size else 0.0


@dataclass(frozen=True, slots=True)
class Slope:
    """The slope of one number along one direction, measured with steps h and 2h."""

    step: float
    value: float
    bend: float  # what curvature may add to it
    sway: float  # how much it changes where x changes in its last place
    jitter: float  # how far the fourth difference is from 0: rounding, or a kink
    floor: float  # half a unit in the last place of L: below it nothing can be seen
    moved: bool  # did any value move at all?


def nudged(x: Array, rng: np.random.Generator, rounding: float = EPS) -> Array:
    """x with each element some units in its last place larger or smaller.

    How much a gradient changes when its inputs are nudged is how well it is known at all.
    """
    return np.asarray(x * (1 + 4 * rounding * rng.choice([-1.0, 1.0], x.shape)))


@dataclass(frozen=True)
class Differences:
    """The slopes of L(x) = sum(dy * f(x)) around one point x; y is f(x)."""

    f: Function
    x: Array
    y: Array
    dy: Array
    rounding: float = EPS  # of the last operation, relative to its result

    def at(self, direction: Array, step: float) -> Slope:
        """The slope along `direction`, an array of x's shape, from four values around x."""
        # np.asarray: a sum of 0-d arrays is not an array
        values = [self.f(np.asarray(self.x + k * step * direction)) for k in (-2, -1, 1, 2)]
        if any(value.shape != self.y.shape for value in values):
            return Slope(step, np.nan, 0.0, 0.0, 0.0, 0.0, True)
        with np.errstate(all="ignore"):
            counts = self.dy != 0  # where dy is 0 an infinite y counts for nothing
            dy, here = self.dy[counts], self.y[counts]
            low2, low, high, high2 = (value[counts] for value in values)
            narrow = float((dy * (high - low)).sum()) / (2 * step)
            wide = float((dy * (high2 - low2)).sum()) / (4 * step)
            fourth = dy * ((high2 + low2) - 4 * (high + low) + 6 * here)
            jitter = max(abs(float(fourth.sum())), float(np.linalg.norm(fourth)))
            floor = self.rounding / 2 * float(np.linalg.norm(dy * here))
            second = float((dy * (high + low - 2 * here)).sum()) / step
            value = (4 * narrow - wide) / 3
            last_place = EPS * float(np.abs(self.x).max(initial=0.0)) / step
            moved = any(bool((v[counts] != here).any()) for v in values)
        sway = last_place * (abs(second) + abs(value))
        return Slope(step, value, abs(narrow - wide) / 3, sway, jitter, floor, moved)

    def unit(self, place: int) -> Array:
        """The direction of one element."""
        direction = np.zeros(self.x.shape)
        direction.flat[place] = 1.0
        return direction

    def judge(
        self, direction: Array, analytic: float, step: float, tolerance: float
    ) -> tuple[Verdict, float]:
        """Judge whether `analytic` is the slope along `direction`; also return the slope that was
        measured.

        `step` is relative to the size of x. A slope that cannot be told from `analytic` is
        right; where both cannot be told from 0 either, `analytic` itself is what was measured.
        """
        slopes: list[Slope] = []
        for h in self._steps(direction, step):
            slope = self.at(direction, h)
            if not np.isfinite(slope.value + slope.jitter):
                continue  # outside of the domain, or too large
            slopes.append(slope)
            close = tolerance * max(abs(analytic), abs(slope.value))
            if slope.moved and abs(analytic - slope.value) <= close:
                return "right", slope.value
            if len(slopes) == 3 and not any(s.moved for s in slopes) and not analytic:
                return "right", 0.0
        slopes = sorted(slopes, key=lambda slope: -slope.step)
        if slopes and not any(slope.moved for slope in slopes):  # 0, but for the rule's rounding
            size = max(1.0, 1 / (float(np.abs(self.x).max(initial=0.0)) or 1.0))
            left_over = 16 * EPS * size * float(np.abs(self.dy).max(initial=0.0))
            unseen = left_over + SURE * own_errors(slopes)[0]
            return ("right" if abs(analytic) <= unseen else "wrong"), 0.0
        return _verdict(slopes, analytic, tolerance)

    def _steps(self, direction: Array, first: float) -> Iterator[float]:
        """Steps to try, the likely ones first; powers of two, so that x + h is exact."""
        sizes = np.abs(self.x[(direction != 0) & (self.x != 0)])
        sizes = sizes if sizes.size else np.abs(self.x[self.x != 0])
        large = float(np.abs(self.x).max(initial=0.0)) or 1.0
        small = max(float(sizes.min(initial=large)), EPS**2 * large)
        top, bottom = max(LARGEST * large, 1e-3), SMALLEST * min(small, 1.0)
        count = int(np.ceil(np.log(top / bottom) / np.log(SHRINK)))
        steps = (first * large, 1e-2 * first * large, 1e-2 * large,
                 *(top / SHRINK**i for i in range(count + 1)))
        yield from dict.fromkeys(float(2.0 ** np.round(np.log2(step))) for step in steps)


def _verdict(slopes: list[Slope], analytic: float, tolerance: float) -> tuple[Verdict, float]:
    """Judge `analytic` by slopes, measured with steps from large to small."""
    errors = _against_smaller_steps(slopes, own_errors(slopes))
    known = [(slope, error) for slope, error in zip(slopes, errors) if slope.moved]
    if not known:
        return "kink", float("nan")
    best, error = min(known, key=lambda pair: pair[1] / (abs(pair[0].value) + TINY))
    if error < SEEN * abs(best.value):
        close = tolerance * max(abs(analytic), abs(best.value)) + SURE * error
        return ("right" if abs(analytic - best.value) <= close else "wrong"), best.value
    if _is_kink([slope for slope, _ in known], analytic):
        return "kink", float("nan")
    # The slope is 0, or hidden by rounding: what no measurement excludes is right
    if any(abs(analytic - slope.value) <= SURE * error for slope, error in known):
        return "right", analytic
    return "wrong", min(known, key=lambda pair: pair[1])[0].value


def own_errors(slopes: list[Slope]) -> list[float]:
    """Estimate the error of each slope, measured with steps from large to small.

    Rounding, once it is seen, is not less at smaller steps, though a fourth difference may be
    small by chance: of two steps beside each other the larger one counts.
    """
    errors: list[float] = []
    noise = before = np.inf
    for slope in slopes:
        noise = min(noise, max(before, slope.jitter))
        before = slope.jitter
        jitter = slope.jitter if np.isinf(noise) else max(slope.jitter, noise)
        errors.append(slope.bend + slope.sway + (jitter + slope.floor) / slope.step)
    return errors


def _against_smaller_steps(slopes: list[Slope], own: list[float]) -> list[float]:
    """The errors, larger where a smaller step gives another slope.

    Then either L is rounded by as much as that, or there is a kink on the way.
    """
    errors = list(own)
    for i, one in enumerate(slopes):
        for other, error in zip(slopes[i + 1:], own[i + 1:]):
            gap = abs(one.value - other.value)
            errors[i] = max(errors[i], gap * other.step / one.step, gap - SURE * error)
    return errors


def _is_kink(slopes: list[Slope], analytic: float) -> bool:
    """Return whether the slope jumps at x, or grows beyond all bounds, however small the steps are.
    """
    for one, two, three in zip(slopes, slopes[1:], slopes[2:]):
        jumps = [s.jitter / s.step for s in (one, two, three)]
        if min(jumps) > max(0.5 * max(jumps), 1e-3 * max(abs(analytic), abs(two.value))):
            return True
    sizes = [abs(slope.value) for slope in slopes]
    grown = [small > 1.2 * large > 0 for large, small in pairwise(sizes)]
    return len(grown) >= 3 and all(grown)


@dataclass(frozen=True)
class Measured:
    """A numeric gradient, at all or some elements of an array of shape `shape`."""

    shape: tuple[int, ...]
    places: Array  # places in the flattened array
    values: Array

    @classmethod
    def of(cls, array: Array) -> "Measured":
        """All elements of a gradient that is known to be right."""
        return cls(array.shape, np.arange(array.size), np.ravel(array))

    @property
    def scale(self) -> float:
        """The largest size of an element."""
        return float(np.abs(self.values).max(initial=0.0))

    def of_candidate(self, candidate: Array) -> Array:
        """The elements of `candidate`, of this shape, where this gradient was measured."""
        return np.ravel(candidate)[self.places]

    def is_close(self, candidate: Any, tolerance: float = 1e-4) -> bool:
        """Return whether `candidate` is an array of this shape with these values."""
        if getattr(candidate, "shape", None) != self.shape:
            return False
        gap = np.abs(self.of_candidate(candidate) - self.values)
        return bool((gap <= tolerance * self.scale).all())


def on_host(value: Any) -> Array:
    """The values of a tensor (on any device), an array or numbers, as a NumPy array."""
    return np.asarray(value.device.to_host(value._data) if isinstance(value, TensorBase) else value)


def index_of(place: int, shape: tuple[int, ...]) -> list[int]:
    """[2, 0]: the index of element number `place` of the flattened array."""
    return [int(i) for i in np.unravel_index(int(place), shape)]
