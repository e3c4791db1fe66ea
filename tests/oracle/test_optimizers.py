"""Optimizers: PyTorch's numbers over ten steps, and its states; the papers' for LAMB and Lion."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim

from .harness import pick, random_cases, torch

SHAPES = ((3, 4), (1,), (), (0,), (2, 0, 3), (5, 1, 2), (7,), (1, 1))
NAMES = ("SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "NAdam", "RAdam")
TOLERANCE = {"float32": {"rtol": 2e-4, "atol": 2e-5}, "float64": {"rtol": 1e-9, "atol": 1e-11}}


def options_of(name: str, case: np.random.Generator) -> dict[str, Any]:
    """Random options of an optimizer; some left out, so that defaults are compared too."""
    betas = (float(case.uniform(0, 0.95)), float(case.uniform(0.5, 0.999)))
    every: dict[str, Any] = {
        "lr": float(case.uniform(0, 0.1)), "weight_decay": pick(case, 0.0, 0.1, 0.01),
        "maximize": bool(case.integers(2)), "eps": pick(case, 1e-8, 1e-3),
        "betas": betas, "amsgrad": bool(case.integers(2)),
        "decoupled_weight_decay": bool(case.integers(2)),
        "momentum_decay": pick(case, 4e-3, 0.1, 0.0), "alpha": float(case.uniform(0.5, 1)),
        "rho": float(case.uniform(0.5, 1)), "centered": bool(case.integers(2)),
        "momentum": pick(case, 0.0, 0.9, 0.5), "lr_decay": pick(case, 0.0, 0.1),
        "initial_accumulator_value": pick(case, 0.0, 0.5),
    }
    own = {
        "SGD": ("momentum",), "Adagrad": ("lr_decay", "initial_accumulator_value", "eps"),
        "Adadelta": ("rho", "eps"), "RMSprop": ("alpha", "eps", "momentum", "centered"),
        "Adam": ("betas", "eps", "amsgrad", "decoupled_weight_decay"),
        "AdamW": ("betas", "eps", "amsgrad"),
        "Adamax": ("betas", "eps"), "NAdam": ("betas", "eps", "momentum_decay",
                                              "decoupled_weight_decay"),
        "RAdam": ("betas", "eps", "decoupled_weight_decay"),
        "LAMB": ("betas", "eps"), "Lion": ("betas",),
    }[name]
    chosen = {n: every[n] for n in ("lr", "weight_decay", "maximize", *own) if case.random() < 0.8}
    if name == "SGD" and chosen.get("momentum"):
        kind = pick(case, "plain", "nesterov", "dampening")
        chosen |= {"nesterov": True} if kind == "nesterov" else (
            {"dampening": 0.3} if kind == "dampening" else {})
    return chosen


def start(case: np.random.Generator, dtype: str) -> list[np.ndarray]:
    return [np.asarray(case.standard_normal(pick(case, *SHAPES))).astype(dtype)
            for _ in range(int(case.integers(1, 7)))]


def gradients(case: np.random.Generator, arrays: list[np.ndarray]) -> list[np.ndarray | None]:
    """Of each step: some parameters have none, some are zero, and their scales differ."""
    return [None if case.random() < 0.15 else
            (case.standard_normal(a.shape) * pick(case, 0, 1, 1, 10)).astype(a.dtype)
            for a in arrays]


def steps(opt: Any, params: list[Any], plan: list[list[Any]], tensor: Callable[..., Any]) -> None:
    for grads in plan:
        for p, g in zip(params, grads):
            p.grad = None if g is None else tensor(g)
        opt.step()


def grouped(case: np.random.Generator, name: str, params: list[Any]) -> list[dict[str, Any]]:
    """Parameters in one group or two, the second with a rate and a decay of its own."""
    cut = int(case.integers(0, len(params)))
    if cut == 0:
        return [{"params": params}]
    return [{"params": params[:cut]}, {"params": params[cut:], "lr": 0.03, "weight_decay": 0.2}]


def close(mine: list[Any], theirs: list[Any], dtype: str, what: str = "parameter") -> None:
    for i, (p, q) in enumerate(zip(mine, theirs, strict=True)):
        want = q.detach().numpy() if hasattr(q, "detach") else q
        assert p.dtype == want.dtype == dtype
        np.testing.assert_allclose(p.numpy(), want, **TOLERANCE[dtype], err_msg=f"{what} {i}")


def as_torch(state: Any) -> Any:
    """Our state with PyTorch's tensors in it."""
    if isinstance(state, dls.Tensor):
        return torch.from_numpy(state.numpy().copy())
    if isinstance(state, dict):
        return {n: as_torch(v) for n, v in state.items()}
    return state


@pytest.mark.parametrize("name", NAMES)
@random_cases(60)
def test_ten_steps_and_ten_more_from_the_state_of_the_other(
    case: np.random.Generator, name: str
) -> None:
    """Ten steps beside PyTorch, then each goes on from the other's state."""
    dtype = pick(case, "float32", "float64")
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))  # NAdam's product of momenta has this one
    try:
        options, arrays = options_of(name, case), start(case, dtype)
        mine = [nn.Parameter(a) for a in arrays]
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        cut = case.bit_generator.state
        ours = getattr(optim, name)(grouped(case, name, mine), **options)
        case.bit_generator.state = cut
        other = getattr(torch.optim, name)(grouped(case, name, theirs), **options)
        plan = [gradients(case, arrays) for _ in range(10)]
        steps(ours, mine, plan, dls.Tensor)
        steps(other, theirs, plan, torch.tensor)
        close(mine, theirs, dtype)
        saved, seen = ours.state_dict(), other.state_dict()
        for a, b in zip(saved["param_groups"], seen["param_groups"]):
            for option, value in a.items():
                assert b[option] == value, f"option {option}"
        fresh = [nn.Parameter(q.detach().numpy()) for q in theirs]
        again = getattr(optim, name)([{"params": fresh[:len(g["params"])]} if i == 0 else
                                      {"params": fresh[-len(g["params"]):]}
                                      for i, g in enumerate(ours.param_groups)], lr=7.0)
        again.load_state_dict(seen)
        turned = [torch.tensor(p.numpy(), requires_grad=True) for p in mine]
        third = getattr(torch.optim, name)([{"params": turned[:len(g["params"])]} if i == 0 else
                                            {"params": turned[-len(g["params"]):]}
                                            for i, g in enumerate(ours.param_groups)], lr=7.0)
        third.load_state_dict(as_torch(saved))
        plan = [gradients(case, arrays) for _ in range(10)]
        steps(ours, mine, plan, dls.Tensor)
        steps(again, fresh, plan, dls.Tensor)
        steps(other, theirs, plan, torch.tensor)
        steps(third, turned, plan, torch.tensor)
        close(mine, theirs, dtype)
        close(fresh, theirs, dtype, "from PyTorch's state, parameter")
        close(mine, turned, dtype, "PyTorch from our state, parameter")
    finally:
        torch.set_default_dtype(before)


# --- LAMB and Lion, which PyTorch does not have: the papers' formulas in NumPy --------------------


def lamb(w: Any, g: Any, state: dict[str, Any], lr: float, betas: Any, eps: float,
         weight_decay: float) -> Any:
    """Algorithm 2 of You et al. 2020, with the identity as phi."""
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
    state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g**2
    r = (state["m"] / (1 - betas[0]**t)) / (np.sqrt(state["v"] / (1 - betas[1]**t)) + eps)
    u = r + weight_decay * w
    a, b = np.linalg.norm(w), np.linalg.norm(u)
    return w - lr * (a / b if a > 0 and b > 0 else 1.0) * u


def lion(w: Any, g: Any, state: dict[str, Any], lr: float, betas: Any, weight_decay: float) -> Any:
    """Algorithm 2 of Chen et al. 2023."""
    m = state.get("m", np.zeros_like(w))
    c = betas[0] * m + (1 - betas[0]) * g
    state["m"] = betas[1] * m + (1 - betas[1]) * g
    return w - lr * (np.sign(c) + weight_decay * w)


@pytest.mark.parametrize("name", ["LAMB", "Lion"])
@random_cases(60)
def test_the_papers_formulas(case: np.random.Generator, name: str) -> None:
    # Lion's sign turns a rounding error into a whole step: float64 only.
    dtype = "float64" if name == "Lion" else pick(case, "float32", "float64")
    options, arrays = options_of(name, case), start(case, dtype)
    climb = options.pop("maximize", False)
    mine = [nn.Parameter(a) for a in arrays]
    ours = getattr(optim, name)(mine, **options, maximize=climb)
    full = {n: v for n, v in ours.defaults.items() if n != "maximize"}
    plan = [gradients(case, arrays) for _ in range(10)]
    steps(ours, mine, plan, dls.Tensor)
    states: list[dict[str, Any]] = [{} for _ in arrays]
    rule, wanted = {"LAMB": lamb, "Lion": lion}[name], [a.astype("float64") for a in arrays]
    for grads in plan:
        for i, g in enumerate(grads):
            if g is not None:
                wanted[i] = rule(wanted[i], -g if climb else g, states[i], **full)
    close(mine, [np.asarray(w, dtype) for w in wanted], dtype)


# --- averages of weights, and norms of gradients -------------------------------------------------


@random_cases(60)
def test_averages(case: np.random.Generator) -> None:
    """AveragedModel and its averaging functions, with buffers and without."""
    kind, buffers = pick(case, "swa", "ema", "ema_one", "swa_one", "none"), bool(case.integers(2))
    decay = float(case.uniform(0, 1))
    sizes = [int(n) for n in case.integers(1, 6, 3)]

    def build(side: Any, tensor: Any) -> Any:
        net = side.Sequential(side.Linear(*sizes[:2]), side.Linear(*sizes[1:]))
        net[0].register_buffer("running", tensor([1.0, 2.0]))
        return net

    def made(module: Any) -> Any:
        functions = {
            "swa": lambda: {"multi_avg_fn": module.get_swa_multi_avg_fn()},
            "ema": lambda: {"multi_avg_fn": module.get_ema_multi_avg_fn(decay)},
            "swa_one": lambda: {"avg_fn": module.get_swa_avg_fn()},
            "ema_one": lambda: {"avg_fn": module.get_ema_avg_fn(decay)}, "none": dict,
        }
        return functions[kind]()

    mine, theirs = build(nn, dls.Tensor), build(torch.nn, torch.tensor)
    average = optim.AveragedModel(mine, use_buffers=buffers, **made(optim.swa_utils))
    other = torch.optim.swa_utils.AveragedModel(
        theirs, use_buffers=buffers, **made(torch.optim.swa_utils))
    for _ in range(int(case.integers(1, 6))):
        values = {n: case.standard_normal(t.shape).astype("float32")
                  for n, t in mine.state_dict().items()}
        mine.load_state_dict(values)
        theirs.load_state_dict({n: torch.tensor(v) for n, v in values.items()})
        average.update_parameters(mine)
        other.update_parameters(theirs)
    got, want = average.state_dict(), other.state_dict()
    assert set(got) == set(want)
    for name, value in want.items():
        np.testing.assert_allclose(got[name].numpy(), value.numpy(), rtol=1e-5, atol=1e-6)


@random_cases(80)
def test_clipping(case: np.random.Generator) -> None:
    dtype = pick(case, "float32", "float64")
    arrays = [case.standard_normal(pick(case, (3, 4), (1,), (), (2, 3, 2))).astype(dtype)
              for _ in range(int(case.integers(1, 5)))]
    kind = pick(case, 1.0, 2.0, 3.0, 0.5, float("inf"))
    mine = [nn.Parameter(a) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    for p, q, a in zip(mine, theirs, arrays):
        if case.random() < 0.8:
            p.grad, q.grad = dls.Tensor(a * 2), torch.tensor(a * 2)
    graded = [p for p in mine if p.grad is not None]
    scale = {"rtol": 1e-5 if dtype == "float32" else 1e-12}
    if graded:
        total = nn.utils.get_total_norm([p.grad for p in graded], kind)
        want = torch.nn.utils.get_total_norm([q.grad for q in theirs if q.grad is not None], kind)
        np.testing.assert_allclose(float(total), float(want), **scale)
    how = pick(case, "norm", "value", "in two steps")
    for side, params in ((nn.utils, mine), (torch.nn.utils, theirs)):
        if how == "value":
            side.clip_grad_value_(params, 0.7)
        elif how == "norm":
            side.clip_grad_norm_(params, 1.3, norm_type=kind)
        else:
            norm = side.get_total_norm([p.grad for p in params if p.grad is not None], kind)
            side.clip_grads_with_norm_(params, 1.3, norm)
    for p, q in zip(mine, theirs):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **scale)
