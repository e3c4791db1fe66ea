"""Sparse matrices along one axis: what averaging and interpolation do, and how they go back.

Row i says which places of the axis make up output i, and with what weights. Averages, nearest,
linear and cubic interpolation differ in nothing else; the transposed matrix goes back.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..._util.locks import cached_property
from .windows import Windows

CUBIC = -0.75  # the free parameter of Keys' cubic convolution (1981), with PyTorch's value
Tap = tuple[int, float]  # (place, weight)


@dataclass(frozen=True, eq=False)  # built once for each set of numbers: compared by identity
class AxisMap:
    """A sparse matrix (outputs, size): row i has the taps first[i] ... first[i + 1] - 1."""

    size: int
    first: Any  # (outputs + 1,)
    places: Any  # of each tap, in the input
    weights: Any  # of each tap, float64

    @classmethod
    def of_rows(cls, size: int, rows: Iterable[Sequence[Tap]]) -> "AxisMap":
        """From the taps of each output."""
        taps = [list(row) for row in rows]
        flat = [tap for row in taps for tap in row]
        first = np.cumsum([0, *map(len, taps)], dtype=np.int64)
        return cls(size, first, np.array([p for p, _ in flat], np.int64),
                   np.array([w for _, w in flat], np.float64))

    @property
    def outputs(self) -> int:
        """The length of the axis afterwards."""
        return len(self.first) - 1

    @cached_property
    def rows(self) -> list[list[Tap]]:
        """The taps of each output."""
        taps = list(zip(self.places.tolist(), self.weights.tolist()))
        return [taps[a:b] for a, b in zip(self.first[:-1], self.first[1:])]

    @cached_property
    def transposed(self) -> "AxisMap":
        """The matrix that goes back: dx[place] gets weight * dy[output] from each tap."""
        columns: list[list[Tap]] = [[] for _ in range(self.size)]
        for output, row in enumerate(self.rows):
            for place, weight in row:
                columns[place].append((output, weight))
        back = AxisMap.of_rows(self.outputs, columns)
        back.__dict__["transposed"] = self
        return back

    @cached_property
    def is_identity(self) -> bool:
        """Return whether it changes nothing."""
        return self.rows == [[(i, 1.0)] for i in range(self.size)]

    @cached_property
    def layers(self) -> list[tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]]:
        """For k = 0, 1 ...: the outputs that have a k-th tap, its places, its weights."""
        longest = max(map(len, self.rows), default=0)
        found = []
        for k in range(longest):
            having = [(i, *row[k]) for i, row in enumerate(self.rows) if len(row) > k]
            outputs, places, weights = zip(*having)
            found.append((outputs, places, weights))
        return found

    @cached_property
    def dense(self) -> Any:
        """The whole matrix (outputs, size)."""
        full = np.zeros((self.outputs, self.size))
        np.add.at(full, (np.repeat(np.arange(self.outputs), np.diff(self.first)), self.places),
                  self.weights)
        return full

    @cached_property
    def taps(self) -> int:
        """Return the number of taps of each output; 0 if outputs differ in it."""
        lengths = set(np.diff(self.first).tolist())
        return lengths.pop() if len(lengths) == 1 else 0

    @cached_property
    def as_float32(self) -> Any:
        """The weights, rounded."""
        return self.weights.astype(np.float32)


def transposed(maps: Sequence[AxisMap]) -> tuple[AxisMap, ...]:
    """The maps that go back through these."""
    return tuple([m.transposed for m in maps])


# --- the maps of averaging and interpolation ------------------------------------------------------


@lru_cache(maxsize=1024)
def averaging(windows: Windows, count_padding: bool, divisor: int | None = None) -> AxisMap:
    """The mean of each window, or its sum divided by `divisor`."""
    lengths = windows.divisors if count_padding else windows.counts
    if divisor is not None:
        lengths = (divisor,) * len(lengths)
    rows = zip(windows.starts, windows.counts, lengths)
    return AxisMap.of_rows(
        windows.size, [[(s + k, 1.0 / length) for k in range(n)] for s, n, length in rows]
    )


@lru_cache(maxsize=1024)
def interpolating(
    mode: str, size: int, outputs: int, scale: float | None, align_corners: bool
) -> AxisMap:
    """Interpolation of an axis of length `size`; `scale`: outputs per input, where it was given.

    Output i lies at (i + 1/2) size / outputs - 1/2 of the input, or, with `align_corners`, at
    i (size - 1) / (outputs - 1).
    """
    if mode.startswith("nearest"):
        # In float32, whatever the dtype of the input: as PyTorch, which decides the ties.
        per_output = np.float32(1.0 / scale if scale else size / outputs)
        shift = np.float32(0.5 if mode == "nearest-exact" else 0.0)
        at = np.floor((np.arange(outputs, dtype=np.float32) + shift) * per_output)
        return AxisMap.of_rows(size, [[(min(int(p), size - 1), 1.0)] for p in at])
    taps: Callable[[float, int], list[Tap]] = _cubic if mode.endswith("cubic") else _linear
    if align_corners:
        step = (size - 1) / (outputs - 1) if outputs > 1 else 0.0
        return AxisMap.of_rows(size, [taps(i * step, size) for i in range(outputs)])
    step = 1.0 / scale if scale else size / outputs
    return AxisMap.of_rows(size, [taps((i + 0.5) * step - 0.5, size) for i in range(outputs)])


@lru_cache(maxsize=1024)
def antialiasing(mode: str, size: int, outputs: int) -> AxisMap:
    """Linear or cubic interpolation that widens with the step, so that no input is skipped.

    Output i is the mean of the inputs around (i + 1/2) size / outputs - 1/2, weighted by a triangle
    or by Keys' kernel (with -1/2 for its parameter, as Pillow and PyTorch have it here).
    """
    step = size / outputs
    stretch = max(step, 1.0)
    reach = stretch * (2 if mode.endswith("cubic") else 1)
    rows: list[list[Tap]] = []
    for i in range(outputs):
        center = (i + 0.5) * step
        places = range(max(int(center - reach + 0.5), 0), min(int(center + reach + 0.5), size))
        distances = [abs(p + 0.5 - center) / stretch for p in places]
        weights = [_keys(d, -0.5) if mode.endswith("cubic") else max(1.0 - d, 0.0)
                   for d in distances]
        rows.append([(p, w / sum(weights)) for p, w in zip(places, weights)])
    return AxisMap.of_rows(size, rows)


def _linear(at: float, size: int) -> list[Tap]:
    """The two neighbours, each with its nearness; beyond the ends the value at the end."""
    at = min(max(at, 0.0), size - 1.0)
    left = min(int(at), size - 1)
    share = at - left
    return [(left, 1.0 - share), (min(left + 1, size - 1), share)]


def _cubic(at: float, size: int) -> list[Tap]:
    """Four neighbours; beyond the ends the value at the end."""
    left = math.floor(at)
    t = at - left
    weights = [_keys(d, CUBIC) for d in (t + 1, t, 1 - t, 2 - t)]
    places = [min(max(left + k, 0), size - 1) for k in (-1, 0, 1, 2)]
    return list(zip(places, weights))


def _keys(d: float, a: float) -> float:
    """Keys' kernel with the parameter `a` at a distance d >= 0."""
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a if d < 2 else 0.0
