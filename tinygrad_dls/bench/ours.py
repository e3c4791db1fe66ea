"""Our side of a case, as a user writes it: nn.Sequential, a loss, an optimizer, and a loop."""

from collections.abc import Callable

import numpy as np

from .. import nn, optim
from ..nn import functional as F
from ..tensors import Tensor
from .cases import Case, numpy_update

Step = Callable[[], float]


def build(case: Case) -> Step:
    """A function that trains one step and returns the loss before it."""
    layers: list[nn.Module] = []
    for weight, bias in case.weights():
        if layers:
            layers.append(nn.ReLU() if case.activation == "relu" else nn.Tanh())
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight, "bias": bias})
        layers.append(layer)
    model = nn.Sequential(*layers)
    x, y = (Tensor(a) for a in case.data())
    loss_of = F.cross_entropy if case.loss == "ce" else F.binary_cross_entropy_with_logits
    chosen = optim.Adam if case.optimizer == "adam" else optim.SGD
    optimizer = chosen(model.parameters(), lr=case.rate)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def reference(case: Case) -> Step:
    """The same step in bare NumPy, without a graph: what the arithmetic alone takes."""
    weights = [(w.copy(), b.copy()) for w, b in case.weights()]
    x, y = case.data()
    update = numpy_update(case, [p for layer in weights for p in layer])

    def step() -> float:
        values = [x]
        for i, (w, b) in enumerate(weights):
            z = values[-1] @ w.T + b
            if i < len(weights) - 1:
                z = np.tanh(z) if case.activation == "tanh" else np.maximum(z, 0)
            values.append(z)
        z = values.pop()
        if case.loss == "ce":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            rows = np.arange(len(y))
            loss = -np.log(p[rows, y]).mean()
            p[rows, y] -= 1
            d = p / np.float32(len(y))
        else:
            loss = (np.maximum(z, 0) - z * y + np.log1p(np.exp(-abs(z)))).mean()
            d = (1 / (1 + np.exp(-z)) - y) / np.float32(len(y))
        gradients = []
        for i in range(len(weights) - 1, -1, -1):
            a = values[i]
            gradients += [d.sum(axis=0), d.T @ a]
            if i:
                d = d @ weights[i][0]
                d = d * (1 - a * a) if case.activation == "tanh" else d * (a > 0)
        gradients.reverse()
        update(gradients)
        return float(loss)

    return step
