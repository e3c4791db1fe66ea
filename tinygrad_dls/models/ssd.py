"""The head of SSD (Liu et al. 2015): classes and boxes from several feature maps at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import DataError
from ..nn import Conv2d, Module, ModuleList, init
from ..tensors.functions import concatenate


class _Head(Module):
    """One convolution per feature map, `columns` numbers for each of its anchors."""

    def __init__(
        self, in_channels: Sequence[int], num_anchors: Sequence[int], columns: int, size: int
    ) -> None:
        self.columns = columns
        layers = [
            Conv2d(c, a * columns, size, padding=size // 2)
            for c, a in zip(in_channels, num_anchors)
        ]
        for layer in layers:
            init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                init.zeros_(layer.bias)
        self.module_list = ModuleList(layers)

    def forward(self, features: Sequence[Any]) -> Any:
        """Maps (m, c, h, w) to (m, anchors of all maps, columns): by map, row, column, anchor."""
        found = []
        for x, layer in zip(features, self.module_list):
            y = layer(x)  # (m, anchors * columns, h, w)
            m, _, h, w = y.shape
            y = y.reshape(m, -1, self.columns, h, w).transpose(0, 3, 4, 1, 2)
            found.append(y.reshape(m, -1, self.columns))
        return concatenate(found, axis=1)


class SSDHead(Module):
    """Class logits and box offsets for every anchor of every feature map.

    in_channels, num_anchors: channels, and anchors per cell, of each map; num_classes: with the
    background, which is class 0; kernel_size: of its convolutions. torchvision's names.

        head = SSDHead([512, 1024], [4, 6], num_classes=21)
        head([dls.zeros((2, 512, 38, 38)), dls.zeros((2, 1024, 19, 19))])["cls_logits"].shape
        # (2, 38 * 38 * 4 + 19 * 19 * 6, 21)
    """

    def __init__(
        self, in_channels: Sequence[int], num_anchors: Sequence[int], num_classes: int,
        kernel_size: int = 3,
    ) -> None:
        if len(in_channels) != len(num_anchors):
            raise DataError(
                f"{len(in_channels)} maps with {len(num_anchors)} numbers of anchors: "
                "give one number of anchors per map"
            )
        self.classification_head = _Head(in_channels, num_anchors, num_classes, kernel_size)
        self.regression_head = _Head(in_channels, num_anchors, 4, kernel_size)

    def forward(self, features: Sequence[Any]) -> dict[str, Any]:
        """Maps to "bbox_regression" (m, n, 4) and "cls_logits" (m, n, num_classes)."""
        if len(features) != len(self.classification_head.module_list):
            raise DataError(
                f"{len(features)} feature maps for a head of "
                f"{len(self.classification_head.module_list)}"
            )
        return {
            "bbox_regression": self.regression_head(features),
            "cls_logits": self.classification_head(features),
        }
