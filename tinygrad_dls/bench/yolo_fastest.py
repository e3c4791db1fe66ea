"""The sections of YOLO-Fastest 1.1's .cfg, from a table: what Darknet's file says at length."""

from __future__ import annotations

from ..io.darknet import Section

# Inverted residuals: channels inside, channels out, stride, whether the input is added.
BLOCKS = (
    (8, 4, 1, False), (8, 4, 1, True), (24, 8, 2, False), *[(32, 8, 1, True)] * 2,
    (32, 8, 2, False), *[(48, 8, 1, True)] * 2, (48, 16, 1, False), *[(96, 16, 1, True)] * 4,
    (96, 24, 2, False), *[(136, 24, 1, True)] * 4, (136, 48, 2, False), *[(224, 48, 1, True)] * 5,
)
FINE = 80  # the layer whose map of stride 16 the second head reads
ANCHORS = "12,18, 37,49, 52,132, 115,73, 119,199, 242,238"


def sections(size: int = 320, classes: int = 80) -> list[Section]:
    """[net] and its 131 layers, for pictures of `size` x `size`."""
    found = [Section("net", {"channels": "3", "height": str(size), "width": str(size)}),
             _conv(8, 3, 2)]
    for inside, out, stride, adds in BLOCKS:
        found += [_conv(inside), _conv(inside, 3, stride, inside), _conv(out, leaky=False)]
        if adds:
            found += [Section("dropout", {"probability": ".2"}), _route("shortcut", "from", "-5")]
    for window, back in ((3, "-2"), (5, "-4"), (9, "-1,-3,-5,-6")):  # pools of one map, joined
        found += [Section("maxpool", {"stride": "1", "size": str(window)}),
                  _route("route", "layers", back)]
    found += [_conv(96), *_head(96, "3,4,5", classes), _route("route", "layers", "-7"),
              Section("upsample", {"stride": "2"}), _route("route", "layers", f"-1,{FINE}")]
    return [*found, *_head(120, "0,1,2", classes)]


def _head(channels: int, mask: str, classes: int) -> list[Section]:
    """Two depthwise-separable convolutions, and the numbers of three anchors a cell."""
    pair = [_conv(channels, 5, 1, channels), _conv(channels, leaky=False)]
    last = _conv(3 * (5 + classes), leaky=False, normed=False)
    yolo = {"mask": mask, "anchors": ANCHORS, "classes": str(classes), "num": "6"}
    return [*pair, *pair, last, Section("yolo", yolo)]


def _conv(
    filters: int, size: int = 1, stride: int = 1, groups: int = 1, leaky: bool = True,
    normed: bool = True,
) -> Section:
    numbers = {"filters": filters, "size": size, "stride": stride, "groups": groups, "pad": 1,
               "batch_normalize": int(normed)}
    options = {name: str(value) for name, value in numbers.items()}
    return Section("convolutional", options | {"activation": "leaky" if leaky else "linear"})


def _route(kind: str, name: str, layers: str) -> Section:
    return Section(kind, {name: layers, "activation": "linear"})
