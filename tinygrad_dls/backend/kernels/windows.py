"""Pooling windows along one axis, and the two rules that lay them out.

A window takes every `step`-th place from its start; places in the padding are not places of the
input, so a window at the border starts later, or has fewer of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..._util.locks import cached_property


@dataclass(frozen=True, eq=False)  # built once for each set of numbers: compared by identity
class Windows:
    """The windows along one axis of length `size`: first place, number of places, and the step."""

    size: int
    starts: tuple[int, ...]
    counts: tuple[int, ...]
    step: int
    divisors: tuple[int, ...]  # their lengths with the padding, for means that count it

    @cached_property
    def width(self) -> int:
        """The largest number of places in a window."""
        return max(self.counts, default=1)

    @cached_property
    def bounds(self) -> tuple[Any, Any]:
        """`starts` and `counts` as arrays, for compiled loops."""
        return np.array(self.starts, np.int64), np.array(self.counts, np.int64)

    @cached_property
    def taps(self) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
        """For k = 0, 1 ...: the k-th place of every window, and its number in the window.

        A window with fewer places gives its last one again: that changes no maximum.
        """
        found = []
        for k in range(self.width):
            offsets = tuple([min(k, n - 1) for n in self.counts])
            places = tuple([s + o * self.step for s, o in zip(self.starts, offsets)])
            found.append((places, offsets))
        return tuple(found)


@dataclass(frozen=True)
class Sliding:
    """Windows of one size that move by a stride: one number for each axis."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool = False

    def over(self, lengths: Sequence[int]) -> tuple[Windows, ...]:
        """The windows along each axis of these lengths."""
        each = zip(lengths, self.kernel_size, self.stride, self.padding, self.dilation)
        return tuple([_sliding(*numbers, self.ceil_mode) for numbers in each])


@dataclass(frozen=True)
class Adaptive:
    """As many windows as asked for, over the whole axis: from i n / m to (i + 1) n / m."""

    output_size: tuple[int | None, ...]  # None: as long as the input

    def over(self, lengths: Sequence[int]) -> tuple[Windows, ...]:
        """The windows along each axis of these lengths."""
        return tuple([_adaptive(n, n if m is None else m)
                      for n, m in zip(lengths, self.output_size)])


@lru_cache(maxsize=4096)
def _sliding(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> Windows:
    left_over = size + 2 * padding - dilation * (kernel - 1) - 1
    number = (-(-left_over // stride) if ceil_mode else left_over // stride) + 1
    if ceil_mode and (number - 1) * stride >= size + padding:
        number -= 1  # a window must not start behind the input
    starts, counts, divisors = [], [], []
    for i in range(max(number, 0)):
        start = i * stride - padding
        outside = max(0, -(start // dilation))  # places before the input
        first = start + outside * dilation
        starts.append(first)
        counts.append(min(kernel - outside, -((first - size) // dilation)))
        divisors.append(min(start + kernel, size + padding) - start)
    return Windows(size, tuple(starts), tuple(counts), dilation, tuple(divisors))


@lru_cache(maxsize=4096)
def _adaptive(size: int, number: int) -> Windows:
    starts = tuple([i * size // number for i in range(number)])
    counts = tuple([-(-(i + 1) * size // number) - s for i, s in enumerate(starts)])
    return Windows(size, starts, counts, 1, counts)
