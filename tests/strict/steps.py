"""Training steps of the benchmark's networks, on any device."""

import numpy as np

import tinygrad_dls as dls
from tinygrad_dls import optim
from tinygrad_dls.bench.cases import OURS
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
