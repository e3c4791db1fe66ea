"""Winograd's sums for tiles of 2 x 2 results, F(2x2, 3x3): of pixels, weights, errors, products.

Along one axis, with filters of three weights and tiles that read four pixels:

    pixels  B.T =  1  0 -1  0      weights  G =  1   0   0      results  A.T =  1  1  1  0
                   0  1  1  0                   1/2  1/2  1/2                   0  1 -1 -1
                   0 -1  1  0                   1/2 -1/2  1/2
                   0  1  0 -1                    0   0   1

For the gradient of the weights two errors are the filter, and there are three results:

    errors =   1    0      results =  1  1  1  0
              1/2  1/2                0  1 -1  0
              1/2 -1/2                0  1  1 -1
               0    1

Each function takes and returns vectors of 16 channels (or whatever fits a register).
"""

from typing import Any

from ..compile import inlined
from ..simd.intrinsics import full, lanes, load, load_some, store, store_some, where

Array = Any


@inlined
def of_pixels(d0: Any, d1: Any, d2: Any, d3: Any) -> Any:
    """B.T times a column of four."""
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@inlined
def of_weights(g0: Any, g1: Any, g2: Any) -> Any:
    """G times a column of three."""
    outer = (g0 + g2) * 0.5
    inner = g1 * 0.5
    return g0, outer + inner, outer - inner, g2


@inlined
def of_results(m0: Any, m1: Any, m2: Any, m3: Any) -> Any:
    """A.T times a column of four."""
    return m0 + m1 + m2, m1 - m2 - m3


@inlined
def of_errors(e0: Any, e1: Any) -> Any:
    """Four sums of a column of two errors."""
    half0, half1 = e0 * 0.5, e1 * 0.5
    return e0, half0 + half1, half0 - half1, e1


@inlined
def of_sums(m0: Any, m1: Any, m2: Any, m3: Any) -> Any:
    """Three weights' gradients of a column of four."""
    both = m1 + m2
    return m0 + both, m1 - m2, both - m3


@inlined
def store_four(array: Array, to: int, step: int, some: int, four: Any) -> None:
    """Write four vectors, each `step` after the other."""
    store_some(array, to, four[0], some)
    store_some(array, to + step, four[1], some)
    store_some(array, to + 2 * step, four[2], some)
    store_some(array, to + 3 * step, four[3], some)


# --- along columns, then along rows --------------------------------------------------------------


@inlined
def column_of_pixels(
    x: Array, image: int, geometry: Any, row: int, column: int, k: int, some: int
) -> Any:
    """B.T times the four pixels below (row, column), channels k ...; 0 outside the image."""
    h, w, c = geometry[0], geometry[1], geometry[2]
    inside = 0 <= column < w
    at = ((image * h + row) * w + column) * c + k
    return of_pixels(
        load_some(x, at, some if inside and 0 <= row < h else 0),
        load_some(x, at + w * c, some if inside and -1 <= row < h - 1 else 0),
        load_some(x, at + 2 * w * c, some if inside and -2 <= row < h - 2 else 0),
        load_some(x, at + 3 * w * c, some if inside and -3 <= row < h - 3 else 0),
    )


@inlined
def pixels_to_v(
    x: Array, image: int, geometry: Any, row: int, column: int, v: Array, to: int, step: int
) -> None:
    """V of the 4 x 4 pixels from (row, column) on: 16 rows of c numbers, `step` apart."""
    c, n = geometry[2], lanes(x)
    for k in range(0, c, n):
        some = min(n, c - k)
        a = column_of_pixels(x, image, geometry, row, column, k, some)
        b = column_of_pixels(x, image, geometry, row, column + 1, k, some)
        c_ = column_of_pixels(x, image, geometry, row, column + 2, k, some)
        d = column_of_pixels(x, image, geometry, row, column + 3, k, some)
        store_four(v, to + k, step, some, of_pixels(a[0], b[0], c_[0], d[0]))
        store_four(v, to + k + 4 * step, step, some, of_pixels(a[1], b[1], c_[1], d[1]))
        store_four(v, to + k + 8 * step, step, some, of_pixels(a[2], b[2], c_[2], d[2]))
        store_four(v, to + k + 12 * step, step, some, of_pixels(a[3], b[3], c_[3], d[3]))


@inlined
def weights_to_u(
    taps: Array, at: int, apart: int, u: Array, to: int, step: int, some: int
) -> None:
    """U of nine vectors of weights, `apart` from each other: 16 vectors, `step` apart."""
    a = of_weights(load(taps, at), load(taps, at + 3 * apart), load(taps, at + 6 * apart))
    b = of_weights(load(taps, at + apart), load(taps, at + 4 * apart), load(taps, at + 7 * apart))
    c = of_weights(load(taps, at + 2 * apart), load(taps, at + 5 * apart),
                   load(taps, at + 8 * apart))
    store_four(u, to, step, some, of_weights(a[0], b[0], c[0]))
    store_four(u, to + 4 * step, step, some, of_weights(a[1], b[1], c[1]))
    store_four(u, to + 8 * step, step, some, of_weights(a[2], b[2], c[2]))
    store_four(u, to + 12 * step, step, some, of_weights(a[3], b[3], c[3]))


@inlined
def column_of_results(m: Array, at: int, step: int, some: int) -> Any:
    """A.T times four vectors of M, one below the other."""
    return of_results(load_some(m, at, some), load_some(m, at + 4 * step, some),
                      load_some(m, at + 8 * step, some), load_some(m, at + 12 * step, some))


@inlined
def m_to_results(
    m: Array, at: int, step: int, shift: Any, relu: bool, y: Array, to: int, row: int, pixel: int,
    some: int, below: int, beside: int,
) -> Any:
    """Write the 2 x 2 results of 16 vectors of M, `step` apart, to pixel `to` of y, of which
    `below` rows and `beside` columns are in the image; + shift. Return NaN where one is not finite.
    """
    a = column_of_results(m, at, step, some)
    b = column_of_results(m, at + step, step, some)
    c = column_of_results(m, at + 2 * step, step, some)
    d = column_of_results(m, at + 3 * step, step, some)
    y0, y1 = of_results(a[0], b[0], c[0], d[0])
    bad = store_result(y, to, y0, shift, relu, some)
    bad = bad + store_result(y, to + pixel, y1, shift, relu, some if beside > 1 else 0)
    y0, y1 = of_results(a[1], b[1], c[1], d[1])
    bad = bad + store_result(y, to + row, y0, shift, relu, some if below > 1 else 0)
    return bad + store_result(y, to + row + pixel, y1, shift, relu,
                              some if below > 1 and beside > 1 else 0)


@inlined
def store_result(y: Array, to: int, value: Any, shift: Any, relu: bool, some: int) -> Any:
    """Write max(value + shift, 0), or without `relu` the sum. Return value * 0: NaN if infinite."""
    result = value + shift
    if relu:
        zero = full(y, 0.0)
        result = where(result <= zero, zero, result)
    store_some(y, to, result, some)
    return value * 0.0


@inlined
def errors_to_w(
    dy: Array, at: int, row: int, pixel: int, some: int, below: int, beside: int, w: Array, to: int,
    step: int,
) -> None:
    """W of 2 x 2 errors from place `at` on: 16 vectors, `step` apart. `below` rows and `beside`
    columns of them are in the image; the others count as 0."""
    a = of_errors(load_some(dy, at, some), load_some(dy, at + row, some if below > 1 else 0))
    b = of_errors(load_some(dy, at + pixel, some if beside > 1 else 0),
                  load_some(dy, at + row + pixel, some if beside > 1 and below > 1 else 0))
    store_four(w, to, step, some, of_errors(a[0], b[0]))
    store_four(w, to + 4 * step, step, some, of_errors(a[1], b[1]))
    store_four(w, to + 8 * step, step, some, of_errors(a[2], b[2]))
    store_four(w, to + 12 * step, step, some, of_errors(a[3], b[3]))


@inlined
def sum_of_parts(products: Array, at: int, parts: int, part: int, some: int) -> Any:
    """A vector of products, summed over the threads' parts, `part` numbers apart."""
    found = load_some(products, at, some)
    for i in range(1, parts):
        found = found + load_some(products, at + i * part, some)
    return found


@inlined
def column_of_sums(products: Array, at: int, step: int, parts: int, part: int, some: int) -> Any:
    """Three weights' gradients of four products, one below the other."""
    return of_sums(sum_of_parts(products, at, parts, part, some),
                   sum_of_parts(products, at + 4 * step, parts, part, some),
                   sum_of_parts(products, at + 8 * step, parts, part, some),
                   sum_of_parts(products, at + 12 * step, parts, part, some))


@inlined
def store_taps(taps: Array, to: int, three: Any) -> Any:
    """Write a row of three taps, a vector each. Return NaN where one is not finite."""
    n = lanes(taps)
    store(taps, to, three[0])
    store(taps, to + n, three[1])
    store(taps, to + 2 * n, three[2])
    return (three[0] + three[1] + three[2]) * 0.0


@inlined
def products_to_taps(
    products: Array, at: int, step: int, parts: int, part: int, some: int, taps: Array, to: int
) -> Any:
    """Nine vectors of weights' gradients, one after the other, of 16 vectors of products, `step`
    apart. Return NaN where one is not finite."""
    n = lanes(taps)
    a = column_of_sums(products, at, step, parts, part, some)
    b = column_of_sums(products, at + step, step, parts, part, some)
    c = column_of_sums(products, at + 2 * step, step, parts, part, some)
    d = column_of_sums(products, at + 3 * step, step, parts, part, some)
    bad = store_taps(taps, to, of_sums(a[0], b[0], c[0], d[0]))
    bad = bad + store_taps(taps, to + 3 * n, of_sums(a[1], b[1], c[1], d[1]))
    return bad + store_taps(taps, to + 6 * n, of_sums(a[2], b[2], c[2], d[2]))
