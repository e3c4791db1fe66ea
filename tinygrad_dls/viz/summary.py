"""Arrays in a few numbers: statistics of all elements, and a sample of them.

A trace sums up every value, gradient and share of a gradient, so this is nearly all that tracing
costs. Large arrays are summed up in chunks that fit into the cache; numbers of float32 stay float32
where their squares do: sums are pairwise, and good to about six digits. Small arrays, which a
recurrent network has by the thousand, are summed up side by side: `Summaries`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

SAMPLE = 64  # arrays of more elements are kept as statistics and this many of their elements
CHUNK = 65536  # elements
SMALL = 4096  # elements; larger arrays are worth passes of their own
FEW = 4  # arrays; fewer are summed up one by one
TOGETHER = 32768  # elements of small arrays in one pass: their float64 fit into the cache
HUGE, TINY = 1e100, 1e-100  # squares of numbers beyond are not good float64
SQUARES = (1e-15, 1e15)  # float32 within these has squares that are good float32

Number: TypeAlias = float | int | bool


@dataclass(frozen=True, slots=True)
class Summary:
    """An array in a few numbers: statistics of its finite elements, and a sample of all of them."""

    size: int
    nan: int = 0
    inf: int = 0
    zeros: int = 0
    mean: float | None = None  # None: there is no finite element
    std: float | None = None
    min: float | None = None
    max: float | None = None
    norm: float | None = None  # Euclidean
    sample: tuple[Number, ...] = ()  # in C order; every element where there are few

    @property
    def whole(self) -> bool:
        """Return whether all elements are in the sample."""
        return len(self.sample) == self.size

    @classmethod
    def of(cls, array: Any) -> "Summary":
        """Sum up an array (or number) on the host."""
        flat = np.asarray(array).reshape(-1)
        if flat.size == 1:
            return cls._of_number(flat.item())
        sample = tuple(flat[::step_of(flat.size)].tolist())
        if flat.size == len(sample):
            return cls._of_few(sample) or cls._of_any(flat, sample)
        return cls._of_many(flat, sample) or cls._of_any(flat, sample)

    @classmethod
    def _of_number(cls, value: Number) -> "Summary":
        """Sum up one number, without the cost of arrays: long scalar graphs have many."""
        try:
            x = float(value)
        except OverflowError:  # an integer of hundreds of digits
            value = x = math.inf if value > 0 else -math.inf
        if not math.isfinite(x):
            return cls(1, int(math.isnan(x)), int(math.isinf(x)), sample=(value,))
        return cls(1, 0, 0, int(x == 0), x, 0.0, x, x, abs(x), (value,))

    @classmethod
    def _of_few(cls, values: tuple[Number, ...]) -> "Summary | None":
        """Sum up a few elements; None if not all of them, or not their sum, are finite."""
        total = float(sum(values))
        if not values or not math.isfinite(total):
            return None
        mean = total / len(values)
        std = math.hypot(*[x - mean for x in values]) / math.sqrt(len(values))
        return cls(len(values), 0, 0, values.count(0), mean, std, float(min(values)),
                   float(max(values)), math.hypot(*values), values)

    @classmethod
    def _of_many(cls, flat: Any, sample: tuple[Number, ...]) -> "Summary | None":
        """Sum up in chunks; None if an element is not finite, or a square might not be."""
        low, high = float(np.minimum.reduce(flat)), float(np.maximum.reduce(flat))  # NaN: one is
        largest = max(-low, high)
        if not largest <= HUGE:
            return None
        single = flat.dtype == np.float32 and (
            largest == 0 or SQUARES[0] < largest < SQUARES[1])
        kind = np.dtype(np.float32 if single else np.float64)
        chunks = [flat] if flat.size <= CHUNK else [
            flat[start:start + CHUNK] for start in range(0, flat.size, CHUNK)]
        zeros, total, squares = 0, 0.0, 0.0
        for chunk in chunks:
            zeros += int(np.count_nonzero(chunk == 0))
            total += float(np.add.reduce(chunk, dtype=kind))
        mean = total / flat.size
        centre = kind.type(mean)
        for chunk in chunks:
            away = chunk - centre if single else np.subtract(chunk, centre, dtype=kind)
            away *= away
            squares += float(np.add.reduce(away))
        off = mean - float(centre)  # the variance is about the mean, not about what it rounds to
        variance = max(0.0, squares / flat.size - off * off)
        return cls(flat.size, 0, 0, zeros, mean, math.sqrt(variance), low, high,
                   math.sqrt(flat.size * (variance + mean * mean)), sample)

    @classmethod
    def _of_any(cls, flat: Any, sample: tuple[Number, ...]) -> "Summary":
        """Sum up the finite elements among any others, however large."""
        values = flat.astype(np.float64)
        finite = values[np.isfinite(values)]
        nan = int(np.isnan(values).sum())
        inf = flat.size - finite.size - nan
        if not finite.size:
            return cls(flat.size, nan, inf, sample=sample)
        largest = float(np.abs(finite).max())
        unit = largest if largest > HUGE else 1.0  # squares of larger numbers overflow
        scaled = finite / unit
        return cls(
            size=flat.size, nan=nan, inf=inf, zeros=int(np.sum(finite == 0)),
            mean=unit * float(scaled.mean()), std=unit * float(scaled.std()),
            min=float(finite.min()), max=float(finite.max()),
            norm=unit * math.sqrt(float(np.sum(scaled * scaled))), sample=sample,
        )


class Summaries:
    """Summaries of many arrays, as they are when `settle` is called: afterwards they may change.

    `add` gives each array a number, the same array the same one. When all is settled,
    `summaries[number]` is the summary; it is made when it is asked for.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._added: list[Any] = []  # as long as their ids stand for them
        self._numbers: dict[int, int] = {}  # by id
        self._waiting: dict[Any, list[tuple[int, Any]]] = {}  # small ones, flat, by dtype
        self._made: list[Any] = []  # of each array its summary, or (those beside it, its place)

    def add(self, array: Any, to_host: Callable[[Any], Any] | None = None) -> int:
        """The number of an array, or of a number; `to_host`: where it is on another device."""
        number = self._numbers.get(id(array))
        if number is not None:
            return number
        number = self._numbers[id(array)] = len(self._made)
        self._added.append(array)
        host = array if to_host is None else to_host(array)
        if host.__class__ is np.ndarray and 0 < host.size <= SMALL:
            waiting = self._waiting.get(host.dtype)
            if waiting is None:
                waiting = self._waiting[host.dtype] = []
            waiting.append((number, host.reshape(-1)))
            self._made.append(None)
            self.bytes += host.nbytes
        else:
            self._made.append(Summary.of(host))
            self.bytes += getattr(host, "nbytes", 0)
        return number

    def settle(self) -> None:
        """Look at all arrays that wait, and let them go."""
        for waiting in self._waiting.values():
            if len(waiting) < FEW:
                for number, flat in waiting:
                    self._made[number] = Summary.of(flat)
                continue
            first = size = 0
            for i, (_, flat) in enumerate(waiting, 1):
                size += flat.size
                if size >= TOGETHER or i == len(waiting):
                    numbers, flats = zip(*waiting[first:i])
                    found = _Together(flats)
                    for place, number in enumerate(numbers):
                        self._made[number] = found, place
                    first, size = i, 0
        self._waiting.clear()
        self._numbers.clear()
        self._added.clear()

    def __getitem__(self, number: int) -> Summary:
        made = self._made[number]
        if made.__class__ is tuple:
            found, place = made
            made = self._made[number] = found.summary(place)
        return made  # type: ignore[no-any-return]


class _Together:
    """Small arrays of one dtype in a row, summed up in the same passes."""

    def __init__(self, flats: Sequence[Any]) -> None:
        sizes = np.array([flat.size for flat in flats])
        starts = np.cumsum(sizes) - sizes
        joined = np.concatenate(flats)
        x = joined.astype(np.float64)
        low, high = np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)  # or NaN
        largest = np.maximum(-low, high)
        good = (largest <= HUGE) & ((largest == 0) | (largest >= TINY))
        few = sizes <= SAMPLE
        self.others: dict[int, Summary] = {}
        if not good.all():
            self.others = {i: Summary.of(flats[i]) for i in np.flatnonzero(~good).tolist()}
            x[np.repeat(~good, sizes)] = 0.0
        zeros = np.add.reduceat(x == 0, starts, dtype=np.int64)
        mean = np.add.reduceat(x, starts) / sizes
        x -= np.repeat(mean, sizes)
        x *= x
        squares = np.add.reduceat(x, starts)
        std, norm = np.sqrt(squares / sizes), np.sqrt(squares + sizes * mean * mean)
        self.numbers = sizes, zeros, mean, std, low, high, norm
        if not few.all():
            joined = np.concatenate([flat[::step_of(flat.size)] for flat in flats])
            sizes = -(-sizes // -(-sizes // SAMPLE))
            starts = np.cumsum(sizes) - sizes
        self.samples, self.starts, self.ends = joined, starts, starts + sizes

    def summary(self, place: int) -> Summary:
        """That of the array at this place."""
        if place in self.others:
            return self.others[place]
        size, zeros, mean, std, low, high, norm = [x[place].item() for x in self.numbers]
        sample = self.samples[self.starts[place]:self.ends[place]].tolist()
        return Summary(size, 0, 0, zeros, mean, std, low, high, norm, tuple(sample))


def step_of(size: int) -> int:
    """Of an array of so many elements, each one at this distance is in the sample."""
    return max(1, -(-size // SAMPLE))
