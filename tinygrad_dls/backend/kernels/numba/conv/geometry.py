"""Positions of a convolution's windows in an image."""

from typing import Any, NamedTuple

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compile import inlined
from ..copying import pixels_of

Array = Any


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


def flat_rows(x: Array) -> Array:
    """x (n, c, ...) as a matrix (n ..., c); a copy if it does not lie channels-last."""
    return pixels_of(x).reshape(-1, x.shape[1])
