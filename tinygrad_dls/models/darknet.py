"""Networks from Darknet's files: YOLO and its relatives, as their authors publish them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._util.keywords import near_names
from ..errors import DataError, FormatError, ShapeError
from ..io import load_darknet, parse_darknet_cfg
from ..io.darknet import Section
from ..nn import ModuleList
from .darknet_layers import (
    Average,
    Convolutional,
    Keep,
    Layer,
    MaxPool,
    Reorg,
    Route,
    Shortcut,
    Upsample,
)
from .yolo_heads import Head

KINDS: dict[str, Callable[[int, Section, list[int]], Layer]] = {
    "convolutional": Convolutional, "conv": Convolutional, "maxpool": MaxPool, "max": MaxPool,
    "upsample": Upsample, "route": Route, "shortcut": Shortcut, "reorg": Reorg, "dropout": Keep,
    "avgpool": Average, "avg": Average,
}
HEADS = ("yolo", "region")
Cfg = str | os.PathLike[str] | Sequence[Section]


class Darknet(ModuleList):
    """The layers of a .cfg, numbered as Darknet numbers them.

    `forward` returns the maps of its [yolo] and [region] heads, or, without a head, the last
    output. `boxes` says what they mean. input_shape: (channels, height, width) of the cfg.
    """

    @near_names
    def __init__(self, sections: Sequence[Section]) -> None:
        net = sections[0]
        height, width = net.number("height", 416), net.number("width", 416)
        self.input_shape = (net.number("channels", 3), height, width)
        channels = [self.input_shape[0]]  # of the picture, then of each layer
        layers: list[Layer] = []
        for i, section in enumerate(sections[1:]):
            layer: Layer
            if section.kind in HEADS:
                layer = Head(i, section, channels, (width, height))
            elif section.kind in KINDS:
                layer = KINDS[section.kind](i, section, channels)
            else:
                raise DataError(
                    f"layer {i} of the cfg is [{section.kind}], which is not known here; known are "
                    f"{', '.join(sorted({*KINDS, *HEADS} - {'conv', 'max', 'avg'}))}"
                )
            layers.append(layer)
            channels.append(layer.channels)
        super().__init__(layers)

    @property
    def layers(self) -> list[Layer]:
        """All layers, in Darknet's order."""
        return [layer for layer in self if isinstance(layer, Layer)]

    @property
    def heads(self) -> list[Head]:
        """Its [yolo] and [region] layers, in the order of the maps."""
        return [layer for layer in self.layers if isinstance(layer, Head)]

    @near_names
    def forward(self, x: Any) -> Any:
        """Pictures (m, channels, h, w), values 0..1, to a list of maps (m, A (5 + classes), h, w).

        Height and width may differ from the cfg's where the strides divide them.
        """
        if x.ndim != 4 or x.shape[1] != self.input_shape[0]:
            raise ShapeError(
                f"expected pictures (m, {self.input_shape[0]}, height, width), got {x.shape}"
            )
        size = x.shape[2:]
        outputs, maps = {-1: x}, []
        for i, layer in enumerate(self.layers):
            inputs = [outputs[place] for place in layer.sources]
            if len({one.shape[2:] for one in inputs}) > 1:
                raise ShapeError(
                    f"pictures of {size[0]} x {size[1]} do not fit: layer {i} joins maps of "
                    f"{' and '.join(f'{h} x {w}' for h, w in (one.shape[2:] for one in inputs))}.\n"
                    f"Resize them to the cfg's {self.input_shape[1]} x {self.input_shape[2]}, or "
                    "pad to a multiple of 32"
                )
            x = layer(*inputs)
            outputs[i] = x
            if isinstance(layer, Head):
                maps.append(x)
        return maps or x

    @near_names
    def boxes(self, maps: Sequence[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """(boxes, scores) of all heads' maps, before non-max suppression.

        boxes: (m, n, 4) as x1, y1, x2, y2 in parts of the picture; scores (m, n, classes):
        objectness times class score.
        """
        decoded = [head.decode(one) for head, one in zip(self.heads, maps, strict=True)]
        boxes = np.concatenate([boxes for boxes, _, _ in decoded], axis=1)
        scores = np.concatenate([p[..., None] * c for _, p, c in decoded], axis=1)
        return boxes, scores


@near_names
def darknet(cfg: Cfg, weights: str | os.PathLike[str] | None = None) -> Darknet:
    """Return the network of a Darknet .cfg, with the weights of a .weights file.

    cfg: the path of the file, or the sections that `io.parse_darknet_cfg` found in one. Sections:
    convolutional (with groups), maxpool, avgpool, upsample, route, shortcut, reorg, dropout, yolo,
    region. DataError for others; FormatError where sections or weights do not fit together.

        model = models.darknet("yolo-fastest-1.1.cfg", weights="yolo-fastest-1.1.weights").eval()
        boxes, scores = model.boxes(model(x))         # x (m, 3, 320, 320), RGB from 0 to 1
    """
    sections = _sections(cfg)
    model = Darknet(sections)
    if weights is None:
        return model
    arrays = load_darknet(weights, sections)
    try:
        model.load_state_dict(arrays)
    except (DataError, ShapeError) as error:
        raise FormatError(f"{weights} does not fit the cfg: {error}") from None
    return model


def _sections(cfg: Cfg) -> list[Section]:
    if isinstance(cfg, (str, os.PathLike)):
        path = Path(cfg)
        if not path.is_file():
            raise DataError(f"cfg={str(path)!r} is not a file: give the path of a Darknet .cfg")
        try:
            return parse_darknet_cfg(path.read_text("utf-8", "replace"))
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from None
    return list(cfg)
