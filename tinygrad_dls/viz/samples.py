"""Numbers of a training over time, of bounded size: histograms, and curves that thin out."""

import math
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from ..backend.device import Device

Array = np.ndarray[Any, Any]
Item = TypeVar("Item")

ELEMENTS = 4096  # of a larger array so many are looked at, always the same ones
BINS = 32  # of a histogram
DECADES = (-12.0, 4.0)  # magnitudes of gradients, as powers of ten
COLUMNS = 120  # histograms of one layer, and points of its curves
POINTS = 400  # of the curve of the loss

_places: dict[int, Array] = {}


def pick(array: Any, device: Device) -> Array:
    """Up to ELEMENTS of an array, flat, as float64 on the host."""
    if array.size > ELEMENTS:
        places = _places.get(array.size)
        if places is None:
            if len(_places) > 1000:  # lengths that change with every step
                _places.clear()
            rng = np.random.default_rng(array.size)
            places = _places[array.size] = np.sort(rng.integers(0, array.size, ELEMENTS))
        array = array.reshape(-1)[device.from_host(places)]
    return device.to_host(array).reshape(-1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Histogram:
    """The spread of the elements of an array at one step.

    `counts` cover low..high in BINS equal parts: of the values, or of log10 of their magnitudes.
    """

    step: int
    counts: Array
    low: float
    high: float
    mean: float
    std: float
    zeros: float  # share of the elements
    bad: int  # NaN and infinite ones among those looked at

    @classmethod
    def of(cls, step: int, values: Array, magnitudes: bool = False) -> "Histogram":
        """The histogram of flat values."""
        finite = values[np.isfinite(values)]
        bad = values.size - finite.size
        if not finite.size:
            return cls(step, np.zeros(BINS, int), 0.0, 0.0, math.nan, math.nan, 0.0, bad)
        zeros = float(np.mean(finite == 0))
        with np.errstate(over="ignore"):
            mean, std = float(finite.mean()), float(finite.std())
        if magnitudes:
            low, high = DECADES
            shown = np.clip(np.log10(np.abs(finite[finite != 0])), low, high)
        else:
            low, high = float(finite.min()), float(finite.max())
            shown = finite
        counts = np.bincount(_bins(shown, low, high), minlength=BINS)
        return cls(step, counts, low, high, mean, std, zeros, bad)

    def on(self, low: float, high: float) -> Array:
        """The counts in BINS equal parts of another range, spread evenly within each old part."""
        width = (self.high - self.low) or 1e-9 * max(1.0, abs(self.low), high - low)
        edges = np.linspace(self.low, self.low + width, BINS + 1)
        below = np.concatenate([[0], np.cumsum(self.counts)])
        return np.diff(np.interp(np.linspace(low, high, BINS + 1), edges, below))


def _bins(values: Array, low: float, high: float) -> Array:
    """The part of low..high that each value lies in; the ends take what lies beyond."""
    width = (high / BINS - low / BINS) or 1.0
    return np.clip((values - low) / width, 0, BINS - 1).astype(int)


class Thinned(Generic[Item]):
    """A list that forgets every second item when it grows too long; the newest one stays."""

    def __init__(self, most: int = COLUMNS) -> None:
        self.most, self.stride, self.seen = most, 1, 0
        self.kept: list[Item] = []
        self.newest: Item | None = None

    def add(self, item: Item) -> None:
        """Keep one more item."""
        self.newest = item
        if self.seen % self.stride == 0:
            self.kept.append(item)
        self.seen += 1
        if len(self.kept) > self.most:
            self.kept = self.kept[::2]
            self.stride *= 2

    @property
    def items(self) -> list[Item]:
        """The items that are kept, oldest first."""
        last = self.newest
        return self.kept if last is None or self.kept[-1] is last else [*self.kept, last]


@dataclass
class Span:
    """The losses of some steps in a row."""

    first: int
    last: int
    total: float
    low: float
    high: float
    count: int = 1

    @property
    def mean(self) -> float:
        """Their mean."""
        return self.total / self.count


@dataclass
class Curve:
    """Means of the loss over equal spans of steps; the spans grow when there are too many."""

    spans: list[Span] = field(default_factory=list)
    length: int = 1  # losses of a span
    first: float | None = None
    newest: tuple[int, float] | None = None
    best: tuple[int, float] | None = None
    bad: int | None = None  # step of the first loss that was no number

    def add(self, step: int, loss: float) -> None:
        """One more loss."""
        self.newest = step, loss
        if not math.isfinite(loss):
            self.bad = step if self.bad is None else self.bad
            return
        self.first = loss if self.first is None else self.first
        if self.best is None or loss < self.best[1]:
            self.best = step, loss
        if self.spans and self.spans[-1].count < self.length:
            span = self.spans[-1]
            span.last, span.total, span.count = step, span.total + loss, span.count + 1
            span.low, span.high = min(span.low, loss), max(span.high, loss)
        else:
            self.spans.append(Span(step, step, loss, loss, loss))
        if len(self.spans) > POINTS:
            pairs = zip(self.spans[::2], self.spans[1::2])
            rest = self.spans[len(self.spans) // 2 * 2:]
            self.spans = [Span(a.first, b.last, a.total + b.total, min(a.low, b.low),
                               max(a.high, b.high), a.count + b.count) for a, b in pairs] + rest
            self.length *= 2
