"""Transposing a matrix, register by register.

A tile of as many rows as a vector has lanes is loaded, a vector for each row. Zipping two vectors,
(a0 a1 a2 a3) and (b0 b1 b2 b3) to (a0 b0 a1 b1) and (a2 b2 a3 b3), is one instruction for each
result. To zip the first half of all rows with the second half is what riffling is to cards: after
log2(lanes) times each row is a column.
"""

from typing import Any

from llvmlite import ir
from numba import types

from ..compile import inlined
from .intrinsics import lanes
from .types import (
    ELEMENTS,
    I32,
    I64,
    first_lanes,
    intrinsic,
    llvm_type,
    masked_load,
    masked_store,
    vector_of,
)


@intrinsic
def transpose_tile(
    typing: Any, array: Any, source: Any, row: Any, to: Any, to_row: Any, rows: Any, columns: Any
) -> Any:
    """Write a tile (rows, columns) at address `source` to address `to`, transposed.

    Of `array`'s dtype; at most as many rows and columns as a vector has lanes; `row` and `to_row`:
    numbers from one row to the next.
    """
    if array.dtype not in ELEMENTS:
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, source, row, to, to_row, rows, columns = values
        size = I64(array.dtype.bitwidth // 8)
        row, to_row = builder.mul(row, size), builder.mul(to_row, size)
        tile = []
        for pointer, mask in _lines(builder, kind, source, row, rows, columns):
            tile.append(masked_load(builder, kind, pointer, mask))
        tile = _zipped(builder, kind, tile)
        lines = _lines(builder, kind, to, to_row, columns, rows)
        for vector, (pointer, mask) in zip(tile, lines):
            masked_store(builder, kind, vector, pointer, mask)
        return context.get_dummy_value()

    return types.void(array, *[types.int64] * 6), generate


@inlined
def transpose(
    kind: Any, source: int, row: int, to: int, to_row: int, rows: int, columns: int,
) -> None:
    """Write a matrix (rows, columns) at address `source` to address `to`, transposed.

    Of the dtype of the array `kind`; `row` and `to_row`: numbers from one row to the next.
    """
    n, size = lanes(kind), kind.itemsize
    for i in range(0, rows, n):
        for j in range(0, columns, n):
            transpose_tile(kind, source + size * (i * row + j), row, to + size * (j * to_row + i),
                           to_row, min(n, rows - i), min(n, columns - j))


def _lines(
    builder: Any, kind: Any, start: Any, step: Any, count: Any, length: Any
) -> list[tuple[Any, Any]]:
    """(pointer, mask) of each row of a tile: the mask is empty from row `count` on."""
    found = []
    for i in range(kind.count):
        inside = builder.select(builder.icmp_signed(">", count, I64(i)), length, I64(0))
        place = builder.add(start, builder.mul(step, I64(i)))
        pointer = builder.inttoptr(place, llvm_type(kind).as_pointer())
        found.append((pointer, first_lanes(builder, inside, kind.count)))
    return found


def _zipped(builder: Any, kind: Any, tile: list[Any]) -> list[Any]:
    n = kind.count
    halves = []
    for start in (0, n // 2):
        places = [p for i in range(start, start + n // 2) for p in (i, n + i)]
        halves.append(ir.Constant(ir.VectorType(I32, n), places))
    for _ in range(n.bit_length() - 1):
        pairs = zip(tile[: n // 2], tile[n // 2 :])
        tile = [builder.shuffle_vector(a, b, half) for a, b in pairs for half in halves]
    return tile
