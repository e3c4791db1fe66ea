"""SqueezeNet (Iandola et al. 2016): AlexNet's accuracy with a fiftieth of its parameters."""

from __future__ import annotations

from typing import Any

from ..errors import DataError
from ..nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from ..tensors import Tensor
from ..tensors.functions import concatenate
from .weights import Weights, builder, fill


class Fire(Module):
    """Squeeze to few channels by 1x1, then expand by 1x1 and 3x3 side by side."""

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        self.squeeze = Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = ReLU()
        self.expand1x1 = Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = ReLU()
        self.expand3x3 = Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = ReLU()

    def forward(self, x: Any) -> Tensor:
        """(m, inplanes, h, w) to (m, expand1x1_planes + expand3x3_planes, h, w)."""
        x = self.squeeze_activation(self.squeeze(x))
        return concatenate(
            [self.expand1x1_activation(self.expand1x1(x)),
             self.expand3x3_activation(self.expand3x3(x))], axis=1
        )


def _pool() -> MaxPool2d:
    return MaxPool2d(3, stride=2, ceil_mode=True)


def _features_1_0() -> list[Module]:
    return [
        Conv2d(3, 96, 7, stride=2), ReLU(), _pool(),
        Fire(96, 16, 64, 64), Fire(128, 16, 64, 64), Fire(128, 32, 128, 128), _pool(),
        Fire(256, 32, 128, 128), Fire(256, 48, 192, 192), Fire(384, 48, 192, 192),
        Fire(384, 64, 256, 256), _pool(),
        Fire(512, 64, 256, 256),
    ]


def _features_1_1() -> list[Module]:
    return [
        Conv2d(3, 64, 3, stride=2), ReLU(), _pool(),
        Fire(64, 16, 64, 64), Fire(128, 16, 64, 64), _pool(),
        Fire(128, 32, 128, 128), Fire(256, 32, 128, 128), _pool(),
        Fire(256, 48, 192, 192), Fire(384, 48, 192, 192), Fire(384, 64, 256, 256),
        Fire(512, 64, 256, 256),
    ]


class SqueezeNet(Module):
    """One convolution, eight Fire modules, a 1x1 convolution to the classes, global average.

    | layer          | 1.0, output (224 x 224)     | 1.1, output                 |
    |----------------|-----------------------------|-----------------------------|
    | conv1          | 7x7 / 2  (m, 96, 109, 109)  | 3x3 / 2  (m, 64, 111, 111)  |
    | pool           | (m, 96, 54, 54)             | (m, 64, 55, 55)             |
    | fire2, fire3   | (m, 128, 54, 54)            | (m, 128, 55, 55)            |
    | fire4          | (m, 256, 54, 54), then pool | after a pool (m, 256, 27, 27) |
    | fire5          | (m, 256, 27, 27)            | (m, 256, 27, 27), then pool |
    | fire6, fire7   | (m, 384, 27, 27)            | (m, 384, 13, 13)            |
    | fire8          | (m, 512, 27, 27), then pool | (m, 512, 13, 13)            |
    | fire9          | (m, 512, 13, 13)            | (m, 512, 13, 13)            |
    | conv10, mean   | (m, 1000)                   | (m, 1000)                   |
    | parameters     | 1,248,424                   | 1,235,496, 2.4 x less work  |
    """

    def __init__(
        self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5
    ) -> None:
        versions = {"1_0": _features_1_0, "1_1": _features_1_1}
        if version not in versions:
            raise DataError(f"SqueezeNet has the versions '1_0' and '1_1', not {version!r}")
        self.num_classes = num_classes
        self.features = Sequential(*versions[version]())
        final = Conv2d(512, num_classes, 1)
        self.classifier = Sequential(
            Dropout(dropout), final, ReLU(), AdaptiveAvgPool2d((1, 1))
        )
        self.flatten = Flatten()
        for layer in self.modules():
            if isinstance(layer, Conv2d):
                if layer is final:
                    init.normal_(layer.weight, 0.0, 0.01)
                else:
                    init.kaiming_uniform_(layer.weight)
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, 3, h, w), at least 21 x 21 (1.1: 17 x 17), to scores (m, num_classes)."""
        return self.flatten(self.classifier(self.features(x)))


@builder
def squeezenet1_0(
    num_classes: int = 1000, *, weights: Weights = None, dropout: float = 0.5
) -> SqueezeNet:
    """Return SqueezeNet 1.0; weights: the learner's own checkpoint with torchvision's names."""
    return fill(SqueezeNet("1_0", num_classes, dropout), weights)


@builder
def squeezenet1_1(
    num_classes: int = 1000, *, weights: Weights = None, dropout: float = 0.5
) -> SqueezeNet:
    """Return SqueezeNet 1.1; weights: the learner's own checkpoint with torchvision's names.

    `models.load("squeezenet1_1", weights="imagenet")` is trained, and comes with the installation.
    """
    return fill(SqueezeNet("1_1", num_classes, dropout), weights)
