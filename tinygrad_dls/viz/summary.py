"""Arrays in a few numbers: statistics of all elements, and a sample of them.

A trace sums up every value, gradient and share of a gradient, so this is nearly all that tracing
costs: few elements are summed up in Python, many in chunks that fit into the cache. Numbers of
float32 stay float32 where their squares do: sums are pairwise, and good to about six digits.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

SAMPLE = 64  # arrays of more elements are kept as statistics and this many of their elements
CHUNK = 65536  # elements
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
        step = max(1, -(-flat.size // SAMPLE))
        sample = tuple(flat[::step].tolist())
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
        if not largest <= 1e100:
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
        unit = largest if largest > 1e100 else 1.0  # squares of larger numbers overflow
        scaled = finite / unit
        return cls(
            size=flat.size, nan=nan, inf=inf, zeros=int(np.sum(finite == 0)),
            mean=unit * float(scaled.mean()), std=unit * float(scaled.std()),
            min=float(finite.min()), max=float(finite.max()),
            norm=unit * math.sqrt(float(np.sum(scaled * scaled))), sample=sample,
        )
