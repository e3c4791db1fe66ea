"""The polynomials inside compiled kernels, over the whole range of float32."""

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from tinygrad_dls.backend.kernels.table import wants_compiled  # noqa: E402

if not wants_compiled():
    pytest.skip("kernels are not compiled in this configuration", allow_module_level=True)

from tinygrad_dls.backend.kernels.numba.elementwise.functions import (  # noqa: E402
    exp32,
    log1p_of_exp32,
    sigmoid32,
)


@numba.njit
def _each_exp(x, y):
    for i in range(x.size):
        y[i] = exp32(x[i])


@numba.njit
def _each_sigmoid(x, y):
    for i in range(x.size):
        y[i] = sigmoid32(x[i])


@numba.njit
def _each_log1p(x, y):
    for i in range(x.size):
        y[i] = log1p_of_exp32(x[i])


def _apply(loop, x):
    y = np.empty_like(x)
    loop(x, y)
    return y


def _ulps(found, exact):
    """Distance in units of the last place of float32."""
    return np.max(np.abs(found - exact) / np.spacing(np.abs(exact).astype(np.float32)))


def test_exp_is_within_two_ulps_wherever_the_result_is_normal():
    x = np.linspace(-87.3, 88.7, 1_000_003).astype(np.float32)
    assert _ulps(_apply(_each_exp, x), np.exp(x.astype(np.float64))) <= 2


def test_sigmoid_is_within_three_ulps():
    x = np.linspace(-87, 87, 1_000_003).astype(np.float32)
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert _ulps(_apply(_each_sigmoid, x), exact) <= 3


def test_log1p_of_exp_is_within_four_ulps():
    x = -np.abs(np.linspace(0, 80, 1_000_003)).astype(np.float32)
    exact = np.log1p(np.exp(x.astype(np.float64)))
    assert _ulps(_apply(_each_log1p, x), exact) <= 4


def test_exp_at_the_ends():
    x = np.array([0, -0.0, 89, 1e30, np.inf, -88, -1e30, -np.inf, np.nan], np.float32)
    expected = np.array([1, 1, np.inf, np.inf, np.inf, 0, 0, 0, np.nan], np.float32)
    np.testing.assert_array_equal(_apply(_each_exp, x), expected)


def test_exp_of_one_is_e_to_the_last_place_or_so():
    (e,) = _apply(_each_exp, np.ones(1, np.float32))
    assert e == pytest.approx(2.718281828, rel=1.2e-7)
