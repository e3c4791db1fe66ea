"""Arrays in a few numbers: statistics of all elements, and a sample of them.

A trace sums up every value, gradient and share of a gradient, so this is most of what tracing
costs. A kernel reads a large array once, at once. Others are copied, and summed up when they are
asked for: small ones, which a recurrent network has by the thousand, side by side.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from ..backend.kernels.table import kernels_for

SAMPLE = 64  # arrays of more elements are kept as statistics and this many of their elements
SMALL = 512  # elements; larger arrays are worth a call of the kernel each
LARGE = 16384  # elements; a copy of more costs as much as their statistics
FEW = 4  # arrays; fewer are summed up one by one
TOGETHER = 32768  # elements of small arrays in one pass: their float64 fit into the cache
HUGE, TINY = 1e100, 1e-100  # squares of numbers beyond are not good float64

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
        array = np.asarray(array)
        if array.size == 1:
            return cls._of_number(array.item())
        flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
        sample = tuple(flat[::step_of(array.size)].tolist())
        if array.size == len(sample):
            return cls._of_few(sample) or cls._of_any(array, sample)
        return cls._of_many(array, sample) or cls._of_any(array, sample)

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
    def _of_many(cls, array: Any, sample: tuple[Number, ...]) -> "Summary | None":
        """Sum up by a kernel; None if an element is not finite, or a square might not be."""
        low, high, zeros, mean, squares = _statistics()(array)
        if not (max(-low, high) <= HUGE and math.isfinite(mean)):
            return None
        size = array.size
        return cls(size, 0, 0, int(zeros), mean, math.sqrt(squares / size), low, high,
                   math.sqrt(squares + size * mean * mean), sample)

    @classmethod
    def _of_any(cls, array: Any, sample: tuple[Number, ...]) -> "Summary":
        """Sum up the finite elements among any others, however large."""
        values = array.reshape(-1).astype(np.float64)
        finite = values[np.isfinite(values)]
        nan = int(np.isnan(values).sum())
        inf = values.size - finite.size - nan
        if not finite.size:
            return cls(values.size, nan, inf, sample=sample)
        largest = float(np.abs(finite).max())
        unit = largest if largest > HUGE else 1.0  # squares of larger numbers overflow
        scaled = finite / unit
        return cls(
            size=values.size, nan=nan, inf=inf, zeros=int(np.sum(finite == 0)),
            mean=unit * float(scaled.mean()), std=unit * float(scaled.std()),
            min=float(finite.min()), max=float(finite.max()),
            norm=unit * math.sqrt(float(np.sum(scaled * scaled))), sample=sample,
        )


@cache
def _statistics() -> Callable[[Any], tuple[float, float, float, float, float]]:
    return kernels_for("cpu", np).statistics


class Summaries:
    """Summaries of many arrays, as they are when `settle` is called: afterwards they may change.

    `add` gives each array a number, the same array the same one. When all is settled,
    `summaries[number]` is the summary; of an array that was copied it is made when asked for.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._numbers: dict[int, int] = {}  # by id
        self._waiting: dict[Any, list[tuple[int, Any]]] = {}  # small ones, by dtype
        self._made: list[Any] = []  # of each a summary, a copy, or (those beside it, its place)
        self._added: list[Any] = []  # as long as their ids stand for them

    def add(self, array: Any, to_host: Callable[[Any], Any] | None = None) -> int:
        """The number of an array, or of a number; `to_host`: where it is on another device."""
        number = self._numbers.get(id(array))
        if number is not None:
            return number
        number = self._numbers[id(array)] = len(self._made)
        self._added.append(array)
        host = array if to_host is None else to_host(array)
        made = None
        if host.__class__ is np.ndarray and 0 < host.size <= SMALL:
            waiting = self._waiting.get(host.dtype)
            if waiting is None:
                waiting = self._waiting[host.dtype] = []
            waiting.append((number, host))
            self.bytes += host.nbytes
        else:
            copied = host.__class__ is np.ndarray and 0 < host.size <= LARGE
            made = host.copy() if copied else Summary.of(host)
            self.bytes += getattr(host, "nbytes", 0)
        self._made.append(made)
        return number

    def settle(self) -> None:
        """Copy all arrays that wait, and let them go."""
        for waiting in self._waiting.values():
            first = size = 0
            for i, (_, array) in enumerate(waiting, 1):
                size += array.size
                if size >= TOGETHER or i == len(waiting):
                    numbers, arrays = zip(*waiting[first:i])
                    found = _Together(arrays)
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
        elif made.__class__ is np.ndarray:
            made = self._made[number] = Summary.of(made)
        return made  # type: ignore[no-any-return]


class _Together:
    """Copies of small arrays of one dtype in a row, summed up in the same passes."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        sizes = np.array([array.size for array in arrays])
        self.sizes, self.ends = sizes, np.cumsum(sizes)
        self.joined = np.concatenate(arrays, axis=None)
        self.rows: list[tuple[Any, ...]] | None = None  # the statistics of each

    def summary(self, place: int) -> Summary:
        """That of the array at this place."""
        if self.rows is None:
            self.rows = [()] * len(self.sizes) if len(self.sizes) < FEW else self._rows()
        end, row = int(self.ends[place]), self.rows[place]
        flat = self.joined[end - int(self.sizes[place]):end]
        if not row:
            return Summary.of(flat)
        size, zeros, mean, std, low, high, norm = row
        sample = tuple(flat[::step_of(size)].tolist())
        return Summary(size, 0, 0, zeros, mean, std, low, high, norm, sample)

    def _rows(self) -> list[tuple[Any, ...]]:
        """(size, zeros, mean, std, min, max, norm) of each; () where it takes more care."""
        sizes = self.sizes
        starts = self.ends - sizes
        x = self.joined.astype(np.float64)
        low, high = np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)  # or NaN
        largest = np.maximum(-low, high)
        good = (largest <= HUGE) & ((largest == 0) | (largest >= TINY))
        if not good.all():
            x[np.repeat(~good, sizes)] = 0.0
        zeros = np.add.reduceat(x == 0, starts, dtype=np.int64)
        mean = np.add.reduceat(x, starts) / sizes
        x -= np.repeat(mean, sizes)
        x *= x
        squares = np.add.reduceat(x, starts)
        std, norm = np.sqrt(squares / sizes), np.sqrt(squares + sizes * mean * mean)
        columns = [c.tolist() for c in (sizes, zeros, mean, std, low, high, norm)]
        rows: list[tuple[Any, ...]] = list(zip(*columns))
        for place in np.flatnonzero(~good).tolist():
            rows[place] = ()
        return rows


def step_of(size: int) -> int:
    """Of an array of so many elements, each one at this distance is in the sample."""
    return max(1, -(-size // SAMPLE))
