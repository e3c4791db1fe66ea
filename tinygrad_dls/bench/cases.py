"""The cases: networks of the lessons, with data and initial weights that all frameworks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import nn
from ..engine.modes import no_grad
from ..random import default_generator, manual_seed
from ..tensors import Tensor
from ..tensors.creation import tensor
from ..tensors.functions import cat
from ..tensors.random_tensors import randn
from . import networks

Arrays = dict[str, "np.ndarray[Any, Any]"]


class Library(SimpleNamespace):
    """The names that `networks` asks of a library; ours has models of its own, too."""

    @cached_property
    def models(self) -> Any:
        """Loaded by the cases that are one: half as much again as a small network needs."""
        return import_module("..models", __package__)


OURS = Library(nn=nn, cat=cat, tensor=tensor, randn=randn, float32="float32")


@dataclass(frozen=True)
class Case:
    """A network, one batch of data, a loss and an optimizer, in float32.

    Without an optimizer the network is only used: in evaluation mode, without gradients.
    """

    name: str
    title: str
    network: Callable[[Any], Any]  # of a library: OURS or torch
    inputs: tuple[int, ...]  # the shape of x, batch first
    targets: tuple[int, ...]
    loss: str  # "bce": logits against 0 and 1; "ce": logits against labels; "mse";
    # "ce_last": "ce" with the classes in the last axis; "own": the network gives the loss itself
    optimizer: str  # "sgd", "momentum" (0.9), "adam", or "" for none
    rate: float
    classes: int = 0  # of labels
    words: int = 0  # x holds word numbers below this
    letters: int = 0  # x holds one-hot letters, one of so many
    clip: float = 0.0  # gradients are clipped to plus and minus this

    @property
    def batch(self) -> int:
        """Examples in a step."""
        return self.inputs[0]

    def data(self) -> tuple[Any, Any]:
        """One batch: x and targets, the same at each call."""
        rng = np.random.default_rng(0)
        x: Any
        if self.words:
            x = rng.integers(0, self.words, self.inputs)
        elif self.letters:
            x = np.eye(self.letters, dtype=np.float32)[rng.integers(0, self.letters, self.inputs)]
        else:
            x = rng.standard_normal(self.inputs, dtype=np.float32)
        if self.loss in ("ce", "ce_last"):
            return x, rng.integers(0, self.classes, self.targets)
        if self.loss == "bce":
            return x, (rng.random(self.targets) < 0.5).astype(np.float32)
        return x, rng.standard_normal(self.targets, dtype=np.float32)

    def state(self) -> Arrays:
        """The initial weights by name, the same at each call."""
        before = default_generator.get_state()
        manual_seed(1)
        model = self.network(OURS)
        if not self.optimizer and any(n.endswith("running_var") for n in model.state_dict()):
            x = Tensor(self.data()[0])
            with no_grad():  # or what batch norm passes on in use fades from layer to layer
                for _ in range(20):
                    model(x)
        default_generator.set_state(before)
        return {name: value.numpy() for name, value in model.state_dict().items()}


@dataclass(frozen=True)
class Perceptron(Case):
    """A multilayer perceptron, which frameworks without our module names can build too."""

    sizes: tuple[int, ...] = ()  # of the layers, inputs first
    activation: str = "relu"  # between layers: "tanh" or "relu"

    def weights(self) -> list[tuple[Any, Any]]:
        """(weight (n_out, n_in), bias (n_out,)) of each layer, the same at each call."""
        rng = np.random.default_rng(1)
        return [
            (rng.standard_normal((n, m), dtype=np.float32) / np.float32(m**0.5),
             np.zeros(n, np.float32))
            for m, n in zip(self.sizes, self.sizes[1:])
        ]

    def state(self) -> Arrays:
        """`weights` under their names in an nn.Sequential."""
        return {
            f"{2 * i}.{name}": array
            for i, layer in enumerate(self.weights())
            for name, array in zip(("weight", "bias"), layer)
        }


def perceptron(
    name: str, title: str, sizes: tuple[int, ...], activation: str, loss: str, optimizer: str,
    rate: float, batch: int,
) -> Perceptron:
    """A case of linear layers of these sizes."""
    return Perceptron(
        name, title, partial(networks.mlp, sizes=sizes, activation=activation),
        (batch, sizes[0]), (batch,) if loss == "ce" else (batch, sizes[-1]), loss, optimizer, rate,
        classes=sizes[-1], sizes=sizes, activation=activation,
    )


def _letters(name: str, title: str, kind: str, bidirectional: bool = False) -> Case:
    network = partial(networks.letters, kind=kind, bidirectional=bidirectional)
    return Case(name, title, network, (32, 50), (32, 50), "ce", "adam", 1e-3, classes=27,
                letters=27)


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        perceptron("a", "logistic regression 12288-1, batch 209", (12288, 1), "relu", "bce",
                   "sgd", 0.005, 209),
        perceptron("b", "planar 2-4-1, batch 400", (2, 4, 1), "tanh", "bce", "sgd", 1.2, 400),
        perceptron("c1", "MLP 12288-20-7-5-1, batch 209", (12288, 20, 7, 5, 1), "relu", "bce",
                   "sgd", 0.0075, 209),
        perceptron("c2", "MLP 784-128-64-10, Adam, batch 64", (784, 128, 64, 10), "relu", "ce",
                   "adam", 1e-3, 64),
        Case("d1", "CNN 64x64x3, Adam, batch 64", networks.signs_cnn, (64, 3, 64, 64), (64,), "ce",
             "adam", 1e-3, classes=6),
        Case("d2", "LeNet-5, Adam, batch 64", networks.lenet5, (64, 1, 28, 28), (64,), "ce",
             "adam", 1e-3, classes=10),
        Case("e", "ResNet-20, batch 32", networks.resnet20, (32, 3, 32, 32), (32,), "ce",
             "momentum", 0.01, classes=10),
        Case("f", "inverted residual 32-192-32, 28x28, batch 32", networks.inverted_residual,
             (32, 32, 28, 28), (32, 32, 28, 28), "mse", "sgd", 0.01),
        Case("g", "small U-Net 96x128, Adam, batch 4", networks.unet, (4, 3, 96, 128),
             (4, 96, 128), "ce", "adam", 1e-3, classes=23),
        _letters("h_lstm", "LSTM, batch 32, T 50, H 128, Adam", "LSTM"),
        _letters("h_gru", "GRU, batch 32, T 50, H 128, Adam", "GRU"),
        _letters("h_bi", "bidirectional LSTM, batch 32, T 50, H 128, Adam", "LSTM", True),
        Case("i", "Transformer encoder block, batch 32, T 64, d 128, Adam",
             networks.encoder_block, (32, 64, 128), (32, 64, 128), "mse", "adam", 1e-3),
        Case("j", "embedding average, 10000 words, batch 32", networks.word_average, (32, 10),
             (32,), "ce", "sgd", 0.01, classes=5, words=10_000),
        Case("k", "style step, VGG-16 to conv5_1, 1 x 3 x 225 x 300, Adam", networks.style_step,
             (1, 512, 28, 37), (1,), "own", "adam", 0.02),
        Case("l", "ResNet-50, 64x64, batch 16", networks.resnet50, (16, 3, 64, 64), (16,), "ce",
             "momentum", 1e-4, classes=6),
        Case("m", "U-Net 32..512, 96x128, Adam, batch 2", networks.course_unet, (2, 3, 96, 128),
             (2, 96, 128), "ce", "adam", 1e-3, classes=23),
        Case("n", "MobileNetV2, 96x96, batch 16", partial(networks.mobilenet_v2, classes=10),
             (16, 3, 96, 96), (16,), "ce", "momentum", 1e-4, classes=10),
        Case("o", "MobileNetV2 used, 224x224, one picture",
             partial(networks.mobilenet_v2, classes=1000), (1, 3, 224, 224), (1,), "ce", "", 0.0,
             classes=1000),
        Case("p", "trigger word: convolution, 2 GRU, 5511 frames, Adam, batch 4",
             networks.trigger_word, (4, 101, 5511), (4, 1375), "bce", "adam", 1e-3),
        Case("q", "dates: LSTM, attention, LSTM, Adam, batch 100", networks.date_network,
             (100, 30), (100, 10), "ce_last", "adam", 5e-3, classes=11, words=37),
        Case("r", "GPT 4 x 128, context 128, Adam, batch 16", partial(networks.gpt, context=128),
             (16, 128), (16, 128), "ce_last", "adam", 1e-3, classes=65, words=65),
        Case("s", "dinosaur names: RNN 50, one name of 12 letters, clipped", networks.char_rnn,
             (1, 12), (1, 12), "ce_last", "sgd", 0.01, classes=27, words=27, clip=5.0),
        Case("t", "YOLO-Fastest 1.1 used, 320x320, one picture", networks.yolo, (1, 3, 320, 320),
             (1,), "own", "", 0.0),
        Case("u", "GPT 4 x 128 writes 200 symbols with its cache",
             partial(networks.writer, length=200), (1, 8), (1,), "own", "", 0.0, words=65),
    )
}

FAMILIES = [name for name in CASES if name < "k"]  # small networks of every kind; k to u are large


def numpy_update(case: Case, parameters: list[Any]) -> Callable[[list[Any]], None]:
    """The case's optimizer, SGD or Adam, in plain NumPy, in place: for whoever brings none."""
    state = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    count = [0]

    def update(gradients: list[Any]) -> None:
        count[0] += 1
        for p, g, (m, v) in zip(parameters, gradients, state):
            if case.optimizer == "sgd":
                p -= np.float32(case.rate) * g
                continue
            m += np.float32(0.1) * (g - m)
            v += np.float32(0.001) * (g * g - v)
            c1, c2 = 1 - 0.9 ** count[0], 1 - 0.999 ** count[0]
            p -= np.float32(case.rate / c1) * m / (
                np.sqrt(v) / np.float32(c2**0.5) + np.float32(1e-8)
            )

    return update
