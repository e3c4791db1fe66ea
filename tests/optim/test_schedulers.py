"""Schedules: their formulas, and PyTorch's curves."""

import math

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls.optim import lr_scheduler as mine


def optimizer(lr=0.5):
    return optim.SGD([nn.Parameter([1.0])], lr=lr)


def curve(scheduler, epochs=20):
    rates = []
    for _ in range(epochs):
        rates.append(scheduler.get_last_lr()[0])
        scheduler.step()
    return rates


CASES = {
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "MultiStepLR": {"milestones": [7, 2, 2, 12], "gamma": 0.3},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 20, "eta_min": 0.01},
    "LinearLR": {"start_factor": 0.2, "end_factor": 0.9, "total_iters": 6},
    "LambdaLR": {"lr_lambda": lambda epoch: 1 / (1 + epoch)},
}


@pytest.mark.torch
@pytest.mark.parametrize("name", CASES)
def test_curves_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    opt = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.5)
    theirs = getattr(torch.optim.lr_scheduler, name)(opt, **CASES[name])
    expected = []
    for _ in range(20):
        expected.append(theirs.get_last_lr()[0])
        opt.step()
        theirs.step()
    np.testing.assert_allclose(curve(getattr(mine, name)(optimizer(), **CASES[name])), expected,
                               rtol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("options", [
    {}, {"mode": "max"}, {"patience": 2, "factor": 0.5, "cooldown": 2, "min_lr": 0.1},
    {"patience": 1, "threshold": 0.3, "threshold_mode": "abs", "mode": "max"},
    {"patience": 0, "threshold": 0.2},
])
def test_plateaus_are_pytorchs(options):
    torch = pytest.importorskip("torch")
    figures = 1 + np.random.default_rng(0).random(60) * np.linspace(1, 0.2, 60)
    opt, other = optimizer(), torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.5)
    ours = mine.ReduceLROnPlateau(opt, **options)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **options)
    rates = []
    for figure in figures:
        ours.step(dls.Tensor(figure))
        theirs.step(float(figure))
        rates.append(opt.param_groups[0]["lr"])
        assert math.isclose(rates[-1], other.param_groups[0]["lr"], rel_tol=1e-12)
    assert len(set(rates)) > 1


def test_formulas():
    steps = curve(mine.StepLR(optimizer(), 2, 0.1), 5)
    assert steps == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005])
    assert curve(mine.ExponentialLR(optimizer(), 0.5), 3) == [0.5, 0.25, 0.125]
    cosine = curve(mine.CosineAnnealingLR(optimizer(), 4), 5)
    assert cosine == pytest.approx([0.5, 0.4267767, 0.25, 0.0732233, 0.0])
    assert curve(mine.LinearLR(optimizer(), 0.5, 1.0, 2), 4) == [0.25, 0.375, 0.5, 0.5]
    assert curve(mine.MultiStepLR(optimizer(), [1, 3], 0.5), 4) == [0.5, 0.25, 0.25, 0.125]


def test_the_decays_of_the_course():
    each = curve(mine.InverseTimeDecay(optimizer(), decay_rate=1), 4)
    assert each == [0.5 / (1 + 1 * epoch) for epoch in range(4)]
    fixed = curve(mine.InverseTimeDecay(optimizer(), decay_rate=0.3, time_interval=3), 8)
    assert fixed == [0.5 / (1 + 0.3 * math.floor(epoch / 3)) for epoch in range(8)]


def test_the_other_decays_of_the_course():
    root = curve(mine.InverseSquareRootDecay(optimizer(), k=2.0), 4)
    assert root == [2.0 * 0.5 / math.sqrt(epoch) for epoch in (1, 2, 3, 4)]
    assert curve(mine.ExponentialLR(optimizer(), 0.95), 4) == [0.5 * 0.95**e for e in range(4)]


def test_two_schedules_multiply():
    opt = optimizer()
    warm, decay = mine.LinearLR(opt, 0.1, total_iters=2), mine.ExponentialLR(opt, 0.5)
    rates = []
    for _ in range(4):
        rates.append(opt.param_groups[0]["lr"])
        warm.step()
        decay.step()
    assert rates == pytest.approx([0.05, 0.5 * 0.55 * 0.5, 0.5 * 0.25, 0.5 * 0.125])


def test_warm_up_then_cosine():
    opt = optimizer()
    warm = mine.LinearLR(opt, 0.01, total_iters=5)
    rates = curve(mine.SequentialLR(opt, [warm, mine.CosineAnnealingLR(opt, 10)], [5]), 16)
    assert rates[0] == 0.005 and rates[5] == 0.5 and rates[10] == pytest.approx(0.25)
    assert rates[15] == pytest.approx(0, abs=1e-12)


def test_one_cycle_ends():
    opt = optimizer()
    with pytest.raises(dls.DataError, match="neither momentum nor betas"):
        mine.OneCycleLR(optim.Adagrad([nn.Parameter([1.0])]), 1.0, 10)
    schedule = mine.OneCycleLR(opt, 1.0, total_steps=10)
    rates = curve(schedule, 10)
    assert max(rates) <= 1 and rates[0] == pytest.approx(0.04) and rates[-1] == pytest.approx(4e-6)
    with pytest.raises(dls.DataError, match="step 11, but total_steps is 10"):
        schedule.step()


def test_groups_keep_their_own_rates():
    a, b, c = (nn.Parameter([1.0]) for _ in range(3))
    opt = optim.SGD([{"params": [a]}, {"params": [b], "lr": 1.0}], lr=0.1)
    schedule = mine.LambdaLR(opt, [lambda e: 0.5**e, lambda e: 1.0])
    schedule.step()
    assert schedule.get_last_lr() == [0.05, 1.0]
    step = mine.ExponentialLR(opt, 0.5)
    assert step.base_lrs == [0.1, 1.0]  # those before any schedule
    opt.add_param_group({"params": [c], "lr": 2.0})
    step.step()
    assert step.get_last_lr() == [0.025, 0.5, 1.0]  # the two multiply


def test_saved_and_restored_goes_on():
    opt = optimizer()
    schedule = mine.StepLR(opt, 2, 0.1)
    curve(schedule, 3)
    saved, of_optimizer = schedule.state_dict(), opt.state_dict()
    expected = curve(schedule, 5)
    fresh = optimizer(9.0)
    again = mine.StepLR(fresh, 1, 0.9)
    fresh.load_state_dict(of_optimizer)
    again.load_state_dict(saved)
    assert curve(again, 5) == expected
    fresh = optimizer(9.0)
    fresh.load_state_dict(of_optimizer)
    assert curve(mine.StepLR(fresh, 2, 0.1, last_epoch=2), 5) == expected
    plateau = mine.ReduceLROnPlateau(optimizer(), patience=1)
    plateau.step(1.0)
    other = mine.ReduceLROnPlateau(optimizer())
    other.load_state_dict(plateau.state_dict())
    assert (other.best, other.patience) == (1.0, 1)


def test_clear_errors():
    opt = optimizer()
    for make, match in [
        (lambda: mine.StepLR(optimizer(), 0), "step_size"),
        (lambda: mine.CosineAnnealingLR(optimizer(), 0), "T_max"),
        (lambda: mine.LinearLR(optimizer(), 0.0), "factors"),
        (lambda: mine.LambdaLR(optimizer(), [abs, abs]), "2 functions for 1 groups"),
        (lambda: mine.InverseTimeDecay(optimizer(), -1), "decay_rate"),
        (lambda: mine.ReduceLROnPlateau(optimizer(), factor=1.5), "factor"),
        (lambda: mine.ReduceLROnPlateau(optimizer(), mode="low"), "mode"),
        (lambda: mine.StepLR(nn.Linear(1, 1), 1), "takes an optimizer"),
        (lambda: mine.StepLR(optimizer(), 1, last_epoch=3), "initial_lr"),
        (lambda: mine.ConstantLR(optimizer(), 2.0), "factor"),
        (lambda: mine.PolynomialLR(optimizer(), 0), "total_iters"),
        (lambda: mine.CosineAnnealingWarmRestarts(optimizer(), 0), "T_0"),
        (lambda: mine.CyclicLR(optimizer(), 0.1, 1.0, mode="up"), "mode"),
        (lambda: mine.CyclicLR(optimizer(), [0.1, 0.2], 1.0), "2 numbers for 1 groups"),
        (lambda: mine.OneCycleLR(optimizer(), 1.0), "total_steps"),
        (lambda: mine.OneCycleLR(optimizer(), 1.0, 10, pct_start=2), "pct_start"),
        (lambda: mine.SequentialLR(optimizer(), [], []), "none in it"),
        (lambda: mine.ChainedScheduler([3]), "no schedule"),
        (lambda: mine.ChainedScheduler([mine.ReduceLROnPlateau(optimizer())]), "needs a figure"),
        (lambda: mine.ChainedScheduler([mine.StepLR(optimizer(), 1), mine.StepLR(optimizer(), 1)]),
         "different optimizers"),
        (lambda: mine.SequentialLR(opt, [mine.StepLR(opt, 1)], [3]), "0 milestones"),
    ]:
        with pytest.raises(dls.DataError, match=match):
            make()
