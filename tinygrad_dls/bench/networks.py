"""The networks of the cases, each written once for two libraries.

Our modules have PyTorch's names, arguments and defaults: `resnet20(lib)` is a PyTorch network if
`lib` is torch, and ours if it is tinygrad_dls.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any


def mlp(lib: Any, sizes: tuple[int, ...], activation: str) -> Any:
    """Linear layers with "relu" or "tanh" between them."""
    nn = lib.nn
    layers: list[Any] = []
    for n, m in pairwise(sizes):
        if layers:
            layers.append(nn.ReLU() if activation == "relu" else nn.Tanh())
        layers.append(nn.Linear(n, m))
    return nn.Sequential(*layers)


def signs_cnn(lib: Any) -> Any:
    """The CNN of Course 4, week 1: images (m, 3, 64, 64), 6 classes."""
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, padding="same"), nn.ReLU(), nn.MaxPool2d(8),
        nn.Conv2d(8, 16, 2, padding="same"), nn.ReLU(), nn.MaxPool2d(4),
        nn.Flatten(), nn.Linear(64, 6),
    )


def lenet5(lib: Any) -> Any:
    """LeNet-5 with ReLU and max pooling: images (m, 1, 28, 28), 10 classes."""
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )


def resnet20(lib: Any) -> Any:
    """ResNet-20 for 32 x 32 images (He et al. 2015, section 4.2), projections as shortcuts."""
    nn = lib.nn
    Module: Any = nn.Module

    class Block(Module):
        """relu(x + two convolutions of x)."""

        def __init__(self, before: int, channels: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            self.shortcut = nn.Identity() if stride == 1 and before == channels else nn.Sequential(
                nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

        def forward(self, x: Any) -> Any:
            y = self.bn1(self.conv1(x)).relu()
            return (self.bn2(self.conv2(y)) + self.shortcut(x)).relu()

    blocks = []
    before = 16
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        for i in range(3):
            blocks.append(Block(before, channels, stride if i == 0 else 1))
            before = channels
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )


def inverted_residual(lib: Any, channels: int = 32, expansion: int = 6) -> Any:
    """The block of MobileNetV2 (Sandler et al. 2018): expand, filter by channel, project, add."""
    nn, inside = lib.nn, channels * expansion
    Module: Any = nn.Module

    class InvertedResidual(Module):
        """x + block(x)."""

        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(
                nn.Conv2d(channels, inside, 1, bias=False), nn.BatchNorm2d(inside), nn.ReLU6(),
                nn.Conv2d(inside, inside, 3, 1, 1, groups=inside, bias=False),
                nn.BatchNorm2d(inside), nn.ReLU6(),
                nn.Conv2d(inside, channels, 1, bias=False), nn.BatchNorm2d(channels),
            )

        def forward(self, x: Any) -> Any:
            return x + self.block(x)

    return InvertedResidual()


def unet(lib: Any, width: int = 16, classes: int = 23) -> Any:
    """A small U-Net of three levels (Ronneberger et al. 2015; Course 4, week 3)."""
    nn = lib.nn
    Module: Any = nn.Module

    def double(before: int, after: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1), nn.ReLU(),
        )

    class UNet(Module):
        """Down to an eighth of the size, and up again beside what was seen on the way."""

        def __init__(self) -> None:
            super().__init__()
            w = width
            self.down1, self.down2 = double(3, w), double(w, 2 * w)
            self.down3 = double(2 * w, 4 * w)
            self.pool, self.middle = nn.MaxPool2d(2), double(4 * w, 8 * w)
            self.up3, self.join3 = nn.ConvTranspose2d(8 * w, 4 * w, 2, 2), double(8 * w, 4 * w)
            self.up2, self.join2 = nn.ConvTranspose2d(4 * w, 2 * w, 2, 2), double(4 * w, 2 * w)
            self.up1, self.join1 = nn.ConvTranspose2d(2 * w, w, 2, 2), double(2 * w, w)
            self.out = nn.Conv2d(w, classes, 1)

        def forward(self, x: Any) -> Any:
            a = self.down1(x)
            b = self.down2(self.pool(a))
            c = self.down3(self.pool(b))
            y = self.middle(self.pool(c))
            y = self.join3(lib.cat([self.up3(y), c], 1))
            y = self.join2(lib.cat([self.up2(y), b], 1))
            return self.out(self.join1(lib.cat([self.up1(y), a], 1)))

    return UNet()


def letters(lib: Any, kind: str, bidirectional: bool = False, hidden: int = 128) -> Any:
    """Letters (m, T, 27) to the next letter's logits (m, 27, T): "LSTM" or "GRU"."""
    nn = lib.nn
    Module: Any = nn.Module

    class Letters(Module):
        """A recurrent layer and a linear one."""

        def __init__(self) -> None:
            super().__init__()
            self.rnn = getattr(nn, kind)(
                27, hidden, batch_first=True, bidirectional=bidirectional
            )
            self.out = nn.Linear(hidden * (2 if bidirectional else 1), 27)

        def forward(self, x: Any) -> Any:
            return self.out(self.rnn(x)[0]).swapaxes(1, 2)

    return Letters()


def encoder_block(lib: Any) -> Any:
    """One encoder layer of a Transformer: d 128, 4 heads, 512 inside (Vaswani et al. 2017)."""
    return lib.nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)


def word_average(lib: Any, words: int = 10_000, size: int = 50, classes: int = 5) -> Any:
    """Emojify (Course 5, week 2): the mean of word vectors, then softmax regression."""
    nn = lib.nn
    Module: Any = nn.Module

    class WordAverage(Module):
        """Word numbers (m, T) to logits (m, classes)."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.out = nn.Embedding(words, size), nn.Linear(size, classes)

        def forward(self, x: Any) -> Any:
            return self.out(self.embedding(x).mean(1))

    return WordAverage()
