"""A training step of each model family waits for the device not once."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import optim
from tinygrad_dls.backend import strict
from tinygrad_dls.bench.cases import CASES, FAMILIES, OURS
from tinygrad_dls.bench.ours import LOSSES

OPTIMIZERS = {
    "sgd": lambda p, lr: optim.SGD(p, lr=lr),
    "momentum": lambda p, lr: optim.SGD(p, lr=lr, momentum=0.9),
    "adam": lambda p, lr: optim.Adam(p, lr=lr),
}


def training(case, device):
    """(step, its loss) of the case's network with two examples."""
    model = case.network(OURS)
    model.load_state_dict(case.state())
    model.to(device)
    x, y = (dls.Tensor(np.ascontiguousarray(a[:2]), device=device) for a in case.data())
    optimizer = OPTIMIZERS[case.optimizer](model.parameters(), case.rate)

    def step():
        optimizer.zero_grad()
        loss = LOSSES[case.loss](model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize("name", FAMILIES)
def test_a_step_of_each_family_has_no_synchronization(name):
    here, there = training(CASES[name], "cpu"), training(CASES[name], "strict")
    np.testing.assert_allclose(there().numpy(), here().numpy(), rtol=1e-5)
    with strict.count() as counted:  # the first step made what is made once
        loss = there()
    assert counted.syncs == 0, counted
    np.testing.assert_allclose(loss.numpy(), here().numpy(), rtol=1e-4)
    assert np.isfinite(there().item())
