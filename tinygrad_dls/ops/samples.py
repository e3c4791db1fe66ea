"""Sample inputs: with its declaration each op names inputs that prove it.

From them the tests check the value against NumPy, the gradient and the second derivative against
differences, dtypes, broadcasting, empty and strided inputs, and every device. An op's `samples`
is a function of a NumPy generator that returns a list of `Sample`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Rng: TypeAlias = "np.random.Generator"  # not loaded before it is used


class Sample(NamedTuple):
    """Float64 (or integer, or bool) arrays for the inputs, and the parameters of the op."""

    inputs: tuple[Any, ...]
    parameters: dict[str, Any] = {}  # noqa: RUF012  (never changed)


Samples: TypeAlias = Callable[[Rng], list[Sample]]

SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (2, 3), (2, 1, 4), (0, 3), (1, 1))
PAIRS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (4,)), ((4,), ()), ((), ()),
    ((3, 1, 2), (4, 1)), ((0, 3), (3,)), ((0, 3), (1, 1)), ((1,), (5,)),
)


def spread(rng: Rng, shape: Sequence[int], low: float, high: float, away: float | None) -> Any:
    """Numbers between low and high, at least .1 away from `away` (a kink) if there is one."""
    x = rng.uniform(low, high, tuple(shape))
    if away is None:
        return x
    return np.where(np.abs(x - away) < 0.1, x + np.where(x < away, -0.2, 0.2), x)


def unary_samples(
    low: float = -2.0, high: float = 2.0, away: float | None = None, **parameters: Sequence[Any]
) -> Samples:
    """One input of many shapes, with each of the values of a parameter."""

    def make(rng: Rng) -> list[Sample]:
        choices: list[dict[str, Any]] = [{}]
        for name, values in parameters.items():
            choices = [{**c, name: v} for c in choices for v in values]
        return [
            Sample((spread(rng, shape, low, high, away),), choice)
            for choice in choices
            for shape in SHAPES
        ]

    return make


def binary_samples(
    low: float = -2.0, high: float = 2.0, low2: float | None = None, high2: float | None = None
) -> Samples:
    """Two inputs of many pairs of shapes that broadcast."""
    lo2, hi2 = low if low2 is None else low2, high if high2 is None else high2

    def make(rng: Rng) -> list[Sample]:
        return [
            Sample((spread(rng, s, low, high, None), spread(rng, t, lo2, hi2, None)))
            for s, t in PAIRS
        ]

    return make


def samples_of(*cases: tuple[Sequence[Sequence[int]], dict[str, Any]]) -> Samples:
    """Normal inputs of the given shapes, each list with its parameters."""

    def make(rng: Rng) -> list[Sample]:
        return [
            Sample(tuple(rng.standard_normal(tuple(s)) for s in shapes), parameters)
            for shapes, parameters in cases
        ]

    return make
