"""Activations: random inputs, all options, with large and tiny numbers among them."""

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, pick, random_cases, same_function, same_layer, torch

T = torch.nn.functional
SHAPES = ((), (1,), (0,), (5,), (0, 3), (3, 4), (2, 3, 4), (2, 3, 2, 5), (1, 1), (37,))


def drawn(case: np.random.Generator) -> np.ndarray:
    x = array(case, *pick(case, *SHAPES), dtype=pick(case, "float32", "float64"))
    return np.asarray(x * x.dtype.type(pick(case, 0.1, 1.0, 3.0, 30.0)))


def positive(case: np.random.Generator) -> float:
    return float(case.uniform(0.2, 2.5))


# name -> options drawn for one case
ELEMENT_WISE = {
    "relu": lambda c: {}, "relu6": lambda c: {}, "selu": lambda c: {}, "silu": lambda c: {},
    "mish": lambda c: {}, "hardsigmoid": lambda c: {}, "hardswish": lambda c: {},
    "logsigmoid": lambda c: {}, "softsign": lambda c: {}, "tanhshrink": lambda c: {},
    "sigmoid": lambda c: {}, "tanh": lambda c: {},
    "leaky_relu": lambda c: {"negative_slope": positive(c) * pick(c, 0.1, 1, -0.2)},
    "elu": lambda c: {"alpha": positive(c)},
    "celu": lambda c: {"alpha": positive(c)},
    "gelu": lambda c: {"approximate": pick(c, "none", "tanh")},
    "softplus": lambda c: {"beta": positive(c), "threshold": pick(c, 20, 2.0, 50)},
    "hardtanh": lambda c: {"min_val": -positive(c), "max_val": positive(c)},
    "hardshrink": lambda c: {"lambd": positive(c)},
    "softshrink": lambda c: {"lambd": positive(c)},
    "threshold": lambda c: {"threshold": positive(c) - 1, "value": positive(c)},
    "rrelu": lambda c: {"lower": 0.1, "upper": 0.3, "training": False},
}


# PyTorch's gradients of these are off by 3e-8 in float64 as well: it has 1/6 and 1/alpha in
# float32. It has no second derivative of hardsigmoid.
SCALE = {"hardsigmoid": 100.0, "celu": 100.0}


@pytest.mark.parametrize("name", ELEMENT_WISE)
@random_cases(14)
def test_element_wise(case: np.random.Generator, name: str) -> None:
    x, options = drawn(case), ELEMENT_WISE[name](case)
    same_function(lambda t: getattr(F, name)(t, **options),
                  lambda t: getattr(T, name)(t, **options), [x],
                  second=name != "hardsigmoid", scale=SCALE.get(name, 1.0))


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENT_WISE)
def test_kinks_and_extremes(name: str, dtype: str) -> None:
    """Slopes on the kinks are PyTorch's, and nothing overflows."""
    if name in ("gelu", "mish", "silu", "hardswish"):
        edges = [-3.0, 3.0, 0.0, 100.0, -100.0, 1e4, -1e4]
    else:
        edges = [-3.0, 3.0, 0.0, 6.0, 1.0, -1.0, 0.5, -0.5, 100.0, -100.0, 1e4, -1e4, 1e30, -1e30]
    options = {"threshold": {"threshold": 0.5, "value": 3.0}}.get(name, {})
    same_function(lambda t: getattr(F, name)(t, **options),
                  lambda t: getattr(T, name)(t, **options), [np.array(edges, dtype)],
                  scale=SCALE.get(name, 1.0))


@random_cases(60)
def test_along_an_axis(case: np.random.Generator) -> None:
    shape = pick(case, (3,), (1,), (4, 5), (2, 3, 4), (2, 5, 3, 4), (0, 3), (3, 1), (6, 17))
    dim = int(case.integers(-len(shape), len(shape)))
    x = array(case, *shape, dtype=pick(case, "float32", "float64"))
    x = x * x.dtype.type(pick(case, 1.0, 20.0))
    name = pick(case, "softmax", "log_softmax", "softmin")
    if 0 in shape and shape[dim] == 0:
        return
    same_function(lambda t: getattr(F, name)(t, dim=dim),
                  lambda t: getattr(T, name)(t, dim=dim), [x], second=True)


@random_cases(20)
def test_glu(case: np.random.Generator) -> None:
    shape = pick(case, (4,), (2, 6), (2, 4, 3), (0, 2))
    dim = pick(case, *[d for d, n in enumerate(shape) if n % 2 == 0 and n])
    x = array(case, *shape, dtype=pick(case, "float32", "float64"))
    same_function(lambda t: F.glu(t, dim), lambda t: T.glu(t, dim), [x], second=True)


@random_cases(40)
def test_prelu(case: np.random.Generator) -> None:
    shape = pick(case, (5,), (4, 3), (2, 3, 4), (2, 3, 2, 2), (0, 3), (1, 1))
    dtype = pick(case, "float32", "float64")
    channels = shape[1] if len(shape) > 1 else 1
    slopes = array(case, pick(case, 1, channels), dtype=dtype)
    same_function(F.prelu, T.prelu, [array(case, *shape, dtype=dtype), slopes], second=True)


LAYERS = {
    "ReLU": (), "ReLU6": (), "SELU": (), "SiLU": (), "Mish": (), "Hardsigmoid": (),
    "Hardswish": (), "LogSigmoid": (), "Softsign": (), "Tanhshrink": (), "Sigmoid": (), "Tanh": (),
    "Identity": (), "LeakyReLU": (0.2,), "ELU": (0.7,), "CELU": (0.7,), "GELU": ("tanh",),
    "Softplus": (2.0, 3.0), "Hardtanh": (-0.5, 0.8), "Hardshrink": (0.3,), "Softshrink": (0.3,),
    "Threshold": (0.1, 20.0), "GLU": (1,), "PReLU": (4, 0.1), "Softmax": (1,), "Softmin": (1,),
    "LogSoftmax": (1,), "Softmax2d": (),
}


@pytest.mark.parametrize("name", LAYERS)
@random_cases(3)
def test_layer(case: np.random.Generator, name: str) -> None:
    x = array(case, 2, 4, 3, 5, dtype=pick(case, "float32", "float64"))
    same_layer(getattr(nn, name)(*LAYERS[name]), getattr(torch.nn, name)(*LAYERS[name]), [x],
               scale=SCALE.get(name.lower(), 1.0))


@pytest.mark.torch
@pytest.mark.parametrize("name", [n for n in LAYERS if n not in ("Identity", "Softmax2d")])
def test_defaults_and_names_of_options_are_pytorchs(name: str) -> None:
    """What PyTorch's layer takes, ours takes, in that order, and it starts with the same."""
    import inspect

    theirs = inspect.signature(getattr(torch.nn, name).__init__).parameters
    ours = inspect.signature(getattr(nn, name).__init__).parameters
    wanted = [p for p in theirs if p not in ("self", "min_value", "max_value")]
    assert [p for p in ours if p != "self"][: len(wanted)] == wanted
    for p in wanted:
        if name in ("Softmax", "Softmin", "LogSoftmax") and p == "dim":
            continue  # ours is the last axis, PyTorch guesses and warns
        assert ours[p].default == theirs[p].default, (name, p)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rrelu_in_training(dtype: str) -> None:
    x = -np.ones((50, 40), dtype)
    x[0] = 2.0
    t = dls.Tensor(x, requires_grad=True)
    y = nn.RReLU(0.2, 0.6, generator=dls.Generator(0))(t)
    y.sum().backward()
    slopes = t.grad.numpy()
    assert y.dtype == dtype and (slopes[0] == 1).all() and np.allclose(y.numpy(), slopes * x)
    assert 0.2 <= slopes[1:].min() < 0.21 and 0.59 < slopes[1:].max() <= 0.6
    assert abs(slopes[1:].mean() - 0.4) < 0.01
