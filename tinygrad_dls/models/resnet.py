"""ResNet (He, Zhang, Ren, Sun 2015): layers that learn what to add to their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from ..errors import DataError
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
from .weights import Norm, Weights, builder, fill


class BasicBlock(Module):
    """relu(x + bn(conv(relu(bn(conv(x)))))), both convolutions 3x3 (the paper's figure 5, left).

    downsample: what brings x to the shape of the sum where the block changes it; None: identity.
    """

    expansion = 1

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Module | None = None,
        groups: int = 1, base_width: int = 64, dilation: int = 1, norm_layer: Norm = BatchNorm2d,
    ) -> None:
        if (groups, base_width, dilation) != (1, 64, 1):
            raise DataError("groups, width_per_group and dilation are for networks of bottlenecks")
        self.conv1 = Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = norm_layer(planes)
        self.relu = ReLU()
        self.conv2 = Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample

    def forward(self, x: Any) -> Tensor:
        """(m, inplanes, h, w) to (m, planes, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(Module):
    """1x1 down to `planes`, 3x3, 1x1 up to 4 * planes, plus x (the paper's figure 5, right).

    The stride is in the 3x3 convolution, as in torchvision ("v1.5"); the paper and the course have
    it in the first 1x1. groups, base_width: the 3x3 one in groups, of planes * base_width / 64
    channels each (ResNeXt, Xie et al. 2017).
    """

    expansion = 4

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Module | None = None,
        groups: int = 1, base_width: int = 64, dilation: int = 1, norm_layer: Norm = BatchNorm2d,
    ) -> None:
        width = planes * base_width // 64 * groups
        self.conv1 = Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = norm_layer(width)
        self.conv2 = Conv2d(width, width, 3, stride=stride, padding=dilation, dilation=dilation,
                            groups=groups, bias=False)
        self.bn2 = norm_layer(width)
        self.conv3 = Conv2d(width, planes * self.expansion, 1, bias=False)
        self.bn3 = norm_layer(planes * self.expansion)
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

    zero_init_residual: start every block as the identity (the last scale of each is 0). groups,
    width_per_group: of bottlenecks. replace_stride_with_dilation: whether layer2, 3 and 4 look at
    pixels further apart instead of making pictures smaller. norm_layer: a layer for a number of
    channels, in the place of batch norm.
    """

    def __init__(
        self, block: type[BasicBlock | Bottleneck], layers: Sequence[int],
        num_classes: int = 1000, zero_init_residual: bool = False, groups: int = 1,
        width_per_group: int = 64, replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Norm | None = None,
    ) -> None:
        dilated = tuple(replace_stride_with_dilation or (False, False, False))
        if len(dilated) != 3:
            raise DataError("replace_stride_with_dilation has three truth values, of layer2 to "
                            f"layer4, not {replace_stride_with_dilation!r}")
        norm = BatchNorm2d if norm_layer is None else norm_layer
        self.conv1 = Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(64)
        self.relu = ReLU()
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        channels, dilation, stages = 64, 1, []
        for planes, blocks, stride, dilate in zip(
                (64, 128, 256, 512), layers, (1, 2, 2, 2), (False, *dilated)):
            before, after = dilation, planes * block.expansion
            if dilate:
                dilation, stride = dilation * stride, 1
            shortcut = _shortcut(channels, after, stride, norm)
            first = block(channels, planes, stride, shortcut, groups, width_per_group, before, norm)
            others = [block(after, planes, 1, None, groups, width_per_group, dilation, norm)
                      for _ in range(blocks - 1)]
            stages.append(Sequential(first, *others))
            channels = after
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.flatten = Flatten()
        self.fc = Linear(channels, num_classes)
        initialize(self, zero_init_residual)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, 3, h, w) to logits (m, num_classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.flatten(self.avgpool(x)))


def _shortcut(before: int, after: int, stride: int, norm: Norm) -> Sequential | None:
    """A convolution that brings x to the size and channels of the sum; None where it has them."""
    if stride == 1 and before == after:
        return None
    return Sequential(Conv2d(before, after, 1, stride=stride, bias=False), norm(after))


def initialize(model: Module, zero_init_residual: bool = False) -> None:
    """He initialization (He et al. 2015, "Delving deep") of all convolutions."""
    for layer in model.modules():
        if isinstance(layer, Conv2d):
            init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif zero_init_residual and isinstance(layer, (BasicBlock, Bottleneck)):
            last = layer.bn2 if isinstance(layer, BasicBlock) else layer.bn3
            scale = getattr(last, "weight", None)
            if scale is not None:
                init.zeros_(scale)


class Options(TypedDict, total=False):
    """The arguments of `ResNet` that its builders take, too."""

    zero_init_residual: bool
    groups: int
    width_per_group: int
    replace_stride_with_dilation: Sequence[bool] | None
    norm_layer: Norm | None


@builder
def resnet18(
    num_classes: int = 1000, *, weights: Weights = None, **options: Unpack[Options]
) -> ResNet:
    """Return ResNet-18; weights: the learner's own checkpoint with torchvision's names."""
    return fill(ResNet(BasicBlock, [2, 2, 2, 2], num_classes, **options), weights)


@builder
def resnet34(
    num_classes: int = 1000, *, weights: Weights = None, **options: Unpack[Options]
) -> ResNet:
    """Return ResNet-34; weights: the learner's own checkpoint with torchvision's names."""
    return fill(ResNet(BasicBlock, [3, 4, 6, 3], num_classes, **options), weights)


@builder
def resnet50(
    num_classes: int = 1000, *, weights: Weights = None, **options: Unpack[Options]
) -> ResNet:
    """Return ResNet-50; weights: the learner's own checkpoint with torchvision's names."""
    return fill(ResNet(Bottleneck, [3, 4, 6, 3], num_classes, **options), weights)
