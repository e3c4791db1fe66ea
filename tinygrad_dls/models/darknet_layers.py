"""The layers of a Darknet .cfg: each is made from its section, and knows which layers it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError, FormatError
from ..io.darknet import Section
from ..nn import BatchNorm2d, Conv2d, Dropout, Module
from ..nn import functional as F
from ..tensors.functions import concatenate

EPS = 1e-5  # added to the variance; of Darknet's branches, YOLO-Fastest's has this
MOMENTUM = 0.01

ACTIVATIONS: dict[str, Any] = {
    "linear": lambda x: x,
    "leaky": lambda x: F.leaky_relu(x, 0.1),
    "relu": F.relu,
    "relu6": F.relu6,
    "logistic": F.sigmoid,
    "tanh": F.tanh,
    "mish": F.mish,
    "swish": F.silu,
    "elu": F.elu,
    "selu": F.selu,
}


class Layer(Module):
    """A layer of Darknet.

    sources: the numbers of the layers it reads, -1 for the picture; channels: of its output.
    """

    sources: tuple[int, ...]
    channels: int


class Convolutional(Layer):
    """[convolutional]: convolution, batch norm where asked for (then without a bias), activation.

    pad=1 means half the window, rounded down, on each side.
    """

    def __init__(self, i: int, s: Section, channels: list[int]) -> None:
        self.sources, self.channels = (i - 1,), s.number("filters", 1)
        size, groups, before = s.number("size", 1), s.number("groups", 1), channels[-1]
        if not groups or before % groups or self.channels % groups:
            raise FormatError(
                f"layer {i}, [convolutional]: {before} channels in and {self.channels} out do not "
                f"split into groups={groups}"
            )
        normed = bool(s.number("batch_normalize", 0))
        padding = size // 2 if s.number("pad", 0) else s.number("padding", 0)
        self.conv = Conv2d(
            before, self.channels, size, s.number("stride", 1), padding,
            dilation=s.number("dilation", 1), groups=groups, bias=not normed,
        )
        self.bn = BatchNorm2d(self.channels, EPS, MOMENTUM) if normed else None
        self.activation = activation(i, s, "logistic")

    def forward(self, x: Any) -> Any:
        """(m, c, h, w) to (m, filters, h', w')."""
        x = self.conv(x)
        return ACTIVATIONS[self.activation](x if self.bn is None else self.bn(x))


class MaxPool(Layer):
    """[maxpool]: a window of `size`, with size - 1 rows of padding in all, the smaller half first.

    So stride 1 keeps the size, and stride 2 halves it.
    """

    def __init__(self, i: int, s: Section, channels: list[int]) -> None:
        self.sources, self.channels = (i - 1,), channels[-1]
        self.stride = s.number("stride", 1) or 1
        self.size = s.number("size", self.stride) or 1
        self.padding = s.number("padding", self.size - 1)

    def forward(self, x: Any) -> Any:
        """(m, c, h, w) to (m, c, ceil(h / stride), ceil(w / stride))."""
        first = self.padding // 2
        if self.padding % 2 == 0 and 2 * first <= self.size:
            return F.max_pool2d(x, self.size, self.stride, first)
        last = self.padding - first
        return F.max_pool2d(
            F.pad(x, (first, last, first, last), value=-np.inf), self.size, self.stride
        )


class Upsample(Layer):
    """[upsample]: each pixel becomes stride x stride equal ones."""

    def __init__(self, i: int, s: Section, channels: list[int]) -> None:
        self.sources, self.channels = (i - 1,), channels[-1]
        self.stride = s.number("stride", 2)

    def forward(self, x: Any) -> Any:
        """(m, c, h, w) to (m, c, stride h, stride w)."""
        return F.interpolate(x, scale_factor=self.stride, mode="nearest")


class Route(Layer):
    """[route]: earlier outputs joined along the channels; with groups, one part of each."""

    def __init__(self, i: int, s: Section, channels: list[int]) -> None:
        self.sources = places(i, s, "layers")
        self.groups, self.group = max(1, s.number("groups", 1)), s.number("group_id", 0)
        if self.group >= self.groups:
            raise FormatError(f"layer {i}, [route]: group_id={self.group} of {self.groups} groups")
        self.channels = sum(channels[p + 1] // self.groups for p in self.sources)

    def forward(self, *xs: Any) -> Any:
        """Maps of one size, (m, c1, h, w), (m, c2, h, w) ... to (m, c1 + c2 ..., h, w)."""
        if self.groups > 1:
            parts = [x.shape[1] // self.groups for x in xs]
            xs = tuple(x[:, self.group * n : (self.group + 1) * n] for x, n in zip(xs, parts))
        return xs[0] if len(xs) == 1 else concatenate(list(xs), axis=1)


class Shortcut(Layer):
    """[shortcut]: the sum of the layer before and an earlier one of the same shape."""

    def __init__(self, i: int, s: Section, channels: list[int]) -> None:
        self.sources, self.channels = (i - 1, *places(i, s, "from")), channels[-1]
        self.activation = activation(i, s, "linear")
        for place in self.sources:
            if channels[place + 1] != self.channels:
                raise FormatError(
                    f"layer {i}, [shortcut]: layer {place} has {channels[place + 1]} channels, the "
                    f"layer before it {self.channels}: a sum needs as many"
                )

    def forward(self, *xs: Any) -> Any:
        """The sum of maps (m, c, h, w)."""
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return ACTIVATIONS[self.activation](total)


class Reorg(Layer):
    """[reorg] of YOLOv2: stride x stride neighbours become channels.

    Darknet reads the map as if it had c / stride^2 channels of stride times the size, and its
    trained weights count on that: for c = 4, stride = 2 the result is not PixelUnshuffle's.
    """

    def __init__(self, i: int, s: Section, channels: list[int]) -> None:
        self.sources, self.stride = (i - 1,), s.number("stride", 1) or 1
        if channels[-1] % self.stride**2 or s.number("reverse", 0):
            raise FormatError(
                f"layer {i}, [reorg]: only the form without reverse is known, on a multiple of "
                f"{self.stride**2} channels, not on {channels[-1]}"
            )
        self.channels = channels[-1] * self.stride**2

    def forward(self, x: Any) -> Any:
        """(m, c, h, w) to (m, stride^2 c, h / stride, w / stride)."""
        m, c, h, w = x.shape
        s = self.stride
        x = x.reshape(m, c // (s * s), h, s, w, s).transpose(0, 3, 5, 1, 2, 4)
        return x.reshape(m, c * s * s, h // s, w // s)


class Keep(Layer):
    """[dropout] and the like: as many channels out as in."""

    def __init__(self, i: int, s: Section, channels: list[int]) -> None:
        self.sources, self.channels = (i - 1,), channels[-1]
        rate = float(s.options.get("probability", "0.5"))
        self.layer = Dropout(rate)

    def forward(self, x: Any) -> Any:
        """(m, c, h, w) to the same."""
        return self.layer(x)


class Average(Layer):
    """[avgpool]: the mean of each channel."""

    def __init__(self, i: int, s: Section, channels: list[int]) -> None:
        self.sources, self.channels = (i - 1,), channels[-1]

    def forward(self, x: Any) -> Any:
        """(m, c, h, w) to (m, c, 1, 1)."""
        return x.mean(axis=(2, 3), keepdims=True)


def activation(i: int, s: Section, usual: str) -> str:
    """The name of the activation of a section; DataError for one that is not known."""
    name = s.options.get("activation", usual)
    if name not in ACTIVATIONS:
        raise DataError(
            f"layer {i}, [{s.kind}]: activation={name} is not known here; known are "
            f"{', '.join(sorted(ACTIVATIONS))}"
        )
    return name


def places(i: int, s: Section, name: str) -> tuple[int, ...]:
    """The layers that an option names, counted from 0; negative ones count back from layer i."""
    found = []
    for text in s.options.get(name, "").split(","):
        try:
            place = int(text)
        except ValueError:
            raise FormatError(
                f"layer {i}, [{s.kind}]: {name}={text.strip()} is not a layer") from None
        place = place + i if place < 0 else place
        if not 0 <= place < i:
            raise FormatError(
                f"layer {i}, [{s.kind}]: {name} names layer {place}, which is not before it"
            )
        found.append(place)
    return tuple(found)


def numbers(i: int, s: Section, name: str) -> list[float]:
    """The numbers of a list such as anchors; FormatError if they are none."""
    try:
        return [float(text) for text in s.options.get(name, "").split(",") if text.strip()]
    except ValueError:
        raise FormatError(f"layer {i}, [{s.kind}]: {name} is not a list of numbers") from None


def pairs(values: Sequence[float]) -> np.ndarray[Any, Any]:
    """Numbers (2 n,) as width and height (n, 2)."""
    return np.array(values, np.float32).reshape(-1, 2)
