"""Ranks against one process: gradients, batch norm, samplers, and what is refused."""

import numpy as np
import pytest

pytest.importorskip("mpi4py")

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tests.distributed.doubles import run
from tinygrad_dls import nn, optim
from tinygrad_dls.distributed import (
    DistributedSampler,
    GradientAverager,
    SyncBatchNorm,
    broadcast_state,
    check_same_model,
)
from tinygrad_dls.distributed.lanes import Lane
from tinygrad_dls.distributed.state import seed_of

X = np.random.default_rng(1).standard_normal((8, 3, 6, 6)).astype("float32")
Y = np.random.default_rng(2).integers(0, 4, 8)


class Net(nn.Module):
    """Batch norm, a weight that is used twice, and parameters that are used by no one."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.conv, self.norm = nn.Conv2d(3, 5, 3, bias=False), nn.BatchNorm2d(5)
        self.shared, self.out = nn.Linear(80, 80), nn.Linear(80, 4)
        self.unused = nn.Linear(2, 2)
        for p in self.parameters():
            p.data[...] = 0.2 * rng.standard_normal(p.shape)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu().reshape(len(x), -1)
        return self.out(self.shared(self.shared(x).relu()).relu())


def whole():
    """The gradients of one process, and its batch norm's buffers."""
    model = Net(0)
    F.cross_entropy(model(dls.tensor(X)), dls.tensor(Y)).backward()
    return model


def near(found, wanted, tolerance=1e-5):
    return np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.mark.parametrize("overlap", [True, False])
def test_gradients_are_those_of_one_process_with_the_whole_batch(overlap):
    wanted = whole()

    def rank(world):
        model = SyncBatchNorm.convert(Net(world.rank), world)
        broadcast_state(model, world=world)
        averager = GradientAverager(model, world, bucket_bytes=4000, overlap=overlap)
        share = slice(world.rank, None, world.size)
        x, y = X[share], Y[share]
        F.cross_entropy(model(dls.tensor(x)), dls.tensor(y)).backward()
        left = averager._left
        averager.finish()
        return model, averager, left, world.traffic["gradients"]

    for size in (1, 2, 4):
        for model, averager, left, traffic in run(size, rank):
            for (name, p), (_, q) in zip(model.named_parameters(), wanted.named_parameters()):
                assert (p.grad is None) == (q.grad is None) == name.startswith("unused")
                assert q.grad is None or near(p.grad.numpy(), q.grad.numpy()), name
            assert near(model.norm.running_var.numpy(), wanted.norm.running_var.numpy())
            assert near(model.norm.running_mean.numpy(), wanted.norm.running_mean.numpy())
            if size > 1:
                gradients = sum(p._data.nbytes for p in model.parameters())
                assert gradients <= traffic.bytes == averager.times.bytes <= 1.05 * gradients
                assert left == 0  # the parameters without use are in the first bucket
                assert 0 <= averager.times.hidden <= 1 and averager.times.steps == 1


def test_buckets_leave_while_backward_still_runs():
    def rank(world):
        model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(4)))
        averager = GradientAverager(model, world, bucket_bytes=300)
        seen = []
        for layer in model:
            layer.weight.register_hook(lambda g: seen.append(averager._left))
        model(dls.ones(2, 8)).sum().backward()
        with pytest.raises(dls.GraphError, match="no_sync"):
            model(dls.ones(2, 8)).sum().backward()
        averager._left and averager.finish()
        return seen

    for seen in run(2, rank):
        assert seen[:4] == sorted(seen[:4]) and seen[0] == 0 < seen[3]


def test_accumulated_gradients_are_averaged_once():
    def rank(world):
        layer = nn.Linear(3, 1, bias=False)
        nn.init.ones_(layer.weight)
        averager = GradientAverager(layer, world)
        with averager.no_sync():
            (layer(dls.ones(1, 3)) * float(world.rank + 1)).sum().backward()
        sent = world.traffic["gradients"].bytes
        (layer(dls.ones(1, 3)) * 10.0 * float(world.rank + 1)).sum().backward()
        averager.finish()
        averager.close()
        layer(dls.ones(1, 3)).sum().backward()
        return sent, layer.weight.grad.tolist()

    assert run(2, rank) == [(0, [[17.5] * 3])] * 2  # (11 + 22) / 2, and 1 after close()


def test_float16_gradients_are_added_in_float32_and_any_layout_arrives():
    def rank(world):
        p = nn.Parameter(np.zeros((2, 3), "float16"))
        q = nn.Parameter(np.zeros((2, 3), "float64"))
        averager = GradientAverager([p, q], world)
        (p * 40000.0).sum().backward()
        q.grad = dls.Tensor(np.arange(6.0).reshape(3, 2)).T + float(world.rank)
        averager.finish()
        return p.grad.numpy(), q.grad.numpy()

    for p, q in run(2, rank):
        assert p.dtype == np.float16 and (p == np.float16(40000)).all()  # not infinity
        assert (q == np.arange(6.0).reshape(3, 2).T + 0.5).all()


def test_only_some_ranks_have_a_gradient_and_the_strict_device():
    def rank(world):
        with_one = nn.Linear(2, 1, bias=False, device="strict")
        nn.init.ones_(with_one.weight)
        averager = GradientAverager(with_one, world)
        if world.rank == 1:
            with_one(dls.Tensor([[4.0, 6.0]], device="strict")).sum().backward()
        averager.finish()
        return with_one.weight.grad.cpu().tolist()

    assert run(2, rank) == [[[2.0, 3.0]]] * 2


@pytest.mark.parametrize("kind, shape", [("float64", (6, 3)), ("float32", (8, 3, 4, 4)),
                                         ("float64", (4, 2, 3, 3, 3))])
def test_synchronized_batch_norm_is_batch_norm_of_the_whole_batch(kind, shape):
    rng = np.random.default_rng(3)
    x, dy = rng.standard_normal((2, *shape)).astype(kind)
    x += 5
    names = {2: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}

    def layer():
        made = names[len(shape)](shape[1], dtype=kind)
        made.weight.data[...] = np.arange(1, shape[1] + 1)
        made.bias.data[...] = 0.5
        return made

    def passed(norm, rows):
        leaf = dls.Tensor(x[rows], requires_grad=True)
        y = norm(leaf)
        y.backward(dls.Tensor(dy[rows]))
        return leaf, y

    one = layer()
    leaf, y = passed(one, slice(None))

    def rank(world):
        norm = SyncBatchNorm.convert(layer(), world)
        cut = len(x) // 2 + 1  # ranks with different numbers of examples
        rows = slice(None, cut) if world.rank == 0 else slice(cut, None)
        mine, out = passed(norm, rows)
        with pytest.raises(dls.GraphError, match="second derivative"):
            dls.grad(norm(mine).sum(), mine, create_graph=True)
        return mine.grad.numpy(), out.numpy(), norm.weight.grad.numpy(), norm.bias.grad.numpy()

    found = run(2, rank)
    tolerance = 1e-12 if kind == "float64" else 1e-5
    assert near(np.concatenate([f[0] for f in found]), leaf.grad.numpy(), 10 * tolerance)
    assert near(np.concatenate([f[1] for f in found]), y.numpy(), tolerance)
    assert near(found[0][2] + found[1][2], one.weight.grad.numpy(), tolerance)
    assert near(found[0][3] + found[1][3], one.bias.grad.numpy(), tolerance)


def test_the_gradient_of_synchronized_batch_norm_against_differences():
    rng = np.random.default_rng(5)
    x, dy = rng.standard_normal((2, 2, 3, 2))  # two ranks, 3 examples, 2 channels

    def loss(values, back=False):
        def rank(world):
            norm = SyncBatchNorm(2, dtype="float64")
            norm.world = world
            leaf = dls.Tensor(values[world.rank], requires_grad=True)
            total = (norm(leaf).sin() * dls.Tensor(dy[world.rank])).sum()
            if back:
                total.backward()
                return leaf.grad.numpy()
            return total.item()

        return np.stack(run(2, rank)) if back else sum(run(2, rank))

    gradient = loss(x, back=True)
    for place in [(0, 0, 0), (1, 2, 1), (0, 1, 1)]:
        step = np.zeros_like(x)
        step[place] = 1e-5
        assert abs((loss(x + step) - loss(x - step)) / 2e-5 - gradient[place]) < 1e-8


def test_reductions_are_of_the_values_and_the_same_on_all_ranks():
    def rank(world):
        r = world.rank
        f_order = np.asfortranarray(np.arange(6.0).reshape(2, 3))
        mixed = world.all_reduce(f_order if r else f_order.copy(order="C"), "sum")
        return [
            (mixed == 2 * np.arange(6.0).reshape(2, 3)).all(),
            world.all_reduce(np.array([2048, 1], "float16")[[r]], "sum").item() == 2049 - 1,
            world.all_reduce(np.float16(40000), "mean") == 40000,
            world.all_reduce(np.array([200], "uint8")).item() == 400,
            world.all_reduce(True) == 2 and world.all_reduce(r == 0, "all") is False,
            world.all_reduce(r == 0, "any") is True,
            np.isnan(world.all_reduce(np.nan if r else 3.0, "max")),
            np.isnan(world.all_reduce(np.nan if r else 3.0, "min")),
            world.all_reduce(np.arange(8.0).reshape(2, 4)[:, ::2] + r, "max").tolist() == [
                [1, 3], [5, 7]],
            world.all_reduce(np.array([1.0, 2.0], ">f4")).tolist() == [2, 4],
            world.all_reduce(dls.tensor([1.0, 3.0]), "mean").tolist() == [1, 3],
            world.all_reduce(np.zeros((0, 3))).shape == (0, 3),
            world.average({"loss": 1.0 + r, "accuracy": float(r)}, 1 + 2 * r) == {
                "loss": 1.75, "accuracy": 0.75},
            world.all_gather({"r": r}) == [{"r": 0}, {"r": 1}],
            world.broadcast([r, "x"]) == [0, "x"],
            world.first(lambda: "written") == "written",
        ]

    for answers in run(2, rank):
        assert answers == [True] * len(answers)


def test_what_ranks_do_differently_is_told_to_all():
    def other_model(world):
        check_same_model(nn.Linear(3 + world.rank, 2), world=world)

    def other_dtype(world):
        GradientAverager(nn.Linear(3, 2, dtype=["float32", "float64"][world.rank]), world)

    def other_optimizer(world):
        layer = nn.Linear(2, 2)
        kind = [optim.SGD, optim.Adam][world.rank]
        broadcast_state(layer, kind(layer.parameters(), lr=0.1), world)

    def other_shape(world):
        world.all_reduce(np.zeros(2 + world.rank))

    def int_into_float(world):
        world.all_reduce(np.zeros(2, ["int64", "float64"][world.rank]))

    def disk_full(world):
        def write():
            raise OSError(28, "No space left on device")

        world.first(write)

    for function, kind, said in [
        (other_model, dls.RankError, r"weight \(2, 3\) float32\n  rank 1 .* \(2, 4\)"),
        (other_dtype, dls.RankError, r"float32\n  rank 1 .* \(2, 3\) float64"),
        (other_optimizer, dls.RankError, "SGD of .*\n  rank 1  Adam of"),
        (other_shape, dls.ShapeError, r"float64 \(2,\)\n  rank 1 .* float64 \(3,\)"),
        (int_into_float, dls.ShapeError, "int64"),
        (disk_full, OSError, "No space left"),
    ]:
        for error in run(2, function, errors=True):
            with pytest.raises(kind, match=said):
                raise error


def test_what_mpi_would_take_silently_is_refused_by_the_lane():
    def rank(world):
        lane = Lane(world.comm, "test")
        for wrong in (np.zeros(3, "float16"), np.zeros((2, 3)).T, np.zeros(6)[::2], [1.0],
                      np.zeros(2, "?"), np.zeros(3, ">f4"), np.zeros(3, "int32")):
            with pytest.raises(dls.DtypeError, match="MPI"):
                lane.sum(wrong)
        assert lane.traffic.calls == 0
        with pytest.raises(dls.DataError, match="op is one of"):
            world.all_reduce(1.0, "product")
        with pytest.raises(dls.DtypeError, match="numbers"):
            world.all_reduce("x")

    run(1, rank)


def test_who_waits_too_long_names_those_who_do_not_come():
    def hangs(world):
        if world.rank == 1:
            return None
        world.barrier()

    def elsewhere(world):
        layer = nn.Linear(2, 1)
        averager = GradientAverager(layer, world)
        if world.rank == 1:
            return world.all_gather("metrics", "the metrics of epoch 1")
        layer(dls.ones(1, 2)).sum().backward()
        averager.finish()

    def leaves(world):
        if world.rank == 1:
            return world.watchdog.goodbye()
        world.barrier()

    (hung, _) = run(2, hangs, patience=0.3, errors=True)
    assert isinstance(hung, dls.RankError) and "rank 1 did not answer" in str(hung)
    first, second = run(2, elsewhere, patience=0.3, errors=True)
    assert "rank 1 waits in the metrics of epoch 1" in str(first)
    assert "rank 0 waits in the mean of gradients, step 1, bucket 1" in str(second)
    (left, _) = run(2, leaves, errors=True)
    assert "rank 1 ended while rank 0 waits" in str(left)


def test_samplers_share_out_the_batches_of_one_process():
    def order(size, epoch, n=24, **options):
        def rank(world):
            sampler = DistributedSampler(range(n), seed=3, world=world, **options)
            sampler.set_epoch(epoch)
            assert len(sampler) == len(sampler.order(epoch))
            return list(sampler)

        return run(size, rank)

    for size in (2, 4):
        one, several = order(1, 5)[0], order(size, 5)
        for step in range(3):
            batch = {place for mine in several for place in mine[8 // size * step:][: 8 // size]}
            assert batch == set(one[8 * step : 8 * step + 8])
    assert order(1, 0) != order(1, 1)
    for n in (5, 7, 10):
        padded, dropped = order(3, 0, n), order(3, 0, n, drop_last=True)
        assert {len(r) for r in padded} == {-(-n // 3)} and {len(r) for r in dropped} == {n // 3}
        assert {p for r in padded for p in r} == set(range(n))
        uneven = order(3, 0, n, pad=False)
        assert sorted(p for r in uneven for p in r) == list(range(n))
    assert seed_of(7, 0) == 7 and len({seed_of(7, r) for r in range(50)}) == 50
