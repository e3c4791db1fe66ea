"""The other frameworks' side of a case, each as its own users write it; only those installed.

A builder gets the case and returns a step, like ours. What a framework cannot do is left out.
"""

import importlib.util
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from .cases import Case, Perceptron, numpy_update
from .ours import Step

Builder = Callable[[Any], Step]
# torch.compile leaves recurrent layers as they are; "u" is a loop whose shapes change at each turn.
NOT_COMPILED = ("h_lstm", "h_gru", "h_bi", "p", "q", "s", "u")

NOT_IN_JAX = ("t",)  # its layers are read from a file


def torch_training(
    case: Case, channels_last: bool = False, compiled: bool = False, **options: Any
) -> tuple[Step, Any]:
    """PyTorch's step, as its tutorials write it, and its optimizer, if it trains."""
    import torch

    model = case.network(torch)
    model.load_state_dict({name: torch.tensor(a) for name, a in case.state().items()})
    x, y = map(torch.tensor, case.data())
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    f = torch.nn.functional
    loss_of: Any = {
        "ce": f.cross_entropy, "bce": f.binary_cross_entropy_with_logits, "mse": f.mse_loss,
        "own": lambda output, y: output,
        "ce_last": lambda output, y: f.cross_entropy(output.flatten(0, -2), y.flatten()),
    }[case.loss]

    def forward(x: Any, y: Any) -> Any:
        return loss_of(model(x), y)

    compute = torch.compile(forward) if compiled else forward
    if not case.optimizer:
        model.eval()

        def use() -> float:
            with torch.inference_mode():
                return float(compute(x, y).item())

        return use, None
    parameters = [p for p in model.parameters() if p.requires_grad]
    if case.optimizer == "adam":
        optimizer: Any = torch.optim.Adam(parameters, lr=case.rate, **options)
    else:
        options["momentum"] = 0.9 if case.optimizer == "momentum" else 0.0
        optimizer = torch.optim.SGD(parameters, lr=case.rate, **options)

    def step() -> float:
        optimizer.zero_grad()
        loss = compute(x, y)
        loss.backward()
        if case.clip:
            torch.nn.utils.clip_grad_value_(parameters, case.clip)
        optimizer.step()
        return float(loss.item())

    return step, optimizer


def torch_eager(
    case: Case, channels_last: bool = False, compiled: bool = False, **options: Any
) -> Step:
    """PyTorch, eager."""
    return torch_training(case, channels_last, compiled, **options)[0]


def torch_compile(case: Case) -> Step:
    """PyTorch with model and loss through `torch.compile`; its first step takes many seconds."""
    return torch_eager(case, compiled=True)


def torch_fused(case: Case) -> Step:
    """PyTorch, eager, with its fused optimizer."""
    return torch_eager(case, fused=True)


def torch_channels_last(case: Case) -> Step:
    """PyTorch, eager, with images and filters channels-last in memory."""
    return torch_eager(case, channels_last=True)


def hips_autograd(case: Perceptron) -> Step:
    """HIPS autograd: a loss function of a list of arrays, and its gradient."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    x, y = case.data()
    parameters = [p.copy() for layer in case.weights() for p in layer]
    rows = np.arange(case.batch)

    def loss_of(p: list[Any]) -> Any:
        h = x
        for i in range(0, len(p), 2):
            h = anp.dot(h, p[i].T) + p[i + 1]
            if i < len(p) - 2:
                h = anp.tanh(h) if case.activation == "tanh" else anp.maximum(h, 0)
        if case.loss == "ce":
            h = h - anp.max(h, axis=1, keepdims=True)
            return anp.mean(anp.log(anp.sum(anp.exp(h), axis=1)) - h[rows, y])
        return anp.mean(anp.maximum(h, 0) - h * y + anp.log1p(anp.exp(-anp.abs(h))))

    gradient = value_and_grad(loss_of)
    update = numpy_update(case, parameters)

    def step() -> float:
        loss, gradients = gradient(parameters)
        update(gradients)
        return float(loss)

    return step


def mygrad(case: Perceptron) -> Step:
    """MyGrad: tensors and backward(), the update in NumPy."""
    import mygrad as mg
    from mygrad.nnet.losses import softmax_crossentropy

    x, y = case.data()
    parameters = [mg.tensor(p) for layer in case.weights() for p in layer]
    update = numpy_update(case, [p.data for p in parameters])

    def step() -> float:
        h: Any = x
        for i in range(0, len(parameters), 2):
            h = mg.matmul(h, parameters[i].T) + parameters[i + 1]
            if i < len(parameters) - 2:
                h = mg.tanh(h) if case.activation == "tanh" else mg.maximum(h, 0)
        if case.loss == "ce":
            loss = softmax_crossentropy(h, y)
        else:
            loss = mg.mean(mg.maximum(h, 0) - h * y + mg.log1p(mg.exp(-mg.abs(h))))
        loss.backward()
        update([p.grad for p in parameters])
        for p in parameters:
            p.null_grad()
        return float(loss.data)

    return step


def dezero(case: Perceptron) -> Step:
    """DeZero: layers, its loss and its optimizer."""
    import dezero
    import dezero.functions as df
    import dezero.layers as dl
    from dezero import optimizers

    x, y = case.data()
    model = dezero.Model()
    layers = []
    for i, (weight, bias) in enumerate(case.weights()):
        layer = dl.Linear(weight.shape[0], in_size=weight.shape[1])
        layer.W.data, layer.b.data = weight.T.copy(), bias.copy()
        setattr(model, f"l{i}", layer)
        layers.append(layer)
    chosen = optimizers.Adam(alpha=case.rate) if case.optimizer == "adam" else (
        optimizers.SGD(lr=case.rate))
    optimizer = chosen.setup(model)

    def step() -> float:
        h: Any = x
        for i, layer in enumerate(layers):
            h = layer(h)
            if i < len(layers) - 1:
                h = df.tanh(h) if case.activation == "tanh" else df.relu(h)
        if case.loss == "ce":
            loss = df.softmax_cross_entropy(h, y)
        else:  # it has no loss from logits
            p = df.clip(df.sigmoid(h), 1e-7, 1 - 1e-7)
            loss = -df.sum(y * df.log(p) + (1 - y) * df.log(1 - p)) / len(x)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        return float(loss.data)

    return step


def tinygrad(case: Perceptron) -> Step:
    """tinygrad on its CPU back end, eager (its TinyJit belongs beside our capture)."""
    from tinygrad import Tensor as TinyTensor
    from tinygrad.nn import optim as tiny_optim

    x, y = (TinyTensor(a, device="CPU").realize() for a in case.data())
    parameters = [TinyTensor(p, device="CPU") for layer in case.weights() for p in layer]
    for p in parameters:
        p.requires_grad = True
    chosen = tiny_optim.Adam if case.optimizer == "adam" else tiny_optim.SGD
    optimizer = chosen(parameters, lr=case.rate)

    def step() -> float:
        with TinyTensor.train():
            h = x
            for i in range(0, len(parameters), 2):
                h = h.linear(parameters[i].T, parameters[i + 1])
                if i < len(parameters) - 2:
                    h = h.tanh() if case.activation == "tanh" else h.relu()
            loss = (h.sparse_categorical_crossentropy(y) if case.loss == "ce"
                    else h.binary_crossentropy_logits(y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return float(loss.item())

    return step


def jax(case: Case) -> Step:
    """JAX: loss, gradient and optimizer in one `jit`."""
    from .jax_peer import build  # imports JAX

    return build(case)


PEERS: dict[str, Builder] = {
    "torch": torch_eager, "torch_fused": torch_fused, "torch_channels_last": torch_channels_last,
    "torch_compile": torch_compile,
    "dezero": dezero, "autograd": hips_autograd, "mygrad": mygrad, "tinygrad": tinygrad,
    "jax": jax,
}


def takes(peer: str, case: Case) -> bool:
    """Return whether this peer runs this case: all run perceptrons, only PyTorch and JAX run the
    other networks.
    """
    if peer == "torch_channels_last":
        return len(case.inputs) == 4
    if peer == "torch_fused":
        return bool(case.optimizer)
    if peer == "jax":
        return case.name not in NOT_IN_JAX
    if peer == "torch_compile":
        return case.name not in NOT_COMPILED
    return peer.startswith("torch") or isinstance(case, Perceptron)


def installed() -> list[str]:
    """The peers that can be imported here; `torch.compile` needs a C++ compiler."""
    here = [name for name in PEERS if importlib.util.find_spec(name.split("_")[0]) is not None]
    compiler = any(map(shutil.which, ("g++", "clang++", "cl")))
    return [name for name in here if name != "torch_compile" or compiler]
