"""Products of rows: C[i, j] = sum over k of A[i, k] * B[j, k], for long rows.

Where both matrices have k contiguous (a linear layer's x and weight), a tile of 4 x 5 results is
20 vectors of partial sums: each pair of rows is multiplied vector by vector, and the lanes are
added up at the end. That end costs as much as ten steps, so rows have to be long; but no lane is
wasted where B has few rows, and nothing has to be transposed.
"""

from typing import Any

from numba import types
from numba.core import cgutils

from .types import (
    ELEMENTS,
    I64,
    call_llvm,
    constant,
    first_lanes,
    fold,
    intrinsic,
    llvm_type,
    masked_load,
    vector_of,
)
from .width import HOST

TILE = (4, 5) if HOST.registers >= 32 else (3, 3)  # rows of A, rows of B


@intrinsic
def dot_tile(
    typing: Any, array: Any, a: Any, a_row: Any, b: Any, b_row: Any, c: Any, c_row: Any,
    rows: Any, columns: Any, inner: Any, bias: Any,
) -> Any:
    """One tile of results at address `c`, of at most TILE; the sums start from `bias` (or 0)."""
    if array.dtype not in ELEMENTS:
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, a, a_row, b, b_row, c, c_row, rows, columns, inner, bias = values
        size = I64(array.dtype.bitwidth // 8)
        a_row, b_row, c_row = (builder.mul(s, size) for s in (a_row, b_row, c_row))
        tile = _Dots(builder, kind, size)
        a_rows = [tile.row(a, a_row, i, rows) for i in range(TILE[0])]
        b_rows = [tile.row(b, b_row, j, columns) for j in range(TILE[1])]
        tile.multiply(a_rows, b_rows, inner)
        tile.end(c, c_row, rows, columns, bias)
        return context.get_dummy_value()

    return types.void(array, *[types.int64] * 10), generate


class _Dots:
    """The instructions of a tile."""

    def __init__(self, builder: Any, kind: Any, size: Any) -> None:
        self.builder, self.kind, self.size = builder, kind, size
        self.sums = [
            [cgutils.alloca_once_value(builder, constant(kind, 0.0)) for _ in range(TILE[1])]
            for _ in range(TILE[0])
        ]

    def row(self, start: Any, step: Any, number: int, count: Any) -> Any:
        """The address of a row; of the last one there is, where there are fewer."""
        b = self.builder
        last = b.sub(count, I64(1))
        clamped = b.select(b.icmp_signed("<", I64(number), last), I64(number), last)
        return b.add(start, b.mul(step, clamped))

    def multiply(self, a_rows: list[Any], b_rows: list[Any], inner: Any) -> None:
        """Add all products into the sums, the last ones with a mask."""
        b, kind = self.builder, self.kind
        whole = b.sdiv(inner, I64(kind.count))
        with cgutils.for_range(b, whole, intp=I64) as loop:
            self.step(a_rows, b_rows, b.mul(loop.index, I64(kind.count)), None)
        done = b.mul(whole, I64(kind.count))
        rest = b.sub(inner, done)
        with b.if_then(b.icmp_signed(">", rest, I64(0))):
            self.step(a_rows, b_rows, done, first_lanes(b, rest, kind.count))

    def step(self, a_rows: list[Any], b_rows: list[Any], place: Any, mask: Any) -> None:
        """The products of one vector of each row."""
        b, offset = self.builder, self.builder.mul(place, self.size)
        columns = [self.load(b.add(row, offset), mask) for row in b_rows]
        for row, sums in zip(a_rows, self.sums):
            left = self.load(b.add(row, offset), mask)
            for right, total in zip(columns, sums):
                b.store(call_llvm(b, "fma", self.kind, left, right, b.load(total)), total)

    def load(self, address: Any, mask: Any) -> Any:
        whole = llvm_type(self.kind)
        pointer = self.builder.inttoptr(address, whole.as_pointer())
        itemsize = self.kind.dtype.bitwidth // 8
        if mask is None:
            return self.builder.load(pointer, align=itemsize)
        return masked_load(self.builder, self.kind, pointer, mask)

    def end(self, c: Any, c_row: Any, rows: Any, columns: Any, bias: Any) -> None:
        """Add up the lanes and write those results that there are."""
        b, number = self.builder, ELEMENTS[self.kind.dtype]
        biased = b.icmp_signed("!=", bias, I64(0))
        for i, sums in enumerate(self.sums):
            for j, total in enumerate(sums):
                row_there = b.icmp_signed("<", I64(i), rows)
                with b.if_then(b.and_(row_there, b.icmp_signed("<", I64(j), columns))):
                    value = cgutils.alloca_once_value(
                        b, fold(b, b.load(total), self.kind.count, b.fadd)
                    )
                    with b.if_then(biased):
                        place = b.add(bias, b.mul(I64(j), self.size))
                        first = b.load(b.inttoptr(place, number.as_pointer()))
                        b.store(b.fadd(b.load(value), first), value)
                    place = b.add(b.add(c, b.mul(c_row, I64(i))), b.mul(I64(j), self.size))
                    b.store(b.load(value), b.inttoptr(place, number.as_pointer()))
