"""Schedules: PyTorch's sequence of rates (and momenta) for random settings."""

import json
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim

from .harness import pick, random_cases, torch

NAMES = ("LambdaLR", "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR",
         "ExponentialLR", "PolynomialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
         "CyclicLR", "OneCycleLR")
CHAINED = NAMES[1:9]  # those that multiply with others
STEPS = 30


def options_of(name: str, case: np.random.Generator, groups: int) -> dict[str, Any]:
    """Random arguments of a schedule."""
    def whole(low: int, high: int) -> int:
        return int(case.integers(low, high))

    def part(low: float = 0.0, high: float = 1.0) -> float:
        return float(case.uniform(low, high))

    def rates(low: float, high: float) -> Any:
        return [part(low, high) for _ in range(groups)] if case.random() < 0.3 else part(low, high)

    a, b = part(), part(0.5, 1.1)
    one = case.random() < 0.5
    functions = [lambda e: 1 / (1 + a * e), lambda e: b**e]
    cyclic: dict[str, Any] = {
        "base_lr": rates(0.01, 0.1), "max_lr": rates(0.1, 1.0), "step_size_up": whole(1, 8),
        "step_size_down": pick(case, None, whole(1, 8)),
        "mode": pick(case, "triangular", "triangular2", "exp_range"), "gamma": part(0.8, 1.0),
        "base_momentum": part(0.5, 0.8), "max_momentum": part(0.8, 0.99),
        "cycle_momentum": bool(case.integers(2)),
    }
    if case.random() < 0.3:
        cyclic |= {"scale_fn": lambda x: 0.9**x,
                   "scale_mode": pick(case, "cycle", "iterations")}
    return {
        "LambdaLR": lambda: {"lr_lambda": functions[0] if one or groups == 1 else functions},
        "MultiplicativeLR": lambda: {"lr_lambda": functions[1]},
        "StepLR": lambda: {"step_size": whole(1, 9), "gamma": part(0, 1.2)},
        "MultiStepLR": lambda: {"milestones": [whole(0, 25) for _ in range(whole(0, 5))],
                                "gamma": part(0.1, 1.2)},
        # PyTorch keeps the first factor forever where total_iters is 0, and divides by a factor 0.
        "ConstantLR": lambda: {"factor": part(0.01, 1), "total_iters": whole(1, 12)},
        "LinearLR": lambda: {"start_factor": part(0.01, 1), "end_factor": part(0, 1),
                             "total_iters": whole(1, 12)},
        "ExponentialLR": lambda: {"gamma": part(0.5, 1.1)},
        "PolynomialLR": lambda: {"total_iters": whole(1, 40), "power": part(0, 3)},
        "CosineAnnealingLR": lambda: {"T_max": whole(1, 40), "eta_min": part(0, 0.05)},
        "CosineAnnealingWarmRestarts": lambda: {"T_0": whole(1, 9), "T_mult": whole(1, 4),
                                                "eta_min": part(0, 0.05)},
        "CyclicLR": lambda: cyclic,
        "OneCycleLR": lambda: {
            "max_lr": rates(0.1, 1.0), "pct_start": float(pick(case, 0.0, 1.0, part())),
            "anneal_strategy": pick(case, "cos", "linear"), "three_phase": bool(case.integers(2)),
            "div_factor": part(1, 30), "final_div_factor": part(1, 1e4),
            "cycle_momentum": bool(case.integers(2)), "base_momentum": part(0.5, 0.8),
            "max_momentum": part(0.8, 0.99),
            **pick(case, {"total_steps": STEPS + 1}, {"epochs": 8, "steps_per_epoch": 4}),
        },
    }[name]()


def optimizers(case: np.random.Generator, groups: int) -> tuple[Any, Any]:
    """The same optimizer on both sides, with a rate for each group."""
    rates = [float(case.uniform(0.1, 1)) for _ in range(groups)]
    kind, options = pick(case, ("SGD", {"momentum": 0.5}), ("Adam", {}))
    return tuple(
        getattr(side.optim, kind)([{"params": [made()], "lr": rate} for rate in rates], **options)
        for side, made in ((torch, lambda: torch.ones(1, requires_grad=True)),
                           (dls, lambda: nn.Parameter([1.0])))
    )[::-1]


def both(name: str, case: np.random.Generator, ours: Any, other: Any, **more: Any) -> Any:
    options = options_of(name, case, len(ours.param_groups)) | more
    theirs = getattr(torch.optim.lr_scheduler, name)(other, **options)
    return getattr(optim.lr_scheduler, name)(ours, **options), theirs


def same(ours: Any, other: Any, when: Any) -> None:
    for a, b in zip(ours.param_groups, other.param_groups, strict=True):
        assert np.isclose(a["lr"], b["lr"], rtol=1e-8, atol=1e-11), (when, a["lr"], b["lr"])
        for name in ("momentum", "betas"):
            assert np.allclose(a.get(name, 0), b.get(name, 0), rtol=1e-9), (when, name)


def follow(mine: Any, theirs: Any, ours: Any, other: Any, steps: int = STEPS) -> None:
    """The same rates for `steps` epochs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's about the order of step()
        same(ours, other, "at first")
        for epoch in range(1, steps + 1):
            mine.step()
            theirs.step()
            same(ours, other, epoch)


@pytest.mark.parametrize("name", NAMES)
@random_cases(40)
def test_one_schedule(case: np.random.Generator, name: str) -> None:
    ours, other = optimizers(case, int(case.integers(1, 3)))
    follow(*both(name, case, ours, other), ours, other)


@random_cases(120)
def test_schedules_of_one_optimizer_multiply(case: np.random.Generator) -> None:
    """Two or three on one optimizer, stepped in turn, or in a ChainedScheduler."""
    ours, other = optimizers(case, int(case.integers(1, 3)))
    pairs = [both(pick(case, *CHAINED), case, ours, other)
             for _ in range(int(case.integers(2, 4)))]
    if any(isinstance(p[0], optim.lr_scheduler.CosineAnnealingLR) for p in pairs):
        pairs = pairs[:1]  # see below
    mine, theirs = ([p[i] for p in pairs] for i in (0, 1))
    if case.random() < 0.5:
        follow(optim.lr_scheduler.ChainedScheduler(mine),
               torch.optim.lr_scheduler.ChainedScheduler(theirs), ours, other)
        return
    for epoch in range(STEPS):
        for a, b in zip(mine, theirs):
            a.step()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                b.step()
        same(ours, other, epoch)


@random_cases(40)
def test_a_cosine_multiplies_too(case: np.random.Generator) -> None:
    """Up to T_max: there PyTorch divides by a number near 0 that depends on rounding."""
    ours, other = optimizers(case, 1)
    length = int(case.integers(4, 30))
    pairs = [both("CosineAnnealingLR", case, ours, other, T_max=length),
             both(pick(case, "ExponentialLR", "StepLR"), case, ours, other, gamma=0.9)]
    if case.random() < 0.5:
        pairs.reverse()
    follow(optim.lr_scheduler.ChainedScheduler([p[0] for p in pairs]),
           torch.optim.lr_scheduler.ChainedScheduler([p[1] for p in pairs]), ours, other,
           length - 1)


@random_cases(120)
def test_one_after_the_other(case: np.random.Generator) -> None:
    ours, other = optimizers(case, int(case.integers(1, 3)))
    count = int(case.integers(1, 4))
    names = [pick(case, *NAMES[:10]) for _ in range(count)]
    pairs = [both(name, case, ours, other) for name in names]
    milestones = sorted({int(m) for m in case.integers(1, 25, 9)})[: count - 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine = optim.lr_scheduler.SequentialLR(ours, [p[0] for p in pairs], milestones)
        theirs = torch.optim.lr_scheduler.SequentialLR(other, [p[1] for p in pairs], milestones)
    follow(mine, theirs, ours, other)


@random_cases(100)
def test_plateaus(case: np.random.Generator) -> None:
    ours, other = optimizers(case, int(case.integers(1, 3)))
    groups = len(ours.param_groups)
    options = {
        "mode": pick(case, "min", "max"), "factor": float(case.uniform(0, 0.99)),
        "patience": int(case.integers(0, 5)), "threshold": float(case.uniform(0, 0.3)),
        "threshold_mode": pick(case, "rel", "abs"), "cooldown": int(case.integers(0, 4)),
        "min_lr": pick(case, 0.0, 0.05, [0.01 * (i + 1) for i in range(groups)]),
        "eps": pick(case, 1e-8, 0.01),
    }
    mine = optim.lr_scheduler.ReduceLROnPlateau(ours, **options)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **options)
    figures = case.uniform(-1, 1) + case.random(50) * np.linspace(1, pick(case, 0.2, 3), 50)
    for epoch, figure in enumerate(figures):
        mine.step(dls.Tensor(figure))
        theirs.step(float(figure))
        same(ours, other, epoch)


@pytest.mark.parametrize("name", [*NAMES, "SequentialLR", "ChainedScheduler"])
@random_cases(10)
def test_saved_and_restored_goes_on_to_the_bit(case: np.random.Generator, name: str) -> None:
    """Through JSON, as in a checkpoint, into a schedule made with other arguments."""
    def build(seed: int) -> tuple[Any, Any]:
        rng = np.random.default_rng(seed)
        ours = optim.SGD([{"params": [nn.Parameter([1.0])], "lr": 0.5}], momentum=0.5)
        if name not in NAMES:
            kinds = [getattr(optim.lr_scheduler, n)(ours, **options_of(n, rng, 1))
                     for n in ("LinearLR", "ExponentialLR")]
            return ours, (optim.lr_scheduler.SequentialLR(ours, kinds, [7 + seed % 3])
                          if name == "SequentialLR" else optim.lr_scheduler.ChainedScheduler(kinds))
        return ours, getattr(optim.lr_scheduler, name)(ours, **options_of(name, rng, 1))

    seed = int(case.integers(10**6))
    ours, schedule = build(seed)
    for _ in range(11):
        schedule.step()
    saved = json.loads(json.dumps([ours.state_dict(), schedule.state_dict()]))
    functions = name in ("LambdaLR", "MultiplicativeLR", "CyclicLR")  # they are not in a file
    fresh, again = build(seed if functions else seed + 1)
    fresh.load_state_dict({**saved[0], "state": {}})
    again.load_state_dict(saved[1])
    for _ in range(15):
        schedule.step()
        again.step()
        assert again.get_last_lr() == schedule.get_last_lr()
        assert fresh.param_groups[0]["momentum"] == ours.param_groups[0]["momentum"]


@pytest.mark.parametrize("name", NAMES[2:9])
@random_cases(5)
def test_pytorchs_states_are_loaded(case: np.random.Generator, name: str) -> None:
    before = case.bit_generator.state
    ours, other = optimizers(case, 2)
    _, theirs = both(name, case, ours, other)
    case.bit_generator.state = before
    fresh, _ = optimizers(case, 2)
    mine = getattr(optim.lr_scheduler, name)(fresh, **options_of(name, case, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(9):
            theirs.step()
    mine.load_state_dict(theirs.state_dict())
    for a, b in zip(fresh.param_groups, other.param_groups):
        a["lr"] = b["lr"]
    follow(mine, theirs, fresh, other)
