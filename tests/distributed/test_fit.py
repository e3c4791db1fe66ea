"""`fit(distributed=True)`: the losses of one process, and clear ends."""

import os

import numpy as np
import pytest

pytest.importorskip("mpi4py")

import tinygrad_dls as dls
from tests.distributed.doubles import run
from tinygrad_dls import data, nn, optim
from tinygrad_dls.distributed import DistributedSampler, SyncBatchNorm

rng = np.random.default_rng(0)
X = rng.standard_normal((24, 6)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
DATA = data.TensorDataset(X, Y)


def trained(world, epochs=2, loader=None, x=DATA, **options):
    """A network with batch norm after some epochs: its history and its weights."""
    rows = np.random.default_rng(5)
    model = nn.Sequential(  # a bias before batch norm would have rounding errors as gradients
        nn.Linear(6, 5, bias=False), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))
    for p in model.parameters():
        p.data[...] = 0.5 * rows.standard_normal(p.shape)
    model = SyncBatchNorm.convert(model, world)
    opt = optim.Adam(model.parameters(), lr=0.05)
    if loader is None:
        loader = data.DataLoader(x, 8 // world.size,
                                 sampler=DistributedSampler(DATA, seed=1, world=world))
    history = dls.fit(model, nn.CrossEntropyLoss(), opt, loader, epochs, progress=False,
                      metrics={"accuracy": dls.accuracy}, distributed=world, **options)
    return history, {n: t.numpy().copy() for n, t in model.state_dict().items()}


def close(found, wanted, tolerance=1e-5):
    assert found[0].figures.keys() == wanted[0].figures.keys()
    for name, values in wanted[0].figures.items():
        np.testing.assert_allclose(found[0][name], values, rtol=tolerance, atol=1e-6)
    for name, values in wanted[1].items():
        np.testing.assert_allclose(found[1][name], values, rtol=1e-3, atol=1e-5)


def same(found, wanted):
    return found[0].figures == wanted[0].figures and all(
        (found[1][n] == wanted[1][n]).all() for n in wanted[1])


def validated(world):
    sampler = DistributedSampler(DATA, shuffle=False, pad=False, world=world)
    return trained(world, validation=data.DataLoader(DATA, 5, sampler=sampler))


def test_the_losses_are_those_of_one_process():
    (one,) = run(1, validated)
    assert one[0].epochs == 2 and "validation_accuracy" in one[0]
    for size in (2, 4):
        found, again = run(size, validated), run(size, validated)
        for mine, repeated in zip(found, again):
            close(mine, one)
            assert same(mine, found[0]) or size > 1
            assert same(mine, repeated)
            assert mine[0].figures == found[0][0].figures  # the same on all ranks


def test_a_captured_step_is_averaged_too():
    def rank(world):
        model = nn.Linear(6, 2)
        nn.init.ones_(model.weight)
        nn.init.zeros_(model.bias)
        loader = data.DataLoader(DATA, 8 // world.size, sampler=DistributedSampler(
            DATA, world=world))
        history = dls.fit(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.5),
                          loader, 3, progress=False, capture=True, distributed=world)
        return history, {"weight": model.weight.numpy().copy()}

    for mine in run(2, rank):
        close(mine, run(1, rank)[0])


def test_training_goes_on_from_a_checkpoint(tmp_path):
    def part(folder, epochs, **options):
        return lambda world: trained(world, epochs, checkpoint=tmp_path / folder, **options)

    def killed(epoch, history):
        raise KeyError("killed")  # after the checkpoint in the middle of the epoch

    whole = run(2, part("whole", 3, every=2))
    for result in run(2, part("a", 3, every=2, callbacks=[killed]), errors=True):
        assert isinstance(result, KeyError)
    for folder in "bc":
        (tmp_path / folder).mkdir()
        for path in (tmp_path / "a").iterdir():
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    resumed = run(2, part("a", 3, every=2))
    for mine, wanted in zip(resumed, whole):
        assert same(mine, wanted)
    (one,) = run(1, part("b", 3, every=2))
    close(one, whole[0], 1e-4)
    for mine in run(4, part("c", 3, every=2)):
        close(mine, whole[0], 1e-4)


def test_each_failure_ends_all_ranks_with_its_message(tmp_path, monkeypatch):
    def out_of_data(world):
        batches = [(X[:4], Y[:4])] * (3 - world.rank)
        return trained(world, loader=[tuple(map(dls.tensor, b)) for b in batches])

    def nan(world):
        x = X.copy()
        if world.rank == 1:
            x[:] = np.nan
        return trained(world, x=data.TensorDataset(x, Y))

    def no_share(world):
        return trained(world, loader=data.DataLoader(DATA, 4))

    def full_disk(world):
        return trained(world, checkpoint=tmp_path / "full")

    for function, patterns in [
        (out_of_data, ["rank 1 ran out of data in epoch 1, after 2 batches"] * 2),
        (nan, ["NaN", "NaN or infinite"]),
        (no_share, ["DistributedSampler"] * 2),
    ]:
        for error, said in zip(run(2, function, errors=True), patterns):
            with pytest.raises(dls.DataError, match=said):
                raise error

    def full(part, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)  # the last moment at which a disk can be full
    for error in run(2, full_disk, errors=True):
        with pytest.raises(dls.DataError, match="No space left on device"):
            raise error
    assert list((tmp_path / "full").iterdir()) == []  # no half a checkpoint


def test_ranks_stop_together():
    def rank(world):
        seen = []

        def stop(epoch, history):
            seen.append(epoch)
            return world.rank == 1  # one is enough

        return trained(world, epochs=5, callbacks=[stop])[0].epochs, seen

    assert run(2, rank) == [(1, [1])] * 2
