"""Products with a weight stored by rows, y = x @ W.T: of linear layers and 1 x 1 convolutions.

W (n, k) is transposed once, by all threads, and at the same time put into panels of two vectors'
width, (k, width) each, one after the other: a sweep reads its panel from end to end, and no thread
copies what another one has copied already. Blocks of rows of x, 512 of k at a time, stay in the
second cache while the panels pass.
"""

from typing import Any

from ..compile import inlined, task
from ..simd.intrinsics import address_of, lanes
from ..simd.sweep import ADD, sweep
from ..simd.transpose import transpose
from .gemm import K_BLOCK, M_BLOCK
from .streams import stream, streams

Array = Any


@inlined
def part(chunk: int, chunks: int, size: int, step: int) -> tuple[int, int]:
    """Begin and end of a chunk of `size` rows, in multiples of `step`."""
    blocks = -(-size // step)
    return (min(size, chunk * blocks // chunks * step),
            min(size, (chunk + 1) * blocks // chunks * step))


@task
def fill_chunk(chunk: int, chunks: int, weight: Array, panels: Array) -> None:
    """Its chunk of the rows of all panels of a weight (n, k); the last panel may be narrower."""
    (n, k), width = weight.shape, 2 * lanes(weight)
    begin, end = part(chunk, chunks, k, 16)
    for j in range(0, n, width):
        some = min(width, n - j)
        transpose(weight, address_of(weight, j * k + begin), k,
                  address_of(panels, j * k + begin * some), some, some, end - begin)


@task
def panels_times(
    chunk: int, chunks: int, x: Array, panels: Array, bias: Array, y: Array, flags: int
) -> None:
    """y = x @ panels + bias; each chunk takes rows, or panels where there are more columns."""
    (m, k), n, width = x.shape, y.shape[1], 2 * lanes(y)
    begin, end, first, last = 0, m, 0, n
    if m >= n or n < 2 * width:
        begin, end = part(chunk, chunks, m, 4)
    else:
        first, last = part(chunk, chunks, n, width)
    if streams(x, y):
        stream(x, address_of(panels, 0), y, begin, end, address_of(bias, 0) if bias.size else 0,
               flags)
        return
    for k0 in range(0, max(k, 1), K_BLOCK):  # an empty sum is 0, too
        inner = min(K_BLOCK, k - k0)
        flag = 0 if k0 == 0 else ADD
        if k0 + inner >= k:
            flag |= flags
        for i in range(begin, end, M_BLOCK):
            for j in range(first, last, width):
                some = min(width, n - j)
                sweep(y, address_of(x, i * k + k0), address_of(panels, j * k + k0 * some),
                      address_of(y, i * n + j), min(M_BLOCK, end - i), some, k, inner, 1, some, 1,
                      0, 0, n, address_of(bias, j) if bias.size and k0 == 0 else 0, flag)
