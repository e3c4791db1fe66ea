"""Activations and dropouts: numbers worked out by hand, statistics, errors, every device."""

import math

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict


def at(f, *values: float) -> list[float]:
    return [round(v, 6) for v in f(dls.Tensor(np.array(values))).tolist()]


def test_values_worked_out_by_hand() -> None:
    e = math.e
    assert at(F.relu6, -1, 3, 9) == [0, 3, 6]
    assert at(F.elu, 2, -1) == [2, round(1 / e - 1, 6)]
    assert at(lambda x: F.celu(x, 2.0), -2) == [round(2 * (1 / e - 1), 6)]
    assert at(F.selu, 1, -1) == [1.050701, round(1.0507009873554805 * 1.6732632423543772
                                                * (1 / e - 1), 6)]
    assert at(F.silu, 0, 1) == [0, round(1 / (1 + 1 / e), 6)]
    assert at(F.gelu, 0, 1, -1) == [0, 0.841345, -0.158655]
    assert at(lambda x: F.gelu(x, "tanh"), 1) == [0.841192]
    assert at(F.softplus, 0, 30) == [round(math.log(2), 6), 30]
    assert at(F.softsign, -3, 1) == [-0.75, 0.5]
    assert at(F.hardsigmoid, -4, 0, 1.5, 4) == [0, 0.5, 0.75, 1]
    assert at(F.hardswish, -4, 1.5, 4) == [0, 1.125, 4]
    assert at(F.hardshrink, 0.5, 0.6) == [0, 0.6] and at(F.softshrink, 0.75, -2) == [0.25, -1.5]
    assert at(lambda x: F.threshold(x, 1.0, 7.0), 1, 2) == [7, 2]
    assert at(F.glu, 4, 0) == [2] and at(F.logsigmoid, 0) == [round(-math.log(2), 6)]
    assert at(F.mish, 1) == [0.865098] and at(F.tanhshrink, 0) == [0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sigmoid", "logsigmoid", "softplus", "silu", "mish", "gelu",
                                  "elu", "selu", "softsign", "hardswish"])
def test_large_numbers_stay_finite_with_their_gradients(name: str, dtype: str) -> None:
    x = dls.Tensor(np.array([1e4, -1e4, 300.0, -300.0, 88.0, -88.0], dtype), requires_grad=True)
    y = getattr(F, name)(x)
    (g,) = dls.grad(y.sum(), [x], create_graph=True)
    (h,) = dls.grad(g.sum(), [x])
    for t in (y, g, h):
        assert np.isfinite(t.numpy()).all()


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize(("dtype", "end", "allowed"), [
    ("float16", 4, 1), ("float32", 13, 24), ("float64", 37, 24)])
def test_gelu_keeps_its_left_tail(dtype: str, end: int, allowed: int, device: str) -> None:
    """Against Laplace's continued fraction of the normal distribution, to where it underflows."""
    a = np.random.default_rng(0).integers(2 << 8, end << 8, 1000) / 256  # a * a is exact
    density = np.exp(-a * a / 2) / math.sqrt(2 * math.pi)
    fraction = a
    for k in range(300, 0, -1):
        fraction = a + k / fraction
    share = density / fraction
    x = dls.Tensor((-a).astype(dtype), device=device, requires_grad=True)
    y = F.gelu(x)
    y.sum().backward()
    rtol = allowed * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(y.numpy(), -a * share, rtol=rtol)
    np.testing.assert_allclose(x.grad.numpy(), share - a * density, rtol=rtol)


def test_errors() -> None:
    x = dls.ones(2, 3)
    with pytest.raises(dls.ShapeError, match="two halves"):
        F.glu(x)
    with pytest.raises(dls.ShapeError, match="one slope"):
        F.prelu(x, dls.ones(2))
    with pytest.raises(dls.DataError, match="'none' or 'tanh'"):
        F.gelu(x, "exact")
    with pytest.raises(dls.DataError, match="lower first"):
        F.hardtanh(x, 1.0, -1.0)
    with pytest.raises(dls.ShapeError, match=r"Softmax2d takes"):
        nn.Softmax2d()(x)
    with pytest.raises(dls.DataError, match="between 0 and 1"):
        nn.AlphaDropout(1.5)
    with pytest.raises(dls.DtypeError, match="generator=g"):
        nn.Dropout(0.5, dls.Generator(0))  # type: ignore[arg-type]
    with pytest.raises(dls.ShapeError, match="dropout1d takes 2 or 3"):
        F.dropout1d(dls.ones(2, 3, 4, 5))


LAYERS = (
    nn.ReLU6, nn.SiLU, nn.Mish, nn.GELU, nn.ELU, nn.SELU, nn.CELU, nn.Hardswish, nn.Hardsigmoid,
    nn.Softplus, nn.LogSigmoid, nn.Softsign, nn.PReLU, nn.RReLU, nn.Hardtanh, nn.Hardshrink,
    nn.Softshrink, nn.Tanhshrink, nn.Softmin, nn.LeakyReLU, nn.Dropout, nn.Dropout1d,
    nn.AlphaDropout, nn.FeatureAlphaDropout, nn.Identity,
)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_training_step_on_a_device_waits_for_nothing(layer: type[nn.Module]) -> None:
    def train(device: str) -> np.ndarray:
        dls.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), layer(), nn.Linear(4, 2)).to(device)
        opt = optim.SGD(model.parameters(), lr=0.1)
        x = dls.Tensor(np.random.default_rng(0).standard_normal((5, 3)).astype("float32"),
                       device=device)
        for step in range(2):
            with strict.count() as counted:
                opt.zero_grad()
                (model(x) ** 2).mean().backward()
                opt.step()
            assert step == 0 or counted.syncs == 0, counted
        return model[0].weight.numpy()

    np.testing.assert_allclose(train("strict"), train("cpu"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("layer", "shape", "lead"), [
    (nn.Dropout, (400, 500), 2), (nn.Dropout1d, (100, 200, 3), 2), (nn.Dropout1d, (4000, 5), 1),
    (nn.Dropout2d, (100, 200, 2, 2), 2), (nn.Dropout2d, (100, 200, 3), 2),
    (nn.Dropout3d, (50, 100, 2, 1, 2), 2), (nn.Dropout3d, (4000, 1, 2, 2), 1),
])
def test_dropout_drops_whole_channels_and_keeps_the_mean(layer, shape, lead) -> None:
    x = dls.ones(*shape, requires_grad=True)
    drop = layer(0.3, generator=dls.Generator(1))
    y = drop(x)
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.numpy())  # the same places, the same scale
    kept = y.numpy().reshape(*shape[:lead], -1)
    assert (kept == kept[..., :1]).all()
    assert set(np.unique(kept)) == {0.0, np.float32(1 / 0.7)}
    assert abs((kept[..., 0] > 0).mean() - 0.7) < 0.03
    assert np.array_equal(layer(0.3, generator=dls.Generator(1))(x).numpy(), y.numpy())
    assert not np.array_equal(drop(x).numpy(), y.numpy())
    assert drop.eval()(x) is x and not layer(1.0)(x).numpy().any() and layer(0.0)(x) is x


@pytest.mark.parametrize("layer", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_dropout_keeps_mean_and_variance(layer) -> None:
    x = np.random.default_rng(0).standard_normal((300, 400, 2)).astype("float32")
    y = layer(0.2, generator=dls.Generator(3))(dls.Tensor(x)).numpy()
    assert abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01 and y.dtype == np.float32
    values, times = np.unique(y, return_counts=True)
    low = values[times.argmax()]
    share = (y == low).mean()
    assert abs(share - 0.2) < 0.01
    whole = (y == low).all(axis=2).mean()
    assert abs(whole - (0.2 if layer is nn.FeatureAlphaDropout else 0.04)) < 0.01


@pytest.mark.parametrize("kind, function", [
    (nn.Softmax, F.softmax), (nn.LogSoftmax, F.log_softmax), (nn.Softmin, F.softmin)])
@pytest.mark.parametrize("shape, axis", [((4,), 0), ((3, 4), 1), ((2, 3, 4), 0), ((2, 3, 4, 5), 1)])
def test_softmax_without_an_axis_takes_pytorchs(kind, function, shape, axis) -> None:
    x = dls.Tensor(np.random.default_rng(0).standard_normal(shape))
    wanted = function(x, axis).numpy()
    if len(shape) > 2:
        with pytest.warns(UserWarning, match=f"axis {axis} of {len(shape)}"):
            found = kind()(x)
    else:
        found = kind()(x)
    np.testing.assert_array_equal(found.numpy(), wanted)
    np.testing.assert_array_equal(kind(-1)(x).numpy(), function(x, -1).numpy())


def test_gumbel_softmax_draws_with_the_right_chances() -> None:
    logits = dls.Tensor(np.tile(np.log([0.5, 0.3, 0.2]), (20000, 1)), requires_grad=True)
    y = F.gumbel_softmax(logits, tau=0.5, hard=True, generator=dls.Generator(0))
    assert set(np.unique(np.round(y.numpy(), 6))) == {0.0, 1.0}
    np.testing.assert_allclose(y.numpy().mean(axis=0), [0.5, 0.3, 0.2], atol=0.015)
    (y * dls.Tensor([1.0, 2.0, 3.0])).sum().backward()
    assert np.abs(logits.grad.numpy()).sum() > 0
