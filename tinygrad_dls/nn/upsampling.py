"""Layers that make images larger (or smaller) by interpolation."""

from __future__ import annotations

from typing import Any

from ..tensors import Tensor
from .functional.vision import interpolate
from .module import Module


class Upsample(Module):
    """Resize images, or what has 1 to 3 axes of lengths, by interpolation.

    Shape: x (m, channels, *lengths), y (m, channels, *lengths'), lengths' = `size`, or
    floor(length * scale_factor). `mode`: "nearest", "nearest-exact", "linear" (1 axis),
    "bilinear" and "bicubic" (2), "trilinear" (3) or "area". `align_corners`: the outermost
    pixels, seen as points, stay in place.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Upsample(scale_factor=2)(dls.tensor([[[1.0, 2.0, 3.0]]]))
    Tensor([[[1., 1., 2., 2., 3., 3.]]])
    >>> nn.Upsample(size=5, mode="linear", align_corners=True)(dls.tensor([[[1.0, 2.0, 3.0]]]))
    Tensor([[[1. , 1.5, 2. , 2.5, 3. ]]])
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
        align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    ) -> None:
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners,
                           self.recompute_scale_factor)

    def extra_repr(self) -> str:
        what = (f"size={self.size}" if self.scale_factor is None
                else f"scale_factor={self.scale_factor}")
        return f"{what}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resize images by repeating the nearest pixel.

    Shape: x (m, channels, h, w), y (m, channels, *size), or `scale_factor` times as large.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.UpsamplingNearest2d(scale_factor=2)(dls.tensor([[[[0.0, 1.0]]]]))[0, 0]
    Tensor([[0., 0., 1., 1.],
            [0., 0., 1., 1.]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resize images between the four nearest pixels, with corners that stay corners.

    Shape: x (m, channels, h, w), y (m, channels, *size), or `scale_factor` times as large.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.UpsamplingBilinear2d((2, 3))(dls.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]))[0, 0]
    Tensor([[0. , 0.5, 1. ],
            [2. , 2.5, 3. ]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
