"""Tiny YOLOv2 (Redmon, Farhadi 2016) with depthwise-separable convolutions: a face detector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..nn import Conv2d, LeakyReLU, MaxPool2d, Module, Sequential
from ..nn import functional as F
from ..tensors import Tensor
from .yolo_heads import decode_yolo

CHANNELS = (16, 32, 64, 128, 256, 512)
ANCHORS = ((1.603231, 2.094468), (6.041143, 7.080126), (2.882459, 3.518061),
           (4.266906, 5.178857), (9.041765, 10.66308))  # width and height, in cells


class SeparableConv2d(Module):
    """A 3x3 filter per channel, then 1x1 across channels with a bias, then leaky ReLU."""

    def __init__(self, before: int, after: int) -> None:
        self.depthwise = Conv2d(before, before, 3, padding=1, groups=before, bias=False)
        self.pointwise = Conv2d(before, after, 1)
        self.leaky = LeakyReLU(0.1)

    def forward(self, x: Any) -> Tensor:
        """(m, before, h, w) to (m, after, h, w)."""
        return self.leaky(self.pointwise(self.depthwise(x)))


class TinyYoloV2(Module):
    """Six convolutions that halve the picture five times, and a 1x1 to the anchors.

    | layer                     | output (416 x 416)  | parameters |
    |---------------------------|---------------------|------------|
    | conv0 3x3, pool           | (m, 16, 207, 207)   |        448 |
    | conv1 separable, pool     | (m, 32, 104, 104)   |        688 |
    | conv2 separable, pool     | (m, 64, 52, 52)     |      2,400 |
    | conv3 separable, pool     | (m, 128, 26, 26)    |      8,896 |
    | conv4 separable, pool     | (m, 256, 13, 13)    |     34,176 |
    | conv5 separable, pool / 1 | (m, 512, 13, 13)    |    133,888 |
    | conv8 1x1                 | (m, 25, 13, 13)     |     12,825 |

    25 = 5 anchors x (4 + 1 objectness). conv0 has no padding, which its weights want.
    """

    def __init__(self) -> None:
        self.conv0 = Sequential(Conv2d(3, CHANNELS[0], 3), LeakyReLU(0.1))
        self.pool = MaxPool2d(2, ceil_mode=True)
        self.conv1 = SeparableConv2d(16, 32)
        self.conv2 = SeparableConv2d(32, 64)
        self.conv3 = SeparableConv2d(64, 128)
        self.conv4 = SeparableConv2d(128, 256)
        self.conv5 = SeparableConv2d(256, 512)
        self.last_pool = MaxPool2d(2, stride=1)
        self.conv8 = Conv2d(512, 5 * len(ANCHORS), 1)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, 3, h, w) to a map (m, 25, h / 32, w / 32)."""
        x = self.pool(self.conv0(x))
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = self.pool(conv(x))
        x = F.pad(self.conv5(x), (0, 1, 0, 1), value=-np.inf)  # a window at every cell
        return self.conv8(self.last_pool(x))

    def boxes(self, raw: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """(boxes (m, n, 4) in parts of the input, scores (m, n, 1)) of a map."""
        h, w = np.shape(raw)[-2:]
        boxes, objectness, _ = decode_yolo(raw, np.array(ANCHORS) / [w, h], 0)
        return boxes, objectness[..., None]
