"""Group and instance norm of images in C order, where the numbers of a group lie in one run.

A batch is seen as x (n, c, s): n groups, one after the other, of c channels of s numbers each.
Weight and bias are (g, c); group k takes row k % g. Threads share the groups.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd import full, lanes, load, load_some, store, store_some, total
from .loops import deviations_of_row, sum_of_row

Array = Any


@inlined
def products_of_run(dy: Array, x: Array, first: int, n: int, mean: Any) -> tuple[float, float]:
    """The sums of dy and dy * (x - mean) of n numbers from place `first` on."""
    width, rest, stop = lanes(x), n % lanes(x), first + n
    s, p = full(x, 0.0), full(x, 0.0)
    for i in range(first, stop - width + 1, width):
        d = load(dy, i)
        s = s + d
        p = p + d * (load(x, i) - mean)
    if rest:
        d = load_some(dy, stop - rest, rest)
        s = s + d
        p = p + d * (load_some(x, stop - rest, rest) - mean)
    return total(s), total(p)


@task
def normalize_groups_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, bias: Array, eps: float, y: Array,
    mean: Array, var: Array,
) -> None:
    """Each group by its own mean and variance (n,)."""
    n, c, size = x.shape
    width, rest = lanes(x), size % lanes(x)
    for k in range(chunk * n // chunks, (chunk + 1) * n // chunks):
        count = c * size
        middle = sum_of_row(x, k * count, count) / count
        sums, squares = deviations_of_row(x, k * count, count, middle)
        middle += sums / count  # what was rounded away in the mean
        mean[k] = middle
        var[k] = (squares - sums * sums / count) / count
        centre, inverse, row = mean[k], 1.0 / np.sqrt(var[k] + eps), k % len(weight)
        for j in range(c):
            scale, shift = weight[row, j] * inverse, bias[row, j]
            first = (k * c + j) * size
            stop = first + size
            for i in range(first, stop - width + 1, width):
                store(y, i, (load(x, i) - centre) * scale + shift)
            if rest:
                i = stop - rest
                store_some(y, i, (load_some(x, i, rest) - centre) * scale + shift, rest)


@task
def normalize_groups_backward_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, weight: Array, mean: Array, var: Array,
    eps: float, dx: Array, dweight: Array, dbias: Array,
) -> None:
    """All three gradients; dweight and dbias (chunks, g, c) are of float64."""
    n, c, size = x.shape
    width, rest = lanes(x), size % lanes(x)
    dweight[chunk] = 0.0
    dbias[chunk] = 0.0
    for k in range(chunk * n // chunks, (chunk + 1) * n // chunks):
        centre, row = mean[k], k % len(weight)
        inverse = 1.0 / np.sqrt(var[k] + eps)
        g1 = g2 = 0.0  # the sums of g = dy * weight and of g (x - mean)
        for j in range(c):
            s, p = products_of_run(dy, x, (k * c + j) * size, size, centre)
            dbias[chunk, row, j] += s
            dweight[chunk, row, j] += p * inverse
            g1 += s * weight[row, j]
            g2 += p * weight[row, j]
        slope = x.dtype.type(-g2 * inverse * inverse * inverse / (c * size))
        shift = x.dtype.type(-g1 * inverse / (c * size))
        for j in range(c):
            scale = weight[row, j] * inverse
            first = (k * c + j) * size
            stop = first + size
            for i in range(first, stop - width + 1, width):
                store(dx, i, load(dy, i) * scale + ((load(x, i) - centre) * slope + shift))
            if rest:
                i = stop - rest
                d = (load_some(x, i, rest) - centre) * slope + shift
                store_some(dx, i, load_some(dy, i, rest) * scale + d, rest)


@kernel
def normalize_groups(
    parts: int, x: Array, weight: Array, bias: Array, eps: float, y: Array, mean: Array, var: Array,
) -> None:
    parallel_for(normalize_groups_chunk, parts, (x, weight, bias, eps, y, mean, var))


@kernel
def normalize_groups_backward(
    parts: int, dy: Array, x: Array, weight: Array, mean: Array, var: Array, eps: float,
    dx: Array, dweight: Array, dbias: Array,
) -> None:
    parallel_for(normalize_groups_backward_chunk, parts,
                 (dy, x, weight, mean, var, eps, dx, dweight, dbias))
