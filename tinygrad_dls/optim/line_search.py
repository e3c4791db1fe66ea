"""Line search under the strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5, 3.6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SUFFICIENT, CURVATURE = 1e-4, 0.9  # the constants c1 and c2 of the two conditions
SMALLEST, MOST = 1e-9, 25  # width of a bracket, in units of the largest weight; steps


@dataclass(frozen=True)
class Point:
    """A length t along the direction: the loss there, its gradient, and its slope along it."""

    t: float
    loss: float
    gradient: Any
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], first: float, start: Point, largest: float
) -> tuple[Point, int]:
    """A point where the loss fell enough and is flat enough, and how many points were looked at.

    f(t) <= f(0) + c1 t f'(0)  and  |f'(t)| <= c2 |f'(0)|. `first` is the length that is tried
    first, `start` the point at 0, `largest` the largest change of a weight at length 1. First a
    bracket is found that holds such a point, then it is narrowed by cubic interpolation.
    """
    before, here, count = start, at(first), 1
    steps, bracket = 0, []
    while steps < MOST:
        if _is_too_high(here, start) or (steps > 1 and here.loss >= before.loss):
            bracket = [before, here]
            break
        if _is_flat(here, start):
            return here, count
        if here.slope >= 0:
            bracket = [before, here]
            break
        low, high = here.t + 0.01 * (here.t - before.t), here.t * 10
        before, here = here, at(_cubic(before, here, low, high))
        count, steps = count + 1, steps + 1
    else:
        bracket = [start, here]
    return _narrowed(at, bracket, start, largest, steps, count)


def _narrowed(
    at: Callable[[float], Point], bracket: list[Point], start: Point, largest: float, steps: int,
    count: int,
) -> tuple[Point, int]:
    """Narrow a bracket until its lower end holds both conditions, or it is too small to go on."""
    low = 0 if bracket[0].loss <= bracket[1].loss else 1
    was_near_edge = False
    while steps < MOST:
        left, right = sorted(point.t for point in bracket)
        if (right - left) * largest < SMALLEST:
            break
        t, edge = _cubic(bracket[0], bracket[1], left, right), 0.1 * (right - left)
        is_near_edge = min(right - t, t - left) < edge
        if is_near_edge and (was_near_edge or t >= right or t <= left):
            t = right - edge if abs(t - right) < abs(t - left) else left + edge
            is_near_edge = False
        was_near_edge = is_near_edge
        here = at(t)
        count, steps = count + 1, steps + 1
        if _is_too_high(here, start) or here.loss >= bracket[low].loss:
            bracket[1 - low] = here
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
            continue
        if _is_flat(here, start):
            return here, count
        if here.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = here
    return bracket[low], count


def _is_too_high(here: Point, start: Point) -> bool:
    """Return whether the loss fell less than the first condition asks for."""
    return here.loss > start.loss + SUFFICIENT * here.t * start.slope


def _is_flat(here: Point, start: Point) -> bool:
    """Return whether the slope is as small as the second condition asks for."""
    return abs(here.slope) <= -CURVATURE * start.slope


def _cubic(a: Point, b: Point, low: float, high: float) -> float:
    """The minimum of the cubic through two points with their slopes, kept in [low, high]."""
    if a.t > b.t:
        a, b = b, a
    width = b.t - a.t
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:  # no minimum, or NaN
        return (low + high) / 2
    d2 = math.sqrt(square)
    t = b.t - width * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(t, low), high)
