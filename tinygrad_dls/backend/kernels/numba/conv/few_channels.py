"""Convolutions to few channels: several places of the window side by side, to fill the vectors.

A vector holds 16 numbers. An image of 6 channels would leave ten of them empty; but the results of
neighbouring places lie next to each other in memory, so two places with 6 channels each are as
good as one place with 12. Their window is the two windows together, one step of the stride wider,
with weights of 0 where a place does not look:

    one place      w0 w1 w2            two places    w0 w1 w2  0
                                                      0 w0 w1 w2

That is 4/3 of the multiplications on twice as many lanes. Elements outside a window must not
influence it: 0 times infinity is NaN, so with numbers that are not finite places stay alone.
"""

from typing import Any

import numpy as np

from ..compile import kernel, task
from ..parallel import parallel_for
from ..simd import full, lanes, load, load_some, total
from ..simd.width import HOST
from ..threads import threads_for
from .geometry import Geometry

Array = Any
WORTH = 0.85  # of the work, at most, that must be left
LEAST = 5_000_000  # multiplications; fewer take no longer than the preparations


def how_many(g: Geometry, images: int, channels: int, groups: int, dtype: Any) -> int:
    """Return how many positions, of this many output channels each, to compute side by side."""
    work = images * g.rows * g.columns * g.length * g.channels * channels
    if groups > 1 or g.apart_across > 1 or work < LEAST:
        return 1
    most = HOST.lanes(dtype.itemsize) // channels
    wide = {n: (g.window_width + (n - 1) * g.across) / n
            for n in range(1, most + 1) if g.columns % n == 0}
    best = min(wide, key=wide.__getitem__, default=1)
    return best if best > 1 and wide[best] <= WORTH * wide[1] else 1


def beside(g: Geometry, n: int) -> Geometry:
    """The geometry of n places side by side as one."""
    return g._replace(columns=g.columns // n, across=g.across * n,
                      window_width=g.window_width + (n - 1) * g.across)


def widened(weight: Array, n: int, step: int) -> Array:
    """Weights (1, kh, kw, c, o) for n places side by side, (1, kh, kw + (n-1) step, c, n o)."""
    _, kh, kw, c, o = weight.shape
    wide = np.zeros((1, kh, kw + (n - 1) * step, c, n, o), weight.dtype)
    for place in range(n):
        wide[:, :, place * step : place * step + kw, :, place] = weight
    return wide.reshape(1, kh, -1, c, n * o)


def narrowed(parts: Array, g: Geometry, n: int) -> Array:
    """Reduce the threads' sums for weights (kh, kw + (n-1) step, c, n o) to those of one position,
    flat.
    """
    kw, c = g.window_width, g.channels
    wide = parts.sum(axis=0).reshape(g.window_height, kw + (n - 1) * g.across, c, n, -1)
    total = wide[:, :kw, :, 0].copy()
    for place in range(1, n):
        total += wide[:, place * g.across : place * g.across + kw, :, place]
    return total.reshape(1, -1)


@task
def finite_chunk(chunk: int, chunks: int, x: Array, bad: Array) -> None:
    """bad[chunk] = 0, or NaN if one of its chunk of x is not finite: 0 times it is NaN."""
    n = lanes(x)
    begin, end = chunk * x.size // chunks, (chunk + 1) * x.size // chunks
    rest = (end - begin) % n
    s = full(x, 0.0)
    for i in range(begin, end - rest, n):
        s = s + load(x, i) * 0.0
    if rest:
        s = s + load_some(x, end - rest, rest) * 0.0
    bad[chunk] = total(s)


@kernel
def find_not_finite(parts: int, x: Array, bad: Array) -> None:
    parallel_for(finite_chunk, parts, (x, bad))


def all_finite(x: Array) -> bool:
    """Return whether all numbers of a contiguous array are finite."""
    parts = threads_for(8 * x.size)
    bad = np.empty(parts, x.dtype)
    find_not_finite(parts, x.reshape(-1), bad)
    return not bad.any()  # NaN is true
