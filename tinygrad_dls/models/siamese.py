"""One network applied to both pictures: FaceNet's embedding and the Siamese classifier."""

from __future__ import annotations

from typing import Any

from ..nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from ..tensors import Tensor
from .resnet import initialize


class FaceEmbedding(Module):
    """Pictures to points on the unit sphere, near each other for the same person.

    As in FaceNet (Schroff, Kalenichenko, Philbin 2015), which trains it with the triplet loss
    (`nn.TripletMarginLoss`); small enough to train on a laptop.

    | layer                           | output (64 x 64)   |
    |---------------------------------|--------------------|
    | conv 3x3, norm, ReLU, max pool  | (m, 32, 32, 32)    |
    | conv 3x3, norm, ReLU, max pool  | (m, 64, 16, 16)    |
    | conv 3x3, norm, ReLU, max pool  | (m, 128, 8, 8)     |
    | conv 3x3, norm, ReLU            | (m, 128, 8, 8)     |
    | average over 4 x 4 parts        | (m, 128, 4, 4)     |
    | linear, length 1                | (m, size)          |
    """

    def __init__(self, size: int = 128, in_channels: int = 3, width: int = 32) -> None:
        layers: list[Module] = []
        channels = in_channels
        for after in (width, 2 * width, 4 * width):
            layers += [_conv(channels, after), MaxPool2d(2)]
            channels = after
        self.features = Sequential(*layers, _conv(channels, channels))
        self.avgpool = AdaptiveAvgPool2d((4, 4))
        self.flatten = Flatten()
        self.fc = Linear(16 * channels, size)
        initialize(self)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, in_channels, h, w) to embeddings (m, size) of length 1."""
        return normalize(self.fc(self.flatten(self.avgpool(self.features(x)))))  # type: ignore[no-any-return]


def _conv(before: int, after: int) -> Sequential:
    conv = Conv2d(before, after, 3, padding=1, bias=False)
    return Sequential(conv, BatchNorm2d(after), ReLU())


def normalize(x: Any, eps: float = 1e-12) -> Any:
    """Return rows (m, d) divided by their Euclidean length, at least `eps`."""
    return x / (x * x).sum(axis=1, keepdims=True).clip(eps * eps, None).sqrt()


class Siamese(Module):
    """A comparison of two pictures, same person or not: logistic regression on |f(a) - f(b)|.

    The form of DeepFace (Taigman et al. 2014): one embedding f for both pictures, one weight for
    each of its `size` numbers.

        Siamese(models.FaceEmbedding(128), size=128)(a, b)         # logits (m,)
    """

    def __init__(self, embedding: Module, size: int) -> None:
        self.embedding = embedding
        self.fc = Linear(size, 1)

    def forward(self, a: Any, b: Any) -> Tensor:
        """Pictures a, b (m, channels, h, w) to logits (m,): above 0 means the same person."""
        difference = (self.embedding(a) - self.embedding(b)).abs()
        return self.fc(difference)[:, 0]
