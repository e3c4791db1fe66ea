"""Convolution layers: PyTorch's arguments, parameter names, shapes and first values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .._util.arguments import is_whole
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..errors import ShapeError
from ..ops import pad
from ..ops.convolution import Ints
from ..random import Generator
from ..tensors import Tensor
from . import init
from .functional import conv as functional
from .functional.conv import numbers, paddings
from .functional.padding import check_padding
from .module import Module
from .parameter import Parameter

Numbers = int | Sequence[int]
PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge",
                 "circular": "wrap"}  # NumPy's names


class ConvNd(Module):
    """Base of all convolution layers: sizes, and a weight and bias that start like PyTorch's.

    Both are uniform in +-1 / sqrt(fan_in), fan_in = weight.shape[1] * size of the window.
    """

    axes: ClassVar[int]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Numbers, stride: Numbers,
        padding: Numbers | str, dilation: Numbers, transposed: bool, output_padding: Numbers,
        groups: int, bias: bool, padding_mode: str, device: str | Device | None,
        dtype: DTypeLike | None, generator: Generator | None,
    ) -> None:
        name = type(self).__name__
        if not is_whole(in_channels, 1) or not is_whole(out_channels, 1):
            raise ShapeError(
                f"{name}({in_channels!r}, {out_channels!r}): channels are whole numbers from 1"
            )
        if not is_whole(groups, 1) or in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"{name}: groups={groups!r} must be a whole number that divides in_channels "
                f"({in_channels}) and out_channels ({out_channels})"
            )
        if padding_mode not in PADDING_MODES or (transposed and padding_mode != "zeros"):
            known = "zeros" if transposed else ", ".join(PADDING_MODES)
            raise ShapeError(f"{name}: padding_mode is one of {known}; not {padding_mode!r}")
        if transposed and isinstance(padding, str):
            raise ShapeError(f"{name}: padding is a number or a tuple, not {padding!r}")
        self.in_channels, self.out_channels = int(in_channels), int(out_channels)
        self.kernel_size = numbers("kernel_size", kernel_size, self.axes, 1)
        self.stride = numbers("stride", stride, self.axes, 1)
        self.dilation = numbers("dilation", dilation, self.axes, 1)
        self.widths = paddings(padding, self.kernel_size, self.stride, self.dilation)
        self.padding: str | Ints = (
            padding if isinstance(padding, str) else tuple(before for before, _ in self.widths)
        )
        self.output_padding = numbers("output_padding", output_padding, self.axes, 0)
        self.groups, self.padding_mode, self.transposed = int(groups), padding_mode, transposed
        kind = float_dtype(dtype or default_dtype())
        first, second = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        shape = (int(first), int(second) // self.groups, *self.kernel_size)
        self.weight = Parameter(np.empty(shape, kind), device=device)
        self.bias = Parameter(np.empty(self.out_channels, kind), device=device) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Re-initialize weight and bias."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(init.fans(self.weight)[0])
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of a batch (n, c, ...), or of one without n."""
        padding: Any = self.padding
        if self.padding_mode != "zeros" and input.ndim > self.axes:
            lead = ((0, 0),) * (input.ndim - self.axes)
            for n, (before, after) in zip(input.shape[-self.axes:], self.widths):
                check_padding(n, (before, after), (0, 0), self.padding_mode, input.shape)
            input = pad(input, (*lead, *self.widths), PADDING_MODES[self.padding_mode])
            padding = 0
        convolve = getattr(functional, f"conv{self.axes}d")
        return convolve(  # type: ignore[no-any-return]
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        shown = {"padding": (self.padding, (0,) * self.axes),
                 "dilation": (self.dilation, (1,) * self.axes),
                 "output_padding": (self.output_padding, (0,) * self.axes),
                 "groups": (self.groups, 1),
                 "bias": (self.bias is not None, True),
                 "padding_mode": (self.padding_mode, "zeros")}
        rest = "".join(f", {name}={value}" for name, (value, usual) in shown.items()
                       if value != usual)
        return (f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
                f"stride={self.stride}{rest}")


class _Convolution(ConvNd):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Numbers, stride: Numbers = 1,
        padding: Numbers | str = 0, dilation: Numbers = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: str | Device | None = None,
        dtype: DTypeLike | None = None, generator: Generator | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, False,
                         0, groups, bias, padding_mode, device, dtype, generator)


class _TransposedConvolution(ConvNd):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Numbers, stride: Numbers = 1,
        padding: Numbers = 0, output_padding: Numbers = 0, groups: int = 1, bias: bool = True,
        dilation: Numbers = 1, padding_mode: str = "zeros", device: str | Device | None = None,
        dtype: DTypeLike | None = None, generator: Generator | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, True,
                         output_padding, groups, bias, padding_mode, device, dtype, generator)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """`output_size`: the spatial size wanted, of those that the stride leaves open."""
        more = self._output_padding(input, output_size)
        convolve = getattr(functional, f"conv_transpose{self.axes}d")
        return convolve(  # type: ignore[no-any-return]
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> Ints:
        if output_size is None:
            return self.output_padding
        wanted = tuple(output_size)
        if len(wanted) == input.ndim:
            wanted = wanted[-self.axes :]
        least = tuple(
            (n - 1) * s + d * (k - 1) + 1 - before - after
            for n, s, d, k, (before, after) in zip(
                input.shape[-self.axes :], self.stride, self.dilation, self.kernel_size,
                self.widths)
        )
        most = tuple(n + s - 1 for n, s in zip(least, self.stride))
        if len(wanted) != self.axes or not all(
            a <= n <= b for a, n, b in zip(least, wanted, most)
        ):
            raise ShapeError(
                f"output_size {tuple(output_size)}: from an input of shape\n  {input.shape}\nthis "
                f"layer can make the sizes {least} to {most}"
            )
        return tuple(n - a for n, a in zip(wanted, least))


class Conv1d(_Convolution):
    """1-D convolution: y[o] = bias[o] + sum over channels c of weight[o, c] sliding over x[c].

    Shape: x (n, in_channels, length) or (in_channels, length); y (n, out_channels, length'),
    length' = floor((length + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.
    `weight` (out_channels, in_channels / groups, kernel_size). Options as `Conv2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Conv1d(2, 4, kernel_size=3, stride=2, padding=1)(dls.zeros(5, 2, 8)).shape
    (5, 4, 4)
    """

    axes = 1


class Conv2d(_Convolution):
    """2-D convolution: y[o] = bias[o] + sum over channels c of weight[o, c] sliding over x[c].

    As in all frameworks the window is not flipped, so this is a cross-correlation (Course 4,
    week 1).

    Shape: x (n, in_channels, h, w) or (in_channels, h, w); y (n, out_channels, h', w'), with
    h' = floor((h + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, and w' likewise.
    `weight` (out_channels, in_channels / groups, k, l) and `bias` (out_channels,) start uniform
    in +-1 / sqrt(in_channels / groups * k * l). `generator`: where they are drawn from.

    `padding`: a number, one for each axis, "same" (h' = h, stride 1 only) or "valid" (none);
    `padding_mode`: "zeros", "reflect", "replicate" or "circular". With `groups` each group of
    output channels sees one group of input channels; groups=in_channels is depthwise.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> conv = nn.Conv2d(3, 16, kernel_size=5, stride=2, padding=2)
    >>> conv(dls.zeros(8, 3, 32, 32)).shape, conv.weight.shape
    ((8, 16, 16, 16), (16, 3, 5, 5))
    """

    axes = 2


class Conv3d(_Convolution):
    """3-D convolution of volumes or of images over time; see `Conv2d`.

    Shape: x (n, in_channels, d, h, w) or without n; y (n, out_channels, d', h', w'), each length
    floor((length + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1. `weight`
    (out_channels, in_channels / groups, j, k, l).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Conv3d(1, 4, kernel_size=3, padding=1)(dls.zeros(2, 1, 6, 8, 8)).shape
    (2, 4, 6, 8, 8)
    """

    axes = 3


class ConvTranspose1d(_TransposedConvolution):
    """Transposed 1-D convolution: the gradient of `Conv1d` with respect to its input, as a layer.

    Shape: x (n, in_channels, length); y (n, out_channels, length'), length' = (length - 1) stride
    - 2 padding + dilation (kernel_size - 1) + output_padding + 1. `weight` (in_channels,
    out_channels / groups, kernel_size). Options as `ConvTranspose2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ConvTranspose1d(4, 2, kernel_size=4, stride=2, padding=1)(dls.zeros(5, 4, 8)).shape
    (5, 2, 16)
    """

    axes = 1


class ConvTranspose2d(_TransposedConvolution):
    """Transposed 2-D convolution: each x[c] times weight[c, o] is added to y[o], `stride` apart.

    It is the gradient of `Conv2d` with respect to its input, and makes images larger (Course 4,
    week 3, U-Net).

    Shape: x (n, in_channels, h, w) or without n; y (n, out_channels, h', w'), with
    h' = (h - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1, and w'
    likewise. `weight` (in_channels, out_channels / groups, k, l), `bias` (out_channels,).
    `output_padding` chooses among the sizes that `Conv2d` maps to h.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> up = nn.ConvTranspose2d(8, 4, kernel_size=2, stride=2)
    >>> up(dls.zeros(1, 8, 16, 16)).shape, up.weight.shape
    ((1, 4, 32, 32), (8, 4, 2, 2))
    """

    axes = 2


class ConvTranspose3d(_TransposedConvolution):
    """Transposed 3-D convolution; see `ConvTranspose2d`.

    Shape: x (n, in_channels, d, h, w) or without n; each length becomes (length - 1) stride
    - 2 padding + dilation (kernel_size - 1) + output_padding + 1. `weight` (in_channels,
    out_channels / groups, j, k, l).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ConvTranspose3d(4, 2, kernel_size=2, stride=2)(dls.zeros(1, 4, 3, 4, 4)).shape
    (1, 2, 6, 8, 8)
    """

    axes = 3


class Unfold(Module):
    """Write each window of an image as a column (im2col).

    Shape: x (n, c, h, w), y (n, c * k * l, windows), where windows = h' w' and
    h' = floor((h + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Unfold(kernel_size=2)(dls.arange(6.0).reshape(1, 1, 2, 3))[0]
    Tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """

    def __init__(
        self, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0,
        stride: Numbers = 1,
    ) -> None:
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return functional.unfold(
            input, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (f"kernel_size={self.kernel_size}, dilation={self.dilation}, "
                f"padding={self.padding}, stride={self.stride}")


class Fold(Module):
    """Add columns up to an image (col2im): the gradient of `Unfold` as a layer.

    Shape: x (n, c * k * l, windows), y (n, c, *output_size). Elements that several windows hold
    are the sums of them.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> columns = nn.Unfold(kernel_size=2)(dls.ones(1, 1, 2, 3))
    >>> nn.Fold((2, 3), kernel_size=2)(columns)[0, 0]
    Tensor([[1., 2., 1.],
            [1., 2., 1.]])
    """

    def __init__(
        self, output_size: Numbers, kernel_size: Numbers, dilation: Numbers = 1,
        padding: Numbers = 0, stride: Numbers = 1,
    ) -> None:
        self.output_size, self.kernel_size, self.dilation = output_size, kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return functional.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
                f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}")
