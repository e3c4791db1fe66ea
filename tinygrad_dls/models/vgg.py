"""VGG (Simonyan, Zisserman 2014): nothing but 3x3 convolutions and 2x2 pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from ..tensors import Tensor
from .weights import Weights, builder, fill

POOL = "M"
VGG16 = (64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL, 512, 512, 512, POOL,
         512, 512, 512, POOL)  # configuration D of the paper's table 1
VGG19 = (64, 64, POOL, 128, 128, POOL, 256, 256, 256, 256, POOL, 512, 512, 512, 512, POOL,
         512, 512, 512, 512, POOL)  # configuration E


def vgg_features(configuration: Sequence[int | str], in_channels: int = 3) -> Sequential:
    """Return the convolutions: a number is a 3x3 convolution of so many channels, "M" a pool."""
    layers: list[Module] = []
    channels = in_channels
    for entry in configuration:
        if isinstance(entry, str):
            layers.append(MaxPool2d(2, stride=2))
        else:
            layers += [Conv2d(channels, entry, 3, padding=1), ReLU()]
            channels = entry
    return Sequential(*layers)


class VGG(Module):
    """Convolutions that double the channels where they halve the size, then three linear layers.

    VGG-16, 138,357,544 parameters for 1000 classes (VGG-19: 143,667,240):

    | block      | output           | parameters  |
    |------------|------------------|-------------|
    | input      | (m, 3, 224, 224) |             |
    | 2 conv 64  | (m, 64, 224, 224)|      38,720 |
    | pool, 2 conv 128 | (m, 128, 112, 112) | 221,440 |
    | pool, 3 conv 256 | (m, 256, 56, 56) | 1,475,328 |
    | pool, 3 conv 512 | (m, 512, 28, 28) | 5,899,776 |
    | pool, 3 conv 512 | (m, 512, 14, 14) | 7,079,424 |
    | pool       | (m, 512, 7, 7)   |             |
    | linear     | (m, 4096)        | 102,764,544 |
    | linear     | (m, 4096)        |  16,781,312 |
    | linear     | (m, classes)     |   4,097,000 |
    """

    def __init__(
        self, features: Module, num_classes: int = 1000, init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        self.features = features
        self.avgpool = AdaptiveAvgPool2d((7, 7))
        self.flatten = Flatten()
        self.classifier = Sequential(
            Linear(512 * 7 * 7, 4096), ReLU(), Dropout(dropout),
            Linear(4096, 4096), ReLU(), Dropout(dropout),
            Linear(4096, num_classes),
        )
        if init_weights:
            _initialize(self)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, 3, h, w), at least 32 x 32, to logits (m, num_classes)."""
        return self.classifier(self.flatten(self.avgpool(self.features(x))))


def _initialize(model: Module) -> None:
    """He initialization for the convolutions, small normal numbers for the linear layers."""
    for layer in model.modules():
        if isinstance(layer, Conv2d):
            init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, Linear):
            init.normal_(layer.weight, 0, 0.01)
        else:
            continue
        if layer.bias is not None:
            init.zeros_(layer.bias)


@builder
def vgg16(
    num_classes: int = 1000, *, weights: Weights = None, init_weights: bool = True,
    dropout: float = 0.5,
) -> VGG:
    """Return VGG-16; weights: the learner's own checkpoint with torchvision's names."""
    model = VGG(vgg_features(VGG16), num_classes, init_weights and weights is None, dropout)
    return fill(model, weights)


@builder
def vgg19(
    num_classes: int = 1000, *, weights: Weights = None, init_weights: bool = True,
    dropout: float = 0.5,
) -> VGG:
    """Return VGG-19; weights: the learner's own checkpoint with torchvision's names."""
    model = VGG(vgg_features(VGG19), num_classes, init_weights and weights is None, dropout)
    return fill(model, weights)
