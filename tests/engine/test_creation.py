"""Making tensors: constants, ranges, random numbers."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.backend import strict

X = dls.Tensor(np.ones((2, 3)))


def test_constants() -> None:
    assert dls.full((2,), 7).tolist() == [7, 7]
    assert dls.full((2,), True).dtype == np.bool_
    assert dls.full((), 2.5).item() == 2.5
    assert dls.full((2,), 1, dtype="float64").dtype == np.float64
    assert (dls.empty(2, 3).shape, dls.empty((2,), dtype="int8").dtype) == ((2, 3), np.int8)
    assert (dls.empty_like(X).shape, dls.empty_like(X).dtype) == ((2, 3), np.float64)
    assert dls.full_like(X, 4.0).tolist() == [[4.0] * 3] * 2
    assert dls.full_like(X, 4, dtype="int64").dtype == np.int64
    assert dls.zeros_like(X, requires_grad=True).requires_grad
    assert dls.ones(2, name="one").name == "one"
    assert dls.zeros(0, 3).shape == (0, 3)
    with pytest.raises(dls.DtypeError):
        dls.ones(2, dtype="int64", requires_grad=True)


def test_ranges() -> None:
    assert dls.arange(2, 8, 3).tolist() == [2, 5]
    assert (dls.arange(3).dtype, dls.arange(3, dtype="float64").dtype) == (np.int64, np.float64)
    assert dls.linspace(0, 1, 4, endpoint=False).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert dls.linspace(0, 1, 3, dtype="float64").dtype == np.float64
    assert dls.eye(2, 3).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_what_is_made_can_be_written_to() -> None:
    for made in (dls.zeros(2), dls.ones(2), dls.full(2, 1.0), dls.arange(2), dls.linspace(0, 1, 2),
                 dls.eye(2), dls.randn(2), dls.randperm(2), dls.zeros_like(X), dls.empty(2),
                 dls.bernoulli(0.5, 2)):
        made[0] = 5
        assert made.numpy().flat[0] == 5


def test_on_a_device() -> None:
    with strict.count() as counted:
        for made in (dls.zeros(2, device="strict"), dls.ones(2, 3, device="strict"),
                     dls.full((2,), 1.5, device="strict"), dls.empty(2, device="strict")):
            assert made.device is dls.Device("strict")
        dls.zeros_like(made), dls.full_like(made, 2.0), dls.empty_like(made)
    assert counted.syncs == 0, counted
    there = dls.zeros(3, device="strict")
    for made in (dls.arange(3, device="strict"), dls.randn(3, device="strict"),
                 dls.randperm(3, device="strict"), dls.eye(3, device="strict"),
                 dls.randn_like(there), dls.bernoulli(dls.full((3,), 0.5, device="strict"))):
        assert made.device is dls.Device("strict")


def test_random_numbers_follow_their_generator() -> None:
    makers = [
        lambda g: dls.randn(4, generator=g), lambda g: dls.rand(4, generator=g),
        lambda g: dls.randint(0, 9, (4,), generator=g), lambda g: dls.randperm(9, generator=g),
        lambda g: dls.bernoulli(0.5, (9,), generator=g), lambda g: dls.randn_like(X, generator=g),
        lambda g: dls.normal(1.0, 2.0, (4,), generator=g), lambda g: dls.rand_like(X, generator=g),
    ]
    for make in makers:
        assert make(dls.Generator(3)).tolist() == make(dls.Generator(3)).tolist()
        assert make(dls.Generator(3)).tolist() != make(dls.Generator(4)).tolist()
        dls.manual_seed(3)
        assert make(None).tolist() == make(dls.Generator(3)).tolist()


def test_random_numbers_have_their_distribution() -> None:
    g, n = dls.Generator(0), 20_000
    assert sorted(dls.randperm(50, generator=g).tolist()) == list(range(50))
    assert set(dls.randint(3, (n,), generator=g).tolist()) == {0, 1, 2}
    assert set(dls.randint(-1, 1, (n,), generator=g).tolist()) == {-1, 0}
    drawn = dls.normal(3.0, 0.5, (n,), generator=g, dtype="float64")
    assert (drawn.dtype, drawn.mean().item(), drawn.std().item()) == (
        np.float64, pytest.approx(3.0, abs=0.02), pytest.approx(0.5, abs=0.02))
    coins = dls.bernoulli(0.3, (n,), generator=g)
    assert set(coins.tolist()) == {0.0, 1.0}
    assert coins.mean().item() == pytest.approx(0.3, abs=0.02)
    chances = dls.Tensor([0.0, 1.0, 0.5])
    many = dls.bernoulli(chances, (n, 3), generator=g).mean(axis=0).tolist()
    assert many == [0.0, 1.0, pytest.approx(0.5, abs=0.02)]
    assert dls.bernoulli(chances, generator=g).shape == (3,)
    assert dls.rand_like(X, generator=g).dtype == np.float64
    assert dls.randn_like(X, dtype="float32").dtype == np.float32


@pytest.mark.parametrize("draw", [
    lambda: dls.normal(), lambda: dls.normal(3.0, 2.0, ()), lambda: dls.bernoulli(dls.Tensor(0.5)),
    lambda: dls.rand(()), lambda: dls.randn(()), lambda: dls.randint(0, 3, ()),
])
def test_one_random_number_is_a_tensor_like_any_other(draw):
    number = draw()
    assert isinstance(number.data, np.ndarray)
    assert number.numpy().shape == ()


def test_multinomial_draws_by_weight() -> None:
    weights = np.array([[1.0, 0.0, 3.0], [2.0, 2.0, 0.0]])
    drawn = dls.multinomial(dls.Tensor(weights), 20_000, replacement=True,
                            generator=dls.Generator(0))
    assert drawn.shape == (2, 20_000) and drawn.dtype == np.int64
    found = np.stack([np.bincount(row, minlength=3) / 20_000 for row in drawn.numpy()])
    assert np.allclose(found, weights / weights.sum(axis=1, keepdims=True), atol=0.015)
    assert not found[weights == 0].any()


def test_multinomial_without_replacement() -> None:
    g = dls.Generator(1)
    rows = dls.multinomial(np.tile([1.0, 2.0, 0.0, 5.0], (4000, 1)), 3, generator=g).numpy()
    assert (np.sort(rows, axis=1) == [0, 1, 3]).all()  # each place once, and never that of weight 0
    first = np.bincount(rows[:, 0], minlength=4) / 4000
    assert np.allclose(first, [1 / 8, 2 / 8, 0, 5 / 8], atol=0.03)
    second = np.mean(rows[rows[:, 0] == 3][:, 1] == 1)  # 2 / (1 + 2) of those left
    assert abs(second - 2 / 3) < 0.03
    assert dls.multinomial([0.0, 1.0], 1).tolist() == [1]


@pytest.mark.parametrize(("weights", "count", "replacement"), [
    ([1.0, 0.0], 2, False), ([0.0, 0.0], 1, True), ([-1.0, 2.0], 1, True),
    ([np.nan, 1.0], 1, True), ([1.0], 0, True),
])
def test_multinomial_refuses(weights: list[float], count: int, replacement: bool) -> None:
    with pytest.raises(dls.DataError, match="multinomial"):
        dls.multinomial(weights, count, replacement)
