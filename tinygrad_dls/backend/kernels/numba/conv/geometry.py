"""Positions of a convolution's windows in an image."""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compile import inlined, kernel, task
from ..layout import F32, F64, channels_last
from ..parallel import parallel_for
from ..simd.intrinsics import address_of
from ..simd.transpose import transpose as transpose_matrix
from ..threads import threads_for
from ..tuning import TRANSPOSE_CHANNELS

Array = Any
BLOCK = 128  # pixels that are transposed at a time


class Geometry(NamedTuple):
    """Of images: size, channels, places of the window, its size, steps, spacing, and offset."""

    height: int
    width: int
    channels: int
    rows: int
    columns: int
    window_height: int
    window_width: int
    down: int
    across: int
    apart_down: int
    apart_across: int
    top: int
    left: int

    @property
    def length(self) -> int:
        """Numbers of one channel in a window."""
        return self.window_height * self.window_width

    @property
    def pointwise(self) -> bool:
        """Return whether each position of the window is one pixel, in the order of the pixels."""
        return (self.length == self.down == self.across == 1 and self.top == self.left == 0
                and (self.rows, self.columns) == (self.height, self.width))


def memcpy(typing: Any, to: Any, i: Any, source: Any, j: Any, count: Any) -> Any:
    """to[i : i + count] = source[j : j + count], of flat arrays; nothing is checked."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to_type, _, source_type, _, _ = signature.args
        target = context.make_array(to_type)(context, builder, arguments[0]).data
        origin = context.make_array(source_type)(context, builder, arguments[2]).data
        size = context.get_abi_sizeof(context.get_data_type(to_type.dtype))
        helpers: Any = cgutils
        helpers.raw_memcpy(
            builder, builder.gep(target, [arguments[1]]), builder.gep(origin, [arguments[3]]),
            arguments[4], size,
        )
        return context.get_dummy_value()

    return types.void(to, types.intp, source, types.intp, types.intp), code


copy: Any = intrinsic(memcpy)  # as kernels call it, without the first argument


@inlined
def place_of(pixel: int, step: int, places: int) -> int:
    """The place whose window begins at `pixel`, counted with the padding; -1 if there is none."""
    if pixel < 0 or (step > 1 and pixel % step):
        return -1
    i = pixel // step
    return i if i < places else -1


@task
def transpose_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    """y (n, pixels, c) of x (n, c, pixels), block by block."""
    n, c, pixels = x.shape
    blocks = (pixels + BLOCK - 1) // BLOCK
    for number in range(chunk * n * blocks // chunks, (chunk + 1) * n * blocks // chunks):
        i, first = number // blocks, number % blocks * BLOCK
        count = min(BLOCK, pixels - first)
        if c >= TRANSPOSE_CHANNELS:
            transpose_matrix(x, address_of(x, i * c * pixels + first), pixels,
                             address_of(y, (i * pixels + first) * c), c, c, count)
            continue
        for j in range(c):
            for p in range(first, first + count):
                y[i, p, j] = x[i, j, p]


@kernel
def transpose(parts: int, x: Array, y: Array) -> None:
    parallel_for(transpose_chunk, parts, (x, y))


def pixels_of(x: Array) -> Array:
    """x (n, c, ...) as (n, ..., c), contiguous; a copy if it does not lie channels-last."""
    last = channels_last(x)
    if last.flags.c_contiguous or not x.flags.c_contiguous or x.dtype not in (F32, F64):
        return np.ascontiguousarray(last)
    y = np.empty(last.shape, x.dtype)  # NumPy copies number by number, eight times as slow
    transpose(threads_for(8 * x.size), x.reshape(*x.shape[:2], -1),
              y.reshape(len(x), -1, x.shape[1]))
    return y


def flat_rows(x: Array) -> Array:
    """x (n, c, ...) as a matrix (n ..., c); a copy if it does not lie channels-last."""
    return pixels_of(x).reshape(-1, x.shape[1])
