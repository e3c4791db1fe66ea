"""Depthwise convolutions with 3 x 3 windows, whose numbers all stay in registers.

Along a row a window sees again what the one before it saw: of three columns it loads one (two
where windows are two pixels apart). Two rows of windows at a time see four rows of pixels instead
of three each, and two sums are under way while a sum waits for its products. Rows beside an image
are read from a row of zeros, columns beside it are vectors of zeros.

Results are computed in strips, for all channels: what a strip sees stays in the first cache while
one vector of channels after the other is taken from it. Meanwhile the second cache loads what the
strip below will see: line by line between the products of two rows, all at once before those of
one, whose loads leave no time for it.

Other windows are convolved from copies of rows (depthwise.py). Here a copy would take as long as
the products of nine taps, so images are read as they are stored.
"""

from typing import Any

import numpy as np

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd import fma, full, lanes, load_some, store_some
from ..simd.intrinsics import address_of, load_at, prefetch
from .geometry import Geometry

Array = Any
ROOM = 48 * 1024  # bytes that a strip sees and gives: about those of the first cache
STRIP = 24  # results in a row of a strip, at least: each loads the weights again


def suits(g: Geometry) -> bool:
    """Return whether windows are 3 x 3, and each lacks one column of the image at most."""
    right = (g.columns - 1) * g.across - g.left + 3 - g.width
    return (g.window_height == g.window_width == 3 and g.apart_down == g.apart_across == 1
            and g.across <= 2 and g.left <= 1 and right <= 1)


def suits_back(g: Geometry) -> bool:
    """Return whether gradients of images are computed here: of such windows two pixels apart."""
    return (suits(g) and g.down == g.across == 2 and g.left >= 0
            and g.width + g.left <= 2 * g.columns + 2)


@inlined
def ask_for(x: Array, begin: int, row: int, rows: int, count: int) -> None:
    """Have `count` numbers of each of some rows of x loaded, line by line, while something else is
    computed; the first from `begin` on."""
    for k in range(rows):
        for i in range(begin + k * row, begin + k * row + count, 64 // x.itemsize):
            prefetch(x, i)


@inlined
def ask_for_two(x: Array, place: int, apart: int) -> None:
    """Have the line with number `place` of x loaded, and that with the number `apart` numbers on,
    while something else is computed."""
    prefetch(x, place)
    prefetch(x, place + apart)


@inlined
def strip_of(x: Array, c: int, step: int) -> Any:
    """Return the number of results in a row of a strip, so that they and what they see fit ROOM.

    Two rows of results of windows one pixel apart see four rows of pixels: six numbers for each.
    One row of windows two pixels apart sees three rows, twice as wide: seven numbers.
    """
    return max(STRIP, ROOM // ((6 if step == 1 else 7) * c * x.itemsize))


@inlined
def seen_by(x: Array, c: int, step: int) -> Any:
    """Return how many numbers of a row a strip sees."""
    return (strip_of(x, c, step) * step + 2) * c


@inlined
def row_at(x: Array, zeros: Array, image: int, row: int, column: int, geometry: Any) -> Any:
    """The address of a pixel of an image's row, or of the zeros where that lies beside it."""
    h, w, c = geometry[0], geometry[1], geometry[2]
    if row < 0 or row >= h:
        return address_of(zeros, 0)
    return address_of(x, ((image * h + row) * w + column) * c)


@inlined
def rows_at(x: Array, zeros: Array, image: int, row: int, column: int, geometry: Any) -> Any:
    """The same of four rows."""
    return (row_at(x, zeros, image, row, column, geometry),
            row_at(x, zeros, image, row + 1, column, geometry),
            row_at(x, zeros, image, row + 2, column, geometry),
            row_at(x, zeros, image, row + 3, column, geometry))


@inlined
def lacking(column: int, step: int, count: int, width: int) -> Any:
    """Return whether the first of `count` windows lacks its first column, and the last one its
    last; the first begins at `column`."""
    return column < 0, column + (count - 1) * step + 3 > width


@inlined
def nine(numbers: Array, at: int, apart: int, m: int) -> Any:
    """Nine vectors, one every `apart` numbers."""
    return (
        load_some(numbers, at, m), load_some(numbers, at + apart, m),
        load_some(numbers, at + 2 * apart, m), load_some(numbers, at + 3 * apart, m),
        load_some(numbers, at + 4 * apart, m), load_some(numbers, at + 5 * apart, m),
        load_some(numbers, at + 6 * apart, m), load_some(numbers, at + 7 * apart, m),
        load_some(numbers, at + 8 * apart, m))


@inlined
def three(x: Array, first: Any, offset: int, m: int) -> Any:
    """A vector of each of three rows, `offset` bytes from their addresses."""
    return (load_at(x, first[0] + offset, m), load_at(x, first[1] + offset, m),
            load_at(x, first[2] + offset, m))


@inlined
def four(x: Array, first: Any, offset: int, m: int) -> Any:
    """A vector of each of four rows."""
    return (*three(x, first, offset, m), load_at(x, first[3] + offset, m))


@inlined
def results(
    x: Array, first: Any, step: int, weight: Array, bias: Array, y: Array, to: int, c: int,
    count: int, lacks: Any,
) -> None:
    """`count` results side by side, at places `to` ... of y, of windows `step` pixels apart whose
    rows begin at the addresses `first`."""
    n, size, none = lanes(x), x.itemsize, full(x, 0.0)
    left, right = lacks
    for t in range(0, c, n):
        m = min(n, c - t)
        w0, w1, w2, w3, w4, w5, w6, w7, w8 = nine(weight, t, c, m)
        start = load_some(bias, t, m) if bias.size else none
        a0, a1, a2 = none, none, none
        if not left:
            a0, a1, a2 = three(x, first, t * size, m)
        b0, b1, b2 = three(x, first, (c + t) * size, m)
        for j in range(count):
            ahead = ((j * step + 2) * c + t) * size
            if step == 2:
                b0, b1, b2 = three(x, first, ahead - c * size, m)
            c0, c1, c2 = none, none, none
            if j < count - 1 or not right:
                c0, c1, c2 = three(x, first, ahead, m)
            s = fma(c0, w2, fma(b0, w1, fma(a0, w0, start)))
            s = fma(c1, w5, fma(b1, w4, fma(a1, w3, s)))
            s = fma(c2, w8, fma(b2, w7, fma(a2, w6, s)))
            store_some(y, to + j * c + t, s, m)
            if step == 2:
                a0, a1, a2 = c0, c1, c2
            else:
                a0, b0, a1, b1, a2, b2 = b0, c0, b1, c1, b2, c2


@inlined
def results_of_two_rows(
    x: Array, first: Any, weight: Array, bias: Array, y: Array, to: int, row: int, c: int,
    count: int, lacks: Any, below: int, below_row: int,
) -> None:
    """The same of windows one pixel apart and of those below them, whose results are `row` numbers
    on in y. Pixels from `below` on, in rows `below_row` apart, are what the next two rows see."""
    n, size, none = lanes(x), x.itemsize, full(x, 0.0)
    left, right = lacks
    for t in range(0, c, n):
        m = min(n, c - t)
        w0, w1, w2, w3, w4, w5, w6, w7, w8 = nine(weight, t, c, m)
        start = load_some(bias, t, m) if bias.size else none
        a0, a1, a2, a3 = none, none, none, none
        if not left:
            a0, a1, a2, a3 = four(x, first, t * size, m)
        b0, b1, b2, b3 = four(x, first, (c + t) * size, m)
        for j in range(count):
            c0, c1, c2, c3 = none, none, none, none
            if j < count - 1 or not right:
                c0, c1, c2, c3 = four(x, first, ((j + 2) * c + t) * size, m)
            s = fma(c0, w2, fma(b0, w1, fma(a0, w0, start)))
            r = fma(c1, w2, fma(b1, w1, fma(a1, w0, start)))
            s = fma(c1, w5, fma(b1, w4, fma(a1, w3, s)))
            r = fma(c2, w5, fma(b2, w4, fma(a2, w3, r)))
            s = fma(c2, w8, fma(b2, w7, fma(a2, w6, s)))
            r = fma(c3, w8, fma(b3, w7, fma(a3, w6, r)))
            place = to + j * c + t
            store_some(y, place, s, m)
            store_some(y, place + row, r, m)
            ask_for_two(y, place + 2 * row, row)
            ask_for_two(x, below + j * c + t, below_row)
            a0, b0, a1, b1, a2, b2, a3, b3 = b0, c0, b1, c1, b2, c2, b3, c3


@task
def forward_chunk(
    chunk: int, chunks: int, x: Array, weight: Array, bias: Array, y: Array, count: int,
    geometry: Any,
) -> None:
    """Its chunk of the rows of results."""
    h, w, c, rows, columns, _, _, sy, sx, _, _, top, left = geometry
    place, stop = chunk * count * rows // chunks, (chunk + 1) * count * rows // chunks
    strip, zeros = strip_of(x, c, sx), np.zeros(seen_by(x, c, sx), x.dtype)
    while place < stop:
        image, row = place // rows, place % rows * sy - top
        two = sy == sx == 1 and place % rows + 1 < rows and place + 1 < stop
        high = 2 if two else 1
        for j in range(0, columns, strip):
            number, column, to = min(strip, columns - j), j * sx - left, (place * columns + j) * c
            below = ((image * h + row + high + 2) * w + column) * c
            first = rows_at(x, zeros, image, row, column, geometry)
            lacks = lacking(column, sx, number, w)
            if two:
                results_of_two_rows(x, first, weight, bias, y, to, columns * c, c, number, lacks,
                                    below, w * c)
            else:
                ask_for(x, below, w * c, sy, number * sx * c)
                ask_for(y, to + columns * c, 0, 1, number * c)
                results(x, first, sx, weight, bias, y, to, c, number, lacks)
        place += high
    zeros[0] = 0.0  # it must live until here: addresses do not keep it


@inlined
def pixels_of_a_row(
    errors: Array, first: int, weight: Array, tap: int, x: Array, to: int, c: int, left: int,
    columns: int, width: int,
) -> None:
    """A row of pixels, at place `to` of x, that lies in the middle of windows two pixels apart.

    The row of their errors begins at the address `first`, the weights at place `tap`. With the
    padding before them, pixel 2 i lies in windows i and i - 1, pixel 2 i + 1 in window i alone."""
    n, size, none = lanes(x), x.itemsize, full(x, 0.0)
    for t in range(0, c, n):
        m, k = min(n, c - t), tap + t
        w0, w1, w2 = load_some(weight, k, m), load_some(weight, k + c, m), load_some(
            weight, k + 2 * c, m)
        e = none
        for i in range(left // 2, columns + 1):
            last, e, j = e, none, 2 * i - left
            if i < columns:
                e = load_at(errors, first + (i * c + t) * size, m)
            if 0 <= j < width:
                store_some(x, to + j * c + t, fma(e, w0, last * w2), m)
            if j + 1 < width:
                store_some(x, to + (j + 1) * c + t, e * w1, m)


@inlined
def pixels_between_rows(
    errors: Array, first: int, above: int, weight: Array, x: Array, to: int, c: int, left: int,
    columns: int, width: int,
) -> None:
    """The same of a row that is the first of windows, and the last of those `above`."""
    n, size, none = lanes(x), x.itemsize, full(x, 0.0)
    for t in range(0, c, n):
        m = min(n, c - t)
        w0, w1, w2, _, _, _, w6, w7, w8 = nine(weight, t, c, m)
        e, f = none, none
        for i in range(left // 2, columns + 1):
            last_e, last_f, e, f, j = e, f, none, none, 2 * i - left
            if i < columns:
                e = load_at(errors, first + (i * c + t) * size, m)
                f = load_at(errors, above + (i * c + t) * size, m)
            if 0 <= j < width:
                s = fma(last_e, w2, last_f * w8)
                store_some(x, to + j * c + t, fma(e, w0, fma(f, w6, s)), m)
            if j + 1 < width:
                store_some(x, to + (j + 1) * c + t, fma(e, w1, f * w7), m)


@task
def input_chunk(
    chunk: int, chunks: int, errors: Array, weight: Array, x: Array, count: int, geometry: Any
) -> None:
    """Its chunk of the rows of x."""
    h, w, c, rows, columns, _, _, _, _, _, _, top, left = geometry
    zeros, there = np.zeros(columns * c, x.dtype), (rows, columns, c)
    for line in range(chunk * count * h // chunks, (chunk + 1) * count * h // chunks):
        image, row = line // h, (line % h + top) // 2
        first, to = row_at(errors, zeros, image, row, 0, there), line * w * c
        if (line % h + top) % 2:
            pixels_of_a_row(errors, first, weight, 3 * c, x, to, c, left, columns, w)
        else:
            above = row_at(errors, zeros, image, row - 1, 0, there)
            pixels_between_rows(errors, first, above, weight, x, to, c, left, columns, w)
    zeros[0] = 0.0  # it must live until here: addresses do not keep it


@inlined
def add_products(
    x: Array, first: Any, step: int, errors: Array, at: int, parts: Array, mine: int, c: int,
    count: int, lacks: Any,
) -> None:
    """Add to the nine sums of each channel, at place `mine` of the parts, what `count` errors side
    by side give them, at places `at` ...; windows as for their results."""
    n, size, none = lanes(x), x.itemsize, full(x, 0.0)
    left, right = lacks
    for t in range(0, c, n):
        m = min(n, c - t)
        s0, s1, s2, s3, s4, s5, s6, s7, s8 = nine(parts, mine + t, c, m)
        a0, a1, a2 = none, none, none
        if not left:
            a0, a1, a2 = three(x, first, t * size, m)
        b0, b1, b2 = three(x, first, (c + t) * size, m)
        for j in range(count):
            ahead, e = ((j * step + 2) * c + t) * size, load_some(errors, at + j * c + t, m)
            if step == 2:
                b0, b1, b2 = three(x, first, ahead - c * size, m)
            c0, c1, c2 = none, none, none
            if j < count - 1 or not right:
                c0, c1, c2 = three(x, first, ahead, m)
            s0, s1, s2 = fma(a0, e, s0), fma(b0, e, s1), fma(c0, e, s2)
            s3, s4, s5 = fma(a1, e, s3), fma(b1, e, s4), fma(c1, e, s5)
            s6, s7, s8 = fma(a2, e, s6), fma(b2, e, s7), fma(c2, e, s8)
            if step == 2:
                a0, a1, a2 = c0, c1, c2
            else:
                a0, b0, a1, b1, a2, b2 = b0, c0, b1, c1, b2, c2
        keep(parts, mine + t, c, m, (s0, s1, s2, s3, s4, s5, s6, s7, s8))


@inlined
def add_products_of_two_rows(
    x: Array, first: Any, errors: Array, at: int, row: int, parts: Array, mine: int, c: int,
    count: int, lacks: Any, below: int, below_row: int,
) -> None:
    """The same of windows one pixel apart and of those below them, whose errors are `row` numbers
    on; `below` as for results."""
    n, size, none = lanes(x), x.itemsize, full(x, 0.0)
    left, right = lacks
    for t in range(0, c, n):
        m = min(n, c - t)
        s0, s1, s2, s3, s4, s5, s6, s7, s8 = nine(parts, mine + t, c, m)
        a0, a1, a2, a3 = none, none, none, none
        if not left:
            a0, a1, a2, a3 = four(x, first, t * size, m)
        b0, b1, b2, b3 = four(x, first, (c + t) * size, m)
        for j in range(count):
            place = at + j * c + t
            e, f = load_some(errors, place, m), load_some(errors, place + row, m)
            c0, c1, c2, c3 = none, none, none, none
            if j < count - 1 or not right:
                c0, c1, c2, c3 = four(x, first, ((j + 2) * c + t) * size, m)
            s0, s1, s2 = fma(a0, e, s0), fma(b0, e, s1), fma(c0, e, s2)
            s3, s4, s5 = fma(a1, e, s3), fma(b1, e, s4), fma(c1, e, s5)
            s6, s7, s8 = fma(a2, e, s6), fma(b2, e, s7), fma(c2, e, s8)
            s0, s1, s2 = fma(a1, f, s0), fma(b1, f, s1), fma(c1, f, s2)
            s3, s4, s5 = fma(a2, f, s3), fma(b2, f, s4), fma(c2, f, s5)
            s6, s7, s8 = fma(a3, f, s6), fma(b3, f, s7), fma(c3, f, s8)
            ask_for_two(errors, place + 2 * row, row)
            ask_for_two(x, below + j * c + t, below_row)
            a0, b0, a1, b1, a2, b2, a3, b3 = b0, c0, b1, c1, b2, c2, b3, c3
        keep(parts, mine + t, c, m, (s0, s1, s2, s3, s4, s5, s6, s7, s8))


@inlined
def keep(parts: Array, to: int, apart: int, m: int, sums: Any) -> None:
    """Store nine vectors, one every `apart` numbers."""
    for k in range(9):
        store_some(parts, to + k * apart, sums[k], m)


@task
def weight_chunk(
    chunk: int, chunks: int, x: Array, errors: Array, parts: Array, count: int, geometry: Any
) -> None:
    """Its chunk of the rows of errors, summed into its part."""
    h, w, c, rows, columns, _, _, sy, sx, _, _, top, left = geometry
    place, stop = chunk * count * rows // chunks, (chunk + 1) * count * rows // chunks
    strip, zeros, mine = strip_of(x, c, sx), np.zeros(seen_by(x, c, sx), x.dtype), chunk * 9 * c
    while place < stop:
        image, row = place // rows, place % rows * sy - top
        two = sy == sx == 1 and place % rows + 1 < rows and place + 1 < stop
        high = 2 if two else 1
        for j in range(0, columns, strip):
            number, column, at = min(strip, columns - j), j * sx - left, (place * columns + j) * c
            below = ((image * h + row + high + 2) * w + column) * c
            first = rows_at(x, zeros, image, row, column, geometry)
            lacks = lacking(column, sx, number, w)
            if two:
                add_products_of_two_rows(x, first, errors, at, columns * c, parts, mine, c, number,
                                         lacks, below, w * c)
            else:
                ask_for(x, below, w * c, sy, number * sx * c)
                ask_for(errors, at + columns * c, 0, 1, number * c)
                add_products(x, first, sx, errors, at, parts, mine, c, number, lacks)
        place += high
    zeros[0] = 0.0  # it must live until here: addresses do not keep it


@kernel
def forward(
    chunks: int, x: Array, weight: Array, bias: Array, y: Array, count: int, geometry: Any
) -> None:
    parallel_for(forward_chunk, chunks, (x, weight, bias, y, count, geometry))


@kernel
def backward(
    chunks: int, errors: Array, weight: Array, x: Array, count: int, geometry: Any
) -> None:
    parallel_for(input_chunk, chunks, (errors, weight, x, count, geometry))


@kernel
def backward_weight(
    chunks: int, x: Array, errors: Array, parts: Array, count: int, geometry: Any
) -> None:
    parallel_for(weight_chunk, chunks, (x, errors, parts, count, geometry))
