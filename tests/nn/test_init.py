"""Initial values: their statistics, their seeds, and PyTorch's bounds."""

import math

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.nn import init

SHAPE = (300, 200)  # (out, in)


def drawn(function, *args, shape=SHAPE, dtype="float32", **options):
    tensor = nn.Parameter(np.empty(shape, dtype))
    assert function(tensor, *args, generator=dls.Generator(0), **options) is tensor
    assert tensor.dtype == dtype and tensor.requires_grad and tensor.is_leaf
    return tensor.numpy()


UNIFORM = {  # call -> half its width
    "uniform": (lambda **o: drawn(init.uniform_, -0.5, 0.5, **o), 0.5),
    "xavier": (lambda **o: drawn(init.xavier_uniform_, 2.0, **o), 2 * math.sqrt(6 / 500)),
    "kaiming": (lambda **o: drawn(init.kaiming_uniform_, math.sqrt(5), **o), 1 / math.sqrt(200)),
    "kaiming relu out": (
        lambda **o: drawn(init.kaiming_uniform_, mode="fan_out", nonlinearity="relu", **o),
        math.sqrt(6 / 300)),
}
NORMAL = {  # call -> standard deviation
    "normal": (lambda **o: drawn(init.normal_, 0.0, 0.3, **o), 0.3),
    "xavier": (lambda **o: drawn(init.xavier_normal_, **o), math.sqrt(2 / 500)),
    "he": (lambda **o: drawn(init.kaiming_normal_, nonlinearity="relu", **o), math.sqrt(2 / 200)),
    "kaiming leaky": (lambda **o: drawn(init.kaiming_normal_, 0.5, **o), math.sqrt(1.6 / 200)),
}


@pytest.mark.parametrize("case", UNIFORM)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_ones(case, dtype):
    draw, bound = UNIFORM[case]
    x = draw(dtype=dtype)
    assert 0.99 * bound < abs(x).max() <= bound * (1 + 1e-6)
    assert abs(x.mean()) < 0.02 * bound
    assert math.isclose(x.std(), bound / math.sqrt(3), rel_tol=0.02)


@pytest.mark.parametrize("case", NORMAL)
def test_normal_ones(case):
    draw, std = NORMAL[case]
    x = draw()
    assert math.isclose(x.std(), std, rel_tol=0.02) and abs(x.mean()) < 0.02 * std
    within = (abs(x) < std).mean()
    assert abs(within - 0.6827) < 0.01


def test_constants_keep_the_precision_of_the_tensor():
    x = dls.Tensor(np.empty((2, 3)))
    assert (init.constant_(x, 0.1).numpy() == 0.1).all()
    assert not init.zeros_(x).numpy().any() and (init.ones_(x).numpy() == 1).all()
    version = x.version
    init.normal_(x, 5.0, 0.0)
    assert (x.numpy() == 5).all() and x.version == version + 1


def test_devices_and_repeats_start_alike():
    for name in ("cpu", "strict"):
        dls.manual_seed(7)
        layer = nn.Linear(5, 4, device=name)
        if name == "cpu":
            first = layer.state_dict()
    assert layer.weight.device.name == "strict"
    for key, value in layer.state_dict().items():
        assert np.array_equal(value.numpy(), first[key].numpy())
    again = nn.Linear(5, 4, dtype="float64", generator=dls.Generator(7))
    assert again.weight.dtype == np.float64
    assert np.array_equal(
        again.weight.numpy(), nn.Linear(5, 4, dtype="float64",
                                        generator=dls.Generator(7)).weight.numpy())


def test_linear_starts_as_pytorchs():
    layer = nn.Linear(400, 300, generator=dls.Generator(0))
    for p in (layer.weight, layer.bias):
        assert 0.98 / 20 < abs(p.numpy()).max() <= 1 / 20
    with pytest.raises(dls.ShapeError):
        nn.Linear(0, 3)


def test_fans_of_windows():
    assert init.fans(dls.ones(8, 3, 5, 5)) == (75, 200)


def test_clear_errors():
    with pytest.raises(dls.ShapeError, match="zeros_"):
        init.kaiming_normal_(dls.ones(3))
    with pytest.raises(dls.DataError, match="fan_in"):
        init.kaiming_normal_(dls.ones(3, 3), mode="in")
    with pytest.raises(dls.DataError, match="leaky_relu, linear"):
        init.calculate_gain("swish")
    with pytest.raises(dls.DataError, match="standard deviation"):
        init.normal_(dls.ones(3), std=-1)


@pytest.mark.torch
def test_gains_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu", "conv2d"):
        assert math.isclose(init.calculate_gain(name), torch.nn.init.calculate_gain(name))
    assert math.isclose(init.calculate_gain("leaky_relu", 0.3),
                        torch.nn.init.calculate_gain("leaky_relu", 0.3))


def test_arrays_are_filled_as_tensors_are():
    """`nn.init.normal_(w.data)`, as PyTorch's programs write it."""
    for fill in (init.normal_, init.uniform_, init.xavier_uniform_, init.kaiming_normal_,
                 init.trunc_normal_, init.orthogonal_, init.eye_, init.ones_):
        options = {} if fill in (init.eye_, init.ones_) else {"generator": dls.Generator(0)}
        a, b = nn.Parameter(np.zeros((4, 3))), nn.Parameter(np.zeros((4, 3)))
        bare = np.zeros((4, 3))
        if options:
            fill(b, generator=dls.Generator(0))
            fill(bare, generator=dls.Generator(0))
        else:
            fill(b), fill(bare)
        before = a.version
        assert isinstance(fill(a.data, **options), np.ndarray) and a.version > before
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        np.testing.assert_array_equal(bare, b.numpy())
    with pytest.raises(dls.DtypeError):
        init.zeros_([1.0, 2.0])
