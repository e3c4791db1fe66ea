"""JAX's side of a case: a network of `jax_networks`, a loss and an optimizer in one `jit`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from . import jax_networks as networks
from .cases import OURS, Case, Perceptron
from .ours import Step

Network = Callable[..., Any]
NETWORKS: dict[str, Network] = {
    "d1": networks.signs_cnn, "d2": networks.lenet5, "e": networks.resnet20,
    "f": networks.inverted_residual, "g": networks.unet,
    "h_lstm": partial(networks.letters, cell=networks.lstm_cell),
    "h_gru": partial(networks.letters, cell=networks.gru_cell),
    "h_bi": partial(networks.letters, cell=networks.lstm_cell, both=True),
    "i": networks.encoder_block, "j": networks.word_average, "k": networks.style_step,
    "l": networks.resnet50, "m": networks.course_unet,
    "n": partial(networks.mobilenet_v2, use=False), "o": partial(networks.mobilenet_v2, use=True),
    "p": networks.trigger_word, "q": networks.date_network, "r": networks.gpt,
    "s": networks.char_rnn, "u": partial(networks.writer, length=200),
}
BETAS, EPS, MOMENTUM = (0.9, 0.999), 1e-8, 0.9


def network_of(case: Case) -> Network:
    """The function of weights and x that gives the case's logits, or its loss."""
    if isinstance(case, Perceptron):
        activation = jnp.tanh if case.activation == "tanh" else jax.nn.relu
        return partial(networks.mlp, layers=len(case.sizes) - 1, activation=activation)
    return NETWORKS[case.name]


def loss_of(case: Case, z: Any, y: Any) -> Any:
    """The case's loss of its network's output."""
    if case.loss == "own":
        return z
    if case.loss == "mse":
        return ((z - y) ** 2).mean()
    if case.loss == "bce":
        return (jax.nn.relu(z) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()
    axis = 1 if case.loss == "ce" else z.ndim - 1
    chosen = jnp.take_along_axis(z, jnp.expand_dims(y, axis), axis).squeeze(axis)
    return (jax.nn.logsumexp(z, axis) - chosen).mean()


def updated(case: Case, t: Any, w: Any, g: Any, m: Any, v: Any) -> tuple[Any, Any, Any]:
    """A weight and its two averages after step `t` of the case's optimizer, as PyTorch has it."""
    if case.optimizer == "sgd":
        return w - case.rate * g, m, v
    if case.optimizer == "momentum":
        m = MOMENTUM * m + g
        return w - case.rate * m, m, v
    b1, b2 = BETAS
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    return w - case.rate / (1 - b1**t) * m / (jnp.sqrt(v / (1 - b2**t)) + EPS), m, v


def build(case: Case) -> Step:
    """A function that makes one compiled step on the CPU and returns the loss before it."""
    cpu = jax.devices("cpu")[0]
    network = network_of(case)
    x, y = (jax.device_put(a, cpu) for a in case.data())
    state = {name: jax.device_put(a, cpu) for name, a in case.state().items()}
    if not case.optimizer:
        use = jax.jit(lambda state, x, y: loss_of(case, network(state, x), y))
        return lambda: float(use(state, x, y))
    model = case.network(OURS)
    learning = {n: state.pop(n) for n, p in model.named_parameters() if p.requires_grad}

    def cost(learning: Any, x: Any, y: Any) -> Any:
        return loss_of(case, network(state | learning, x), y)

    def train(kept: Any, x: Any, y: Any) -> Any:
        t, weights = kept
        loss, gradients = jax.value_and_grad(cost)({n: w for n, (w, _, _) in weights.items()}, x, y)
        if case.clip:
            gradients = {n: jnp.clip(g, -case.clip, case.clip) for n, g in gradients.items()}
        return (t + 1, {n: updated(case, t, weights[n][0], g, *weights[n][1:])
                        for n, g in gradients.items()}), loss

    compiled = jax.jit(train, donate_argnums=0)
    kept = (jnp.float32(1), {n: (w, jnp.zeros_like(w), jnp.zeros_like(w))
                             for n, w in learning.items()})

    def step() -> float:
        nonlocal kept
        kept, loss = compiled(kept, x, y)
        return float(loss)

    return step
