"""Several places of a convolution side by side: the same numbers as one by one, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")
from tinygrad_dls.backend.device import Device
from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("nothing is compiled", allow_module_level=True)
from tinygrad_dls.backend.kernels.numba.conv import few_channels, sweep_conv
from tinygrad_dls.backend.kernels.numba.conv.geometry import Geometry
from tinygrad_dls.backend.kernels.numba.simd.width import HOST
from tinygrad_dls.backend.kernels.reference import ReferenceKernels

REFERENCE = ReferenceKernels(np)


@st.composite
def cases(draw):
    """(x, weight, bias, dy, stride, padding) with few channels out."""
    dtype = draw(st.sampled_from(["float32", "float64"]))
    window = (draw(st.integers(1, 4)), draw(st.integers(1, 5)))
    stride = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(2))
    columns = draw(st.sampled_from([2, 4, 6, 8, 9, 14, 16]))
    width = (columns - 1) * stride[1] + window[1] - sum(padding[1])
    height = draw(st.integers(window[0], 9))
    if width < 1:
        width += sum(padding[1])
        padding = (padding[0], (0, 0))
    m, c, o = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal((m, c, height, width)).astype(dtype)
    weight = rng.standard_normal((o, c, *window)).astype(dtype)
    bias = rng.standard_normal(o).astype(dtype) if draw(st.booleans()) else None
    y = REFERENCE.convolution(x, weight, bias, stride, padding, (1, 1), 1)
    return x, weight, bias, rng.standard_normal(y.shape).astype(dtype), stride, padding


def all_three(case):
    x, weight, bias, dy, stride, padding = case
    kernels, rest = Device("cpu").kernels, (stride, padding, (1, 1), 1)
    return (kernels.convolution_relu(x, weight, bias, *rest),
            kernels.convolution_weight_gradient(x, dy, weight.shape[2:], *rest),
            kernels.transposed_convolution(dy, weight, None, x.shape[2:], *rest))


@settings(max_examples=150, deadline=None)
@given(cases())
def test_equal_to_one_by_one_and_to_the_reference(case):
    least, several = few_channels.LEAST, []
    try:
        for few_channels.LEAST in (1 << 60, 0):
            several.append(all_three(case))
    finally:
        few_channels.LEAST = least
    for one, many in zip(*several):
        tolerance = {"rtol": 1e-4, "atol": 1e-4} if one.dtype == "float32" else {"rtol": 1e-9}
        np.testing.assert_allclose(one, many, **tolerance)
    np.testing.assert_array_equal(several[0][0], several[1][0])
    np.testing.assert_array_equal(several[0][2], several[1][2])


@settings(max_examples=150, deadline=None)
@given(cases())
def test_transposed_gradients_of_weights_are_the_same(case):
    x, weight, _, dy, stride, padding = case
    rest = (weight.shape[2:], stride, padding, (1, 1), 1)
    want, worth = REFERENCE.convolution_weight_gradient(x, dy, *rest), sweep_conv.TURNED_WORTH
    try:
        for sweep_conv.TURNED_WORTH in (0.0, 1e9):
            got = Device("cpu").kernels.convolution_weight_gradient(x, dy, *rest)
            assert got.flags.c_contiguous
            tolerance = 1e-4 if x.dtype == "float32" else 1e-9
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    finally:
        sweep_conv.TURNED_WORTH = worth


@settings(max_examples=100, deadline=None)
@given(cases())
def test_bands_of_few_results_change_nothing(case):
    most, several = sweep_conv.RESULTS, []
    try:
        for sweep_conv.RESULTS in (1 << 60, 1):
            several.append(all_three(case))
    finally:
        sweep_conv.RESULTS = most
    for one, many in zip(*several):
        tolerance = {"rtol": 1e-4, "atol": 1e-4} if one.dtype == "float32" else {"rtol": 1e-9}
        np.testing.assert_allclose(one, many, **tolerance)
    np.testing.assert_array_equal(several[0][0], several[1][0])


@pytest.mark.parametrize("strange", [np.inf, -np.inf, np.nan])
def test_numbers_that_are_not_finite_stay_in_their_windows(strange, monkeypatch):
    monkeypatch.setattr(few_channels, "LEAST", 0)
    x = np.ones((1, 1, 4, 16), "float32")
    x[0, 0, 1, 5] = strange
    weight = np.ones((2, 1, 3, 3), "float32")
    y = Device("cpu").kernels.convolution(x, weight, None, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    bad = ~np.isfinite(y[0, 0])
    assert bad.sum() == 9 and bad[0:3, 4:7].all()


def test_how_many():
    lanes = HOST.lanes(4)
    g = Geometry(28, 28, 1, 28, 28, 5, 5, 1, 1, 1, 1, 2, 2)
    f32 = np.dtype("float32")
    assert few_channels.how_many(g, 512, lanes, 1, f32) == 1  # the vector is full
    assert few_channels.how_many(g, 512, lanes // 2, 1, f32) == 2
    assert few_channels.how_many(g, 1, lanes // 2, 1, f32) == 1  # too little work
    assert few_channels.how_many(g, 512, lanes // 2, 2, f32) == 1  # in groups
    assert few_channels.how_many(g._replace(columns=27), 512, lanes // 2, 1, f32) == 1  # an odd one


def test_all_finite():
    for n in (0, 1, 5, 16, 17, 100_000):
        x = np.random.default_rng(n).standard_normal(n).astype("float32")
        assert few_channels.all_finite(x)
        for place in {0, n // 2, n - 1} if n else ():
            y = x.copy()
            y[place] = np.inf if place else np.nan
            assert not few_channels.all_finite(y)
