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
    """Pad sequences with `value`; x (m, channels, length) or (channels, length).

    `padding`: one number for both ends, or (left, right); numbers below 0 cut off. Shape: length
    + left + right.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ConstantPad1d((1, 2), 9.0)(dls.tensor([[1.0, 2.0, 3.0]]))
    Tensor([[9., 1., 2., 3., 9., 9.]])
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    """Pad images with `value`; x (m, channels, height, width) or without m.

    `padding`: one number for all sides, or (left, right, top, bottom). Shape: height + top +
    bottom, width + left + right.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ConstantPad2d((1, 0, 1, 0), 9.0)(dls.ones(1, 1, 2, 2))[0, 0]
    Tensor([[9., 9., 9.],
            [9., 1., 1.],
            [9., 1., 1.]])
    """

    axes = 2


class ConstantPad3d(_ConstantPad):
    """Pad volumes with `value`; x (m, channels, depth, height, width) or without m.

    `padding`: one number for all sides, or (left, right, top, bottom, front, back).
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ConstantPad3d((1, 1, 2, 2, 0, 0), 9.0)(dls.ones(1, 1, 4, 4, 4)).shape
    (1, 1, 4, 8, 6)
    """

    axes = 3


class ZeroPad1d(_Pad):
    """Pad sequences with zeros; x (m, channels, length). Options as `ConstantPad1d`.

    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ZeroPad1d(1)(dls.tensor([[1.0, 2.0, 3.0]]))
    Tensor([[0., 1., 2., 3., 0.]])
    """

    axes = 1


class ZeroPad2d(_Pad):
    """Pad images with zeros; x (m, channels, height, width). Options as `ConstantPad2d`.

    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ZeroPad2d(1)(dls.ones(1, 1, 1, 2))[0, 0]
    Tensor([[0., 0., 0., 0.],
            [0., 1., 1., 0.],
            [0., 0., 0., 0.]])
    """

    axes = 2


class ZeroPad3d(_Pad):
    """Pad volumes with zeros; x (m, channels, depth, height, width). Options as `ConstantPad3d`.

    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ZeroPad3d(1)(dls.ones(1, 1, 2, 2, 2)).shape
    (1, 1, 4, 4, 4)
    """

    axes = 3


class ReflectionPad1d(_Pad):
    """Pad sequences with their reflection, a b c | b a; x (m, channels, length).

    The value at the end is not repeated, so the padding is shorter than the length. Options as
    `ConstantPad1d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ReflectionPad1d(2)(dls.tensor([[1.0, 2.0, 3.0]]))
    Tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """

    axes, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Pad images with their reflection; x (m, channels, height, width).

    Options as `ConstantPad2d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ReflectionPad2d((1, 1, 0, 0))(dls.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    Tensor([[[2., 1., 2., 1.],
             [4., 3., 4., 3.]]])
    """

    axes, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Pad volumes with their reflection; x (m, channels, depth, height, width).

    Options as `ConstantPad3d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ReflectionPad3d(1)(dls.ones(1, 1, 2, 2, 2)).shape
    (1, 1, 4, 4, 4)
    """

    axes, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Pad sequences with copies of their ends, a b c | c c; x (m, channels, length).

    Options as `ConstantPad1d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ReplicationPad1d(2)(dls.tensor([[1.0, 2.0, 3.0]]))
    Tensor([[1., 1., 1., 2., 3., 3., 3.]])
    """

    axes, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Pad images with copies of their edges; x (m, channels, height, width).

    Options as `ConstantPad2d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ReplicationPad2d((1, 1, 0, 0))(dls.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    Tensor([[[1., 1., 2., 2.],
             [3., 3., 4., 4.]]])
    """

    axes, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Pad volumes with copies of their edges; x (m, channels, depth, height, width).

    Options as `ConstantPad3d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ReplicationPad3d(1)(dls.ones(1, 1, 2, 2, 2)).shape
    (1, 1, 4, 4, 4)
    """

    axes, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """Pad sequences as if they lay on a circle, a b c | a b; x (m, channels, length).

    Options as `ConstantPad1d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.CircularPad1d((1, 2))(dls.tensor([[1.0, 2.0, 3.0]]))
    Tensor([[3., 1., 2., 3., 1., 2.]])
    """

    axes, mode = 1, "circular"


class CircularPad2d(_Pad):
    """Pad images as if they lay on a torus; x (m, channels, height, width).

    Options as `ConstantPad2d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.CircularPad2d((1, 1, 0, 0))(dls.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    Tensor([[[2., 1., 2., 1.],
             [4., 3., 4., 3.]]])
    """

    axes, mode = 2, "circular"


class CircularPad3d(_Pad):
    """Pad volumes as if they lay on a torus; x (m, channels, depth, height, width).

    Options as `ConstantPad3d`, without `value`.
    Shape: each length becomes before + length + after.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.CircularPad3d(1)(dls.ones(1, 1, 2, 2, 2)).shape
    (1, 1, 4, 4, 4)
    """

    axes, mode = 3, "circular"
