"""Winograd's sums for tiles of 4 x 4 results, F(4x4, 3x3): of pixels, weights, errors, products.

Along one axis a filter g of three weights and four results y are polynomials, and a product of
polynomials is known by its values at six points p: y = A.T ((G g) * (B.T d)). Row p of G holds 1,
p, p**2, divided by the product of all p - q; row p of B.T the coefficients of the product of all
x - q; and column p of A.T 1, p, p**2, p**3. The points decide how much rounding errors grow. The
usual 0, 1, -1, 2, -2 and infinity make them 3 to 7 times those of direct sums; 0, 11/16,
-11/16, 3/2, -3/2 and infinity once to twice (docs/winograd.md). With a = 11/16 and b = 3/2:

    pixels  B.T =  a2 b2    0      -(a2 + b2)   0          1    0
                     0   -a b2       -b2        a          1    0       a2 = a * a
                     0    a b2       -b2       -a          1    0       b2 = b * b
                     0   -b a2       -a2        b          1    0
                     0    b a2       -a2       -b          1    0
                     0   a2 b2        0    -(a2 + b2)      0    1

    weights  G =  1  0  0 / (a2 b2)               results  A.T =  1   1    1   1    1   0
                  1  a a2 / (2 a2 (a2 - b2))                      0   a   -a   b   -b   0
                  1 -a a2 / (2 a2 (a2 - b2))                      0  a2   a2  b2   b2   0
                  1  b b2 / (2 b2 (b2 - a2))                      0  a3  -a3  b3  -b3   1
                  1 -b b2 / (2 b2 (b2 - a2))
                  0  0  1

All numbers but the divisors are exact in binary. Rows of p and -p are the sum and the difference of
the same two halves, even and odd powers, so that each half is computed once.

For the gradient of the weights four errors are the filter, so G has a column of p**3, and of the
results three are left.
"""

from typing import Any

from ..compile import inlined
from ..simd.intrinsics import any_nonzero, full, lanes, load, load_some, store_some
from .winograd_2x2 import store_result, store_taps, sum_of_parts

Array = Any
A, B = 11 / 16, 3 / 2  # the points
A2, B2 = A * A, B * B
A3, B3 = A * A2, B * B2
SUM, PRODUCT = A2 + B2, A2 * B2
OF_0, OF_A, OF_B = 1 / PRODUCT, 1 / (2 * A2 * (A2 - B2)), 1 / (2 * B2 * (B2 - A2))

RESULTS = (1 << 16) - 1  # all of a tile, a bit for each
WINDOW = 0b111 | 0b111 << 6 | 0b111 << 12  # the pixels that the first result sees


@inlined
def of_pixels(d0: Any, d1: Any, d2: Any, d3: Any, d4: Any, d5: Any) -> Any:
    """B.T times a column of six."""
    even_a, odd_a = d4 - d2 * B2, (d3 - d1 * B2) * A
    even_b, odd_b = d4 - d2 * A2, (d3 - d1 * A2) * B
    return (d0 * PRODUCT + (d4 - d2 * SUM), even_a + odd_a, even_a - odd_a, even_b + odd_b,
            even_b - odd_b, d1 * PRODUCT + (d5 - d3 * SUM))


@inlined
def of_weights(g0: Any, g1: Any, g2: Any) -> Any:
    """G times a column of three."""
    even_a, odd_a = (g0 + g2 * A2) * OF_A, g1 * (A * OF_A)
    even_b, odd_b = (g0 + g2 * B2) * OF_B, g1 * (B * OF_B)
    return g0 * OF_0, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g2


@inlined
def of_results(m0: Any, m1: Any, m2: Any, m3: Any, m4: Any, m5: Any) -> Any:
    """A.T times a column of six."""
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (m0 + even_a + even_b, odd_a * A + odd_b * B, even_a * A2 + even_b * B2,
            odd_a * A3 + (odd_b * B3 + m5))


@inlined
def of_errors(e0: Any, e1: Any, e2: Any, e3: Any) -> Any:
    """G with four columns times a column of four errors."""
    even_a, odd_a = (e0 + e2 * A2) * OF_A, (e1 + e3 * A2) * (A * OF_A)
    even_b, odd_b = (e0 + e2 * B2) * OF_B, (e1 + e3 * B2) * (B * OF_B)
    return e0 * OF_0, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, e3


@inlined
def of_sums(m0: Any, m1: Any, m2: Any, m3: Any, m4: Any, m5: Any) -> Any:
    """Three weights' gradients of a column of six."""
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return m0 + even_a + even_b, odd_a * A + odd_b * B, even_a * A2 + (even_b * B2 + m5)


@inlined
def store_six(array: Array, to: int, step: int, some: int, six: Any) -> None:
    """Write six vectors, each `step` after the other."""
    store_some(array, to, six[0], some)
    store_some(array, to + step, six[1], some)
    store_some(array, to + 2 * step, six[2], some)
    store_some(array, to + 3 * step, six[3], some)
    store_some(array, to + 4 * step, six[4], some)
    store_some(array, to + 5 * step, six[5], some)


# --- along columns, then along rows --------------------------------------------------------------


@inlined
def column_of_pixels(
    x: Array, image: int, geometry: Any, row: int, column: int, k: int, some: int
) -> Any:
    """B.T times the six pixels below (row, column), channels k ...; 0 outside the image."""
    h, w, c = geometry[0], geometry[1], geometry[2]
    inside = 0 <= column < w
    at = ((image * h + row) * w + column) * c + k
    return of_pixels(
        load_some(x, at, some if inside and 0 <= row < h else 0),
        load_some(x, at + w * c, some if inside and -1 <= row < h - 1 else 0),
        load_some(x, at + 2 * w * c, some if inside and -2 <= row < h - 2 else 0),
        load_some(x, at + 3 * w * c, some if inside and -3 <= row < h - 3 else 0),
        load_some(x, at + 4 * w * c, some if inside and -4 <= row < h - 4 else 0),
        load_some(x, at + 5 * w * c, some if inside and -5 <= row < h - 5 else 0),
    )


@inlined
def pixels_to_v(
    x: Array, image: int, geometry: Any, row: int, column: int, v: Array, to: int, step: int
) -> None:
    """V of the 6 x 6 pixels from (row, column) on: 36 rows of c numbers, `step` apart."""
    c, n = geometry[2], lanes(x)
    for k in range(0, c, n):
        some = min(n, c - k)
        p = column_of_pixels(x, image, geometry, row, column, k, some)
        q = column_of_pixels(x, image, geometry, row, column + 1, k, some)
        r = column_of_pixels(x, image, geometry, row, column + 2, k, some)
        s = column_of_pixels(x, image, geometry, row, column + 3, k, some)
        t = column_of_pixels(x, image, geometry, row, column + 4, k, some)
        u = column_of_pixels(x, image, geometry, row, column + 5, k, some)
        at = to + k
        store_six(v, at, step, some, of_pixels(p[0], q[0], r[0], s[0], t[0], u[0]))
        store_six(v, at + 6 * step, step, some, of_pixels(p[1], q[1], r[1], s[1], t[1], u[1]))
        store_six(v, at + 12 * step, step, some, of_pixels(p[2], q[2], r[2], s[2], t[2], u[2]))
        store_six(v, at + 18 * step, step, some, of_pixels(p[3], q[3], r[3], s[3], t[3], u[3]))
        store_six(v, at + 24 * step, step, some, of_pixels(p[4], q[4], r[4], s[4], t[4], u[4]))
        store_six(v, at + 30 * step, step, some, of_pixels(p[5], q[5], r[5], s[5], t[5], u[5]))


@inlined
def weights_to_u(
    taps: Array, at: int, apart: int, u: Array, to: int, step: int, some: int
) -> None:
    """U of nine vectors of weights, `apart` from each other: 36 vectors, `step` apart."""
    a = of_weights(load(taps, at), load(taps, at + 3 * apart), load(taps, at + 6 * apart))
    b = of_weights(load(taps, at + apart), load(taps, at + 4 * apart), load(taps, at + 7 * apart))
    c = of_weights(load(taps, at + 2 * apart), load(taps, at + 5 * apart),
                   load(taps, at + 8 * apart))
    store_six(u, to, step, some, of_weights(a[0], b[0], c[0]))
    store_six(u, to + 6 * step, step, some, of_weights(a[1], b[1], c[1]))
    store_six(u, to + 12 * step, step, some, of_weights(a[2], b[2], c[2]))
    store_six(u, to + 18 * step, step, some, of_weights(a[3], b[3], c[3]))
    store_six(u, to + 24 * step, step, some, of_weights(a[4], b[4], c[4]))
    store_six(u, to + 30 * step, step, some, of_weights(a[5], b[5], c[5]))


@inlined
def column_of_results(m: Array, at: int, step: int, some: int) -> Any:
    """A.T times six vectors of M, one below the other."""
    return of_results(load_some(m, at, some), load_some(m, at + 6 * step, some),
                      load_some(m, at + 12 * step, some), load_some(m, at + 18 * step, some),
                      load_some(m, at + 24 * step, some), load_some(m, at + 30 * step, some))


@inlined
def row_of_results(
    a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, shift: Any, relu: bool, y: Array, to: int,
    pixel: int, some: int, beside: int,
) -> Any:
    """Write a row of four results; return NaN where one is not finite."""
    y0, y1, y2, y3 = of_results(a, b, c, d, e, f)
    bad = store_result(y, to, y0, shift, relu, some)
    bad = bad + store_result(y, to + pixel, y1, shift, relu, some if beside > 1 else 0)
    bad = bad + store_result(y, to + 2 * pixel, y2, shift, relu, some if beside > 2 else 0)
    return bad + store_result(y, to + 3 * pixel, y3, shift, relu, some if beside > 3 else 0)


@inlined
def m_to_results(
    m: Array, at: int, step: int, shift: Any, relu: bool, y: Array, to: int, row: int, pixel: int,
    some: int, below: int, beside: int,
) -> Any:
    """Write the 4 x 4 results of 36 vectors of M, `step` apart, to pixel `to` of y, of which
    `below` rows and `beside` columns are in the image; + shift. Return NaN where one is not finite.
    """
    a = column_of_results(m, at, step, some)
    b = column_of_results(m, at + step, step, some)
    c = column_of_results(m, at + 2 * step, step, some)
    d = column_of_results(m, at + 3 * step, step, some)
    e = column_of_results(m, at + 4 * step, step, some)
    f = column_of_results(m, at + 5 * step, step, some)
    bad = row_of_results(a[0], b[0], c[0], d[0], e[0], f[0], shift, relu, y, to, pixel, some,
                         beside)
    bad = bad + row_of_results(a[1], b[1], c[1], d[1], e[1], f[1], shift, relu, y, to + row, pixel,
                               some if below > 1 else 0, beside)
    bad = bad + row_of_results(a[2], b[2], c[2], d[2], e[2], f[2], shift, relu, y, to + 2 * row,
                               pixel, some if below > 2 else 0, beside)
    return bad + row_of_results(a[3], b[3], c[3], d[3], e[3], f[3], shift, relu, y, to + 3 * row,
                                pixel, some if below > 3 else 0, beside)


# --- results that see only zeros -----------------------------------------------------------------
#
# Directly they are sums of zeros, 0. Here they are what the rounding of the whole tile leaves, and
# a ReLU behind them would open or close by chance. So they are set to 0.


@inlined
def is_seen(x: Array, image: int, geometry: Any, row: int, column: int) -> bool:
    """Return whether a pixel has a channel that is not 0; outside the image all are."""
    h, w, c, n = geometry[0], geometry[1], geometry[2], lanes(x)
    if not (0 <= row < h and 0 <= column < w):
        return False
    at = ((image * h + row) * w + column) * c
    for k in range(0, c, n):
        if any_nonzero(load_some(x, at + k, min(n, c - k))):
            return True
    return False


@inlined
def results_that_see(x: Array, image: int, geometry: Any, row: int, column: int) -> int:
    """Return a bit for each of a tile's results, row by row from the lowest: whether one of the 3 x
    3 pixels of its window is not 0. (row, column) is the tile's first pixel."""
    if (is_seen(x, image, geometry, row + 2, column + 2)  # each window holds one of these four
            and is_seen(x, image, geometry, row + 2, column + 3)
            and is_seen(x, image, geometry, row + 3, column + 2)
            and is_seen(x, image, geometry, row + 3, column + 3)):
        return RESULTS
    pixels = 0
    for i in range(6):
        for j in range(6):
            if is_seen(x, image, geometry, row + i, column + j):
                pixels |= 1 << (6 * i + j)
    results = 0
    for i in range(4):
        for j in range(4):
            if pixels >> (6 * i + j) & WINDOW:
                results |= 1 << (4 * i + j)
    return results


@inlined
def clear_results(
    seeing: int, shift: Any, relu: bool, y: Array, to: int, row: int, pixel: int, some: int,
    below: int, beside: int,
) -> None:
    """Write 0 + shift to those of the 4 x 4 results at pixel `to` of y that see only zeros."""
    for i in range(min(4, below)):
        for j in range(min(4, beside)):
            if not seeing >> (4 * i + j) & 1:
                store_result(y, to + i * row + j * pixel, full(y, 0.0), shift, relu, some)


# --- gradients of weights ------------------------------------------------------------------------


@inlined
def column_of_errors(dy: Array, at: int, row: int, some: int, below: int) -> Any:
    """G times the four errors from place `at` down; 0 from row `below` on."""
    return of_errors(load_some(dy, at, some), load_some(dy, at + row, some if below > 1 else 0),
                     load_some(dy, at + 2 * row, some if below > 2 else 0),
                     load_some(dy, at + 3 * row, some if below > 3 else 0))


@inlined
def errors_to_w(
    dy: Array, at: int, row: int, pixel: int, some: int, below: int, beside: int, w: Array, to: int,
    step: int,
) -> None:
    """W of 4 x 4 errors from place `at` on: 36 vectors, `step` apart. `below` rows and `beside`
    columns of them are in the image; the others count as 0."""
    a = column_of_errors(dy, at, row, some, below)
    b = column_of_errors(dy, at + pixel, row, some if beside > 1 else 0, below)
    c = column_of_errors(dy, at + 2 * pixel, row, some if beside > 2 else 0, below)
    d = column_of_errors(dy, at + 3 * pixel, row, some if beside > 3 else 0, below)
    store_six(w, to, step, some, of_errors(a[0], b[0], c[0], d[0]))
    store_six(w, to + 6 * step, step, some, of_errors(a[1], b[1], c[1], d[1]))
    store_six(w, to + 12 * step, step, some, of_errors(a[2], b[2], c[2], d[2]))
    store_six(w, to + 18 * step, step, some, of_errors(a[3], b[3], c[3], d[3]))
    store_six(w, to + 24 * step, step, some, of_errors(a[4], b[4], c[4], d[4]))
    store_six(w, to + 30 * step, step, some, of_errors(a[5], b[5], c[5], d[5]))


@inlined
def column_of_sums(products: Array, at: int, step: int, parts: int, part: int, some: int) -> Any:
    """Three weights' gradients of six products, one below the other."""
    return of_sums(sum_of_parts(products, at, parts, part, some),
                   sum_of_parts(products, at + 6 * step, parts, part, some),
                   sum_of_parts(products, at + 12 * step, parts, part, some),
                   sum_of_parts(products, at + 18 * step, parts, part, some),
                   sum_of_parts(products, at + 24 * step, parts, part, some),
                   sum_of_parts(products, at + 30 * step, parts, part, some))


@inlined
def products_to_taps(
    products: Array, at: int, step: int, parts: int, part: int, some: int, taps: Array, to: int
) -> Any:
    """Nine vectors of weights' gradients, one after the other, of 36 vectors of products, `step`
    apart. Return NaN where one is not finite."""
    n = lanes(taps)
    a = column_of_sums(products, at, step, parts, part, some)
    b = column_of_sums(products, at + step, step, parts, part, some)
    c = column_of_sums(products, at + 2 * step, step, parts, part, some)
    d = column_of_sums(products, at + 3 * step, step, parts, part, some)
    e = column_of_sums(products, at + 4 * step, step, parts, part, some)
    f = column_of_sums(products, at + 5 * step, step, parts, part, some)
    bad = store_taps(taps, to, of_sums(a[0], b[0], c[0], d[0], e[0], f[0]))
    bad = bad + store_taps(taps, to + 3 * n, of_sums(a[1], b[1], c[1], d[1], e[1], f[1]))
    return bad + store_taps(taps, to + 6 * n, of_sums(a[2], b[2], c[2], d[2], e[2], f[2]))
