"""Max pooling: the largest of each window, and where in its window it was."""

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ..windows import Windows
from .base import Family


class Pooling(Family):
    """max_pool, max_pool_backward, window_places."""

    def max_pool(self, x: Any, windows: tuple[Windows, ...]) -> tuple[Any, Any]:
        """(largest of each window, its number in the window) over the last axes of x.

        Of equal ones the first; of NaN the last, as in PyTorch. Numbers are bytes where a window
        has at most 256 places.
        """
        xp = self.xp
        kind = number_dtype(xp, windows)
        best: Any = None
        for value, number in self._taps(x, windows, kind):
            if best is None:
                best, numbers = value, xp.zeros_like(value, dtype=kind)
            else:
                better = (value > best) | (value != value)
                best = xp.where(better, value, best)
                numbers = xp.where(better, number, numbers)
        return xp.array(best), numbers

    def max_pool_backward(
        self, dy: Any, numbers: Any, windows: tuple[Windows, ...]
    ) -> Any:
        """dx: each dy added at the place that its window took."""
        xp, lead = self.xp, dy.shape[: dy.ndim - len(windows)]
        lengths = tuple(w.size for w in windows)
        planes, size = math.prod(lead), math.prod(lengths)
        first = xp.arange(planes).reshape(*lead, *[1] * len(windows)) * size  # of each plane
        places = self.window_places(numbers, windows) + first
        dx = xp.zeros(planes * size, dtype=dy.dtype)
        xp.add.at(dx, places.reshape(-1), dy.reshape(-1))
        return dx.reshape(*lead, *lengths)

    def window_places(self, numbers: Any, windows: tuple[Windows, ...]) -> Any:
        """The places of the numbers in the flattened input, int64, as PyTorch's indices."""
        rest = numbers.astype(self.xp.int64)
        places, jump = rest * 0, 1
        for axis, w in reversed([*enumerate(windows, numbers.ndim - len(windows))]):
            starts = constant(self.xp, w.starts, "int64", numbers.ndim - axis - 1)
            places += (starts + rest % w.width * w.step) * jump
            rest //= w.width
            jump *= w.size
        return places

    def _taps(
        self, x: Any, windows: tuple[Windows, ...], kind: Any, axis: int = 0
    ) -> Iterator[tuple[Any, Any]]:
        """(the k-th element of every window, its number there) for k = 0, 1 ..., row by row."""
        if axis == len(windows):
            yield x, 0
            return
        inner = math.prod(w.width for w in windows[axis + 1 :])
        at = x.ndim - len(windows) + axis
        for places, offsets in windows[axis].taps:
            part = take(self.xp, x, places, at)
            if len(set(offsets)) > 1:
                number = constant(self.xp, offsets, kind, x.ndim - at - 1) * inner
            else:
                number = offsets[0] * inner if offsets else 0
            for value, rest in self._taps(part, windows, kind, axis + 1):
                yield value, number + rest


def number_dtype(xp: Any, windows: tuple[Windows, ...]) -> Any:
    """The integers that count the places of a window."""
    return xp.uint8 if math.prod(w.width for w in windows) <= 256 else xp.int32


def take(xp: Any, x: Any, places: tuple[int, ...], axis: int) -> Any:
    """The elements at `places` of an axis; a view where they lie evenly."""
    evenly = even_slice(places)
    if evenly is not None:
        return x[(*itertools.repeat(slice(None), axis), evenly)]
    return xp.take(x, constant(xp, places, "int64", 0), axis=axis)


def even_slice(places: tuple[int, ...]) -> slice | None:
    """The slice of the same places, all going up by the same; None if they do not."""
    if not places:
        return slice(0, 0)
    step = places[1] - places[0] if len(places) > 1 else 1
    if step < 1 or any(b - a != step for a, b in itertools.pairwise(places)):
        return None
    return slice(places[0], places[-1] + 1, step)


@lru_cache(maxsize=4096)
def constant(xp: Any, values: tuple[Any, ...], dtype: Any, axes_after: int) -> Any:
    """An array of these values, to broadcast along one axis with others after it; kept."""
    return xp.asarray(values, dtype=dtype).reshape(-1, *[1] * axes_after)
