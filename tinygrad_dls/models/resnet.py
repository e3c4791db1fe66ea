"""ResNet (He, Zhang, Ren, Sun 2015): layers that learn what to add to their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._util.keywords import near_names
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
    init,
)
from ..tensors import Tensor
from .weights import Weights, fill


class BasicBlock(Module):
    """relu(x + bn(conv(relu(bn(conv(x)))))), both convolutions 3x3 (the paper's figure 5, left).

    downsample: what brings x to the shape of the sum where the block changes it; None: identity.
    """

    expansion = 1

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Module | None = None
    ) -> None:
        self.conv1 = Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = BatchNorm2d(planes)
        self.relu = ReLU()
        self.conv2 = Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: Any) -> Tensor:
        """(m, inplanes, h, w) to (m, planes, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(Module):
    """1x1 down to `planes`, 3x3, 1x1 up to 4 * planes, plus x (the paper's figure 5, right).

    The stride is in the 3x3 convolution, as in torchvision ("v1.5"); the paper and the course have
    it in the first 1x1.
    """

    expansion = 4

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Module | None = None
    ) -> None:
        self.conv1 = Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = BatchNorm2d(planes)
        self.conv2 = Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = BatchNorm2d(planes)
        self.conv3 = Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = BatchNorm2d(planes * self.expansion)
        self.relu = ReLU()
        self.downsample = downsample

    def forward(self, x: Any) -> Tensor:
        """(m, inplanes, h, w) to (m, 4 planes, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(Module):
    """A 7x7 convolution, four stages of blocks, global average, one linear layer.

    | stage   | output (224 x 224) | ResNet-18  | ResNet-34  | ResNet-50      |
    |---------|--------------------|------------|------------|----------------|
    | conv1   | (m, 64, 112, 112)  | 7x7 / 2    | 7x7 / 2    | 7x7 / 2        |
    | maxpool | (m, 64, 56, 56)    | 3x3 / 2    | 3x3 / 2    | 3x3 / 2        |
    | layer1  | (m, 64, 56, 56)    | 2 basic    | 3 basic    | 3 bottlenecks, 256 |
    | layer2  | (m, 128, 28, 28)   | 2 basic    | 4 basic    | 4 bottlenecks, 512 |
    | layer3  | (m, 256, 14, 14)   | 2 basic    | 6 basic    | 6 bottlenecks, 1024 |
    | layer4  | (m, 512, 7, 7)     | 2 basic    | 3 basic    | 3 bottlenecks, 2048 |
    | fc      | (m, 1000)          | 11,689,512 | 21,797,672 | 25,557,032 parameters |

    zero_init_residual: start every block as the identity (the last scale of each is 0).
    """

    def __init__(
        self, block: type[BasicBlock | Bottleneck], layers: Sequence[int],
        num_classes: int = 1000, zero_init_residual: bool = False,
    ) -> None:
        self.conv1 = Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = BatchNorm2d(64)
        self.relu = ReLU()
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        width = 64 * block.expansion
        self.layer1 = _stage(block, 64, 64, layers[0], stride=1)
        self.layer2 = _stage(block, width, 128, layers[1], stride=2)
        self.layer3 = _stage(block, 2 * width, 256, layers[2], stride=2)
        self.layer4 = _stage(block, 4 * width, 512, layers[3], stride=2)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.flatten = Flatten()
        self.fc = Linear(8 * width, num_classes)
        initialize(self, zero_init_residual)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, 3, h, w) to logits (m, num_classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.flatten(self.avgpool(x)))


def _stage(
    block: type[BasicBlock | Bottleneck], inplanes: int, planes: int, blocks: int, stride: int
) -> Sequential:
    """`blocks` blocks in a row, the first of which changes size and channels."""
    after = planes * block.expansion
    downsample = None
    if stride != 1 or inplanes != after:
        downsample = Sequential(
            Conv2d(inplanes, after, 1, stride=stride, bias=False), BatchNorm2d(after)
        )
    first = block(inplanes, planes, stride, downsample)
    return Sequential(first, *(block(after, planes) for _ in range(blocks - 1)))


def initialize(model: Module, zero_init_residual: bool = False) -> None:
    """He initialization (He et al. 2015, "Delving deep") of all convolutions."""
    for layer in model.modules():
        if isinstance(layer, Conv2d):
            init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif zero_init_residual and isinstance(layer, (BasicBlock, Bottleneck)):
            last = layer.bn2 if isinstance(layer, BasicBlock) else layer.bn3
            if last.weight is not None:
                init.zeros_(last.weight)


@near_names
def resnet18(
    num_classes: int = 1000, *, weights: Weights = None, zero_init_residual: bool = False
) -> ResNet:
    """Return ResNet-18; weights: the learner's own checkpoint with torchvision's names."""
    return fill(ResNet(BasicBlock, [2, 2, 2, 2], num_classes, zero_init_residual), weights)


@near_names
def resnet34(
    num_classes: int = 1000, *, weights: Weights = None, zero_init_residual: bool = False
) -> ResNet:
    """Return ResNet-34; weights: the learner's own checkpoint with torchvision's names."""
    return fill(ResNet(BasicBlock, [3, 4, 6, 3], num_classes, zero_init_residual), weights)


@near_names
def resnet50(
    num_classes: int = 1000, *, weights: Weights = None, zero_init_residual: bool = False
) -> ResNet:
    """Return ResNet-50; weights: the learner's own checkpoint with torchvision's names."""
    return fill(ResNet(Bottleneck, [3, 4, 6, 3], num_classes, zero_init_residual), weights)
