"""Pooling layers: PyTorch's names and arguments; images (m, channels, *lengths), or one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .. import ops
from ..tensors import Tensor
from . import functional as F
from .module import Module

Numbers = int | Sequence[int]


class _MaxPool(Module):
    axes: ClassVar[int]

    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
        dilation: Numbers = 1, return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return ops.max_pool(  # type: ignore[no-any-return]
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices, self.axes)

    def extra_repr(self) -> str:
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")


class MaxPool1d(_MaxPool):
    """Largest element of each window of a sequence.

    Shape: x (m, channels, length); y (m, channels, length'),
    length' = floor((length + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, with
    `ceil_mode` rounded up. `stride` is kernel_size by default. `return_indices`: (y, indices).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.MaxPool1d(2)(dls.tensor([[1.0, 5.0, 2.0, 3.0, 9.0]]))
    Tensor([[5., 3.]])
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """Largest element of each window of an image.

    Shape: x (m, channels, h, w); y (m, channels, h', w'), with
    h' = floor((h + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, and w' likewise,
    rounded up with `ceil_mode`. `stride` is kernel_size by default. Padding is never the
    largest. With `return_indices` (y, indices), the indices counted in an image of h * w, for
    `MaxUnpool2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> x = dls.arange(16.0).reshape(1, 1, 4, 4)
    >>> nn.MaxPool2d(2)(x)[0, 0]
    Tensor([[ 5.,  7.],
            [13., 15.]])
    """

    axes = 2


class MaxPool3d(_MaxPool):
    """Largest element of each window of a volume; x (m, channels, depth, height, width).

    Options and output lengths as `MaxPool2d`.
    Shape: y (m, channels, d', h', w'), each length as in `MaxPool2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.MaxPool3d(2)(dls.zeros(1, 3, 4, 6, 6)).shape
    (1, 3, 2, 3, 3)
    """

    axes = 3


class _AvgPool(Module):
    axes: ClassVar[int]

    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return ops.avg_pool(  # type: ignore[no-any-return]
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override, self.axes)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """Mean of each window of a sequence.

    Shape: x (m, channels, length); y (m, channels, length'),
    length' = floor((length + 2 padding - kernel_size) / stride) + 1. Options as `AvgPool2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AvgPool1d(2)(dls.tensor([[1.0, 5.0, 2.0, 4.0]]))
    Tensor([[3., 3.]])
    """

    axes = 1

    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.kernel_size, self.stride, self.padding = (
            (n,) if isinstance(n, int) else n for n in (kernel_size, self.stride, padding)
        )


class AvgPool2d(_AvgPool):
    """Mean of each window of an image.

    Shape: x (m, channels, h, w); y (m, channels, h', w'), with
    h' = floor((h + 2 padding - kernel_size) / stride) + 1, and w' likewise, rounded up with
    `ceil_mode`. `stride` is kernel_size by default. Padding counts as zeros, or not at all with
    `count_include_pad=False`; `divisor_override` replaces the number of elements.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AvgPool2d(2)(dls.arange(16.0).reshape(1, 1, 4, 4))[0, 0]
    Tensor([[ 2.5,  4.5],
            [10.5, 12.5]])
    """

    axes = 2


class AvgPool3d(_AvgPool):
    """Mean of each window of a volume; x (m, channels, depth, height, width).

    Options and output lengths as `AvgPool2d`.
    Shape: y (m, channels, d', h', w'), each length as in `AvgPool2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AvgPool3d(2)(dls.zeros(1, 3, 4, 6, 6)).shape
    (1, 3, 2, 3, 3)
    """

    axes = 3


class _AdaptiveAvgPool(Module):
    axes: ClassVar[int]

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return ops.adaptive_avg_pool(input, self.output_size, self.axes)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of `output_size` windows that cover a sequence.

    Window i goes from floor(i length / output_size) to ceil((i + 1) length / output_size).
    Shape: x (m, channels, length), y (m, channels, output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AdaptiveAvgPool1d(2)(dls.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    Tensor([[2., 4.]])
    """

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of `output_size` windows that cover an image; 1 is global average pooling.

    `output_size`: a number, or (height, width), None for as many as there are. Windows as
    `AdaptiveAvgPool1d`. Shape: x (m, channels, h, w), y (m, channels, *output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AdaptiveAvgPool2d(1)(dls.arange(12.0).reshape(1, 3, 2, 2)).flatten()
    Tensor([1.5, 5.5, 9.5])
    """

    axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of `output_size` windows that cover a volume; x (m, channels, depth, height, width).

    Shape: y (m, channels, *output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AdaptiveAvgPool3d((1, 2, 2))(dls.zeros(1, 3, 4, 6, 6)).shape
    (1, 3, 1, 2, 2)
    """

    axes = 3


class _AdaptiveMaxPool(Module):
    axes: ClassVar[int]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Tensor:
        return ops.adaptive_max_pool(  # type: ignore[no-any-return]
            input, self.output_size, self.return_indices, self.axes)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Largest elements of `output_size` windows that cover a sequence.

    Windows as `AdaptiveAvgPool1d`. `return_indices`: (y, indices).
    Shape: x (m, channels, length), y (m, channels, output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AdaptiveMaxPool1d(2)(dls.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    Tensor([[3., 5.]])
    """

    axes = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Largest elements of `output_size` windows that cover an image; 1 is global max pooling.

    `output_size`: a number, or (height, width), None for as many as there are. Windows as
    `AdaptiveAvgPool1d`. `return_indices`: (y, indices).
    Shape: x (m, channels, h, w), y (m, channels, *output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AdaptiveMaxPool2d(1)(dls.arange(12.0).reshape(1, 3, 2, 2)).flatten()
    Tensor([ 3.,  7., 11.])
    """

    axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Largest elements of `output_size` windows that cover a volume; see `AdaptiveMaxPool2d`.

    Shape: x (m, channels, d, h, w), y (m, channels, *output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.AdaptiveMaxPool3d((1, 2, 2))(dls.zeros(1, 3, 4, 6, 6)).shape
    (1, 3, 1, 2, 2)
    """

    axes = 3


class _MaxUnpool(Module):
    axes: ClassVar[int]

    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0
    ) -> None:
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(
        self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        return ops.max_unpool(  # type: ignore[no-any-return]
            x, indices, self.kernel_size, self.stride, self.padding, output_size, self.axes)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Put each element back where `MaxPool1d` found it, zeros elsewhere.

    Shape: x and indices (m, channels, length); y (m, channels, length'),
    length' = (length - 1) stride - 2 padding + kernel_size, or `output_size` of the call where
    several lengths fit.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> x = dls.tensor([[1.0, 5.0, 4.0, 3.0]])
    >>> nn.MaxUnpool1d(2)(*nn.MaxPool1d(2, return_indices=True)(x))
    Tensor([[0., 5., 4., 0.]])
    """

    axes = 1


class MaxUnpool2d(_MaxUnpool):
    """Put each element back where `MaxPool2d` found it, zeros elsewhere.

    Shape: x and indices (m, channels, h, w); y (m, channels, h', w'), with
    h' = (h - 1) stride - 2 padding + kernel_size, and w' likewise, or `output_size` of the call.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> x = dls.tensor([[[1.0, 2.0], [4.0, 3.0]]])
    >>> nn.MaxUnpool2d(2)(*nn.MaxPool2d(2, return_indices=True)(x))
    Tensor([[[0., 0.],
             [4., 0.]]])
    """

    axes = 2


class MaxUnpool3d(_MaxUnpool):
    """Put each element back where `MaxPool3d` found it, zeros elsewhere; see `MaxUnpool2d`.

    Shape: x and indices (m, channels, d, h, w), each length of y as in `MaxUnpool2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> pooled = nn.MaxPool3d(2, return_indices=True)(dls.randn(1, 2, 4, 4, 4))
    >>> nn.MaxUnpool3d(2)(*pooled).shape
    (1, 2, 4, 4, 4)
    """

    axes = 3


class LPPool1d(Module):
    """p-norm of each window of a sequence: (sum of x**p)**(1/p), p = `norm_type`.

    Shape: x (m, channels, length); length' = floor((length - kernel_size) / stride) + 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LPPool1d(2, kernel_size=2)(dls.tensor([[3.0, 4.0, 6.0, 8.0]]))
    Tensor([[ 5., 10.]])
    """

    def __init__(
        self, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None,
        ceil_mode: bool = False,
    ) -> None:
        self.norm_type, self.kernel_size = norm_type, kernel_size
        self.stride, self.ceil_mode = stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, "
                f"stride={self.stride}, ceil_mode={self.ceil_mode}")


class LPPool2d(LPPool1d):
    """p-norm of each window of an image: (sum of x**p)**(1/p), p = `norm_type`.

    Shape: x (m, channels, h, w); h' = floor((h - kernel_size) / stride) + 1, and w' likewise.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LPPool2d(2, kernel_size=2)(dls.ones(1, 1, 2, 4))[0, 0]
    Tensor([[2., 2.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)
