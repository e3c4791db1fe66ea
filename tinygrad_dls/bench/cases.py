"""The cases: networks of the lessons, with data and initial weights that all frameworks share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True)
class Case:
    """A multilayer perceptron and how one step trains it, in float32."""

    name: str
    title: str
    sizes: tuple[int, ...]  # of the layers, inputs first
    activation: str  # between layers: "tanh" or "relu"
    loss: str  # "bce": logits against 0 and 1; "ce": logits against labels
    optimizer: str  # "sgd" or "adam"
    rate: float
    batch: int

    def data(self) -> tuple[Any, Any]:
        """One batch: x (batch, n_in) float32 and targets, the same at each call."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.batch, self.sizes[0]), dtype=np.float32)
        if self.loss == "ce":
            return x, rng.integers(0, self.sizes[-1], self.batch)
        return x, (rng.random((self.batch, 1)) < 0.5).astype(np.float32)

    def weights(self) -> list[tuple[Any, Any]]:
        """(weight (n_out, n_in), bias (n_out,)) of each layer, the same at each call."""
        rng = np.random.default_rng(1)
        return [
            (rng.standard_normal((n, m), dtype=np.float32) / np.float32(m**0.5),
             np.zeros(n, np.float32))
            for m, n in zip(self.sizes, self.sizes[1:])
        ]


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case("a", "logistic regression 12288-1, batch 209", (12288, 1), "relu", "bce", "sgd",
             0.005, 209),
        Case("b", "planar 2-4-1, batch 400", (2, 4, 1), "tanh", "bce", "sgd", 1.2, 400),
        Case("c1", "MLP 12288-20-7-5-1, batch 209", (12288, 20, 7, 5, 1), "relu", "bce", "sgd",
             0.0075, 209),
        Case("c2", "MLP 784-128-64-10, Adam, batch 64", (784, 128, 64, 10), "relu", "ce", "adam",
             1e-3, 64),
    )
}


def numpy_update(case: Case, parameters: list[Any]) -> Callable[[list[Any]], None]:
    """The case's optimizer in plain NumPy, in place: for whoever brings none."""
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
