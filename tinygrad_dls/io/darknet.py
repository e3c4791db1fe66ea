"""Weights of Darknet (YOLO): a .weights file is one row of floats, a .cfg says what they are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, FormatError
from .reading import Array, Arrays, as_path, check_regular, reading, short, size_of

PLAIN = {"maxpool", "upsample", "dropout", "cost", "yolo", "region", "detection", "softmax",
         "avgpool", "shortcut", "sam", "activation", "logistic", "l2norm", "contrastive",
         "scale_channels", "gaussian_yolo"}  # without weights, as many channels out as in
MOST_TEXT = 2**22  # bytes of a .cfg
MOST = 2**31  # of any number in one


class Section(NamedTuple):
    """[kind] of a .cfg file, and its options as texts."""

    kind: str
    options: dict[str, str]

    def number(self, name: str, usual: int) -> int:
        """An option that is a whole number; FormatError if it is none."""
        text = self.options.get(name, str(usual))
        try:
            value = int(text)
        except ValueError as error:
            raise FormatError(
                f"[{self.kind}] {name}={short(text)} is not a whole number") from error
        if not 0 <= value < MOST:
            raise FormatError(f"[{self.kind}] {name}={short(text)} cannot be")
        return value


class _Size(NamedTuple):
    channels: int
    height: int
    width: int

    @property
    def all(self) -> int:
        return self.channels * self.height * self.width


@near_names
def parse_darknet_cfg(text: str) -> list[Section]:
    r"""Parse the text of a .cfg file into sections, [net] first.

    FormatError for lines that do not belong there.

    >>> from tinygrad_dls import io
    >>> net, conv = io.parse_darknet_cfg("[net]\nchannels=1\n[convolutional]\nfilters=2\nsize=1")
    >>> conv
    Section(kind='convolutional', options={'filters': '2', 'size': '1'})
    """
    sections: list[Section] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        line = raw.split("#")[0].split(";")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            sections.append(Section(line[1:-1].strip().lower(), {}))
        elif line:
            name, equals, value = line.partition("=")
            if not equals or not sections:
                raise FormatError(f"line {number} of the cfg is neither [section] nor name=value: "
                                  f"{short(raw.strip())}")
            sections[-1].options[name.strip()] = value.strip()
    if not sections or sections[0].kind not in ("net", "network"):
        raise FormatError("a cfg begins with [net]")
    return sections


@near_names
def load_darknet(
    path: str | os.PathLike[str], layers: str | os.PathLike[str] | Sequence[Section]
) -> Arrays:
    r"""Read the weights of a Darknet .weights file, whose layers a .cfg file describes.

    `layers`: the path of the .cfg, or what `parse_darknet_cfg` made of one (of a backbone's weights
    only its first sections). Layers are counted from 0 as Darknet counts them: "3.conv.weight"
    (out, in / groups, k, k), and "3.conv.bias", or, with batch norm, "3.bn.weight", "3.bn.bias",
    "3.bn.running_mean", "3.bn.running_var"; "5.weight" and "5.bias" of a connected layer.
    `metadata`: "version", "seen" (images) and "layers" (the sections). FormatError where file and
    cfg do not fit; DataError for layers that are not known.

    >>> from pathlib import Path
    >>> import numpy as np
    >>> from tinygrad_dls import io
    >>> layers = io.parse_darknet_cfg("[net]\nchannels=1\n[convolutional]\nfilters=2\nsize=1")
    >>> header = np.array([0, 2, 0, 0, 0], "<i4")  # version 0.2.0, images seen
    >>> _ = Path("tiny.weights").write_bytes(header.tobytes() + np.ones(4, "<f4").tobytes())
    >>> weights = io.load_darknet("tiny.weights", layers)
    >>> {name: array.shape for name, array in weights.items()}
    {'0.conv.weight': (2, 1, 1, 1), '0.conv.bias': (2,)}
    """
    path = as_path(path)
    sections = _sections(layers)
    with reading(path), check_regular(path).open("rb") as file:
        version, seen, start = _header(file.read(20))
        count, odd = divmod(size_of(file) - start, 4)
        if odd:
            raise FormatError(f"it is cut off: {odd} bytes at its end are not a whole float")
        file.seek(start)
        floats = np.fromfile(file, "<f4", count).astype(np.float32, copy=False)
    transposed = version[0] > 1000 or version[1] > 1000
    with reading(path):
        arrays = _cut(floats, sections, transposed)
    arrays.metadata = {"version": version, "seen": seen, "layers": sections}
    return arrays


def _sections(layers: Any) -> list[Section]:
    if isinstance(layers, (str, os.PathLike)):
        path = Path(layers)
        with reading(path):
            with check_regular(path).open("rb") as file:
                text = file.read(MOST_TEXT + 1)
            if len(text) > MOST_TEXT or b"\0" in text:
                raise FormatError("it is not a cfg file of Darknet")
            return parse_darknet_cfg(text.decode("utf-8", "replace"))
    found = list(layers)
    if not found or not all(isinstance(s, Section) for s in found):
        raise DataError("layers are the path of a .cfg file, or what parse_darknet_cfg gives")
    return found


def _header(first: bytes) -> tuple[tuple[int, int, int], int, int]:
    """(version, images seen in training, where the floats begin)."""
    if len(first) < 16:
        raise FormatError(f"it has {len(first)} bytes, less than a header")
    major, minor, revision = (int(n) for n in np.frombuffer(first, "<i4", 3))
    wide = major * 10 + minor >= 2 and major < 1000 and minor < 1000
    if min(major, minor, revision) < 0 or (wide and len(first) < 20):
        raise FormatError("its header is none of Darknet's")
    seen = int.from_bytes(first[12 : 20 if wide else 16], "little")
    return (major, minor, revision), seen, 20 if wide else 16


class _Floats:
    """The floats of a file, taken from the front."""

    def __init__(self, floats: Array) -> None:
        self.floats, self.place = floats, 0

    def take(self, what: str, *shape: int) -> Array:
        count = 1
        for n in shape:
            count *= n
        if count > self.floats.size - self.place:
            raise FormatError(f"it is too short: {what} takes {count} floats, "
                              f"{self.floats.size - self.place} are left. Is it of this cfg?")
        part = self.floats[self.place : self.place + count]
        self.place += count
        return part.reshape(shape)


def _cut(floats: Array, sections: list[Section], transposed: bool) -> Arrays:
    """The arrays of all layers, in the order of the file."""
    source, arrays = _Floats(floats), Arrays()
    net = sections[0]
    size = _Size(net.number("channels", 3), net.number("height", 416), net.number("width", 416))
    sizes: list[_Size] = []
    for i, section in enumerate(sections[1:]):
        size, made = _layer(i, section, size, sizes, source, transposed)
        sizes.append(size)
        arrays.update(made)
    if source.place < floats.size:
        raise FormatError(f"{floats.size - source.place} floats at its end belong to no layer of "
                          "the cfg")
    return arrays


def _layer(
    i: int, s: Section, size: _Size, sizes: list[_Size], source: _Floats, transposed: bool
) -> tuple[_Size, dict[str, Array]]:
    """(the size of its output, its arrays) of layer number i."""
    if s.kind in ("convolutional", "conv", "deconvolutional"):
        return _convolution(i, s, size, source)
    if s.kind in ("connected", "conn"):
        outputs = s.number("output", 1)
        bias = source.take(f"layer {i}, {s.kind},", outputs)
        shape = (size.all, outputs) if transposed else (outputs, size.all)
        weight = source.take(f"layer {i}, {s.kind},", *shape)
        made = {f"{i}.weight": weight.T if transposed else weight, f"{i}.bias": bias}
        if s.number("batch_normalize", 0):
            made.pop(f"{i}.bias")
            made |= _batch_norm(i, s, bias, source, outputs)
        return _Size(outputs, 1, 1), made
    if s.kind in ("route", "shortcut"):
        return _joined(i, s, size, sizes), {}
    if s.kind in ("maxpool", "max", "upsample", "reorg", "reorg3d", "avgpool", "avg"):
        return _resized(s, size), {}
    if s.kind in PLAIN:
        return size, {}
    raise DataError(f"layer {i} of the cfg is [{s.kind}], whose weights are not known here")


def _convolution(
    i: int, s: Section, size: _Size, source: _Floats
) -> tuple[_Size, dict[str, Array]]:
    what = f"layer {i}, {s.kind},"
    filters, window = s.number("filters", 1), s.number("size", 1)
    groups, stride = s.number("groups", 1), s.number("stride", 1)
    if not groups or size.channels % groups or filters % groups or not window or not stride:
        raise FormatError(f"{what} cannot have groups={groups}, size={window}, stride={stride} on "
                          f"{size.channels} channels")
    padding = window // 2 if s.number("pad", 0) else s.number("padding", 0)
    bias = source.take(what, filters)
    normed = s.number("batch_normalize", 0)
    made = _batch_norm(i, s, bias, source, filters) if normed else {f"{i}.conv.bias": bias}
    inputs = size.channels // groups
    if s.kind == "deconvolutional":
        raise DataError(f"{what} is not known here: [convolutional] with [upsample] is")
    weight = source.take(what, filters, inputs, window, window)
    height, width = ((n + 2 * padding - window) // stride + 1 for n in size[1:])
    return _Size(filters, height, width), {f"{i}.conv.weight": weight, **made}


def _batch_norm(
    i: int, s: Section, bias: Array, source: _Floats, count: int
) -> dict[str, Array]:
    parts = {name: source.take(f"layer {i}, {s.kind},", count)
             for name in ("weight", "running_mean", "running_var")}
    return {f"{i}.bn.weight": parts.pop("weight"), f"{i}.bn.bias": bias,
            **{f"{i}.bn.{name}": part for name, part in parts.items()},
            f"{i}.bn.num_batches_tracked": np.array(0)}


def _joined(i: int, s: Section, size: _Size, sizes: list[_Size]) -> _Size:
    """Return the shape that results when earlier layers are joined."""
    places = list(_places(i, s, "layers" if s.kind == "route" else "from"))
    if s.kind == "shortcut":
        return size
    groups = max(1, s.number("groups", 1))
    return _Size(sum(sizes[p].channels // groups for p in places), *sizes[places[0]][1:])


def _places(i: int, s: Section, name: str) -> Iterator[int]:
    for text in s.options.get(name, "").split(","):
        try:
            place = int(text)
        except ValueError as error:
            raise FormatError(
                f"layer {i}, [{s.kind}], {name}={short(text)} is not a layer") from error
        place = place + i if place < 0 else place
        if not 0 <= place < i:
            raise FormatError(f"layer {i}, [{s.kind}], takes from layer {place}, which does not "
                              "come before it")
        yield place


def _resized(s: Section, size: _Size) -> _Size:
    channels, height, width = size
    stride = s.number("stride", 2 if s.kind == "upsample" else 1) or 1
    if s.kind in ("avgpool", "avg"):
        return _Size(channels, 1, 1)
    if s.kind == "upsample":
        return _Size(channels, height * stride, width * stride)
    if s.kind.startswith("reorg"):
        return _Size(channels * stride * stride, height // stride, width // stride)
    window = s.number("size", stride)
    padding = s.number("padding", max(0, window - 1))
    return _Size(channels, *((n + padding - window) // stride + 1 for n in (height, width)))
