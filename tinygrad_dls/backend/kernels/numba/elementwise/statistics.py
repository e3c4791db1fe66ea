"""Statistics of an array that is read once: NumPy reads it seven times for them."""

import math
from typing import Any

import numpy as np

from ...reference import statistics as reference
from ...reference.statistics import FINEST
from ..compile import kernel, task
from ..layout import F32, F64
from ..parallel import parallel_for
from ..simd import full, lanes, largest, load, total, where
from ..threads import threads_for

Array = Any
BLOCK = 4096  # elements: the second pass over them reads the first-level cache
PART = 16 * BLOCK  # elements that one thread reads in a row


@task
def statistics_of_parts(chunk: int, chunks: int, x: Array, found: Array) -> None:
    """Write (smallest, largest, zeros, mean, sum of (x - mean)**2) of each part into its row.

    The mean of a block is rounded to the dtype of x, and the rest is made good: of d = x - mean
    the squares about the true mean are sum(d**2) - sum(d)**2 / n. Blocks are joined in float64.
    """
    width = lanes(x)
    zero, one = full(x, 0.0), full(x, 1.0)
    parts = len(found)
    for part in range(chunk * parts // chunks, (chunk + 1) * parts // chunks):
        first = part * PART
        low = high = x[first]
        lows, highs = full(x, low), full(x, high)
        count, zeros, mean, squares = 0.0, 0.0, 0.0, 0.0
        for start in range(first, min(first + PART, x.size), BLOCK):
            end = min(start + BLOCK, x.size)
            stop = end - (end - start) % (2 * width)
            sums_a, sums_b, none_a, none_b = zero, zero, zero, zero
            for i in range(start, stop, 2 * width):  # two at a time: sums wait for the one before
                a, b = load(x, i), load(x, i + width)
                least, most = where(a < b, a, b), where(a > b, a, b)
                lows, highs = where(least < lows, least, lows), where(most > highs, most, highs)
                none_a = none_a + where(a == 0.0, one, zero)
                none_b = none_b + where(b == 0.0, one, zero)
                sums_a, sums_b = sums_a + a, sums_b + b
            whole, none = float(total(sums_a + sums_b)), float(total(none_a + none_b))
            for i in range(stop, end):
                low, high = min(low, x[i]), max(high, x[i])
                whole += x[i]
                none += x[i] == 0
            n = float(end - start)
            centre = x.dtype.type(whole / n)
            off_a, off_b, around_a, around_b = zero, zero, zero, zero
            for i in range(start, stop, 2 * width):
                a, b = load(x, i) - centre, load(x, i + width) - centre
                off_a, off_b = off_a + a, off_b + b
                around_a, around_b = around_a + a * a, around_b + b * b
            off, around = float(total(off_a + off_b)), float(total(around_a + around_b))
            for i in range(stop, end):
                gap = float(x[i]) - float(centre)
                off += gap
                around += gap * gap
            away = float(centre) + off / n - mean
            squares += max(0.0, around - off * off / n) + away * away * count * n / (count + n)
            count += n
            mean += away * n / count
            zeros += none
        found[part, 0] = min(low, -largest(-lows))
        found[part, 1] = max(high, largest(highs))
        found[part, 2], found[part, 3], found[part, 4] = zeros, mean, squares


@kernel
def statistics_of(chunks: int, x: Array) -> tuple[float, float, float, float, float]:
    """Those of the reference, of x, flat; the same numbers on any number of threads."""
    found = np.empty((-(-x.size // PART), 5))
    parallel_for(statistics_of_parts, chunks, (x, found))
    low, high, zeros = found[0, 0], found[0, 1], found[0, 2]
    mean, squares = found[0, 3], found[0, 4]
    for part in range(1, len(found)):
        low, high = min(low, found[part, 0]), max(high, found[part, 1])
        before = float(part * PART)
        n = float(min(PART, x.size - part * PART))
        away = found[part, 3] - mean
        squares += found[part, 4] + away * away * before * n / (before + n)
        mean += away * n / (before + n)
        zeros += found[part, 2]
    return low, high, zeros, mean, squares


class Statistics(reference.Statistics):
    """Of floats without gaps in memory, in any order of their axes."""

    def statistics(self, x: Any) -> tuple[float, float, float, float, float]:
        dense = _dense(x) if x.dtype is F32 or x.dtype is F64 else None
        if dense is None:
            return super().statistics(x)
        low, high, zeros, mean, squares = statistics_of(threads_for(8.0 * dense.size), dense)
        most = max(-low, high)
        if x.dtype is F32 and most != 0 and math.isfinite(mean) and not (
                FINEST[0] < most < FINEST[1]):
            return super().statistics(x)  # float32 does not hold the squares
        return low, high, zeros, mean, squares


def _dense(x: Array) -> Array | None:
    """x as a flat view, in the order of its memory; None if there are gaps."""
    if not x.flags.c_contiguous:
        x = x.transpose(sorted(range(x.ndim), key=lambda axis: -x.strides[axis]))
        if not x.flags.c_contiguous:
            return None
    return x.ravel()
