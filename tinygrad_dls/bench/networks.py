"""The networks of the cases, each written once for two libraries.

Our modules have PyTorch's names, arguments and defaults: `resnet20(lib)` is a PyTorch network if
`lib` is torch, and ours if it is tinygrad_dls. Those of `tinygrad_dls.models` are taken from there,
and their PyTorch sides are in `twins`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from . import twins, yolo_fastest

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512)  # to conv5_1; 0: a pool


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


def trigger_word(lib: Any) -> Any:
    """The course's trigger-word network, without dropout: (m, 101, T) to logits (m, (T - 11) / 4).

    Course 5, week 3: a convolution of stride 4, then two GRUs.
    """
    nn = lib.nn
    Module: Any = nn.Module

    class TriggerWord(Module):
        """Bands x frames of a spectrogram to a logit for each moment."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv1d(101, 196, 15, 4), nn.BatchNorm1d(196)
            self.gru1, self.norm1 = nn.GRU(196, 128, batch_first=True), nn.BatchNorm1d(128)
            self.gru2, self.norm2 = nn.GRU(128, 128, batch_first=True), nn.BatchNorm1d(128)
            self.fc = nn.Linear(128, 1)

        def forward(self, x: Any) -> Any:
            h = self.norm(self.conv(x)).relu().swapaxes(1, 2)
            h = self.norm1(self.gru1(h)[0].swapaxes(1, 2)).swapaxes(1, 2)
            h = self.norm2(self.gru2(h)[0].swapaxes(1, 2)).swapaxes(1, 2)
            return self.fc(h)[:, :, 0]

    return TriggerWord()


def style_step(lib: Any, height: int = 225, width: int = 300) -> Any:
    """A picture to optimize (Gatys et al. 2015): its content and style cost by VGG-16.

    The network takes the features that the content has in conv4_2, and returns the cost.
    """
    nn = lib.nn
    Module: Any = nn.Module
    content, styles = 19, (0, 5, 10, 17, 24)  # conv4_2; conv1_1, 2_1, 3_1, 4_1, 5_1

    class StyleStep(Module):
        """The picture is its only parameter that learns."""

        def __init__(self) -> None:
            super().__init__()
            layers, before = [], 3
            for channels in VGG16:
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()] if channels else [
                    nn.MaxPool2d(2)]
                before = channels or before
            self.features = nn.Sequential(*layers)
            for p in self.features.parameters():
                p.requires_grad_(False)
            self.picture = nn.Parameter(lib.randn(1, 3, height, width))
            for i, channels in enumerate((64, 128, 256, 512, 512)):
                self.register_buffer(f"style{i}", 0.01 * lib.randn(channels, channels))

        def forward(self, wanted: Any) -> Any:
            cost, x, grams = 0.0, self.picture, 0
            for i, layer in enumerate(self.features):
                x = layer(x)
                if i == content:
                    cost = cost + ((x - wanted) ** 2).mean()
                if i in styles:
                    _, c, h, w = x.shape
                    rows = x.reshape(c, h * w)
                    gram = rows @ rows.swapaxes(0, 1) / (h * w)
                    cost = cost + ((gram - getattr(self, f"style{grams}")) ** 2).mean()
                    grams += 1
            return cost

    return StyleStep()



# --- networks of tinygrad_dls.models, and their twins --------------------------------------------


def resnet50(lib: Any) -> Any:
    """ResNet-50 for 6 classes."""
    return lib.models.resnet50(6) if _is_ours(lib) else twins.resnet50(lib, 6)


def mobilenet_v2(lib: Any, classes: int) -> Any:
    """MobileNetV2 without dropout, which draws other numbers in each library."""
    return lib.models.mobilenet_v2(classes, dropout=0.0) if _is_ours(lib) else (
        twins.mobilenet_v2(lib, classes))


def course_unet(lib: Any) -> Any:
    """The course's U-Net, 32 to 512 channels, 23 classes, without dropout."""
    return lib.models.unet(dropout=0.0) if _is_ours(lib) else twins.unet(lib, 23)


def yolo(lib: Any) -> Any:
    """YOLO-Fastest 1.1, 80 classes: the mean of its maps, so that one number says what it saw."""
    Module: Any = lib.nn.Module

    class Mean(Module):
        """The maps of the network, averaged."""

        def __init__(self) -> None:
            super().__init__()
            found = yolo_fastest.sections()
            self.network = lib.models.darknet(found) if _is_ours(lib) else (
                twins.darknet(lib, found))

        def forward(self, x: Any) -> Any:
            coarse, fine = self.network(x)
            return coarse.mean() + fine.mean()

    return Mean()


def char_rnn(lib: Any) -> Any:
    """The dinosaur names' network: 27 symbols, 50 units."""
    return lib.models.char_rnn(27, hidden_size=50, cell="rnn") if _is_ours(lib) else (
        twins.char_rnn(lib, 27, 50))


def date_network(lib: Any) -> Any:
    """The course's network for dates."""
    return lib.models.date_network() if _is_ours(lib) else twins.date_network(lib)


def gpt(lib: Any, context: int) -> Any:
    """A GPT of 4 layers, 128 numbers a token, 4 heads, 65 symbols."""
    if _is_ours(lib):
        return lib.models.gpt(65, context=context, d_model=128, num_heads=4, num_layers=4,
                              dropout=0.0)
    return twins.gpt(lib, 65, context, 128, 4, 4)


def writer(lib: Any, length: int) -> Any:
    """The same, writing `length` symbols with its cache: the mean of their numbers."""
    Module: Any = lib.nn.Module

    class Writer(Module):
        """Prompts (m, t) to a number that tells texts apart."""

        def __init__(self) -> None:
            super().__init__()
            self.gpt = gpt(lib, 256)
            for p in self.gpt.parameters():
                if p.ndim > 1:  # as large as trained ones, so that it does not repeat itself
                    lib.nn.init.normal_(p, std=0.2)

        def forward(self, x: Any) -> Any:
            return lib.tensor(self.gpt.generate(x, length)[0]).mean(dtype=lib.float32)

    return Writer()


def _is_ours(lib: Any) -> bool:
    return hasattr(lib, "models")
