"""ResNet-20 for 32 x 32 pictures (He et al. 2015, section 4.2)."""

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
from ..nn import functional as F
from ..tensors import Tensor
from .resnet import BasicBlock, initialize
from .weights import Weights, fill


class PaddedShortcut(Module):
    """Every second pixel, and zeros for the new channels: a shortcut without parameters.

    The paper's option A: half of the new channels come before those of x, half behind.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        self.stride = stride
        self.front = (after - before) // 2
        self.back = after - before - self.front

    def forward(self, x: Any) -> Tensor:
        """(m, before, h, w) to (m, after, h / stride, w / stride)."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.front, self.back))


class CifarResNet(Module):
    """A 3x3 convolution and three stages of n basic blocks: 6 n + 2 layers with weights.

    | stage  | output          | ResNet-20, n = 3         | parameters  |
    |--------|-----------------|--------------------------|-------------|
    | conv1  | (m, 16, 32, 32) | 3x3                      |         464 |
    | layer1 | (m, 16, 32, 32) | 3 blocks                 |      14,016 |
    | layer2 | (m, 32, 16, 16) | 3 blocks, first stride 2 |      51,072 |
    | layer3 | (m, 64, 8, 8)   | 3 blocks, first stride 2 |     203,520 |
    | fc     | (m, 10)         | after the global average |         650 |
    | all    |                 |                          | **269,722** |
    """

    def __init__(self, blocks: int = 3, num_classes: int = 10, in_channels: int = 3) -> None:
        self.conv1 = Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = BatchNorm2d(16)
        self.relu = ReLU()
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.flatten = Flatten()
        self.fc = Linear(64, num_classes)
        initialize(self)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, in_channels, h, w) to logits (m, num_classes)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.flatten(self.avgpool(x)))


def _stage(before: int, after: int, blocks: int, stride: int) -> Sequential:
    shortcut = PaddedShortcut(before, after, stride) if before != after else None
    first = BasicBlock(before, after, stride, shortcut)
    return Sequential(first, *(BasicBlock(after, after) for _ in range(blocks - 1)))


@near_names
def resnet20(
    num_classes: int = 10, in_channels: int = 3, *, weights: Weights = None
) -> CifarResNet:
    """Return ResNet-20: 91.25 % on CIFAR-10 in the paper, after 64,000 steps of 128 pictures."""
    return fill(CifarResNet(3, num_classes, in_channels), weights)
