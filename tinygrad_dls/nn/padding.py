"""Padding layers: (left, right, top, bottom ...) of images (m, channels, *lengths), or one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..errors import ShapeError
from ..tensors import Tensor
from .functional.padding import pad
from .module import Module


class _Pad(Module):
    """`padding`: one width for all edges, or (left, right, top, bottom ...); below 0 cuts off."""

    axes: ClassVar[int]
    mode: ClassVar[str] = "constant"
    value: float = 0.0

    def __init__(self, padding: int | Sequence[int]) -> None:
        widths = (padding,) * 2 * self.axes if isinstance(padding, int) else tuple(padding)
        if len(widths) != 2 * self.axes:
            raise ShapeError(f"{type(self).__name__} takes one width, or {2 * self.axes} of them "
                             f"(left, right, top, bottom ...), not {padding!r}")
        self.padding = widths

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (self.axes + 1, self.axes + 2):
            lengths = ", ".join(("depth", "height", "width")[-self.axes :])
            raise ShapeError(f"{type(self).__name__} takes images (m, channels, {lengths}), or "
                             f"one, (channels, {lengths}), not\n  {input.shape}")
        return pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPad(_Pad):
    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`value` before and after; x (m, channels, length)."""

    axes = 1


class ConstantPad2d(_ConstantPad):
    """`value` all around; x (m, channels, height, width)."""

    axes = 2


class ConstantPad3d(_ConstantPad):
    """`value` all around; x (m, channels, depth, height, width)."""

    axes = 3


class ZeroPad1d(_Pad):
    """Zeros before and after; x (m, channels, length)."""

    axes = 1


class ZeroPad2d(_Pad):
    """Zeros all around; x (m, channels, height, width)."""

    axes = 2


class ZeroPad3d(_Pad):
    """Zeros all around; x (m, channels, depth, height, width)."""

    axes = 3


class ReflectionPad1d(_Pad):
    """The values reflected at the ends, a b c | b a; x (m, channels, length)."""

    axes, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """The image reflected at its edges; x (m, channels, height, width)."""

    axes, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """The image reflected at its edges; x (m, channels, depth, height, width)."""

    axes, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The values at the ends again, a b c | c c; x (m, channels, length)."""

    axes, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The values at the edges again; x (m, channels, height, width)."""

    axes, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The values at the edges again; x (m, channels, depth, height, width)."""

    axes, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """The values as on a circle, a b c | a b; x (m, channels, length)."""

    axes, mode = 1, "circular"


class CircularPad2d(_Pad):
    """The image as on a torus; x (m, channels, height, width)."""

    axes, mode = 2, "circular"


class CircularPad3d(_Pad):
    """The image as on a torus; x (m, channels, depth, height, width)."""

    axes, mode = 3, "circular"
