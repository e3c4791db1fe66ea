"""Decoding of YOLO's maps: boxes, objectness and class scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._util.keywords import near_names
from ..errors import FormatError, ShapeError
from ..io.darknet import Section
from .darknet_layers import Layer, numbers, pairs


@near_names
def decode_yolo(
    raw: ArrayLike, anchors: ArrayLike, classes: int, *, softmax: bool = False,
    scale_x_y: float = 1.0,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return (boxes, objectness, class scores) of a map of YOLO.

    raw: (m, A (5 + classes), h, w), the output of the last convolution: for each of A anchors
    tx, ty, tw, th, the logit of an object, the logits of the classes. anchors: (A, 2), width and
    height as parts of the picture. A box of the cell (row, column) is

        centre = ((column + sigmoid(tx)) / w, (row + sigmoid(ty)) / h)
        size   = anchor * exp(tw, th)

    boxes: (m, n, 4) as x1, y1, x2, y2, parts of the picture, n = A h w (anchor, row, column);
    objectness (m, n) = sigmoid; class scores (m, n, classes): sigmoids (YOLOv3), or their softmax
    (YOLOv2; 1 for a single class). scale_x_y: stretches the sigmoid about its middle (YOLOv4).
    """
    raw, anchors = np.asarray(raw), np.asarray(anchors)
    m, channels, h, w = raw.shape
    if channels != len(anchors) * (5 + classes):
        raise ShapeError(
            f"a map of {channels} channels is not {len(anchors)} anchors x (5 + {classes} classes)"
        )
    t = raw.reshape(m, len(anchors), 5 + classes, h, w).transpose(0, 1, 3, 4, 2)
    cells = np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1)  # (h, w, 2): column, row
    offsets = scale_x_y * sigmoid(t[..., :2]) - (scale_x_y - 1) / 2
    centres = (cells + offsets) / np.array([w, h])
    sizes = anchors[:, None, None, :] * np.exp(t[..., 2:4])
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=-1)
    scores = _softmax(t[..., 5:]) if softmax and classes else sigmoid(t[..., 5:])
    objectness = sigmoid(t[..., 4])
    n, kind = len(anchors) * h * w, raw.dtype
    return (
        boxes.reshape(m, n, 4).astype(kind),
        objectness.reshape(m, n).astype(kind),
        scores.reshape(m, n, classes).astype(kind),
    )


def sigmoid(z: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-z)), for large |z|, too."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))


def _softmax(z: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


class Head(Layer):
    """[yolo] or [region]: hands its map on, and `decode` says what it means."""

    def __init__(self, i: int, s: Section, channels: list[int], size: tuple[int, int]) -> None:
        self.sources, self.channels = (i - 1,), channels[-1]
        self.classes = s.number("classes", 20)
        self.region = s.kind == "region"
        anchors = pairs(numbers(i, s, "anchors")) if _even(i, s) else pairs([])
        mask = [int(n) for n in numbers(i, s, "mask")] if not self.region else []
        if any(not 0 <= n < len(anchors) for n in mask):
            raise FormatError(f"layer {i}, [{s.kind}]: mask names an anchor that is not there")
        self.anchors = anchors[mask] if mask else anchors  # pixels of the input; region: cells
        self.size = size
        self.softmax = self.region and bool(s.number("softmax", 1))
        self.scale_x_y = (numbers(i, s, "scale_x_y") or [1.0])[0]
        if s.number("new_coords", 0):
            raise FormatError(f"layer {i}, [yolo]: new_coords=1 is not known here")
        wanted = len(self.anchors) * (5 + self.classes)
        if channels[-1] != wanted:
            raise FormatError(
                f"layer {i}, [{s.kind}]: the convolution before it has filters={channels[-1]}; "
                f"{len(self.anchors)} anchors x (5 + {self.classes} classes) make {wanted}"
            )

    def forward(self, x: Any) -> Any:
        """The map itself, (m, A (5 + classes), h, w)."""
        return x

    def decode(self, raw: ArrayLike) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """(boxes, objectness, class scores) of its map: see `decode_yolo`."""
        h, w = np.shape(raw)[-2:]
        whole = (w, h) if self.region else self.size
        return decode_yolo(
            raw, self.anchors / np.array(whole), self.classes, softmax=self.softmax,
            scale_x_y=self.scale_x_y,
        )


def _even(i: int, s: Section) -> bool:
    found = numbers(i, s, "anchors")
    if not found or len(found) % 2:
        raise FormatError(f"layer {i}, [{s.kind}]: anchors are pairs of numbers, not {len(found)}")
    return True
