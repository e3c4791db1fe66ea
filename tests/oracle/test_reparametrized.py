"""Weight norm and spectral norm, in both of PyTorch's spellings, and a batch norm folded in."""

import copy
import warnings
from typing import Any

import numpy as np

from tinygrad_dls import nn

from .harness import array, close, pick, random_cases, same_layer, torch


def layers(case: np.random.Generator) -> tuple[Any, Any, np.ndarray]:
    """One layer of both libraries, and an input."""
    n, m = int(case.integers(2, 6)), int(case.integers(2, 6))
    dtype = pick(case, "float32", "float64")
    name = pick(case, "Linear", "Conv1d", "Conv2d", "ConvTranspose2d")
    if name == "Linear":
        return nn.Linear(n, m), torch.nn.Linear(n, m), array(case, 4, n, dtype=dtype)
    axes = 1 if name == "Conv1d" else 2
    x = array(case, 2, n, *[5] * axes, dtype=dtype)
    return getattr(nn, name)(n, m, 3), getattr(torch.nn, name)(n, m, 3), x


@random_cases(40)
def test_computed_weights(case: np.random.Generator) -> None:
    ours, theirs, x = layers(case)
    name = pick(case, "weight_norm", "spectral_norm")
    options = {"dim": pick(case, None, 0, 1)} if name == "weight_norm" else {
        "n_power_iterations": pick(case, 1, 2)}
    homes = [nn.utils, torch.nn.utils]
    if case.integers(2):
        homes = [nn.utils.parametrizations, torch.nn.utils.parametrizations]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's older spelling is to go
        ours, theirs = (getattr(home, name)(layer, **options)
                        for home, layer in zip(homes, (ours, theirs)))
    if case.random() < 0.3:
        ours.eval()
        theirs.eval()
    same_layer(ours, theirs, [x], scale=20, rate=0.01)


@random_cases(10)
def test_a_batch_norm_folded_in(case: np.random.Generator) -> None:
    name = pick(case, "Conv2d", "ConvTranspose2d")
    theirs, norm = getattr(torch.nn, name)(3, 4, 3), torch.nn.BatchNorm2d(4)
    torch.nn.init.normal_(norm.weight)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    ours, own = getattr(nn, name)(3, 4, 3), nn.BatchNorm2d(4)
    for mine, other in ((ours, theirs), (own, norm)):
        mine.load_state_dict({n: v.detach().numpy() for n, v in other.state_dict().items()})
    mine = nn.utils.fuse_conv_bn_eval(ours.eval(), own.eval(), name != "Conv2d")
    other = torch.nn.utils.fusion.fuse_conv_bn_eval(
        copy.deepcopy(theirs).eval(), norm.eval(), name != "Conv2d")
    for parameter in ("weight", "bias"):
        close(getattr(mine, parameter), getattr(other, parameter), parameter)
