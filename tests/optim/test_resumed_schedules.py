"""A training resumed from saved states has the rates of the one that was not interrupted."""

import copy

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls.optim import lr_scheduler as kinds

SCHEDULES = {
    "StepLR": lambda opt: kinds.StepLR(opt, 3, 0.5),
    "MultiStepLR": lambda opt: kinds.MultiStepLR(opt, [2, 7], 0.3),
    "ExponentialLR": lambda opt: kinds.ExponentialLR(opt, 0.9),
    "ConstantLR": lambda opt: kinds.ConstantLR(opt, 0.25, 8),
    "LinearLR": lambda opt: kinds.LinearLR(opt, 0.1, 1.0, 9),
    "PolynomialLR": lambda opt: kinds.PolynomialLR(opt, 9, 2.0),
    "CosineAnnealingLR": lambda opt: kinds.CosineAnnealingLR(opt, 7),
    "CosineAnnealingWarmRestarts": lambda opt: kinds.CosineAnnealingWarmRestarts(opt, 3, 2),
    "LambdaLR": lambda opt: kinds.LambdaLR(opt, lambda epoch: 0.95**epoch),
    "MultiplicativeLR": lambda opt: kinds.MultiplicativeLR(opt, lambda epoch: 0.9),
    "InverseTimeDecay": lambda opt: kinds.InverseTimeDecay(opt, 0.5, 2),
    "InverseSquareRootDecay": lambda opt: kinds.InverseSquareRootDecay(opt, 0.7),
    "CyclicLR": lambda opt: kinds.CyclicLR(opt, 0.1, 1.0, step_size_up=3),
    "OneCycleLR": lambda opt: kinds.OneCycleLR(opt, 0.3, 20),
    "SequentialLR": lambda opt: kinds.SequentialLR(
        opt, [kinds.LinearLR(opt, 0.1, total_iters=4), kinds.CosineAnnealingLR(opt, 9)], [4]),
    "ChainedScheduler": lambda opt: kinds.ChainedScheduler(
        [kinds.LinearLR(opt, 0.1, total_iters=5), kinds.ExponentialLR(opt, 0.9)]),
    "two": lambda opt: _Two(kinds.ConstantLR(opt, 0.5, 6), kinds.ExponentialLR(opt, 0.8)),
}


class _Two:
    """Two schedules of one optimizer that are saved one by one."""

    def __init__(self, *schedules):
        self.schedules = schedules

    def step(self):
        for schedule in self.schedules:
            schedule.step()

    def state_dict(self):
        return [schedule.state_dict() for schedule in self.schedules]

    def load_state_dict(self, states):
        for schedule, state in reversed(list(zip(self.schedules, states))):
            schedule.load_state_dict(state)


def optimizer():
    return optim.SGD([{"params": [nn.Parameter([1.0])]},
                      {"params": [nn.Parameter([1.0])], "lr": 0.2}], lr=0.5, momentum=0.9)


def going_on(opt, schedule, steps=6):
    """The rates and momenta of all groups, now and after each of the next steps."""
    found = []
    for _ in range(steps):
        found.append([(group["lr"], group["momentum"]) for group in opt.param_groups])
        schedule.step()
    return np.array(found)


@pytest.mark.parametrize("steps", [0, 1, 4, 5])
@pytest.mark.parametrize("order", ["optimizer, make, schedule", "make, optimizer, schedule",
                                   "make, schedule, optimizer"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_go_on_in_every_order_of_loading(name, order, steps):
    opt = optimizer()
    schedule = SCHEDULES[name](opt)
    for _ in range(steps):
        schedule.step()
    of_optimizer, of_schedule = copy.deepcopy((opt.state_dict(), schedule.state_dict()))
    wanted = going_on(opt, schedule)
    opt = optimizer()
    for part in order.split(", "):
        if part == "optimizer":
            opt.load_state_dict(of_optimizer)
        elif part == "make":
            schedule = SCHEDULES[name](opt)
        else:
            schedule.load_state_dict(of_schedule)
    np.testing.assert_allclose(going_on(opt, schedule), wanted, rtol=1e-12)


def test_a_state_without_rates_leaves_those_of_the_optimizer():
    schedule = kinds.StepLR(optimizer(), 2)
    state = schedule.state_dict()
    assert state.pop("_last_lr") == [0.5, 0.2]
    schedule.optimizer.param_groups[0]["lr"] = 0.125
    schedule.load_state_dict(state)
    assert schedule.get_last_lr() == [0.125, 0.2]


@pytest.mark.parametrize("rates", [[0.1], [0.1, -0.1], [0.1, "0.1"], 0.1, [0.1, float("nan")]])
def test_rates_that_cannot_be_change_nothing(rates):
    schedule = kinds.StepLR(optimizer(), 2)
    before = schedule.state_dict()
    with pytest.raises(dls.DataError):
        schedule.load_state_dict({**before, "_last_lr": rates, "last_epoch": 7})
    assert schedule.state_dict() == before
