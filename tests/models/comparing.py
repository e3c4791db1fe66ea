"""Two networks with the same weights must compute the same: outputs and every gradient."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls

torch = pytest.importorskip("torch")


def scatter(theirs: Any, seed: int = 0) -> None:
    """Draw the scales, shifts and moving statistics of the batch norms, which start at 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    for layer in theirs.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for part, low, high in ((layer.weight, 0.5, 1.0), (layer.bias, -0.2, 0.2),
                                    (layer.running_mean, -0.2, 0.2),
                                    (layer.running_var, 0.5, 2.0)):
                with torch.no_grad():
                    part.uniform_(low, high, generator=generator)


def without_dropout(model: Any) -> None:
    """Both sides draw their own dropout: leave it out."""
    for layer in model.modules():
        if type(layer).__name__ == "Dropout":
            layer.p = 0.0


def same_names(mine: Any, theirs: Any) -> None:
    """The same names in the same order, with the same shapes."""
    ours = {name: tuple(value.shape) for name, value in mine.state_dict().items()}
    other = {name: tuple(value.shape) for name, value in theirs.state_dict().items()}
    assert list(ours.items()) == list(other.items())


def close(mine: Any, theirs: Any, tolerance: float, what: str, least: float = 0.0) -> None:
    """Equal to `tolerance` of the largest entry, or of `least` if that is larger."""
    mine, theirs = np.asarray(mine), theirs.detach().numpy()
    assert mine.shape == theirs.shape, what
    off = np.abs(mine - theirs).max(initial=0)
    scale = np.abs(theirs).max(initial=least)
    assert off <= tolerance * scale, f"{what}: {off:.3g} off, of {scale:.3g}"


def same_network(mine: Any, theirs: Any, shape: tuple[int, ...], names: Any = None) -> None:
    """Outputs and gradients of all parameters in float64, train and eval; outputs in float32.

    names: theirs -> mine, where they are not called the same.
    """
    scatter(theirs)
    names = names or (lambda name: name)
    x = np.random.default_rng(1).standard_normal(shape)
    state = {names(name): value.numpy().copy() for name, value in theirs.state_dict().items()}
    mine.load_state_dict(state)
    mine.double(), theirs.double()
    without_dropout(mine), without_dropout(theirs)
    for training in (True, False):
        mine.train(training), theirs.train(training)
        _same_pass(mine, theirs, x, names, "train" if training else "eval")
    mine.load_state_dict(state)
    theirs.load_state_dict({k: torch.from_numpy(state[names(k)]) for k in theirs.state_dict()})
    mine.float().eval(), theirs.float().eval()
    with dls.no_grad(), torch.no_grad():
        small = x.astype("float32")
        for a, b in zip(_flat(mine(dls.Tensor(small))), _flat(theirs(torch.from_numpy(small)))):
            close(a.numpy(), b, 1e-4, "float32 output")


def _same_pass(mine: Any, theirs: Any, x: Any, names: Any, mode: str) -> None:
    outputs = _flat(mine(dls.Tensor(x)))
    expected = _flat(theirs(torch.from_numpy(x)))
    assert len(outputs) == len(expected)
    loss, other = 0.0, 0.0
    for i, (a, b) in enumerate(zip(outputs, expected)):
        close(a.detach().numpy(), b, 1e-8, f"{mode}: output {i}")
        weights = np.random.default_rng(i).standard_normal(a.shape)
        loss = (a * dls.Tensor(weights)).sum() + loss
        other = (b * torch.from_numpy(weights)).sum() + other
    mine.zero_grad(), theirs.zero_grad()
    loss.backward(), other.backward()
    ours = dict(mine.named_parameters())
    # A shift before a batch norm has a gradient of exactly 0; what is found is rounding.
    least = 1e-5 * max(p.grad.abs().max().item() for p in theirs.parameters()
                       if p.grad is not None)
    for name, parameter in theirs.named_parameters():
        grad = ours[names(name)].grad
        if parameter.grad is None:
            assert grad is None, name
        else:
            close(grad.numpy(), parameter.grad, 1e-8, f"{mode}: gradient of {name}", least)
    states = mine.state_dict()
    for name, value in theirs.state_dict().items():
        close(states[names(name)].numpy(), value, 1e-8, f"{mode}: {name} afterwards")


def _flat(outputs: Any) -> list[Any]:
    if isinstance(outputs, dict):
        outputs = [outputs[name] for name in sorted(outputs)]
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
