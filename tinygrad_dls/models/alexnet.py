"""AlexNet (Krizhevsky, Sutskever, Hinton 2012), in torchvision's one-tower form."""

from __future__ import annotations

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
)
from ..tensors import Tensor
from .weights import Weights, builder, fill


class AlexNet(Module):
    """Five convolutions and three linear layers, 61,100,840 parameters for 1000 classes.

    | layer                    | output          | parameters |
    |--------------------------|-----------------|------------|
    | input                    | (m, 3, 224, 224)|            |
    | conv 11x11 / 4, pad 2    | (m, 64, 55, 55) |     23,296 |
    | max pool 3x3 / 2         | (m, 64, 27, 27) |            |
    | conv 5x5, pad 2          | (m, 192, 27, 27)|    307,392 |
    | max pool 3x3 / 2         | (m, 192, 13, 13)|            |
    | conv 3x3, pad 1          | (m, 384, 13, 13)|    663,936 |
    | conv 3x3, pad 1          | (m, 256, 13, 13)|    884,992 |
    | conv 3x3, pad 1          | (m, 256, 13, 13)|    590,080 |
    | max pool 3x3 / 2         | (m, 256, 6, 6)  |            |
    | dropout, linear 9216     | (m, 4096)       | 37,752,832 |
    | dropout, linear          | (m, 4096)       | 16,781,312 |
    | linear                   | (m, classes)    |  4,097,000 |

    The paper splits 96 + 256 + 384 + 384 + 256 channels over two GPUs, with local response
    normalization; this is the later "one weird trick" version (Krizhevsky 2014).
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        self.features = Sequential(
            Conv2d(3, 64, 11, stride=4, padding=2), ReLU(), MaxPool2d(3, stride=2),
            Conv2d(64, 192, 5, padding=2), ReLU(), MaxPool2d(3, stride=2),
            Conv2d(192, 384, 3, padding=1), ReLU(),
            Conv2d(384, 256, 3, padding=1), ReLU(),
            Conv2d(256, 256, 3, padding=1), ReLU(), MaxPool2d(3, stride=2),
        )
        self.avgpool = AdaptiveAvgPool2d((6, 6))
        self.flatten = Flatten()
        self.classifier = Sequential(
            Dropout(dropout), Linear(256 * 6 * 6, 4096), ReLU(),
            Dropout(dropout), Linear(4096, 4096), ReLU(),
            Linear(4096, num_classes),
        )

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, 3, h, w), at least 63 x 63, to logits (m, num_classes)."""
        return self.classifier(self.flatten(self.avgpool(self.features(x))))


@builder
def alexnet(
    num_classes: int = 1000, *, weights: Weights = None, dropout: float = 0.5
) -> AlexNet:
    """Return AlexNet; weights: the learner's own checkpoint with torchvision's names."""
    return fill(AlexNet(num_classes, dropout), weights)
