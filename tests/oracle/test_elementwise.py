"""Element-wise functions of one and of two tensors."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls

from .harness import array, pick, random_cases, same_function, torch

SHAPES = ((), (1,), (0,), (7,), (2, 3), (2, 0, 3), (4, 1, 3), (2, 3, 4, 2))
DTYPES = ("float32", "float64")

# name -> (PyTorch's, the domain as a function of normal numbers, is there a second derivative)
UNARY: dict[str, tuple[Any, Any, bool]] = {
    "negative": (torch.neg, None, True),
    "abs": (torch.abs, None, True),
    "exp": (torch.exp, None, True),
    "expm1": (torch.expm1, None, True),
    "exp2": (torch.exp2, None, True),
    "log": (torch.log, lambda x: np.exp(x), True),
    "log1p": (torch.log1p, lambda x: np.expm1(x) * 0.9, True),
    "log2": (torch.log2, lambda x: np.exp(x), True),
    "log10": (torch.log10, lambda x: np.exp(x), True),
    "sqrt": (torch.sqrt, lambda x: np.exp(x), True),
    "rsqrt": (torch.rsqrt, lambda x: np.exp(x), True),
    "square": (torch.square, None, True),
    "reciprocal": (torch.reciprocal, lambda x: np.sign(x) * np.exp(0.5 * x), True),
    "sin": (torch.sin, lambda x: 10 * x, True),
    "cos": (torch.cos, lambda x: 10 * x, True),
    "tan": (torch.tan, lambda x: 1.3 * np.tanh(x), True),
    "arcsin": (torch.arcsin, lambda x: 0.95 * np.tanh(x), True),
    "arccos": (torch.arccos, lambda x: 0.95 * np.tanh(x), True),
    "arctan": (torch.arctan, lambda x: 3 * x, True),
    "sinh": (torch.sinh, None, True),
    "cosh": (torch.cosh, None, True),
    "tanh": (torch.tanh, None, True),
    "arcsinh": (torch.arcsinh, lambda x: 3 * x, True),
    "arccosh": (torch.arccosh, lambda x: 1.1 + np.exp(x), True),
    "arctanh": (torch.arctanh, lambda x: 0.95 * np.tanh(x), True),
    "erf": (torch.erf, lambda x: 2 * x, True),
    "erfc": (torch.erfc, lambda x: 2 * x, True),
    "sign": (torch.sign, None, False),
    "floor": (torch.floor, lambda x: 5 * x, False),
    "ceil": (torch.ceil, lambda x: 5 * x, False),
    "trunc": (torch.trunc, lambda x: 5 * x, False),
    "round": (torch.round, lambda x: 5 * x, False),
}


def numbers(case: np.random.Generator, *shape: int, dtype: str, domain: Any = None) -> np.ndarray:
    """Normal numbers moved into the domain, lying in memory as they did."""
    x = array(case, *shape, dtype=dtype)
    if domain is not None:
        x[...] = domain(x)
    return x


@random_cases(220)
def test_unary(case: np.random.Generator) -> None:
    name = pick(case, *UNARY)
    theirs, domain, second = UNARY[name]
    x = numbers(case, *pick(case, *SHAPES), dtype=pick(case, *DTYPES), domain=domain)
    same_function(getattr(dls, name), theirs, [x], second=second)


@pytest.mark.torch
def test_unary_all_by_name() -> None:
    """None is left to chance."""
    x = np.array([[0.21, 0.37], [0.55, 0.83]])
    for name, (theirs, _, second) in UNARY.items():
        same_function(getattr(dls, name), theirs, [x + (name == "arccosh")], second=second)


PAIRS = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (4,)), ((4,), ()), ((), ()),
         ((3, 1, 2), (4, 1)), ((0, 3), (3,)), ((1,), (5,)), ((2, 1, 3), (2, 4, 1)))


def away(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, x - 0.4, x + 0.4)


# name -> (PyTorch's, domains of a and b, is there a second derivative)
BINARY: dict[str, tuple[Any, Any, Any, bool]] = {
    "add": (torch.add, None, None, True),
    "subtract": (torch.subtract, None, None, True),
    "multiply": (torch.multiply, None, None, True),
    "divide": (torch.divide, None, away, True),
    "power": (torch.pow, lambda x: np.exp(0.5 * x), None, True),
    "maximum": (torch.maximum, None, None, True),
    "minimum": (torch.minimum, None, None, True),
    "arctan2": (torch.arctan2, away, None, True),
    "hypot": (torch.hypot, away, None, True),
    "logaddexp": (torch.logaddexp, lambda x: 5 * x, None, True),
    "remainder": (torch.remainder, lambda x: 3 * x, away, False),
    "fmod": (torch.fmod, lambda x: 3 * x, away, False),
    "floor_divide": (lambda a, b: torch.div(a, b, rounding_mode="floor"),
                     lambda x: 3 * x, away, False),
}


def pair(case: np.random.Generator, name: str) -> list[np.ndarray]:
    _, first, other, _ = BINARY[name]
    shapes, dtype = pick(case, *PAIRS), pick(case, *DTYPES)
    return [numbers(case, *s, dtype=dtype, domain=d) for s, d in zip(shapes, (first, other))]


@random_cases(160)
def test_binary(case: np.random.Generator) -> None:
    name = pick(case, *BINARY)
    theirs, _, _, second = BINARY[name]
    same_function(getattr(dls, name), theirs, pair(case, name), second=second)


@random_cases(60)
def test_operators_with_numbers(case: np.random.Generator) -> None:
    f = pick(
        case, lambda x: x + 2.5, lambda x: 2.5 - x, lambda x: x * 3, lambda x: 2 / x,
        lambda x: x**3, lambda x: x**-1.5, lambda x: 2.0**x, lambda x: x % 1.7,
        lambda x: x**0.5, lambda x: -x + 1, lambda x: abs(x) / 4,
        lambda x: x.clip(0.5, 1.5), lambda x: x.clamp(max=1.0), lambda x: x.lerp(x * 2, 0.3),
        lambda x: x.add(2).sub(1).mul(3).div(7).neg(), lambda x: x.pow(2),
        lambda x: x.atan2(x * x + 1), lambda x: x.asin() + x.acos() if x.ndim > 9 else x.atan(),
        lambda x: x.asinh() + (x + 1).acosh(),
    )
    x = numbers(case, *pick(case, *SHAPES), dtype=pick(case, *DTYPES),
                domain=lambda x: np.exp(0.5 * x) + 0.05)
    same_function(f, f, [x], second=True, scale=3)


@random_cases(50)
def test_clip_by_tensors(case: np.random.Generator) -> None:
    dtype = pick(case, *DTYPES)
    x, low = array(case, 3, 4, dtype=dtype), array(case, *pick(case, (4,), (3, 1), ()), dtype=dtype)
    high = np.asarray(low + np.abs(array(case, *low.shape, dtype=dtype)) + 0.1, dtype)
    which = pick(case, "both", "low", "high")
    if which == "both":
        same_function(dls.clip, torch.clamp, [x, low, high], second=True)
    elif which == "low":
        same_function(lambda x, a: x.clip(a), lambda x, a: x.clamp(a), [x, low], second=True)
    else:
        same_function(lambda x, b: dls.clamp(x, max=b), lambda x, b: torch.clamp(x, max=b),
                      [x, high], second=True)


@random_cases(40)
def test_where_and_lerp(case: np.random.Generator) -> None:
    dtype = pick(case, *DTYPES)
    a, b = array(case, 2, 3, dtype=dtype), array(case, *pick(case, (3,), (2, 1), ()), dtype=dtype)
    w = array(case, 2, 3, dtype=dtype)
    same_function(lambda c, a, b: dls.where(c, a, b), torch.where, [w > 0, a, b], second=True)
    same_function(dls.lerp, torch.lerp, [a, np.broadcast_to(b, (2, 3)).copy(), w], second=True)


ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5])


@random_cases(30)
def test_of_odd_numbers(case: np.random.Generator) -> None:
    """NaN, infinities and zeros; no gradients. (Of sign(NaN) PyTorch makes 0, NumPy and we NaN.)"""
    x = case.choice(ODD, (3, 5)).astype(pick(case, *DTYPES))
    y = case.choice(ODD, (3, 5)).astype(x.dtype)
    for name in ("isnan", "isinf", "isfinite", "floor", "abs", "nan_to_num", "exp", "erf",
                 "sin", "arctan", "tanh", "logical_not"):
        theirs = getattr(torch, name)(torch.from_numpy(x))
        with np.errstate(all="ignore"):
            mine = getattr(dls, name)(dls.Tensor(x))
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6, err_msg=name)
        assert mine.dtype == theirs.numpy().dtype, name
    for name in ("isclose", "logical_and", "logical_or", "logical_xor", "maximum", "minimum",
                 "equal", "less", "hypot", "arctan2", "logaddexp"):
        other = {"equal": "eq", "less": "lt"}.get(name, name)
        theirs = getattr(torch, other)(torch.from_numpy(x), torch.from_numpy(y))
        with np.errstate(all="ignore"):
            mine = getattr(dls, name)(dls.Tensor(x), dls.Tensor(y))
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6, err_msg=name)


@random_cases(30)
def test_integers_and_bools(case: np.random.Generator) -> None:
    a, b = case.integers(-20, 20, (3, 4)), case.integers(1, 9, (4,))
    x, y, t, u = dls.Tensor(a), dls.Tensor(b), torch.from_numpy(a), torch.from_numpy(b)
    for f in (lambda x, y: x % y, lambda x, y: x // y, lambda x, y: x & y, lambda x, y: x | y,
              lambda x, y: x ^ y, lambda x, y: ~x, lambda x, y: (x > 0) ^ (y > 4),
              lambda x, y: ~(x > 0) & (y > 3), lambda x, y: 7 % y, lambda x, y: 100 // y,
              lambda x, y: x.abs(), lambda x, y: x.clip(-3, 3), lambda x, y: x & 6,
              lambda x, y: divmod(x, y)[1] if isinstance(x, dls.Tensor) else x % y):
        mine, theirs = f(x, y), f(t, u)
        assert np.array_equal(mine.numpy(), theirs.numpy())
        assert mine.dtype == theirs.numpy().dtype
    for name in ("exp", "sqrt", "sin", "arctan", "erf", "rsqrt", "log2", "reciprocal"):
        np.testing.assert_allclose(getattr(dls, name)(y).numpy(), getattr(torch, name)(u).numpy(),
                                   rtol=1e-5)
        assert getattr(dls, name)(y).dtype == np.float32
