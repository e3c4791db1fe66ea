"""Layers that make images larger (or smaller) by interpolation."""

from __future__ import annotations

from typing import Any

from ..tensors import Tensor
from .functional.vision import interpolate
from .module import Module


class Upsample(Module):
    """x (m, channels, *lengths) with other lengths: `size`, or `scale_factor` times as long.

    `mode`: nearest, nearest-exact, linear, bilinear, bicubic, trilinear, or area.
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
    """Each pixel again; x (m, channels, height, width)."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Between the four neighbours, corners staying corners; x (m, channels, height, width)."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
