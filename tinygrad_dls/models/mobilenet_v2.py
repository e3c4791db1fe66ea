"""MobileNetV2 (Sandler et al. 2018): inverted residuals with linear bottlenecks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import DataError
from ..nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    Module,
    ReLU6,
    Sequential,
    init,
)
from ..tensors import Tensor
from .weights import Norm, Weights, builder, fill

# The paper's table 2: expansion t, channels c, blocks n, stride s of the first.
SETTING = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
           (6, 160, 3, 2), (6, 320, 1, 1))


def _conv_norm(
    inp: int, oup: int, size: int, stride: int = 1, groups: int = 1, norm: Norm = BatchNorm2d
) -> Sequential:
    """A convolution that keeps the size but for its stride, batch norm, ReLU6."""
    conv = Conv2d(inp, oup, size, stride, padding=size // 2, groups=groups, bias=False)
    return Sequential(conv, norm(oup), ReLU6())


class InvertedResidual(Module):
    """Expand by 1x1, filter each channel by 3x3, project by 1x1 without an activation, add x.

    The sum is taken where stride and channels allow it.
    """

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Norm | None = None
    ) -> None:
        if stride not in (1, 2):
            raise DataError(f"the stride of an inverted residual is 1 or 2, not {stride}")
        hidden, norm = round(inp * expand_ratio), norm_layer or BatchNorm2d
        self.use_res_connect = stride == 1 and inp == oup
        expand = [_conv_norm(inp, hidden, 1, norm=norm)] if expand_ratio != 1 else []
        self.conv = Sequential(
            *expand,
            _conv_norm(hidden, hidden, 3, stride, hidden, norm),
            Conv2d(hidden, oup, 1, bias=False), norm(oup),
        )

    def forward(self, x: Any) -> Tensor:
        """(m, inp, h, w) to (m, oup, h / stride, w / stride)."""
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(Module):
    """A convolution, seventeen inverted residuals, a 1x1 convolution, average, linear.

    | layer                   | output (224 x 224)  |
    |-------------------------|---------------------|
    | conv 3x3 / 2            | (m, 32, 112, 112)   |
    | t 1, 16                 | (m, 16, 112, 112)   |
    | t 6, 24 / 2, 2 blocks   | (m, 24, 56, 56)     |
    | t 6, 32 / 2, 3 blocks   | (m, 32, 28, 28)     |
    | t 6, 64 / 2, 4 blocks   | (m, 64, 14, 14)     |
    | t 6, 96, 3 blocks       | (m, 96, 14, 14)     |
    | t 6, 160 / 2, 3 blocks  | (m, 160, 7, 7)      |
    | t 6, 320                | (m, 320, 7, 7)      |
    | conv 1x1                | (m, 1280, 7, 7)     |
    | average, dropout, linear| (m, num_classes)    |

    3,504,872 parameters for 1000 classes, 2,223,872 without the linear layer. width_mult: times as
    many channels, as multiples of round_nearest; inverted_residual_setting: rows (t, c, n, s) in
    the place of the paper's; norm_layer: a layer for a number of channels, instead of batch norm.
    """

    def __init__(
        self, num_classes: int = 1000, width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None, round_nearest: int = 8,
        norm_layer: Norm | None = None, dropout: float = 0.2,
    ) -> None:
        norm = norm_layer or BatchNorm2d
        setting = SETTING if inverted_residual_setting is None else inverted_residual_setting
        if not setting or any(len(row) != 4 for row in setting):
            raise DataError("inverted_residual_setting is a list of rows (t, c, n, s)")
        channels = _divisible(32 * width_mult, round_nearest)
        self.last_channel = _divisible(1280 * max(1.0, width_mult), round_nearest)
        layers: list[Module] = [_conv_norm(3, channels, 3, stride=2, norm=norm)]
        for t, c, n, s in setting:
            after = _divisible(c * width_mult, round_nearest)
            for i in range(n):
                layers.append(InvertedResidual(channels, after, s if i == 0 else 1, t, norm))
                channels = after
        layers.append(_conv_norm(channels, self.last_channel, 1, norm=norm))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.flatten = Flatten()
        self.classifier = Sequential(Dropout(dropout), Linear(self.last_channel, num_classes))
        _initialize(self)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, 3, h, w) to logits (m, num_classes)."""
        return self.classifier(self.flatten(self.avgpool(self.features(x))))


def _divisible(channels: float, divisor: int) -> int:
    """`channels` as the nearest multiple of `divisor`, but never below 90 % of it."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def _initialize(model: Module) -> None:
    for layer in model.modules():
        if isinstance(layer, Conv2d):
            init.kaiming_normal_(layer.weight, mode="fan_out")
        elif isinstance(layer, Linear):
            init.normal_(layer.weight, 0, 0.01)
            if layer.bias is not None:
                init.zeros_(layer.bias)


@builder
def mobilenet_v2(
    num_classes: int = 1000, *, weights: Weights = None, width_mult: float = 1.0,
    inverted_residual_setting: Sequence[Sequence[int]] | None = None, round_nearest: int = 8,
    norm_layer: Norm | None = None, dropout: float = 0.2,
) -> MobileNetV2:
    """Return MobileNetV2; weights: the learner's own checkpoint with torchvision's names."""
    return fill(MobileNetV2(num_classes, width_mult, inverted_residual_setting, round_nearest,
                            norm_layer, dropout), weights)
