"""SSD on MobileNet v1 (Liu et al. 2015; Howard et al. 2017): a detector of faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from ..nn import BatchNorm2d, Conv2d, Module, ModuleList, ReLU6
from ..nn import functional as F
from ..tensors import Tensor
from ..tensors.creation import zeros
from .mobilenet_v1 import LAYERS
from .ssd import SSDHead
from .yolo_heads import sigmoid

EXTRA = ((1024, 256, 1), (256, 512, 3), (512, 128, 1), (128, 256, 3), (256, 128, 1),
         (128, 256, 3), (256, 64, 1), (64, 128, 3))  # channels in, out, window; 3x3 halve the size
MAPS = (512, 1024, 512, 256, 256, 128)  # channels of the maps that the head sees
ANCHORS = (3, 6, 6, 6, 6, 6)  # per cell of each: 5,118 in all for 512 x 512
VARIANCES = (10.0, 5.0)  # centres and sizes are trained that many times larger


class SameConv(Module):
    """relu6(convolution), padded as TensorFlow does: for stride 2 only at the right and below."""

    def __init__(self, before: int, after: int, size: int, stride: int = 1) -> None:
        self.odd = stride == 2 and size == 3
        padding = 0 if self.odd else size // 2
        self.conv = Conv2d(before, after, size, stride, padding)
        self.relu = ReLU6()

    def forward(self, x: Any) -> Any:
        """(m, before, h, w) to (m, after, h / stride, w / stride)."""
        return self.relu(self.conv(F.pad(x, (0, 1, 0, 1)) if self.odd else x))


class Separable(Module):
    """A 3x3 filter per channel with batch norm, then 1x1 with a bias, each with ReLU6."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        self.odd = stride == 2
        padding = 0 if self.odd else 1
        self.depthwise = Conv2d(before, before, 3, stride, padding, groups=before, bias=False)
        self.bn = BatchNorm2d(before, eps=0.001)
        self.relu = ReLU6()
        self.pointwise = SameConv(before, after, 1)

    def forward(self, x: Any) -> Any:
        """(m, before, h, w) to (m, after, h / stride, w / stride)."""
        x = F.pad(x, (0, 1, 0, 1)) if self.odd else x
        return self.pointwise(self.relu(self.bn(self.depthwise(x))))


class MobileNetSSD(Module):
    """MobileNet v1, eight more convolutions, and a head on six maps from 32 x 32 to 1 x 1.

    The default boxes (5118, 4) are part of its state, as y1, x1, y2, x2 in parts of the picture.
    """

    def __init__(self) -> None:
        layers: list[Module] = [SameConv(3, 32, 3, 2)]
        channels = 32
        for after, stride in LAYERS:
            layers.append(Separable(channels, after, stride))
            channels = after
        self.features = ModuleList(layers)
        self.extra = ModuleList(
            [SameConv(a, b, size, 2 if size == 3 else 1) for a, b, size in EXTRA]
        )
        self.head = SSDHead(MAPS, ANCHORS, num_classes=3, kernel_size=1)
        count = sum(a * (32 >> i) ** 2 for i, a in enumerate(ANCHORS))
        self.default_boxes: Tensor
        self.register_buffer("default_boxes", zeros((count, 4)))

    def forward(self, x: Any) -> Any:
        """Pictures (m, 3, 512, 512) to "bbox_regression" and "cls_logits", (m, 5118, 4 and 3)."""
        if x.shape[1:] != (3, 512, 512):
            raise ShapeError(
                f"expected pictures (m, 3, 512, 512), got {x.shape}: the default boxes are those "
                "of that size; `transform` of models.load resizes"
            )
        maps = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i == 11:
                maps.append(x)
        maps.append(x)
        for i, layer in enumerate(self.extra):
            x = layer(x)
            if i % 2 == 1:
                maps.append(x)
        return self.head(maps)

    def boxes(self, outputs: Mapping[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """(boxes (m, n, 4) as x1, y1, x2, y2 in parts of the input, scores (m, n, 1))."""
        t = np.asarray(outputs["bbox_regression"])
        low, high = np.split(np.asarray(self.default_boxes), 2, axis=1)
        sizes = (high - low) * np.exp(t[..., 2:] / VARIANCES[1])
        centres = (low + high) / 2 + t[..., :2] / VARIANCES[0] * (high - low)
        boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=-1)
        scores = sigmoid(np.asarray(outputs["cls_logits"])[..., 1:2])
        return boxes[..., [1, 0, 3, 2]], scores
