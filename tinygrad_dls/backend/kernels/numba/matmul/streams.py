"""Products of a long matrix with a few columns: rows stream from memory, and results back to it.

A result of, say, four numbers is a quarter of a line of memory. The processor asks for a line when
it is first written to, and waits for it with all that is written later; and its guess which numbers
are read next ends with each page of 4 KiB. So lines are asked for ahead, block by block: of
4 inputs and 8 outputs that takes 0.4 of the time, of 32 inputs and 8 outputs 0.7 (2026-11-30).
Results of whole lines need no such help.
"""

from typing import Any

from ..compile import inlined
from ..simd.intrinsics import address_of, lanes, prefetch
from ..simd.sweep import sweep
from ..tuning import STREAM_NUMBERS
from .gemm import K_BLOCK

Array = Any
AHEAD = 2048  # numbers of x that are asked for before they are read, and half as many of y
LONG_ROW = 16  # numbers of a row of x from which on blocks are short
BLOCK = 48  # rows; of long ones as many as fill the tiles of one vector and of two:
SHORT_BLOCK, SHORT_BLOCK_OF_TWO = 16, 24


@inlined
def streams(x: Array, y: Array) -> Any:
    """Return whether to compute y (m, n) = x (m, k) times a matrix so."""
    k, n, lane = x.shape[1], y.shape[1], lanes(y)
    return (n <= 2 * lane and n % lane != 0 and k <= K_BLOCK
            and x.size + y.size >= STREAM_NUMBERS)


@inlined
def stream(
    x: Array, matrix: int, y: Array, begin: int, end: int, bias: int, flags: int
) -> None:
    """Rows begin ... end - 1 of y = x @ matrix (+ bias); `matrix` and `bias` are addresses."""
    k, n = x.shape[1], y.shape[1]
    line, block = lanes(y), BLOCK
    if k >= LONG_ROW:
        block = SHORT_BLOCK if n <= lanes(y) else SHORT_BLOCK_OF_TWO
    for i in range(begin, end, block):
        rows = min(block, end - i)
        for place in range(i * k + AHEAD, (i + rows) * k + AHEAD, line):
            prefetch(x, place)
        for place in range(i * n + AHEAD // 2, (i + rows) * n + AHEAD // 2, line):
            prefetch(y, place)
        sweep(y, address_of(x, i * k), matrix, address_of(y, i * n), rows, n, k, k, 1, n, 1, 0, 0,
              n, bias, flags)
