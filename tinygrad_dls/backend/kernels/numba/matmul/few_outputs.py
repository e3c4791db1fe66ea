"""Products with few columns, as of a linear layer with one output: matrix times vector.

They read each number of x once or a few times, so what counts is to read it in order, some rows
side by side. A tile of the sweep would compute most of its rows or columns in vain.
"""

from typing import Any

from ..compile import inlined
from ..simd import fma, full, lanes, load, load_some, store_some, total

Array = Any
COLUMNS = 4096  # whose sums stay in the first cache while rows go by


@inlined
def dots_with_one(x: Array, begin: int, end: int, weight: Array, bias: Array, y: Array) -> None:
    """Rows begin ... end - 1 of y (m, 1) = x (m, k) @ weight (1, k).T (+ bias), four at a time."""
    k, n = x.shape[1], lanes(x)
    whole, rest = k - k % n, k % n
    for i in range(begin, end, 4):
        i0 = i * k  # rows beyond the last one are the last one again
        i1, i2, i3 = min(i + 1, end - 1) * k, min(i + 2, end - 1) * k, min(i + 3, end - 1) * k
        s0, s1, s2, s3 = full(x, 0.0), full(x, 0.0), full(x, 0.0), full(x, 0.0)
        for j in range(0, whole, n):
            w = load(weight, j)
            s0, s1 = fma(load(x, i0 + j), w, s0), fma(load(x, i1 + j), w, s1)
            s2, s3 = fma(load(x, i2 + j), w, s2), fma(load(x, i3 + j), w, s3)
        if rest:
            w = load_some(weight, whole, rest)
            s0, s1 = (fma(load_some(x, i0 + whole, rest), w, s0),
                      fma(load_some(x, i1 + whole, rest), w, s1))
            s2, s3 = (fma(load_some(x, i2 + whole, rest), w, s2),
                      fma(load_some(x, i3 + whole, rest), w, s3))
        shift = bias[0] if bias.size else x.dtype.type(0)
        y[min(i + 3, end - 1), 0] = total(s3) + shift
        y[min(i + 2, end - 1), 0] = total(s2) + shift
        y[min(i + 1, end - 1), 0] = total(s1) + shift
        y[i, 0] = total(s0) + shift


@inlined
def sums_for_few(
    a: Array, b: Array, c: Array, at: int, first: int, last: int, begin: int, end: int
) -> None:
    """C (n, k), from place `at` of c, = a (m, n).T @ b (m, k) of rows first ... last - 1 and
    columns begin ... end - 1: eight rows of b at a time are added to the sums."""
    n, k, width = a.shape[1], b.shape[1], lanes(b)
    whole = last - (last - first) % 8
    for start in range(begin, end, COLUMNS):
        stop = min(end, start + COLUMNS)
        for o in range(n):
            for j in range(start, stop, width):
                store_some(c, at + o * k + j, full(b, 0.0), min(width, stop - j))
        for i in range(first, whole, 8):
            for o in range(n):
                d0, d1, d2, d3 = (full(b, a[i, o]), full(b, a[i + 1, o]), full(b, a[i + 2, o]),
                                  full(b, a[i + 3, o]))
                d4, d5, d6, d7 = (full(b, a[i + 4, o]), full(b, a[i + 5, o]), full(b, a[i + 6, o]),
                                  full(b, a[i + 7, o]))
                for j in range(start, stop, width):
                    some, p, to = min(width, stop - j), i * k + j, at + o * k + j
                    s = fma(load_some(b, p, some), d0, load_some(c, to, some))
                    r = load_some(b, p + k, some) * d1
                    s, r = (fma(load_some(b, p + 2 * k, some), d2, s),
                            fma(load_some(b, p + 3 * k, some), d3, r))
                    s, r = (fma(load_some(b, p + 4 * k, some), d4, s),
                            fma(load_some(b, p + 5 * k, some), d5, r))
                    s, r = (fma(load_some(b, p + 6 * k, some), d6, s),
                            fma(load_some(b, p + 7 * k, some), d7, r))
                    store_some(c, to, s + r, some)
        for i in range(whole, last):
            for o in range(n):
                d = full(b, a[i, o])
                for j in range(start, stop, width):
                    some, to = min(width, stop - j), at + o * k + j
                    store_some(c, to, fma(load_some(b, i * k + j, some), d,
                                          load_some(c, to, some)), some)
