"""Embeddings, bags, sequence and margin losses: by hand, their errors, and on every device."""

import itertools
import math

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict

TABLE = np.arange(12, dtype="float32").reshape(4, 3)


def test_rows_and_their_gradient() -> None:
    w = dls.Tensor(TABLE, requires_grad=True)
    y = F.embedding([[0, 2], [2, 3]], w, padding_idx=3)
    assert np.array_equal(y.numpy(), TABLE[[[0, 2], [2, 3]]])
    y.sum().backward()
    assert w.grad.numpy()[:, 0].tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_bags(device: str) -> None:
    w = dls.Tensor(TABLE, device=device)
    places = dls.Tensor([1, 2, 2, 0], device=device)
    starts = dls.Tensor([0, 0, 3], device=device)
    total = F.embedding_bag(places, w, starts, mode="sum")
    assert total.tolist() == [[0, 0, 0], [15, 18, 21], [0, 1, 2]]
    assert F.embedding_bag(places, w, starts).tolist() == [[0, 0, 0], [5, 6, 7], [0, 1, 2]]
    top = F.embedding_bag(places, w, starts, mode="max", padding_idx=0)
    assert top.tolist() == [[0, 0, 0], [6, 7, 8], [0, 0, 0]]
    rows = places.reshape(2, 2)
    assert F.embedding_bag(rows, w, mode="sum").tolist() == [[9, 11, 13], [6, 8, 10]]


def test_layers_start_as_they_say() -> None:
    layer = nn.Embedding(2000, 20, padding_idx=-1, generator=dls.Generator(0))
    values = layer.weight.numpy()
    assert layer.padding_idx == 1999 and not values[-1].any()
    assert abs(values[:-1].mean()) < 0.02 and abs(values[:-1].std() - 1) < 0.02
    assert repr(layer) == "Embedding(2000, 20, padding_idx=1999)"
    kept = nn.Embedding.from_pretrained(TABLE)
    assert not kept.weight.requires_grad and np.array_equal(kept.weight.numpy(), TABLE)


def test_errors() -> None:
    w = dls.Tensor(TABLE)
    with pytest.raises(dls.DataError, match="place 4 is out of range"):
        F.embedding([4], w)
    with pytest.raises(dls.DtypeError, match="integers"):
        F.embedding([0.5], w)
    with pytest.raises(dls.DataError, match="sparse=False"):
        nn.Embedding(3, 4, sparse=True)
    with pytest.raises(dls.DataError, match="not a row"):
        nn.Embedding(3, 4, padding_idx=3)
    with pytest.raises(dls.ShapeError, match="offsets None"):
        F.embedding_bag([0, 1], w)
    with pytest.raises(dls.DataError, match="do not fall"):
        F.embedding_bag([0, 1], w, [0, 2, 1])
    with pytest.raises(dls.DataError, match="mode is"):
        F.embedding_bag([[0, 1]], w, mode="prod")
    with pytest.raises(dls.ShapeError, match=r"input2  \(2, 4\)"):
        nn.Bilinear(3, 5, 2)(dls.ones(2, 3), dls.ones(2, 4))
    with pytest.raises(dls.ShapeError, match=r"cannot be \(2, 4\)"):
        nn.Unflatten(1, (2, 4))(dls.ones(2, 6))


@pytest.mark.parametrize("make", [
    lambda: nn.Embedding(5, 3, padding_idx=1, max_norm=1.0, scale_grad_by_freq=True),
    lambda: nn.EmbeddingBag(5, 3, padding_idx=2), lambda: nn.EmbeddingBag(5, 3, mode="max"),
])
def test_training_on_a_device_waits_for_nothing(make) -> None:
    places = np.array([[0, 1, 2], [2, 2, 4]])

    def train(device: str) -> np.ndarray:
        dls.manual_seed(0)
        layer = make().to(device)
        opt = optim.SGD(layer.parameters(), lr=0.1)
        x = dls.Tensor(places, device=device)
        for step in range(2):
            with strict.count() as counted:
                opt.zero_grad()
                (layer(x) ** 2).sum().backward()
                opt.step()
            assert step == 0 or counted.syncs == 0, counted
        return layer.weight.numpy()

    np.testing.assert_allclose(train("strict"), train("cpu"), rtol=1e-5, atol=1e-6)


def test_ctc_counts_every_path() -> None:
    """Two equal steps, one label: of nine paths "aa", "a-" and "-a" say a."""
    p = np.full((2, 1, 3), 1 / 3)
    loss = F.ctc_loss(dls.Tensor(np.log(p)), [[1]], [2], [1])
    assert math.isclose(float(loss), -math.log(3 / 9))
    same = F.ctc_loss(dls.Tensor(np.log(p)), [[1, 1]], [2], [2], reduction="none")
    assert same.tolist() == [math.inf]  # "aa" needs a blank between
    x = dls.Tensor(np.log(p), requires_grad=True)
    F.ctc_loss(x, [[1, 1]], [2], [2], zero_infinity=True).backward()
    assert not x.grad.numpy().any()
    paths = [q for q in itertools.product("a-b", repeat=2) if "".join(q).strip("-") in ("a", "aa")]
    assert len(paths) == 3


def test_ctc_errors() -> None:
    z = dls.Tensor(np.log(np.full((4, 2, 3), 1 / 3)))
    with pytest.raises(dls.DataError, match="the blank"):
        F.ctc_loss(z, [[1, 0], [1, 2]], [4, 4], [2, 2])
    with pytest.raises(dls.DataError, match="label 3 is out of range"):
        F.ctc_loss(z, [[1, 3], [1, 2]], [4, 4], [2, 2])
    with pytest.raises(dls.DataError, match="input length 5"):
        F.ctc_loss(z, [[1, 2], [1, 2]], [4, 5], [2, 2])
    with pytest.raises(dls.ShapeError, match="one for each of 2"):
        F.ctc_loss(z, [[1, 2], [1, 2]], [4], [2, 2])
    with pytest.raises(dls.ShapeError, match="as target_lengths say, 3"):
        F.ctc_loss(z, [1, 2], [4, 4], [2, 1])
    with pytest.raises(dls.GraphError, match="no second derivative"):
        x = dls.Tensor(z.numpy(), requires_grad=True)
        dls.grad(F.ctc_loss(x, [[1], [2]], [4, 4], [1, 1]), [x], create_graph=True)


LOSSES = {
    "cross_entropy of images": lambda z, d: F.cross_entropy(
        z.reshape(2, 3, 1, 2), dls.Tensor([[[0, 2]], [[1, 255]]], device=d), ignore_index=255,
        weight=dls.Tensor([1.0, 2.0, 0.5], device=d), label_smoothing=0.1),
    "nll": lambda z, d: F.nll_loss(
        F.log_softmax(z.reshape(4, 3)), dls.Tensor([0, 2, 1, 1], device=d), ignore_index=2),
    "soft": lambda z, d: F.cross_entropy(z.reshape(4, 3), dls.ones(4, 3, device=d) / 3),
    "huber": lambda z, d: F.huber_loss(z, dls.zeros_like(z)),
    "kl": lambda z, d: F.kl_div(z, dls.ones_like(z), reduction="batchmean"),
    "gaussian": lambda z, d: F.gaussian_nll_loss(z, dls.zeros_like(z), dls.ones_like(z)),
    "poisson": lambda z, d: F.poisson_nll_loss(z, dls.ones_like(z), full=True),
    "hinge": lambda z, d: F.hinge_embedding_loss(z, dls.ones_like(z)),
    "margins": lambda z, d: F.multi_margin_loss(
        z.reshape(4, 3), dls.Tensor([0, 2, 1, 1], device=d)),
    "many": lambda z, d: F.multilabel_soft_margin_loss(z, dls.ones_like(z)),
    "cosine": lambda z, d: F.cosine_embedding_loss(z, z * z, dls.Tensor([1, -1], device=d)),
    "triplet": lambda z, d: F.triplet_margin_loss(z, z * z, z + 1, swap=True),
    "ctc": lambda z, d: F.ctc_loss(
        F.log_softmax(z.reshape(2, 2, 3)), dls.Tensor([[1], [2]], device=d), [2, 2], [1, 1]),
    "ctc in one row": lambda z, d: F.ctc_loss(
        F.log_softmax(z.reshape(2, 2, 3)), dls.Tensor([1, 2, 1], device=d), [2, 2],
        dls.Tensor([2, 1], device=d)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_on_a_device_wait_for_nothing(name: str) -> None:
    values = np.random.default_rng(0).standard_normal((2, 6)).astype("float32")
    results = []
    for device in ("cpu", "strict"):
        x = dls.Tensor(values, device=device, requires_grad=True)
        LOSSES[name](x, device).backward()
        x.grad = None
        with strict.count() as counted:
            loss = LOSSES[name](x, device)
            loss.backward()
        assert counted.syncs == 0, counted
        results.append((loss.numpy(), x.grad.numpy()))
    for mine, want in zip(*results, strict=True):
        np.testing.assert_allclose(mine, want, rtol=1e-4, atol=1e-5)


def test_loss_errors() -> None:
    x = dls.ones(2, 3)
    with pytest.raises(dls.DataError, match="1 and -1"):
        F.hinge_embedding_loss(x, dls.zeros(2, 3))
    with pytest.raises(dls.DataError, match="'batchmean', 'mean', 'none' or 'sum'"):
        F.kl_div(x, x, reduction="average")
    with pytest.raises(dls.DataError, match="'mean', 'none' or 'sum', not 'batchmean'"):
        F.mse_loss(x, x, "batchmean")
    with pytest.raises(dls.DataError, match="not negative"):
        F.gaussian_nll_loss(x, x, -x)
    with pytest.raises(dls.ShapeError, match="broadcasting here"):
        F.huber_loss(x, dls.ones(3))
    with pytest.raises(dls.ShapeError, match=r"weight  \(2, 3\)"):
        F.cross_entropy(x, [0, 1], weight=x)
    with pytest.raises(dls.ShapeError, match=r"would work: labels.reshape\(\(2, 2\)\)"):
        F.cross_entropy(dls.ones(2, 3, 2), [0, 1, 2, 0])
    with pytest.raises(dls.DataError, match="label 7 is out of range"):
        F.cross_entropy(dls.ones(2, 3, 2), [[0, 1], [7, 0]])
    with pytest.raises(dls.DataError, match="margin above 0"):
        F.triplet_margin_loss(x, x, x, margin=0)
    with pytest.raises(dls.DeviceError, match="to\\("):
        F.mse_loss(x, x.to("strict"))
