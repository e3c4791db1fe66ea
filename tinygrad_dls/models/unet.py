"""U-Net (Ronneberger, Fischer, Brox 2015), in the form of the course's third week."""

from __future__ import annotations

from typing import Any

from .._util.keywords import near_names
from ..errors import ShapeError
from ..nn import Conv2d, ConvTranspose2d, Dropout, MaxPool2d, Module, ReLU, Sequential, init
from ..tensors import Tensor
from ..tensors.functions import concatenate
from .weights import Weights, fill


def double_conv(in_channels: int, out_channels: int, dropout: float = 0.0) -> Sequential:
    """Return two 3x3 convolutions with ReLU that keep the size, and dropout where asked for."""
    layers: list[Module] = [
        Conv2d(in_channels, out_channels, 3, padding=1), ReLU(),
        Conv2d(out_channels, out_channels, 3, padding=1), ReLU(),
    ]
    if dropout:
        layers.append(Dropout(dropout))
    return Sequential(*layers)


class UpBlock(Module):
    """Double the size by a transposed convolution, join what was seen on the way down, convolve."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        self.up = ConvTranspose2d(
            in_channels, out_channels, 3, stride=2, padding=1, output_padding=1
        )
        self.conv = double_conv(2 * out_channels, out_channels)

    def forward(self, x: Any, skip: Any) -> Tensor:
        """(m, in, h, w) and skip (m, out, 2h, 2w) to (m, out, 2h, 2w)."""
        return self.conv(concatenate([self.up(x), skip], axis=1))


class UNet(Module):
    """Four steps down, four up; each step up sees the step down of its size.

    Width 32, pictures of 96 x 128, 23 classes: 8,640,471 parameters.

    | block  | output            | parameters |
    |--------|-------------------|------------|
    | input  | (m, 3, 96, 128)   |            |
    | down1  | (m, 32, 96, 128)  |     10,144 |
    | down2  | (m, 64, 48, 64)   |     55,424 |
    | down3  | (m, 128, 24, 32)  |    221,440 |
    | down4  | (m, 256, 12, 16)  |    885,248 |
    | middle | (m, 512, 6, 8)    |  3,539,968 |
    | up4    | (m, 256, 12, 16)  |  2,949,888 |
    | up3    | (m, 128, 24, 32)  |    737,664 |
    | up2    | (m, 64, 48, 64)   |    184,512 |
    | up1    | (m, 32, 96, 128)  |     46,176 |
    | last   | (m, 32, 96, 128)  |      9,248 |
    | out    | (m, 23, 96, 128)  |        759 |

    A max pool 2x2 is before down2, down3, down4 and middle; dropout .3 ends down4 and middle.
    Height and width are multiples of 16.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 23, width: int = 32, dropout: float = 0.3
    ) -> None:
        w = width
        self.down1 = double_conv(in_channels, w)
        self.down2 = double_conv(w, 2 * w)
        self.down3 = double_conv(2 * w, 4 * w)
        self.down4 = double_conv(4 * w, 8 * w, dropout)
        self.middle = double_conv(8 * w, 16 * w, dropout)
        self.pool = MaxPool2d(2)
        self.up4 = UpBlock(16 * w, 8 * w)
        self.up3 = UpBlock(8 * w, 4 * w)
        self.up2 = UpBlock(4 * w, 2 * w)
        self.up1 = UpBlock(2 * w, w)
        self.last = Sequential(Conv2d(w, w, 3, padding=1), ReLU())
        self.out = Conv2d(w, num_classes, 1)
        for layer in self.modules():
            if isinstance(layer, Conv2d) and layer is not self.out and layer.bias is not None:
                init.kaiming_normal_(layer.weight)
                init.zeros_(layer.bias)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, in_channels, h, w) to logits (m, num_classes, h, w)."""
        if x.shape[-2] % 16 or x.shape[-1] % 16:
            raise ShapeError(
                f"pictures of {x.shape[-2]} x {x.shape[-1]} cannot be halved four times: resize or "
                "pad height and width to multiples of 16"
            )
        a = self.down1(x)
        b = self.down2(self.pool(a))
        c = self.down3(self.pool(b))
        d = self.down4(self.pool(c))
        y = self.middle(self.pool(d))
        y = self.up1(self.up2(self.up3(self.up4(y, d), c), b), a)
        return self.out(self.last(y))


@near_names
def unet(
    in_channels: int = 3, num_classes: int = 23, width: int = 32, dropout: float = 0.3, *,
    weights: Weights = None,
) -> UNet:
    """Return the course's U-Net; weights: a file with the names of its `state_dict()`."""
    return fill(UNet(in_channels, num_classes, width, dropout), weights)
