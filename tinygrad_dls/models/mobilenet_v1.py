"""MobileNet (Howard et al. 2017): depthwise-separable convolutions."""

from __future__ import annotations

from typing import Any

from .._util.keywords import near_names
from ..nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    Module,
    ReLU,
    Sequential,
)
from ..tensors import Tensor
from .resnet import initialize
from .weights import Weights, fill

# (channels, stride) of the depthwise-separable layers: the paper's table 1.
LAYERS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5,
          (1024, 2), (1024, 1))


@near_names
def depthwise_separable(inp: int, oup: int, stride: int) -> Sequential:
    """Return a 3x3 filter per channel, then 1x1 across channels, each with batch norm and ReLU.

    It takes 9 inp + inp oup multiplications a pixel; a full 3x3 convolution takes 9 inp oup.
    """
    return Sequential(
        Conv2d(inp, inp, 3, stride=stride, padding=1, groups=inp, bias=False),
        BatchNorm2d(inp), ReLU(),
        Conv2d(inp, oup, 1, bias=False), BatchNorm2d(oup), ReLU(),
    )


class MobileNetV1(Module):
    """A 3x3 convolution, thirteen depthwise-separable layers, global average, one linear layer.

    | layer                     | output (224 x 224)  |
    |---------------------------|---------------------|
    | conv 3x3 / 2              | (m, 32, 112, 112)   |
    | 64                        | (m, 64, 112, 112)   |
    | 128 / 2, 128              | (m, 128, 56, 56)    |
    | 256 / 2, 256              | (m, 256, 28, 28)    |
    | 512 / 2, 5 times 512      | (m, 512, 14, 14)    |
    | 1024 / 2, 1024            | (m, 1024, 7, 7)     |
    | average, linear           | (m, num_classes)    |

    4,231,976 parameters for 1000 classes. width_mult: the paper's alpha, thins all layers.
    """

    def __init__(
        self, num_classes: int = 1000, width_mult: float = 1.0, in_channels: int = 3
    ) -> None:
        channels = int(32 * width_mult)
        layers: list[Module] = [
            Conv2d(in_channels, channels, 3, stride=2, padding=1, bias=False),
            BatchNorm2d(channels), ReLU(),
        ]
        for planes, stride in LAYERS:
            after = int(planes * width_mult)
            layers.append(depthwise_separable(channels, after, stride))
            channels = after
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.flatten = Flatten()
        self.classifier = Linear(channels, num_classes)
        initialize(self)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, in_channels, h, w) to logits (m, num_classes)."""
        return self.classifier(self.flatten(self.avgpool(self.features(x))))


@near_names
def mobilenet_v1(
    num_classes: int = 1000, *, weights: Weights = None, width_mult: float = 1.0,
    in_channels: int = 3,
) -> MobileNetV1:
    """Return MobileNet; weights: a file with the names of its `state_dict()`."""
    return fill(MobileNetV1(num_classes, width_mult, in_channels), weights)
