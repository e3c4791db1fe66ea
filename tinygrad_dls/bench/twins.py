"""PyTorch's side of cases whose own side is a network of `tinygrad_dls.models`.

Each is written as PyTorch's users write it, with the names of our `state_dict`, so that both sides
start at the same weights. `lib` is the torch module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..io.darknet import Section

SETTING = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
           (6, 160, 3, 2), (6, 320, 1, 1))  # of MobileNetV2: expansion, channels, blocks, stride


def resnet50(lib: Any, classes: int) -> Any:
    """ResNet-50, torchvision's "v1.5"."""
    nn = lib.nn
    Module: Any = nn.Module

    class Bottleneck(Module):
        """relu(x + three convolutions of x)."""

        def __init__(self, before: int, planes: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, planes, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(4 * planes)
            self.downsample = None if before == 4 * planes else nn.Sequential(
                nn.Conv2d(before, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))

        def forward(self, x: Any) -> Any:
            y = self.bn1(self.conv1(x)).relu()
            y = self.bn2(self.conv2(y)).relu()
            y = self.bn3(self.conv3(y))
            return (y + (x if self.downsample is None else self.downsample(x))).relu()

    class ResNet(Module):
        """A 7x7 convolution, four stages, average, linear."""

        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            before = 64
            for i, (planes, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
                blocks = []
                for j in range(count):
                    blocks.append(Bottleneck(before, planes, 2 if i and not j else 1))
                    before = 4 * planes
                setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            self.fc = nn.Linear(before, classes)

        def forward(self, x: Any) -> Any:
            x = self.maxpool(self.bn1(self.conv1(x)).relu())
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean((2, 3)))

    return ResNet()


def mobilenet_v2(lib: Any, classes: int) -> Any:
    """MobileNetV2, torchvision's, without dropout."""
    nn = lib.nn
    Module: Any = nn.Module

    def conv_norm(before: int, after: int, size: int, stride: int = 1, groups: int = 1) -> Any:
        conv = nn.Conv2d(before, after, size, stride, size // 2, groups=groups, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU6())

    class InvertedResidual(Module):
        """Expand, filter by channel, project, and add x where shapes allow it."""

        def __init__(self, before: int, after: int, stride: int, expand: int) -> None:
            super().__init__()
            inside = before * expand
            self.adds = stride == 1 and before == after
            self.conv = nn.Sequential(
                *([conv_norm(before, inside, 1)] if expand != 1 else []),
                conv_norm(inside, inside, 3, stride, inside),
                nn.Conv2d(inside, after, 1, bias=False), nn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            return x + self.conv(x) if self.adds else self.conv(x)

    class MobileNetV2(Module):
        """Features, average, linear."""

        def __init__(self) -> None:
            super().__init__()
            layers, before = [conv_norm(3, 32, 3, 2)], 32
            for expand, after, count, stride in SETTING:
                for i in range(count):
                    layers.append(InvertedResidual(before, after, 1 if i else stride, expand))
                    before = after
            self.features = nn.Sequential(*layers, conv_norm(before, 1280, 1))
            self.classifier = nn.Sequential(nn.Identity(), nn.Linear(1280, classes))

        def forward(self, x: Any) -> Any:
            return self.classifier(self.features(x).mean((2, 3)))

    return MobileNetV2()


def unet(lib: Any, classes: int, width: int = 32) -> Any:
    """The course's U-Net, without dropout."""
    nn = lib.nn
    Module: Any = nn.Module

    def double(before: int, after: int) -> Any:
        return nn.Sequential(nn.Conv2d(before, after, 3, 1, 1), nn.ReLU(),
                             nn.Conv2d(after, after, 3, 1, 1), nn.ReLU())

    class Up(Module):
        """Twice the size, beside what was seen on the way down."""

        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.up = nn.ConvTranspose2d(before, after, 3, 2, 1, 1)
            self.conv = double(2 * after, after)

        def forward(self, x: Any, skip: Any) -> Any:
            return self.conv(lib.cat([self.up(x), skip], 1))

    class UNet(Module):
        """Four steps down, four up."""

        def __init__(self) -> None:
            super().__init__()
            w = width
            self.down1, self.down2 = double(3, w), double(w, 2 * w)
            self.down3, self.down4 = double(2 * w, 4 * w), double(4 * w, 8 * w)
            self.middle, self.pool = double(8 * w, 16 * w), nn.MaxPool2d(2)
            self.up4, self.up3 = Up(16 * w, 8 * w), Up(8 * w, 4 * w)
            self.up2, self.up1 = Up(4 * w, 2 * w), Up(2 * w, w)
            self.last = nn.Sequential(nn.Conv2d(w, w, 3, 1, 1), nn.ReLU())
            self.out = nn.Conv2d(w, classes, 1)

        def forward(self, x: Any) -> Any:
            a = self.down1(x)
            b = self.down2(self.pool(a))
            c = self.down3(self.pool(b))
            d = self.down4(self.pool(c))
            y = self.middle(self.pool(d))
            y = self.up1(self.up2(self.up3(self.up4(y, d), c), b), a)
            return self.out(self.last(y))

    return UNet()


def darknet(lib: Any, sections: Sequence[Section]) -> Any:
    """The network of a .cfg of [convolutional], [maxpool], [route], [shortcut], [upsample]."""
    nn = lib.nn
    Module: Any = nn.Module

    class Convolutional(Module):
        """Convolution, batch norm, leaky ReLU, as far as the section has them."""

        def __init__(self, s: Section, before: int) -> None:
            super().__init__()
            size, self.channels = s.number("size", 1), s.number("filters", 1)
            normed = bool(s.number("batch_normalize", 0))
            self.conv = nn.Conv2d(
                before, self.channels, size, s.number("stride", 1), size // 2,
                groups=s.number("groups", 1), bias=not normed)
            self.bn = nn.BatchNorm2d(self.channels, 1e-6, 0.01) if normed else nn.Identity()
            leaky = s.options["activation"] == "leaky"
            self.activation = nn.LeakyReLU(0.1) if leaky else nn.Identity()

        def forward(self, x: Any) -> Any:
            return self.activation(self.bn(self.conv(x)))

    class Darknet(nn.ModuleList):  # type: ignore[name-defined]
        """The sections in order; the maps of its heads."""

        def __init__(self) -> None:
            self.sources: list[tuple[int, ...]] = []
            channels, layers = [3], []
            for i, s in enumerate(sections[1:]):
                wanted = s.options.get("layers", s.options.get("from", ""))
                places = [int(p) if int(p) >= 0 else i + int(p) for p in wanted.split(",") if p]
                if s.kind == "convolutional":
                    layer: Any = Convolutional(s, channels[-1])
                    after = layer.channels
                else:
                    layer = nn.Identity()
                    if s.kind == "maxpool":
                        size = s.number("size", 1)
                        layer = nn.MaxPool2d(size, s.number("stride", 1), size // 2)
                    elif s.kind == "upsample":
                        layer = nn.Upsample(scale_factor=2, mode="nearest")
                    after = channels[-1]
                    if s.kind == "route":
                        after = sum(channels[p + 1] for p in places)
                if s.kind != "route":
                    places.insert(0, i - 1)
                self.sources.append(tuple(places))
                layers.append(layer)
                channels.append(after)
            super().__init__(layers)

        def forward(self, x: Any) -> Any:
            outputs, maps = {-1: x}, []
            for i, (s, layer) in enumerate(zip(sections[1:], self)):
                given = [outputs[p] for p in self.sources[i]]
                if s.kind == "route":
                    x = given[0] if len(given) == 1 else lib.cat(given, 1)
                elif s.kind == "shortcut":
                    x = given[0] + given[1]
                else:
                    x = layer(given[0])
                outputs[i] = x
                if s.kind == "yolo":
                    maps.append(x)
            return maps

    return Darknet()


def char_rnn(lib: Any, words: int, hidden: int) -> Any:
    """A recurrent language model over one-hot letters."""
    nn = lib.nn
    Module: Any = nn.Module

    class CharRNN(Module):
        """Letters (m, t) to logits (m, t, words)."""

        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.RNN(words, hidden, batch_first=True)
            self.output = nn.Linear(hidden, words)

        def forward(self, x: Any) -> Any:
            return self.output(self.recurrent(nn.functional.one_hot(x, words).float())[0])

    return CharRNN()


def date_network(lib: Any) -> Any:
    """The course's network for dates: attention between two LSTMs."""
    nn = lib.nn
    Module: Any = nn.Module

    class DateNetwork(Module):
        """Dates (m, 30) to logits (m, 10, 11)."""

        def __init__(self) -> None:
            super().__init__()
            self.pre = nn.LSTM(37, 32, batch_first=True, bidirectional=True)
            self.attend1, self.attend2 = nn.Linear(128, 10), nn.Linear(10, 1)
            self.post = nn.LSTM(64, 64, batch_first=True)
            self.output = nn.Linear(64, 11)

        def forward(self, x: Any) -> Any:
            a, _ = self.pre(nn.functional.one_hot(x, 37).float())
            of_a, of_s = self.attend1.weight.split(64, 1)  # as in ours: W_a a + b only once
            prepared = nn.functional.linear(a, of_a, self.attend1.bias)
            s = c = a.new_zeros(1, len(a), 64)
            logits = []
            for _ in range(10):
                e = (prepared + nn.functional.linear(s[0], of_s)[:, None]).tanh()
                alphas = self.attend2(e).relu().softmax(1)  # (m, 30, 1)
                context = alphas.transpose(1, 2) @ a  # (m, 1, 64)
                _, (s, c) = self.post(context, (s, c))
                logits.append(self.output(s[0]))
            return lib.stack(logits, 1)

    return DateNetwork()


def gpt(lib: Any, words: int, context: int, width: int, heads: int, layers: int) -> Any:
    """A GPT with pre-norm blocks, tied output weights and a cache of keys and values."""
    nn = lib.nn
    Module: Any = nn.Module
    F = nn.functional

    class Attention(Module):
        """Each token attends to itself and those before it."""

        def __init__(self) -> None:
            super().__init__()
            self.project, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x: Any, cache: Any = None) -> Any:
            m, t, _ = x.shape
            q, k, v = self.project(x).view(m, t, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            if cache is not None:
                k, v = lib.cat([cache[0], k], 2), lib.cat([cache[1], v], 2)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
            return self.output(y.transpose(1, 2).reshape(m, t, width)), (k, v)

    class Block(Module):
        """x + attention(norm(x)), then x + feed_forward(norm(x))."""

        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.attention = nn.LayerNorm(width), Attention()
            self.norm2 = nn.LayerNorm(width)
            self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any, cache: Any = None) -> Any:
            y, cache = self.attention(self.norm1(x), cache)
            x = x + y
            y = self.contract(F.gelu(self.expand(self.norm2(x)), approximate="tanh"))
            return x + y, cache

    class GPT(Module):
        """Tokens (m, t) to logits (m, t, words); `generate` writes on."""

        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(words, width)
            self.positions = nn.Parameter(lib.zeros(context, width))
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.norm = nn.LayerNorm(width)

        def read(self, x: Any, caches: Any = None) -> Any:
            read = 0 if caches is None else caches[0][0].shape[2]
            x = self.tokens(x) + self.positions[read : read + x.shape[1]]
            kept = []
            for i, block in enumerate(self.blocks):
                x, cache = block(x, None if caches is None else caches[i])
                kept.append(cache)
            return F.linear(self.norm(x), self.tokens.weight), kept

        def forward(self, x: Any) -> Any:
            return self.read(x)[0]

        def generate(self, prompt: Any, length: int) -> list[list[int]]:
            """The likeliest tokens that follow the prompts (m, t), `length` for each."""
            logits, caches = self.read(prompt)
            written = [logits[:, -1].argmax(-1)]
            for _ in range(length - 1):
                logits, caches = self.read(written[-1][:, None], caches)
                written.append(logits[:, -1].argmax(-1))
            found: list[list[int]] = lib.stack(written, 1).tolist()
            return found

    return GPT()
