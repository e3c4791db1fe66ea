"""Matrix products on the sweep: C (m, n) = A (m, k) @ B (k, n), for any part of larger arrays.

A cache holds little, so the product is done in blocks: 512 of k at a time, 512 columns of B, which
are first copied into panels of two vectors' width, one after the other (a sweep then reads B from
end to end), and as many rows of A as stay in the second cache meanwhile. If A lies transposed (its
columns are contiguous, as in the gradient of a weight) and its rows are long, a block of it is
copied, too: addresses a power of two apart map to the same set of the first cache.
"""

from functools import cache, lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.np.numpy_support import from_dtype

from ..compile import export, inlined
from ..simd.intrinsics import lanes, load_at, store_at
from ..simd.sweep import ADD, RELU, sweep
from ..simd.sweep import prepare as prepare_sweep
from ..simd.types import ELEMENTS, I64, declared, intrinsic
from ..simd.width import HOST
from ..tuning import PANEL_ROWS, PANEL_WIDE, TRANSPOSED_FAR

Array = Any
K_BLOCK, N_BLOCK, M_BLOCK = 512, 512, 120
K_TRANSPOSED, M_TRANSPOSED = 256, 240  # where A lies transposed
SIGNATURE = types.void(*[types.int64] * 13)


@lru_cache(maxsize=4096)
def scratch_size(m: int, n: int, k: int, dtype: Any, transposed: int = 0) -> int:
    """Return how many numbers `product` needs for its copies; without scratch it makes no copies.

    `transposed`: how far apart the rows of A are, if A lies transposed.
    """
    width = 2 * HOST.lanes(np.dtype(dtype).itemsize)
    if n <= width or (m < PANEL_ROWS and (n < PANEL_WIDE or m < 8)):
        return 0
    copies = min(k, K_BLOCK) * min(-(-n // width) * width, N_BLOCK)
    return copies + (K_TRANSPOSED * M_TRANSPOSED if transposed >= TRANSPOSED_FAR else 0)


@intrinsic
def product(
    typing: Any, array: Any, a: Any, b: Any, c: Any, m: Any, n: Any, k: Any, a_row: Any,
    a_column: Any, b_row: Any, c_row: Any, bias: Any, flags: Any, scratch: Any,
) -> Any:
    """C = A B (+ bias, + C with ADD, max(., 0) with RELU), serially, of `array`'s dtype.

    a, b, c, bias and scratch are addresses (the last two may be 0). One of `a_row` and
    `a_column` is 1; rows of B and C are contiguous. `prepare(dtype)` must have been called.
    """
    if array.dtype not in ELEMENTS:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [I64] * 13)
        builder.call(declared(builder.module, kind, _symbol(array.dtype)), values[1:])
        return context.get_dummy_value()

    return types.void(array, *[types.int64] * 13), generate


@inlined
def pack(kind: Array, b: int, b_row: int, inner: int, columns: int, panels: int) -> None:
    """Copy `inner` rows of `columns` numbers of B into panels of two vectors' width."""
    lane, size = lanes(kind), kind.itemsize
    for i in range(inner):
        for j in range(0, columns, 2 * lane):
            row, here = b + size * (i * b_row + j), panels + size * (j * inner + 2 * lane * i)
            store_at(kind, here, load_at(kind, row, min(lane, columns - j)))
            if columns - j > lane:
                store_at(kind, here + size * lane,
                         load_at(kind, row + size * lane, min(lane, columns - j - lane)))


@inlined
def pack_rows(kind: Array, source: int, row: int, rows: int, columns: int, to: int) -> None:
    """Copy rows of numbers, `row` of them apart, to where they are M_TRANSPOSED apart."""
    lane, size = lanes(kind), kind.itemsize
    for i in range(rows):
        for j in range(0, columns, lane):
            some = load_at(kind, source + size * (i * row + j), min(lane, columns - j))
            store_at(kind, to + size * (i * M_TRANSPOSED + j), some)


@inlined
def blocks(
    kind: Array, a: int, b: int, c: int, m: int, n: int, k: int, a_row: int, a_column: int,
    b_row: int, c_row: int, bias: int, flags: int, scratch: int,
) -> None:
    """Multiply as `product` does, block by block."""
    size, width = kind.itemsize, 2 * lanes(kind)
    k_block, m_block = (K_BLOCK, M_BLOCK) if a_column == 1 else (K_TRANSPOSED, M_TRANSPOSED)
    copies_a = scratch != 0 and a_column >= TRANSPOSED_FAR
    packed = scratch + (size * K_TRANSPOSED * M_TRANSPOSED if copies_a else 0)
    for n0 in range(0, n, N_BLOCK):
        columns = min(N_BLOCK, n - n0)
        for k0 in range(0, max(k, 1), k_block):  # an empty sum is 0, too
            inner = min(k_block, k - k0)
            flag = flags & ADD if k0 == 0 else ADD
            if k0 + inner >= k:
                flag |= flags & RELU
            b_block = b + size * (k0 * b_row + n0)
            if scratch != 0:
                pack(kind, b_block, b_row, inner, columns, packed)
            for m0 in range(0, m, m_block):
                rows = min(m_block, m - m0)
                from_a, apart = a + size * (m0 * a_row + k0 * a_column), a_column
                if copies_a:
                    pack_rows(kind, from_a, a_column, inner, rows, scratch)
                    from_a, apart = scratch, M_TRANSPOSED
                for j in range(0, columns, width):
                    first = bias + size * (n0 + j) if bias != 0 and k0 == 0 else 0
                    sweep(
                        kind, from_a, packed + size * j * inner if scratch != 0
                        else b_block + size * j, c + size * (m0 * c_row + n0 + j), rows,
                        min(width, columns - j), a_row, inner, apart,
                        width if scratch != 0 else b_row, 1, 0, 0, c_row, first, flag,
                    )


EMPTY_32, EMPTY_64 = np.empty(0, np.float32), np.empty(0, np.float64)


def product_32(
    a: int, b: int, c: int, m: int, n: int, k: int, a_row: int, a_column: int, b_row: int,
    c_row: int, bias: int, flags: int, scratch: int,
) -> None:
    """Of float32. Written out twice, since Numba keeps no compiled closures."""
    blocks(EMPTY_32, a, b, c, m, n, k, a_row, a_column, b_row, c_row, bias, flags, scratch)


def product_64(
    a: int, b: int, c: int, m: int, n: int, k: int, a_row: int, a_column: int, b_row: int,
    c_row: int, bias: int, flags: int, scratch: int,
) -> None:
    """Of float64."""
    blocks(EMPTY_64, a, b, c, m, n, k, a_row, a_column, b_row, c_row, bias, flags, scratch)


@cache
def prepare(dtype: Any) -> None:
    """Compile (or load) products of a NumPy dtype, before kernels that call them run."""
    prepare_sweep(dtype)
    kind = from_dtype(dtype)
    export(product_32 if kind == types.float32 else product_64, SIGNATURE, _symbol(kind))


def _symbol(kind: Any) -> str:
    return f"tinygrad_dls_product_{kind}"
