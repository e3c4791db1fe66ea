"""Layers that move values between channels and pixels."""

from __future__ import annotations

from ..tensors import Tensor
from .functional.vision import channel_shuffle, pixel_shuffle, pixel_unshuffle
from .module import Module


class PixelShuffle(Module):
    """Move channels into space: each r r channels become squares of r by r (Shi et al. 2016).

    Shape: x (..., c r r, h, w), y (..., c, h r, w r), r = `upscale_factor`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.PixelShuffle(2)(dls.arange(4.0).reshape(1, 4, 1, 1))[0, 0]
    Tensor([[0., 1.],
            [2., 3.]])
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Move space into channels: squares of r by r become r r channels; undoes `PixelShuffle`.

    Shape: x (..., c, h r, w r), y (..., c r r, h, w), r = `downscale_factor`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.PixelUnshuffle(2)(dls.arange(4.0).reshape(1, 1, 2, 2)).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Interleave the channels of `groups` groups (Zhang et al. 2018); x (m, channels, *lengths).

    Channels 0 1 2 | 3 4 5 of 2 groups become 0 3 1 4 2 5, so that the next grouped convolution
    sees all groups.
    Shape: y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> x = dls.arange(6.0).reshape(1, 6, 1, 1)
    >>> nn.ChannelShuffle(2)(x).flatten().tolist()
    [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
