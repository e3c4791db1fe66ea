"""Our side of a case, as a user writes it: nn.Sequential, a loss, an optimizer, and a loop."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import nn, optim
from ..capturing import capture
from ..engine.modes import no_grad
from ..nn import functional as F
from ..tensors import Tensor
from .cases import OURS, Case, Perceptron, numpy_update

Step = Callable[[], float]
LOSSES: dict[str, Callable[..., Tensor]] = {
    "ce": F.cross_entropy, "bce": F.binary_cross_entropy_with_logits,
    "mse": F.mse_loss, "own": lambda output, y: output,
    "ce_last": lambda output, y: F.cross_entropy(
        output.reshape(y.size, output.shape[-1]), y.reshape(y.size)),
}


class Training(NamedTuple):
    """The parts of a step: loss = step(x, y); without an optimizer it does not train."""

    step: Callable[[Tensor, Tensor], Tensor]
    x: Tensor
    y: Tensor
    optimizer: optim.Optimizer | None


def training(case: Case) -> Training:
    """The parts of our side of a case; the step returns the loss before it."""
    model = case.network(OURS)
    model.load_state_dict(case.state())
    x, y = (Tensor(a) for a in case.data())
    loss_of = LOSSES[case.loss]
    if not case.optimizer:
        model.eval()
        return Training(no_grad()(lambda x, y: loss_of(model(x), y)), x, y, None)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if case.optimizer == "adam":
        optimizer: optim.Optimizer = optim.Adam(parameters, lr=case.rate)
    else:
        momentum = 0.9 if case.optimizer == "momentum" else 0.0
        optimizer = optim.SGD(parameters, lr=case.rate, momentum=momentum)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        if case.clip:
            nn.utils.clip_grad_value_(parameters, case.clip)
        optimizer.step()
        return loss

    return Training(step, x, y, optimizer)


def build(case: Case, captured: bool = False) -> Step:
    """A function that trains one step and returns the loss before it."""
    step, x, y, _ = training(case)
    train = capture(step) if captured else step
    return lambda: float(train(x, y))


def build_captured(case: Case) -> Step:
    """The same with `dls.capture` around the step."""
    return build(case, captured=True)


def reference(case: Perceptron) -> Step:
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
