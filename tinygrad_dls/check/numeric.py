"""Gradients from values alone: differences, and the points where there is no gradient.

The central difference (L(x + h) - L(x - h)) / 2h is off by h**2 L'''/6, and by the rounding of L,
about 1e-16 |L| / h: around h = 1e-6 both are small in float64 (and never in float32). The
difference to the left and the one to the right of x agree but for h L''; where they do not,
however small h, the function has a kink there and no gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ..autograd import TensorBase

Array: TypeAlias = np.ndarray[Any, Any]
Function: TypeAlias = Callable[[Array], Array]  # float64 in, float64 out, of any shape
Verdict: TypeAlias = Literal["right", "wrong", "kink", "unknown"]

ROUNDING = 16 * np.finfo(np.float64).eps  # of a few operations in a row, relative to their result
SHRINK = 16.0  # of the step, where a difference looks doubtful


def course_difference(gradient: Array, approximation: Array) -> float:
    """||grad - gradapprox|| / (||grad|| + ||gradapprox||), of Course 2, week 1; 0 if both are 0."""
    size = float(np.linalg.norm(gradient) + np.linalg.norm(approximation))
    return float(np.linalg.norm(gradient - approximation)) / size if size else 0.0


@dataclass(frozen=True, slots=True)
class Slope:
    """The slope of one number along one direction, measured three ways."""

    central: float
    left: float
    right: float
    noise: float  # how far off rounding may have put `central`

    @property
    def gap(self) -> float:
        """How much the slopes to the left and to the right differ."""
        return abs(self.left - self.right)

    @property
    def even(self) -> bool:
        """Do the slopes to the left and to the right agree, roughly?"""
        return bool(self.gap <= 1e-3 * max(abs(self.left), abs(self.right)) + 4 * self.noise)

    def agrees(self, analytic: float, tolerance: float) -> bool:
        """Is `analytic` this slope, as far as one can tell?"""
        scale = max(abs(analytic), abs(self.central))
        return bool(abs(analytic - self.central) <= tolerance * scale + self.noise)


@dataclass(frozen=True)
class Differences:
    """The slopes of L(x) = sum(dy * f(x)) around one point x; y is f(x)."""

    f: Function
    x: Array
    y: Array
    dy: Array
    rounding: float = ROUNDING

    def along(self, direction: Array, step: float) -> Slope:
        """The slope along `direction`, an array of x's shape."""
        move = step * direction  # np.asarray: a sum of 0-d arrays is no array
        after, before = self.f(np.asarray(self.x + move)), self.f(np.asarray(self.x - move))
        if after.shape != self.y.shape or before.shape != self.y.shape:
            return Slope(np.nan, np.nan, np.nan, 0.0)
        with np.errstate(all="ignore"):
            # where dy is 0 an infinite y counts for nothing; unmoved elements add no noise
            moved = ((after != self.y) | (before != self.y)) & (self.dy != 0)
            if not moved.any():  # the slope is 0: what a rule leaves of dy by rounding is, too
                left_over = self.rounding * float(np.abs(self.dy).max(initial=0.0))
                return Slope(0.0, 0.0, 0.0, left_over)
            dy, low, here, high = (v[moved] for v in (self.dy, before, self.y, after))
            right = float((dy * (high - here)).sum() / step)
            left = float((dy * (here - low)).sum() / step)
            central = float((dy * (high - low)).sum() / (2 * step))
            size = np.abs(dy * here)
            noise = self.rounding * float(np.sqrt((size * size).sum())) / step
        return Slope(central, left, right, noise)

    def unit(self, place: int) -> Array:
        """The direction of one element."""
        direction = np.zeros(self.x.shape)
        direction.flat[place] = 1.0
        return direction

    def judge(
        self, direction: Array, analytic: float, step: float, tolerance: float
    ) -> tuple[Verdict, float]:
        """Is `analytic` the slope along `direction`? Also the slope that was measured.

        A step that crosses a kink, or leaves the domain, is made smaller before it is believed.
        """
        slopes: list[Slope] = []
        for h in (step, step / SHRINK, step / SHRINK**2, step / SHRINK**3):
            slope = self.along(direction, h)
            if slope.agrees(analytic, tolerance):
                return "right", slope.central
            if slopes and _converge(slopes[-1].central, slope.central, analytic):
                return "right", slope.central
            slopes.append(slope)
        smaller = [*slopes[1:], slopes[-1]]
        curved = 1 / (4 * SHRINK), 4 / SHRINK  # a gap from curvature shrinks as the step does
        smooth = [
            a for a, b in zip(slopes, smaller)
            if a.even or curved[0] * a.gap < b.gap < curved[1] * a.gap
        ]
        if not smooth or not smooth[0].agrees(smooth[-1].central, 0.1):  # or it grows as h shrinks
            return "kink", float("nan")
        return "wrong", smooth[0].central


def _converge(before: float, after: float, analytic: float) -> bool:
    """Has the error fallen with the square of the step, as that of a right gradient does?"""
    error = abs(before - analytic)
    return error / (4 * SHRINK**2) < abs(after - analytic) < error / (SHRINK**2 / 4)


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
        """Is `candidate` an array of this shape with these values?"""
        if getattr(candidate, "shape", None) != self.shape:
            return False
        gap = np.abs(self.of_candidate(candidate) - self.values)
        return bool((gap <= tolerance * self.scale).all())


def on_host(value: Any) -> Array:
    """The values of a tensor (on whichever device), an array or numbers, as a NumPy array."""
    return np.asarray(value.device.to_host(value._data) if isinstance(value, TensorBase) else value)


def index_of(place: int, shape: tuple[int, ...]) -> list[int]:
    """[2, 0]: the index of element number `place` of the flattened array."""
    return [int(i) for i in np.unravel_index(int(place), shape)]
