"""What users do by mistake, or at the edge: each rank gets the right numbers, or says why not."""

import numpy as np
import pytest

pytest.importorskip("mpi4py")

import tinygrad_dls as dls
import tinygrad_dls.torch.nn as torch_nn
from tests.distributed.doubles import run
from tinygrad_dls import data, nn, optim
from tinygrad_dls.distributed import (
    DistributedSampler,
    GradientAverager,
    SyncBatchNorm,
    broadcast_state,
)


def test_whole_numbers_are_added_exactly_or_not_at_all():
    def rank(world):
        sums = [world.all_reduce(np.array([2**61, -5, 3])).tolist(),
                world.all_reduce([1.5, 2.0]).tolist(), world.all_reduce(np.uint8(255)),
                world.all_reduce(np.array([2**62], "uint64"), "mean").tolist()]
        for beyond in (np.array([2**62]), np.array([2**63], "uint64")):
            with pytest.raises(dls.DataError, match="int64"):
                world.all_reduce(beyond)
        return sums

    assert run(2, rank) == [[[2**62, -10, 6], [3.0, 4.0], 510, [2.0**62]]] * 2


def test_a_rank_without_examples_has_no_part_in_means():
    def rank(world):
        found = world.average({"loss": np.nan if world.rank else 2.0}, 0 if world.rank else 4)
        return found["loss"]

    assert run(2, rank) == [2.0] * 2


def test_ranks_in_different_calls_name_both():
    def rank(world):
        if world.rank:
            world.all_gather("metrics", "the metrics of epoch 1")
        else:
            world.all_reduce(1.0, "max")

    for error in run(2, rank, errors=True):
        assert isinstance(error, dls.RankError)
        assert "rank 0  all_reduce('max')\n  rank 1  the metrics of epoch 1" in str(error)
        assert "the same calls in the same order" in str(error)


def test_lazy_layers_need_their_sizes_first():
    def rank(world):
        lazy = nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d())
        for share in (lambda: GradientAverager(lazy, world),
                      lambda: broadcast_state(lazy, world=world),
                      lambda: SyncBatchNorm.convert(lazy, world)):
            with pytest.raises(dls.DataError, match="call the model once"):
                share()
        lazy(dls.ones(2, 3))
        broadcast_state(SyncBatchNorm.convert(lazy, world), world=world)
        return type(lazy[1])

    assert run(2, rank) == [SyncBatchNorm] * 2


def test_all_batch_norms_are_converted_or_named():
    class Own(nn.BatchNorm1d):
        def forward(self, x):
            return super().forward(x) + 1

    def rank(world):
        model = SyncBatchNorm.convert(torch_nn.Sequential(torch_nn.BatchNorm2d(3)), world)
        return type(model[0]), model[0](dls.ones(1 + world.rank, 3, 2, 2)).shape

    assert run(2, rank) == [(SyncBatchNorm, (1, 3, 2, 2)), (SyncBatchNorm, (2, 3, 2, 2))]
    with pytest.warns(UserWarning, match="Own has a forward of its own"):
        kept = SyncBatchNorm.convert(nn.Sequential(Own(2)))
    assert type(kept[0]) is Own


def test_one_number_for_a_channel_has_no_variance_on_any_number_of_ranks():
    def rank(world):
        norm = SyncBatchNorm.convert(nn.BatchNorm1d(2), world)
        with pytest.raises(dls.DataError, match="more than one number"):
            norm(dls.ones(1 - world.rank, 2))
        y = norm(dls.Tensor(np.full((1, 2), 2.0 * world.rank, "float32")))
        return y.tolist(), norm.running_var.tolist()

    (low, var), (high, _) = run(2, rank)  # of 0 and 2: mean 1, variance 1, unbiased 2
    np.testing.assert_allclose([low[0], high[0]], [[-1, -1], [1, 1]], rtol=1e-5)
    np.testing.assert_allclose(var, [1.1, 1.1], rtol=1e-6)


def test_wrong_arguments_say_what_is_right():
    def rank(world):
        for call, kind, said in [
            (lambda: GradientAverager([1, 2], world), dls.DtypeError, "not of int"),
            (lambda: GradientAverager(nn.ReLU(), world), dls.DataError, "no parameters"),
            (lambda: SyncBatchNorm.convert(3), dls.DtypeError, "nn.Module, not a int"),
            (lambda: world.broadcast(1, root=2), dls.DataError, "0 to 1, not 2"),
            (lambda: world.first(lambda: lambda: 3), dls.DtypeError, "cannot send a function"),
        ]:
            with pytest.raises(kind, match=said):
                call()

    run(2, rank)


def test_rows_of_a_large_embedding_arrive_though_each_rank_has_others():
    """The gradient of a table remembers its rows; those of the other rank must count, too."""
    places = np.array([[3, 40], [7, 4999]])

    def trained(rows, world=None):
        layer = nn.Embedding(5000, 16)
        nn.init.ones_(layer.weight)
        opt = optim.SGD(layer.parameters(), lr=0.5, momentum=0.9)
        averager = GradientAverager(layer, world) if world is not None else None
        for _ in range(2):
            opt.zero_grad()
            (layer(dls.Tensor(rows)) ** 2).mean().backward()
            if averager is not None:
                averager.finish()
            opt.step()
        return layer.weight.numpy()

    wanted = trained(places)
    assert (wanted != 1).any(axis=1).nonzero()[0].tolist() == [3, 7, 40, 4999]
    for found in run(2, lambda world: trained(places[[world.rank]], world)):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_layers_that_each_rank_uses_in_another_order():
    def rank(world):
        layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(5)])
        averager = GradientAverager(layers, world, bucket_bytes=300)
        order = range(5) if world.rank else reversed(range(5))
        sum(layers[i](dls.ones(2, 8)).sum() * float(i + world.rank) for i in order).backward()
        averager.finish()
        return [layer.bias.grad.tolist() for layer in layers]

    assert run(2, rank) == [[[2 * i + 1.0] * 8 for i in range(5)]] * 2


def test_validation_with_fewer_examples_than_ranks():
    x = np.arange(8.0, dtype="float32").reshape(4, 2)
    examples = data.TensorDataset(x, np.array([0, 1, 0, 1]))
    one = data.TensorDataset(x[:1], np.array([0]))

    def rank(world):
        model = nn.Linear(2, 2)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)

        def loader(of, **options):
            return data.DataLoader(of, 2, sampler=DistributedSampler(of, world=world, **options))

        opt = optim.SGD(model.parameters(), lr=0.0)
        return dls.fit(model, nn.CrossEntropyLoss(), opt, loader(examples), progress=False,
                       validation=loader(one, pad=False), distributed=world)["validation_loss"]

    for losses in run(2, rank):
        np.testing.assert_allclose(losses, [np.log(2)], rtol=1e-6)
