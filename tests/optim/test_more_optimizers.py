"""ASGD, Rprop, Adafactor, Muon, SparseAdam and LBFGS: PyTorch's numbers, and their states."""

import copy

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim

RNG = np.random.default_rng(0)
SHAPES = [(4, 3), (3, 5), (6,), (2, 3, 4)]
START = [RNG.standard_normal(shape) for shape in SHAPES]
TARGET = [RNG.standard_normal(shape) for shape in SHAPES]
CASES = {
    "asgd": (optim.ASGD, {"lr": 0.05}),
    "asgd all": (optim.ASGD, {
        "lr": 0.05, "lambd": 0.1, "alpha": 0.5, "t0": 5, "weight_decay": 0.1}),
    "rprop": (optim.Rprop, {"lr": 0.05}),
    "rprop all": (optim.Rprop, {"lr": 0.3, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.4)}),
    "adafactor": (optim.Adafactor, {"lr": 0.05}),
    "adafactor all": (optim.Adafactor, {
        "lr": 0.5, "beta2_decay": -0.5, "eps": (1e-4, 0.1), "d": 1.5, "weight_decay": 0.1}),
    "adafactor up": (optim.Adafactor, {"lr": 0.01, "maximize": True}),
    "muon": (optim.Muon, {"lr": 0.02}),
    "muon all": (optim.Muon, {"lr": 0.1, "momentum": 0.5, "nesterov": False, "weight_decay": 0.3,
                              "ns_steps": 3, "adjust_lr_fn": "match_rms_adamw"}),
    "lbfgs": (optim.LBFGS, {"lr": 0.1, "max_iter": 4}),
    "lbfgs search": (optim.LBFGS, {"max_iter": 3, "history_size": 3,
                                   "line_search_fn": "strong_wolfe"}),
}


def train(opt, params, targets, steps):
    """Steps down a bumpy bowl: sum of (p - t)^2 + (p^2 - 1)^2 / 10."""
    losses = []
    for _ in range(steps):
        def closure():
            opt.zero_grad()
            loss = sum(((p - t) ** 2).sum() + ((p * p - 1) ** 2).sum() * 0.1
                       for p, t in zip(params, targets))
            loss.backward()
            return loss

        losses.append(opt.step(closure).item())
    return losses


def made(case, library=dls, dtype="float64"):
    kind, options = CASES[case]
    chosen = [i for i, s in enumerate(START) if kind is not optim.Muon or s.ndim == 2]
    params = [library.tensor(START[i].astype(dtype), requires_grad=True) for i in chosen]
    targets = [library.tensor(TARGET[i].astype(dtype)) for i in chosen]
    found = kind if library is dls else getattr(library.optim, kind.__name__)
    return found(params, **options), params, targets


@pytest.mark.torch
@pytest.mark.parametrize("case", CASES)
def test_twenty_steps_are_pytorchs(case, monkeypatch):
    torch = pytest.importorskip("torch")
    if "muon" in case:  # PyTorch's iterates in bfloat16; the formula is the same
        monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    ours, theirs = made(case), made(case, torch)
    losses = train(*ours, 20), train(*theirs, 20)
    np.testing.assert_allclose(*losses, rtol=1e-6)
    for p, q in zip(ours[1], theirs[1]):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.torch
def test_pytorchs_states_are_taken_and_go_on():
    torch = pytest.importorskip("torch")
    for case in ("asgd all", "rprop", "adafactor", "lbfgs", "lbfgs search"):
        ours, theirs = made(case), made(case, torch)
        train(*theirs, 3)
        ours[0].load_state_dict(theirs[0].state_dict())
        with dls.no_grad():
            for p, q in zip(ours[1], theirs[1]):
                p.copy_(q.detach().numpy())
        np.testing.assert_allclose(train(*ours, 3), train(*theirs, 3), rtol=1e-6, err_msg=case)


@pytest.mark.parametrize("case", [name for name in CASES if " " not in name])
def test_saved_and_loaded_they_go_on_to_the_bit(case):
    opt, params, targets = made(case, dtype="float32")
    train(opt, params, targets, 2)
    other, params2, _ = made(case, dtype="float32")
    other.load_state_dict(copy.deepcopy(opt.state_dict()))
    with dls.no_grad():
        for p, q in zip(params2, params):
            p.copy_(q)
    first = train(opt, params, targets, 3)
    assert first == train(other, params2, targets, 3)
    assert first[-1] < first[0]


@pytest.mark.torch
def test_sparse_adam_moves_the_rows_that_were_looked_up():
    torch = pytest.importorskip("torch")
    start = RNG.standard_normal((6, 3)).astype("float32")
    ours, theirs = nn.Embedding(6, 3), torch.nn.Embedding(6, 3, sparse=True)
    ours.load_state_dict({"weight": start})
    theirs.load_state_dict({"weight": torch.tensor(start)})
    opts = (optim.SparseAdam(ours.parameters(), lr=0.1),
            torch.optim.SparseAdam(theirs.parameters(), lr=0.1))
    for step in range(20):
        words = np.random.default_rng(step).integers(0, 5, 3)
        for L, layer, opt in ((dls, ours, opts[0]), (torch, theirs, opts[1])):
            opt.zero_grad()
            (layer(L.tensor(words)) ** 3).sum().backward()
            opt.step()
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(),
                               rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ours.weight.numpy()[5], start[5])


def test_options_that_make_no_sense_are_named():
    w = dls.ones(2, requires_grad=True)
    with pytest.raises(dls.ShapeError, match="for matrices"):
        optim.Muon([w])
    with pytest.raises(dls.DataError, match="d is at least 1"):
        optim.Adafactor([w], d=0.5)
    with pytest.raises(dls.DataError, match="etas"):
        optim.Rprop([w], etas=(1.2, 0.5))
    with pytest.raises(dls.DataError, match="strong_wolfe"):
        optim.LBFGS([w], line_search_fn="armijo")
    with pytest.raises(dls.DtypeError, match="several times"):
        optim.LBFGS([w]).step()
    plain = optim.AdamW([w]).defaults
    assert optim.AdamW([w], fused=True, foreach=None).defaults == plain
    with pytest.raises(dls.DataError, match="not differentiable"):
        optim.SGD([w], differentiable=True)
