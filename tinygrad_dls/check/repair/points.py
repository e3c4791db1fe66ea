"""Other inputs at which a repair must hold: other numbers, other sizes, other parameters.

At one point a factor 3 and the number of examples are the same if there are 3 of them. A repair
that is right holds at other sizes, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np

from ..layer_rule import LayerRule
from ..numeric import Array

DIRECTIONS = 2  # of each input, along which its gradient is measured
CLOSE = 1e-4  # of a slope
STEPS = (2.0**-18, 2.0**-12)  # relative to the size of the input
TINY = 1e-9
MOST_AXES = 4  # that grow together
MOST_TRIES = 200


class Point:
    """A rule at one point, with slopes of each input along some directions.

    `number` is the parameter of the layer that has another value there; "": none has.
    """

    def __init__(
        self, rule: LayerRule, places: Sequence[int], rng: np.random.Generator, number: str = "",
        steps: Sequence[float] = STEPS,
    ) -> None:
        self.rule, self.places, self.number, self.steps = rule, list(places), number, steps
        self.directions = {place: np.asarray(rng.standard_normal(
            (DIRECTIONS, *rule.inputs[place].shape))) for place in places}

    @cached_property
    def slopes(self) -> dict[int, Array]:
        """(steps, directions) of each input."""
        return {place: np.array([[self._slope(place, direction, step)
                                  for direction in self.directions[place]] for step in self.steps])
                for place in self.places}

    def _slope(self, place: int, direction: Array, step: float) -> float:
        rule = self.rule
        x = rule.inputs[place]
        h = step * (float(np.abs(x).max(initial=0.0)) or 1.0)
        values = []
        for sign in (1, -1):
            inputs = list(rule.inputs)
            inputs[place] = np.asarray(x + sign * h * direction)
            values.append(rule.forward(inputs))
        return float((rule.dy * (values[0] - values[1])).sum()) / (2 * h)

    def holds(self, shares: Sequence[Any], places: Sequence[int] | None = None) -> bool:
        """Return whether gradients of inputs are right here, as far as slopes tell."""
        return all(self._is_right(place, shares[place])
                   for place in (self.places if places is None else places))

    def _is_right(self, place: int, share: Any) -> bool:
        if share is None or share.shape != self.rule.inputs[place].shape or not (
                np.isfinite(share).all()):
            return False
        wanted = self.slopes[place]
        found = np.array([float((share * v).sum()) for v in self.directions[place]])
        size = np.abs(wanted).max() + TINY * float(np.abs(self.rule.dy).max(initial=0.0))
        return bool((np.abs(found - wanted) <= CLOSE * size).all(axis=1).any())


def other_points(
    rule: LayerRule, places: Sequence[int], rng: np.random.Generator
) -> Iterator[Point]:
    """The rule at other inputs that forward takes, the plainest first."""
    several = _inputs(rule, rng)
    yield from _at(rule, [next(several)], places, rng)
    for name, value in list(rule.numbers.items()):
        for number in _numbers(value):
            try:
                other = rule.with_number(name, number)
                other.dy = np.asarray(rng.standard_normal(other.y.shape))
                if np.isfinite(other.y).all():
                    yield Point(other, places, rng, "" if isinstance(value, bool) else name)
                    break
            except Exception:
                continue
    yield from _at(rule, several, places, rng)


def _at(
    rule: LayerRule, several: Iterable[list[Any]], places: Sequence[int], rng: np.random.Generator
) -> Iterator[Point]:
    for inputs in several:
        try:
            other = rule.at(inputs)
            other.dy = np.asarray(rng.standard_normal(other.y.shape))
            if np.isfinite(other.y).all():
                yield Point(other, places, rng)
        except Exception:  # inputs that forward does not take
            continue


def _inputs(rule: LayerRule, rng: np.random.Generator) -> Iterator[list[Any]]:
    """Inputs of the same sizes, then of others: each length longer by one, all axes of one length,
    and then the fewest axes that go together, as axes may have one length by chance. A length that
    cannot be longer by one, as that of channels in groups, is doubled and tripled.
    """
    yield [_drawn(x, np.shape(x), rng) for x in rule.inputs]
    lengths = sorted({n for x in rule.inputs for n in np.shape(x) if n > 1})
    for n in lengths:
        for sizes in ((n + 1,), (2 * n, 3 * n)):
            taken = [inputs for new in sizes if _takes(rule, inputs := [
                _drawn(x, tuple(new if k == n else k for k in np.shape(x)), rng)
                for x in rule.inputs])]
            yield from taken
            if taken:
                break
    yield from _together(rule, rng)
    for n in lengths:
        yield [_drawn(x, tuple(k + 2 * (k == n) for k in np.shape(x)), rng) for x in rule.inputs]


def _together(rule: LayerRule, rng: np.random.Generator) -> Iterator[list[Any]]:
    """Inputs with a few axes longer that forward takes so, and not with fewer of them.

    Arrays of one shape grow alike. An axis of k n elements grows by k where one of n grows by one,
    as that of four gates beside each other.
    """
    shapes = [np.shape(x) for x in rule.inputs]
    axes = list(dict.fromkeys((shape, axis) for shape in shapes for axis in range(len(shape))
                              if shape[axis] > 1))
    if len({shape[axis] for shape, axis in axes}) == len(axes):
        return
    found: list[set[Any]] = []
    tries = 0
    for count in range(1, MOST_AXES + 1):
        for chosen in combinations(axes, count):
            if any(known <= set(chosen) for known in found):
                continue
            least = min(shape[axis] for shape, axis in chosen)
            ways = product(*([1, shape[axis] // least] if shape[axis] % least == 0
                             and shape[axis] > least else [1] for shape, axis in chosen))
            for more in ways:
                grown = dict(zip(chosen, more))
                inputs = [_drawn(x, tuple(n + grown.get((shape, axis), 0)
                                          for axis, n in enumerate(shape)), rng)
                          for x, shape in zip(rule.inputs, shapes)]
                tries += 1
                if tries > MOST_TRIES:
                    return
                if _takes(rule, inputs):
                    found.append(set(chosen))
                    yield inputs
                    break


def _takes(rule: LayerRule, inputs: list[Any]) -> bool:
    try:
        return bool(np.isfinite(rule.forward(inputs)).all())
    except Exception:  # whatever the learner's code raises
        return False


def _drawn(x: Any, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """An array like x of another shape: its slices in turn, so that labels stay labels; moved if
    they are floats, to no side where x could leave the domain.
    """
    if not isinstance(x, np.ndarray) or not x.size:
        return x
    drawn = x
    for axis, n in enumerate(shape):
        drawn = np.take(drawn, (np.arange(n) + 1) % x.shape[axis], axis)
    if x.dtype.kind != "f" or np.unique(x).size <= 2 < x.size:  # zeros and ones: a mask, labels
        return drawn
    return np.asarray(drawn * rng.uniform(0.8, 1.0, shape))


def _numbers(value: Any) -> tuple[Any, ...]:
    """Values near that of a parameter."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1, 2 * value)
    return (0.7 * value, 0.5 * value, 1.3 * value)
