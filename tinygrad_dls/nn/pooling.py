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

    def forward(self, input: Tensor) -> Any:
        return ops.max_pool(input, self.kernel_size, self.stride, self.padding, self.dilation,
                            self.ceil_mode, self.return_indices, self.axes)

    def extra_repr(self) -> str:
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")


class MaxPool1d(_MaxPool):
    """The largest of each window; x (m, channels, length). With return_indices a pair."""

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest of each window; x (m, channels, height, width). With return_indices a pair."""

    axes = 2


class MaxPool3d(_MaxPool):
    """The largest of each window; x (m, channels, depth, height, width)."""

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
    """The mean of each window; x (m, channels, length)."""

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
    """The mean of each window; x (m, channels, height, width)."""

    axes = 2


class AvgPool3d(_AvgPool):
    """The mean of each window; x (m, channels, depth, height, width)."""

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
    """Means of `output_size` windows over the whole length; x (m, channels, length)."""

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of `output_size` windows over the whole image, 1: global average pooling."""

    axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of `output_size` windows; x (m, channels, depth, height, width)."""

    axes = 3


class _AdaptiveMaxPool(Module):
    axes: ClassVar[int]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Any:
        return ops.adaptive_max_pool(input, self.output_size, self.return_indices, self.axes)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest of `output_size` windows over the whole length; x (m, channels, length)."""

    axes = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest of `output_size` windows over the whole image, 1: global max pooling."""

    axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest of `output_size` windows; x (m, channels, depth, height, width)."""

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
    """Zeros, with x at the indices of a MaxPool1d; `output_size` where several lengths fit."""

    axes = 1


class MaxUnpool2d(_MaxUnpool):
    """Zeros, with x at the indices of a MaxPool2d; `output_size` where several lengths fit."""

    axes = 2


class MaxUnpool3d(_MaxUnpool):
    """Zeros, with x at the indices of a MaxPool3d; `output_size` where several lengths fit."""

    axes = 3


class LPPool1d(Module):
    """(sum of x**p)**(1/p) of each window, p = `norm_type`; x (m, channels, length)."""

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
    """(sum of x**p)**(1/p) of each window, p = `norm_type`; x (m, channels, height, width)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)
