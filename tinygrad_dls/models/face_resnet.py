"""The residual network of dlib's face recognition (King 2017): a face becomes 128 numbers."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..nn import AvgPool2d, Conv2d, Linear, MaxPool2d, Module, Parameter, ReLU, Sequential
from ..nn import functional as F
from ..tensors import Tensor


class ScaledConv(Module):
    """A convolution, then a scale and a shift per channel: what is left of a batch norm."""

    def __init__(self, before: int, after: int, size: int, stride: int, padding: int) -> None:
        self.conv = Conv2d(before, after, size, stride, padding)
        self.scale = Parameter([[[1.0]]] * after)
        self.shift = Parameter([[[0.0]]] * after)

    def forward(self, x: Any) -> Tensor:
        """(m, before, h, w) to (m, after, h', w')."""
        return self.conv(x) * self.scale + self.shift


class Residual(Module):
    """relu(x + two convolutions of x); where it halves, x is averaged and padded by zeros."""

    def __init__(self, before: int, after: int, down: bool = False) -> None:
        self.down = down
        stride, padding = (2, 0) if down else (1, 1)
        self.conv1 = ScaledConv(before, after, 3, stride, padding)
        self.relu = ReLU()
        self.conv2 = ScaledConv(after, after, 3, 1, 1)
        self.pool = AvgPool2d(2)

    def forward(self, x: Any) -> Tensor:
        """(m, before, h, w) to (m, after, h, w), or to half the size."""
        y = self.conv2(self.relu(self.conv1(x)))
        if self.down:
            x = self.pool(x)
            x = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            rows, columns = x.shape[2] - y.shape[2], x.shape[3] - y.shape[3]
            y = F.pad(y, (0, columns, 0, rows))  # windows without padding leave out an edge
        return self.relu(x + y)


class FaceResNet(Module):
    """Faces (m, 3, 150, 150) to embeddings (m, 128): below .6 apart, the same person.

    | layer              | output           |
    |--------------------|------------------|
    | conv 7x7 / 2       | (m, 32, 72, 72)  |
    | max pool 3x3 / 2   | (m, 32, 35, 35)  |
    | 3 blocks           | (m, 32, 35, 35)  |
    | down, 3 blocks     | (m, 64, 17, 17)  |
    | down, 2 blocks     | (m, 128, 8, 8)   |
    | down, 2 blocks     | (m, 256, 4, 4)   |
    | down               | (m, 256, 2, 2)   |
    | average, linear    | (m, 128)         |
    """

    def __init__(self) -> None:
        self.stem = ScaledConv(3, 32, 7, 2, 0)
        self.relu = ReLU()
        self.pool = MaxPool2d(3, stride=2)
        self.blocks = Sequential(
            *(Residual(32, 32) for _ in range(3)),
            Residual(32, 64, down=True), *(Residual(64, 64) for _ in range(3)),
            Residual(64, 128, down=True), *(Residual(128, 128) for _ in range(2)),
            Residual(128, 256, down=True), *(Residual(256, 256) for _ in range(2)),
            Residual(256, 256, down=True),
        )
        self.fc = Linear(256, 128, bias=False)

    def forward(self, x: Any) -> Tensor:
        """Pictures (m, 3, 150, 150) to embeddings (m, 128), compared by Euclidean distance."""
        if x.ndim != 4 or x.shape[1:] != (3, 150, 150):
            raise ShapeError(
                f"expected faces (m, 3, 150, 150), got {x.shape}: `transform` of models.load "
                "resizes them"
            )
        x = self.blocks(self.pool(self.relu(self.stem(x))))
        return self.fc(x.mean(axis=(2, 3)))
