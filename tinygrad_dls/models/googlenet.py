"""GoogLeNet (Szegedy et al. 2014): Inception modules, which look at four scales at once."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
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
from ..tensors.functions import concatenate
from .weights import Weights, builder, fill

# channels in -> 1x1, 3x3 (after its bottleneck), 5x5 (after its bottleneck), pooled: table 1.
BLOCKS = {
    "3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64), "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNetOutputs(NamedTuple):
    """Logits (m, num_classes) while training: of the network and of its auxiliary heads."""

    logits: Any
    aux_logits2: Any
    aux_logits1: Any


class BasicConv2d(Module):
    """relu(bn(conv(x))), the convolution without a bias."""

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        self.conv = Conv2d(in_channels, out_channels, bias=False, **options)
        self.bn = BatchNorm2d(out_channels, eps=0.001)
        self.relu = ReLU()

    def forward(self, x: Any) -> Any:
        """(m, in_channels, h, w) to (m, out_channels, h', w')."""
        return self.relu(self.bn(self.conv(x)))


class Inception(Module):
    """Four branches side by side, joined along the channels.

    1x1; 1x1 then 3x3; 1x1 then 5x5; 3x3 max pool then 1x1. The 1x1 before the large windows is the
    bottleneck that makes them affordable. The third window is 3x3 here: so torchvision trained its
    weights (the paper has 5x5).
    """

    def __init__(
        self, in_channels: int, ch1x1: int, ch3x3red: int, ch3x3: int, ch5x5red: int, ch5x5: int,
        pool_proj: int,
    ) -> None:
        self.branch1 = BasicConv2d(in_channels, ch1x1, kernel_size=1)
        self.branch2 = Sequential(
            BasicConv2d(in_channels, ch3x3red, kernel_size=1),
            BasicConv2d(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = Sequential(
            BasicConv2d(in_channels, ch5x5red, kernel_size=1),
            BasicConv2d(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = Sequential(
            MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Any) -> Any:
        """(m, in_channels, h, w) to (m, ch1x1 + ch3x3 + ch5x5 + pool_proj, h, w)."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return concatenate([branch(x) for branch in branches], axis=1)


class InceptionAux(Module):
    """A classifier half-way, which brings the gradient closer to the first layers."""

    def __init__(self, in_channels: int, num_classes: int, dropout: float = 0.7) -> None:
        self.avgpool = AdaptiveAvgPool2d((4, 4))
        self.conv = BasicConv2d(in_channels, 128, kernel_size=1)
        self.flatten = Flatten()
        self.fc1 = Linear(2048, 1024)
        self.relu = ReLU()
        self.dropout = Dropout(dropout)
        self.fc2 = Linear(1024, num_classes)

    def forward(self, x: Any) -> Any:
        """(m, in_channels, h, w) to logits (m, num_classes)."""
        x = self.flatten(self.conv(self.avgpool(x)))
        return self.fc2(self.dropout(self.relu(self.fc1(x))))


class GoogLeNet(Module):
    """Three convolutions, nine Inception modules, global average, one linear layer.

    | layer               | output (224 x 224) |
    |---------------------|--------------------|
    | conv1 7x7 / 2, pool | (m, 64, 56, 56)    |
    | conv2 1x1           | (m, 64, 56, 56)    |
    | conv3 3x3, pool     | (m, 192, 28, 28)   |
    | inception3a, 3b     | (m, 480, 28, 28)   |
    | pool, inception4a-4e| (m, 832, 14, 14)   |
    | pool, inception5a, 5b | (m, 1024, 7, 7)  |
    | average, fc         | (m, num_classes)   |

    6,624,904 parameters for 1000 classes, 13,004,888 with the two auxiliary heads.
    aux_logits: with them, the output in training is `GoogLeNetOutputs`. transform_input: bring
    pictures normalized by ImageNet's mean and deviation to the range -1..1 that torchvision's
    weights want.
    """

    def __init__(
        self, num_classes: int = 1000, aux_logits: bool = True, transform_input: bool = False,
        init_weights: bool = True, dropout: float = 0.2, dropout_aux: float = 0.7,
    ) -> None:
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a, self.inception3b = Inception(*BLOCKS["3a"]), Inception(*BLOCKS["3b"])
        self.maxpool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a, self.inception4b = Inception(*BLOCKS["4a"]), Inception(*BLOCKS["4b"])
        self.inception4c, self.inception4d = Inception(*BLOCKS["4c"]), Inception(*BLOCKS["4d"])
        self.inception4e = Inception(*BLOCKS["4e"])
        self.maxpool4 = MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a, self.inception5b = Inception(*BLOCKS["5a"]), Inception(*BLOCKS["5b"])
        self.aux1 = InceptionAux(512, num_classes, dropout_aux) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes, dropout_aux) if aux_logits else None
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.flatten = Flatten()
        self.dropout = Dropout(dropout)
        self.fc = Linear(1024, num_classes)
        if init_weights:
            for layer in self.modules():
                if isinstance(layer, (Conv2d, Linear)):
                    init.trunc_normal_(layer.weight, mean=0.0, std=0.01, a=-2, b=2)

    def forward(self, x: Any) -> Any:
        """Pictures (m, 3, h, w) to logits (m, num_classes), or `GoogLeNetOutputs`."""
        if self.transform_input:
            x = _to_unit_range(x)
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        first = self.aux1(x) if self.training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.aux2(x) if self.training and self.aux2 is not None else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        x = self.fc(self.dropout(self.flatten(self.avgpool(x))))
        return x if second is None else GoogLeNetOutputs(x, second, first)


def _to_unit_range(x: Any) -> Any:
    """From (p - mean) / deviation of ImageNet to (p - .5) / .5, per channel."""
    deviations, means = (0.229, 0.224, 0.225), (0.485, 0.456, 0.406)
    channels = [
        x[:, i : i + 1] * (deviation / 0.5) + (mean - 0.5) / 0.5
        for i, (deviation, mean) in enumerate(zip(deviations, means))
    ]
    return concatenate(channels, axis=1)


@builder
def googlenet(
    num_classes: int = 1000, *, weights: Weights = None, aux_logits: bool | None = None,
    transform_input: bool | None = None, init_weights: bool = True, dropout: float = 0.2,
    dropout_aux: float = 0.7,
) -> GoogLeNet:
    """Return GoogLeNet; weights: the learner's own checkpoint with torchvision's names.

    As in torchvision, a model with `weights` drops its auxiliary heads after loading and transforms
    its input, a fresh one does neither, unless `aux_logits` and `transform_input` say otherwise.
    """
    trained = weights is not None
    model = GoogLeNet(
        num_classes, True if trained or aux_logits is None else aux_logits,
        trained if transform_input is None else transform_input, init_weights and not trained,
        dropout, dropout_aux,
    )
    fill(model, weights)
    if trained and not aux_logits:
        model.aux_logits, model.aux1, model.aux2 = False, None, None
    return model
