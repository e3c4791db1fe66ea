"""Optimizers: against their formulas and PyTorch, on the strict device, saved and restored."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict

CASES = {
    "sgd": (optim.SGD, {"lr": 0.1}),
    "sgd decay": (optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    "momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "dampening": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    "nesterov": (optim.SGD, {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    "rmsprop": (optim.RMSprop, {}),
    "rmsprop all": (optim.RMSprop, {
        "lr": 0.02, "alpha": 0.9, "eps": 1e-6, "weight_decay": 0.1, "momentum": 0.7,
        "centered": True}),
    "rmsprop centered": (optim.RMSprop, {"centered": True}),
    "rmsprop momentum": (optim.RMSprop, {"momentum": 0.5}),
    "adam": (optim.Adam, {"lr": 0.01}),
    "adam all": (optim.Adam, {
        "lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-5, "weight_decay": 0.1}),
    "adamw": (optim.AdamW, {}),
    "adamw all": (optim.AdamW, {
        "lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-5, "weight_decay": 0.1}),
    "adam amsgrad": (optim.Adam, {"lr": 0.02, "amsgrad": True, "maximize": True}),
    "sgd maximize": (optim.SGD, {"lr": 0.01, "momentum": 0.9, "maximize": True}),
    "adagrad": (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    "adadelta": (optim.Adadelta, {"weight_decay": 0.1}),
    "adamax": (optim.Adamax, {"lr": 0.02}),
    "nadam": (optim.NAdam, {"lr": 0.02, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    "radam": (optim.RAdam, {"lr": 0.02, "weight_decay": 0.1}),
}
PAPERS = {
    "lion": (optim.Lion, {"lr": 0.01, "weight_decay": 0.1}), "lamb": (optim.LAMB, {"lr": 0.01}),
}
EVERY = CASES | PAPERS
RNG = np.random.default_rng(0)
START = [RNG.standard_normal((4, 3)), RNG.standard_normal(3), RNG.standard_normal(())]
TARGET = [RNG.standard_normal(s.shape) for s in START]


def run(opt, params, targets, steps, cube=lambda x: x**3):
    """Steps down a bumpy bowl: sum of (p - t)^2 + p^3 / 10."""
    for _ in range(steps):
        opt.zero_grad()
        loss = sum((((p - t) ** 2) + cube(p) * 0.1).sum() for p, t in zip(params, targets))
        loss.backward()
        opt.step()


def ours(case, dtype="float64", device="cpu", steps=10):
    kind, options = EVERY[case]
    params = [nn.Parameter(s.astype(dtype), device=device) for s in START]
    targets = [dls.Tensor(t.astype(dtype), device=device) for t in TARGET]
    opt = kind(params, **options)
    run(opt, params, targets, steps)
    return opt, params, targets


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_ten_steps_are_pytorchs(case, dtype):
    torch = pytest.importorskip("torch")
    kind, options = CASES[case]
    _, params, _ = ours(case, dtype)
    theirs = [torch.tensor(s.astype(dtype), requires_grad=True) for s in START]
    run(getattr(torch.optim, kind.__name__)(theirs, **options), theirs,
        [torch.tensor(t.astype(dtype)) for t in TARGET], 10)
    for p, q in zip(params, theirs):
        assert p.dtype == dtype
        tolerance = {"rtol": 2e-5, "atol": 2e-6} if dtype == "float32" else {"rtol": 1e-12}
        if case == "nadam":  # PyTorch keeps the product of its momenta in float32
            tolerance["rtol"] = 1e-6
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), **tolerance)


@pytest.mark.torch
@pytest.mark.parametrize("case", CASES)
def test_defaults_and_state_are_pytorchs(case):
    torch = pytest.importorskip("torch")
    kind, options = CASES[case]
    opt, _, targets = ours(case, steps=3)
    theirs = [torch.tensor(s, requires_grad=True) for s in START]
    other = getattr(torch.optim, kind.__name__)(theirs, **options)
    torch_targets = [torch.tensor(t) for t in TARGET]
    run(other, theirs, torch_targets, 3)
    saved = other.state_dict()
    for name, value in opt.param_groups[0].items():
        if name != "params":
            assert saved["param_groups"][0][name] == value
    mine = opt.state_dict()["state"]
    for i, values in saved["state"].items():
        assert set(mine.get(i, {})) == {n for n, v in values.items() if v is not None}
    fresh = [nn.Parameter(p.detach().numpy()) for p in theirs]
    restored = kind(fresh, lr=5.0)
    restored.load_state_dict(saved)  # go on where PyTorch stopped
    run(restored, fresh, targets, 3)
    run(other, theirs, torch_targets, 3)
    for p, q in zip(fresh, theirs):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(),
                                   rtol=1e-6 if case == "nadam" else 1e-12)


def test_first_steps_by_hand():
    w, g = 2.0, 0.5

    def after(kind, steps=1, **options):
        p = nn.Parameter(np.array([w]))
        opt = kind([p], **options)
        for _ in range(steps):
            p.grad = dls.Tensor(np.array([g]))
            opt.step()
        return p.numpy()[0]

    assert np.isclose(after(optim.SGD, lr=0.1), w - 0.05)
    assert np.isclose(after(optim.SGD, 2, lr=0.1, momentum=0.9), w - 0.05 - 0.1 * 0.95)
    assert np.isclose(after(optim.SGD, lr=0.1, momentum=0.9, nesterov=True), w - 0.1 * 0.95)
    assert np.isclose(after(optim.RMSprop, lr=0.1, alpha=0.75, eps=0), w - 0.1 / 0.5)
    assert np.isclose(after(optim.Adam, lr=0.1), w - 0.1, atol=1e-8)
    assert np.isclose(after(optim.Adam, 2, lr=0.1), w - 0.2, atol=1e-8)
    assert np.isclose(after(optim.AdamW, lr=0.1, weight_decay=0.5), w * 0.95 - 0.1, atol=1e-8)
    assert np.isclose(after(optim.SGD, lr=0.1, maximize=True), w + 0.05)
    assert np.isclose(after(optim.Adagrad, lr=0.1), w - 0.1)
    assert np.isclose(after(optim.Adagrad, 2, lr=0.1), w - 0.1 - 0.1 / 2**0.5)
    assert np.isclose(after(optim.Adagrad, lr=0.1, initial_accumulator_value=0.75), w - 0.05)
    assert np.isclose(after(optim.Adadelta, rho=0.75, eps=1e-12), w - 2e-6, atol=1e-9)
    assert np.isclose(after(optim.Adamax, lr=0.1), w - 0.1, atol=1e-8)
    assert np.isclose(after(optim.RAdam, 2, lr=0.1), w - 0.1, atol=1e-8)  # two plain steps by g
    assert np.isclose(after(optim.Lion, lr=0.1, weight_decay=0.5), w - 0.1 * (1 + 0.5 * w))
    assert np.isclose(after(optim.LAMB, lr=0.1, weight_decay=0.0), w - 0.1 * w)  # |w| / |u| = w
    assert np.isclose(after(optim.LAMB, 2, lr=0.1, weight_decay=0.0), w * 0.9**2)


@pytest.mark.parametrize("case", EVERY)
def test_strict_device_gives_the_same_steps(case):
    opt, params, _ = ours(case, "float32", "strict")
    _, expected, _ = ours(case, "float32", "cpu")
    for p, q in zip(params, expected):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-5, atol=1e-6)
    for values in opt.state.values():
        buffers = [v for v in values.values() if isinstance(v, dls.Tensor)]
        assert all(v.device.name == "strict" and v.dtype == np.float32 for v in buffers)


@pytest.mark.parametrize("case", EVERY)
def test_a_training_step_does_not_wait_for_the_device(case):
    kind, options = EVERY[case]
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 3)).to("strict")
    opt = kind(net.parameters(), **options)
    x = dls.randn(8, 6, device="strict")
    labels = dls.randint(0, 3, (8,), device="strict")
    for _ in range(2):
        with strict.count() as c:
            opt.zero_grad()
            F.cross_entropy(net(x), labels).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
        assert (c.syncs, c.host_to_device, c.device_to_host) == (0, 0, 0), c


@pytest.mark.parametrize("case", EVERY)
def test_saved_and_restored_goes_on_to_the_bit(case):
    opt, params, targets = ours(case, "float32", steps=4)
    saved = pickle.loads(pickle.dumps(opt.state_dict()))
    weights = [p.numpy().copy() for p in params]
    run(opt, params, targets, 4)
    fresh = [nn.Parameter(w) for w in weights]
    kind, _ = EVERY[case]
    other = kind(fresh, lr=7.0)
    other.load_state_dict(saved)
    run(other, fresh, targets, 4)
    for p, q in zip(params, fresh):
        assert np.array_equal(p.numpy(), q.numpy())


def test_the_state_is_a_snapshot_and_loading_copies():
    opt, params, targets = ours("adam")
    saved = opt.state_dict()
    before = copy.deepcopy(saved)
    run(opt, params, targets, 2)
    other = optim.Adam([nn.Parameter(p) for p in params])
    other.load_state_dict(saved)
    run(other, other.param_groups[0]["params"], targets, 1)
    for i in range(3):
        for name in ("exp_avg", "exp_avg_sq"):
            assert np.array_equal(saved["state"][i][name].numpy(),
                                  before["state"][i][name].numpy())
    assert saved["param_groups"] == before["param_groups"]


def test_a_failing_load_changes_nothing():
    opt, params, _ = ours("adam")
    before = opt.state_dict()
    other, _, _ = ours("adam")
    shapes = other.state_dict()
    shapes["state"][0]["exp_avg"] = dls.zeros(9)
    counts = optim.Adam(params[:2]).state_dict()
    options = other.state_dict()
    options["param_groups"][0]["centered"] = True
    negative = other.state_dict()
    negative["param_groups"][0]["lr"] = -1.0
    lost = other.state_dict()
    lost["state"][9] = {}
    for bad, error, match in [
        (shapes, dls.ShapeError, "exp_avg"), (counts, dls.DataError, "groups"),
        (options, dls.DataError, "centered"), (negative, dls.DataError, "lr"),
        (lost, dls.DataError, "9"),
    ]:
        with pytest.raises(error, match=match):
            opt.load_state_dict(bad)
        now = opt.state_dict()
        assert now["param_groups"] == before["param_groups"]
        assert np.array_equal(now["state"][0]["exp_avg"].numpy(),
                              before["state"][0]["exp_avg"].numpy())


def test_state_comes_along_when_the_model_moves():
    net = nn.Linear(3, 2)
    opt = optim.Adam(net.parameters())
    x = dls.ones(4, 3)
    net(x).sum().backward()
    opt.step()
    net.to("strict").double()
    opt.zero_grad()
    net(dls.Tensor(np.ones((4, 3)), device="strict")).sum().backward()
    opt.step()
    state = opt.state[net.weight]
    assert state["exp_avg"].device.name == "strict" and state["exp_avg"].dtype == np.float64
    assert state["step"] == 2


def test_groups_have_options_of_their_own_and_may_change():
    a, b, c = (nn.Parameter(np.ones(2)) for _ in range(3))
    opt = optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
    opt.add_param_group({"params": [c], "weight_decay": 1.0})
    for p in (a, b, c):
        p.grad = dls.Tensor(np.ones(2))
    opt.step()
    assert (a.tolist(), b.tolist(), c.tolist()) == ([0.9] * 2, [0.0] * 2, [0.8] * 2)
    opt.param_groups[0]["lr"] = np.float64(0.5)  # a NumPy scalar must not promote
    opt.step()
    assert np.allclose(a.numpy(), 0.4)
    f = nn.Parameter(np.ones(2, "float32"))
    f.grad = dls.ones(2)
    optim.Adam([f], lr=np.float64(0.1)).step()
    assert f.dtype == np.float32
    assert "group 1: 1 tensors, 2 parameters" in repr(opt)


def test_without_gradient_nothing_happens():
    a, b = nn.Parameter([1.0]), nn.Parameter([1.0])
    opt = optim.Adam([a, b])
    a.grad = dls.ones(1)
    opt.step()
    assert b.tolist() == [1.0] and b not in opt.state and b.version == 0
    assert a.version == 1
    opt.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0.0] and b.grad is None
    opt.zero_grad()
    assert a.grad is None


def test_a_step_between_forward_and_backward_is_noticed():
    p = nn.Parameter([2.0])
    opt = optim.SGD([p], lr=0.1)
    y = p * p
    p.grad = dls.ones(1)
    opt.step()
    with pytest.raises(dls.GraphError, match=r"SGD\.step\(\)"):
        y.backward()


def test_odd_layouts_and_closures():
    turned = nn.Parameter(np.ones((2, 3)))
    turned.data = np.ones((3, 2)).T  # not contiguous
    straight = nn.Parameter(np.ones((2, 3)))
    g = np.arange(6.0).reshape(3, 2)
    for p in (turned, straight):
        p.grad = dls.from_numpy(g.T)
        optim.Adam([p], lr=0.1).step()
    assert np.array_equal(turned.numpy(), straight.numpy()) and not (turned.numpy() == 1).all()
    opt = optim.SGD([straight], lr=0.1)

    def closure():
        opt.zero_grad()
        loss = (straight**2).sum()
        loss.backward()
        return loss

    with dls.no_grad():
        first = float(opt.step(closure))
    assert float((straight**2).sum()) < first


def test_clear_errors():
    p = nn.Parameter([1.0])
    for make, error, match in [
        (lambda: optim.SGD([]), dls.DataError, "no parameters"),
        (lambda: optim.SGD([p], lr=-1), dls.DataError, "lr is at least 0"),
        (lambda: optim.SGD([p], lr=float("nan")), dls.DataError, "lr is at least 0"),
        (lambda: optim.SGD([p], nesterov=True), dls.DataError, "nesterov needs"),
        (lambda: optim.Adam([p], betas=(0.9, 1.0)), dls.DataError, "betas"),
        (lambda: optim.Adam([p], eps=-1), dls.DataError, "eps"),
        (lambda: optim.SGD(nn.Linear(2, 2)), dls.DtypeError, r"model\.parameters\(\)"),
        (lambda: optim.SGD(nn.Sequential(nn.Linear(2, 2))), dls.DtypeError, r"parameters\(\)"),
        (lambda: optim.SGD(p), dls.DtypeError, "list of parameters"),
        (lambda: optim.SGD([1.0]), dls.DtypeError, "parameter 0 is a float"),
        (lambda: optim.SGD([p * 2]), dls.GraphError, "computed .by 'mul'"),
        (lambda: optim.SGD([dls.Tensor([1])]), dls.DtypeError, "int64"),
        (lambda: optim.SGD([p, p]), dls.DataError, "there twice"),
        (lambda: optim.SGD([{"params": [p], "rate": 1}]), dls.DataError, "no option 'rate'"),
    ]:
        with pytest.raises(error, match=match):
            make()
    net = nn.Linear(2, 2)
    assert len(optim.SGD(net.named_parameters()).param_groups[0]["params"]) == 2


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]),
    st.floats(-100, 100), st.floats(0.01, 10),
)
def test_every_optimizer_goes_downhill(case, start, curvature):
    kind, _ = CASES[case]
    options = {"momentum": 0.5} if case == "momentum" else (
        {"momentum": 0.5, "nesterov": True} if case == "nesterov" else {})
    p = nn.Parameter(np.array([start]))
    opt = kind([p], lr=0.01, **options)
    p.grad = dls.Tensor(2 * curvature * p.numpy())
    opt.step()
    assert abs(p.numpy()[0]) <= max(abs(start), 0.2)


def test_a_changing_rate_compiles_nothing():
    p = nn.Parameter(np.ones(5, "float32"))
    p.grad = dls.ones(5)
    opt = optim.Adam([p])
    opt.step()
    cpu = pytest.importorskip("tinygrad_dls.backend.kernels.numba.optim.adam_family")
    before = len(getattr(cpu.adam_step, "signatures", ()))
    for rate in (1, 0.5, np.float32(0.1), dls.Tensor(0.2), 0):
        opt.param_groups[0]["lr"] = rate
        opt.step()
    assert len(getattr(cpu.adam_step, "signatures", ())) == before and p.dtype == np.float32


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_averages_by_hand(device):
    net = nn.Linear(1, 1).to(device)
    mean = optim.AveragedModel(net)
    fading = optim.ExponentialMovingAverage(net, 0.75)
    for value in (2.0, 4.0, 8.0):
        with dls.no_grad():
            net.weight.copy_([[value]])
        with strict.count() as c:
            mean.update_parameters(net)
            fading.update_parameters(net)
        assert (c.syncs, c.device_to_host) == (0, 0), c
    assert mean.module.weight.item() == pytest.approx(14 / 3)
    assert fading.module.weight.item() == 0.75 * (0.75 * 2 + 0.25 * 4) + 0.25 * 8
    assert int(mean.n_averaged) == 3 and mean(dls.ones(1, 1, device=device)).shape == (1, 1)
    assert net.weight.item() == 8
    again = optim.AveragedModel(nn.Linear(1, 1).to(device))
    again.load_state_dict(mean.state_dict())
    with dls.no_grad():
        net.weight.copy_([[1.0]])
    again.update_parameters(net)
    assert again.module.weight.item() == pytest.approx(15 / 4)


def test_averages_refuse():
    net = nn.Linear(2, 2)
    for make, error, match in [
        (lambda: optim.AveragedModel(3), dls.DtypeError, r"nn\.Module"),
        (lambda: optim.ExponentialMovingAverage(net, 1.5), dls.DataError, "0 to 1"),
        (lambda: optim.AveragedModel(net, avg_fn=min, multi_avg_fn=max), dls.DataError, "not both"),
        (lambda: optim.AveragedModel(net).update_parameters(nn.Linear(3, 2)), dls.ShapeError,
         "other parameters"),
    ]:
        with pytest.raises(error, match=match):
            make()
