"""Checkpoints of the namespace and of PyTorch: training goes on in the other library."""

from argparse import Namespace
from collections import Counter, OrderedDict

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.torch as torch

pytorch = pytest.importorskip("torch")

BOTH_WAYS = pytest.mark.parametrize("writes", ["PyTorch", "ours"])

OPTIMIZERS = {
    "SGD": {"lr": 0.1},
    "SGD momentum": {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01},
    "SGD nesterov": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "Adam": {"lr": 0.01},
    "Adam amsgrad": {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1, "betas": (0.8, 0.99)},
    "AdamW": {"lr": 0.01, "weight_decay": 0.1},
    "AdamW amsgrad": {"lr": 0.01, "amsgrad": True},
    "Adamax": {"lr": 0.01},
    "NAdam": {"lr": 0.01},
    "NAdam decoupled": {"lr": 0.01, "decoupled_weight_decay": True, "weight_decay": 0.1},
    "RAdam": {"lr": 0.01},
    "RMSprop": {"lr": 0.01},
    "RMSprop centered": {"lr": 0.01, "centered": True, "momentum": 0.9},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.1},
    "Adadelta": {"lr": 1.0},
    "Adafactor": {"lr": 0.1},
    "ASGD": {"lr": 0.1, "t0": 2},
    "Rprop": {"lr": 0.01},
    "LBFGS": {"lr": 0.5, "max_iter": 3, "history_size": 4},
    "LBFGS search": {"lr": 0.5, "max_iter": 3, "line_search_fn": "strong_wolfe"},
    "Muon": {"lr": 0.01},
    "SparseAdam": {"lr": 0.01},
}


def _library(ours):
    return torch if ours else pytorch


def _training(lib, name, seed):
    """(network, optimizer, a function that takes one step)."""
    kind, rng = name.split()[0], np.random.default_rng(seed)
    sparse = kind == "SparseAdam"
    nn = lib.nn
    net = nn.Sequential(*([nn.Embedding(5, 3, sparse=lib is pytorch)] if sparse else [
        nn.Linear(3, 4, bias=kind != "Muon"), nn.Tanh(), nn.Linear(4, 2, bias=kind != "Muon")]))
    net.load_state_dict({n: lib.tensor(rng.normal(size=tuple(v.shape)).astype("float32"))
                         for n, v in net.state_dict().items()})
    optimizer = getattr(lib.optim, kind)(net.parameters(), **OPTIMIZERS[name])
    x = lib.tensor([0, 3, 3]) if sparse else lib.tensor(
        np.random.default_rng(7).normal(size=(6, 3)).astype("float32"))

    def loss():
        optimizer.zero_grad()
        error = (net(x) ** 2).mean()
        error.backward()
        return error

    def step():
        if kind == "LBFGS":
            optimizer.step(loss)
        else:
            loss()
            optimizer.step()

    return net, optimizer, step


def _weights(net):
    return np.concatenate([v.detach().numpy().ravel() for v in net.state_dict().values()])


@pytest.mark.torch
@BOTH_WAYS
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_in_the_other_library(name, writes, tmp_path):
    writer, reader = _library(writes == "ours"), _library(writes != "ours")
    net, optimizer, step = _training(writer, name, seed=0)
    other, its_optimizer, its_step = _training(reader, name, seed=1)
    for _ in range(3):
        step()
    writer.save({"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3},
                tmp_path / "c.pt")
    found = reader.load(tmp_path / "c.pt")
    other.load_state_dict(found["model"])
    its_optimizer.load_state_dict(found["optimizer"])
    assert found["epoch"] == 3
    assert np.array_equal(_weights(net), _weights(other))
    before = _weights(net)
    for _ in range(3):
        step(), its_step()
    assert not np.array_equal(before, _weights(net))
    coarse = 1e-3 if name == "Muon" else 1e-6  # PyTorch's orthogonalizes in bfloat16
    assert np.allclose(_weights(net), _weights(other), rtol=1e-5, atol=coarse)


class Halving:
    """A callable whose attributes are part of a schedule's state."""

    def __init__(self, share):
        self.share = share

    def __call__(self, epoch):
        return self.share**epoch


SCHEDULES = {
    "StepLR": lambda s, o: s.StepLR(o, 2, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 4, 4, 5], 0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.5, 5),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.1, total_iters=6),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 8, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 6, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 2, 0.01),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "LambdaLR of an object": lambda s, o: s.LambdaLR(o, Halving(0.7)),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 2, 3, mode="triangular2"),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9,
                                                  cycle_momentum=False),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, 12),
    "OneCycleLR three": lambda s, o: s.OneCycleLR(o, 0.5, 12, three_phase=True,
                                                  anneal_strategy="linear"),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o, patience=1, factor=0.5, cooldown=1),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=3), s.CosineAnnealingLR(o, 5)], [3]),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.5, 5), s.ExponentialLR(o, 0.9)]),
}


def _scheduled(lib, name):
    w = lib.nn.Parameter(lib.ones(2))
    optimizer = lib.optim.SGD([{"params": [w]}], lr=0.2, momentum=0.9)
    schedule = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
    figures = [3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]

    def step(epoch):
        (w**2).sum().backward()
        optimizer.step()
        schedule.step(*([figures[epoch]] if "Plateau" in name else []))
        group = optimizer.param_groups[0]
        return float(group["lr"]), float(group["momentum"])

    return optimizer, schedule, step


@pytest.mark.torch
@BOTH_WAYS
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_go_on_in_the_other_library(name, writes, tmp_path):
    writer, reader = _library(writes == "ours"), _library(writes != "ours")
    optimizer, schedule, step = _scheduled(writer, name)
    its_optimizer, its_schedule, its_step = _scheduled(reader, name)
    for epoch in range(4):
        step(epoch)
    writer.save([optimizer.state_dict(), schedule.state_dict()], tmp_path / "s.pt")
    of_optimizer, of_schedule = reader.load(tmp_path / "s.pt")
    its_optimizer.load_state_dict(of_optimizer)
    its_schedule.load_state_dict(of_schedule)
    assert its_schedule.get_last_lr() == pytest.approx(schedule.get_last_lr())
    found, wanted = ([of(epoch) for epoch in range(4, 9)] for of in (its_step, step))
    assert np.allclose(found, wanted, rtol=1e-6), (found, wanted)


def _contents(lib):
    """A checkpoint with all that scripts put into one."""
    w = lib.arange(12.0).reshape(3, 4)
    tied = lib.nn.Parameter(lib.ones(2, 2))
    return {
        "epoch": 7, "best": 0.25, "args": Namespace(lr=0.1, layers=[2, 3], name="net"),
        "history": [[1, 2.5, None], {"loss": [0.5, 0.25]}], "order": OrderedDict(b=1, a=2),
        "w": w, "row": w[1], "turned": w.t(), "steps": w[:, ::2], "stretched": w[:1].expand(2, 4),
        "half": w.half(), "int": w.int(), "bool": w > 3, "byte": w.to(lib.uint8),
        "zero": lib.ones(()),
        "tied": [tied, tied], "latent": lib.zeros(2, requires_grad=True), "shape": w.shape,
        "device": lib.device("cpu"), "dtype": lib.float16, "set": {1, 2}, "counts": Counter("aab"),
    }


def _check(found, lib):
    assert found["epoch"] == 7 and found["best"] == 0.25 and found["set"] == {1, 2}
    assert found["args"] == Namespace(lr=0.1, layers=[2, 3], name="net")
    assert found["history"] == [[1, 2.5, None], {"loss": [0.5, 0.25]}]
    assert type(found["order"]) is OrderedDict and [*found["order"].items()] == [("b", 1), ("a", 2)]
    assert found["counts"] == Counter(a=2, b=1) and found["dtype"] == lib.float16
    assert found["shape"] == (3, 4) and type(found["shape"]) is lib.Size
    assert found["device"] == lib.device("cpu")
    w = np.arange(12.0, dtype="float32").reshape(3, 4)
    for name, wanted in {"w": w, "row": w[1], "turned": w.T, "steps": w[:, ::2],
                         "half": w.astype("f2"),
                         "stretched": np.repeat(w[:1], 2, 0), "int": w.astype("i4"), "bool": w > 3,
                         "byte": w.astype("u1"), "zero": np.float32(1)}.items():
        value = found[name].numpy()
        assert np.array_equal(value, wanted) and value.dtype == wanted.dtype, name
    found["row"].zero_()  # memory is shared as it was
    assert found["w"][1].tolist() == [0] * 4 and found["turned"][:, 1].tolist() == [0] * 4
    first, second = found["tied"]
    assert first is second and type(first) is lib.nn.Parameter and first.requires_grad
    assert found["latent"].requires_grad and found["latent"].is_leaf


@pytest.mark.torch
@pytest.mark.parametrize("writer", [torch, pytorch], ids=["ours", "PyTorch"])
@pytest.mark.parametrize("reader", [torch, pytorch], ids=["to_ours", "to_PyTorch"])
def test_all_that_a_checkpoint_holds_comes_back(writer, reader, tmp_path):
    writer.save(_contents(writer), tmp_path / "c.pt")
    _check(reader.load(tmp_path / "c.pt", weights_only=False), reader)


@pytest.mark.torch
def test_numpys_values_of_pytorchs_files_are_read_without_running_code(tmp_path):
    values = {"number": np.float64(0.5), "count": np.int32(3), "flag": np.bool_(True),
              "losses": np.arange(6.0).reshape(2, 3), "columns": np.asfortranarray(
                  np.arange(6, dtype=">i4").reshape(2, 3)), "names": np.array(["a", "bc"])}
    pytorch.save(values, tmp_path / "n.pt")
    found = torch.load(tmp_path / "n.pt", weights_only=False)
    for name, value in values.items():
        assert np.array_equal(found[name], value) and found[name].dtype == value.dtype, name
        assert type(found[name]) is type(value)
    with pytest.raises(dls.FormatError, match=r"weights_only=False.*still runs no code"):
        torch.load(tmp_path / "n.pt")
    pytorch.save({"names": np.array(["a", None], object)}, tmp_path / "o.pt")
    with pytest.raises(dls.FormatError, match="a dtype that is not of numbers or texts"):
        torch.load(tmp_path / "o.pt", weights_only=False)


class Dangerous:
    """Would run a function when it is unpickled."""

    def __reduce__(self):
        return print, ("this was run",)


@pytest.mark.torch
@pytest.mark.parametrize("weights_only", [True, False])
def test_no_code_of_a_file_is_run(weights_only, tmp_path, capsys):
    for thing in (Dangerous(), pytorch.nn.Linear(2, 2), {"f": print}):
        pytorch.save(thing, tmp_path / "d.pt")
        with pytest.raises(dls.FormatError, match=r"no code of a file is run|no code was run"):
            torch.load(tmp_path / "d.pt", weights_only=weights_only)
    assert capsys.readouterr().out == ""


@pytest.mark.torch
def test_bfloat16_comes_as_float32(tmp_path):
    values = pytorch.tensor([1.5, -2.0, 3.140625])
    pytorch.save({"w": values.bfloat16()}, tmp_path / "b.pt")
    found = torch.load(tmp_path / "b.pt")["w"]
    assert found.dtype == torch.float32 and np.array_equal(found.numpy(), values.numpy())
