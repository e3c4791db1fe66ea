"""Depthwise convolutions of all windows, steps and paddings: the same as in the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")
from tinygrad_dls.backend.device import Device
from tinygrad_dls.backend.kernels.reference import ReferenceKernels
from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("nothing is compiled", allow_module_level=True)
from tinygrad_dls.backend.kernels.numba.conv import depthwise, depthwise_rows

REFERENCE = ReferenceKernels(np)


def lengths(draw):
    """(length, window, step, padding, spacing) of one axis, with at least one result."""
    window = draw(st.sampled_from([3, 3, 3, 1, 2, 4, 5, 5, 6, 7, 7, 11]))
    step = draw(st.sampled_from([1, 1, 2, 2, 2, 3, 4, 5, 7, 8]))
    apart = draw(st.sampled_from([1, 1, 1, 2, 3]))
    padding = draw(st.integers(-2, 4)), draw(st.integers(-2, 4))
    least = max(1, (window - 1) * apart + 1 - sum(padding), 1 - padding[0], 1 - padding[1])
    return least + draw(st.integers(0, 20)), window, step, padding, apart


@st.composite
def cases(draw):
    """Arrays and the other arguments of the kernels."""
    down, across = lengths(draw), lengths(draw)
    size, window, stride, padding, dilation = zip(down, across)
    n, c, dtype = draw(st.integers(1, 3)), draw(st.integers(2, 35)), draw(st.sampled_from("fd"))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal((n, *size, c)).astype(dtype).transpose(0, 3, 1, 2)
    weight = rng.standard_normal((c, 1, *window)).astype(dtype)
    bias = rng.standard_normal(c).astype(dtype)
    return x, weight, bias, (stride, padding, dilation, c)


def check(case):
    """Results and both gradients are those of the reference."""
    x, weight, bias, rest = case
    kernels = Device("cpu").kernels
    y = REFERENCE.convolution(x, weight, bias, *rest)
    close = {"rtol": 1e-4, "atol": 1e-4} if x.dtype == "f" else {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(kernels.convolution(x, weight, bias, *rest), y, **close)
    dy = np.random.default_rng(0).standard_normal(y.shape).astype(x.dtype)
    for name, arguments in (
        ("transposed_convolution", (dy, weight, bias, x.shape[2:])),
        ("convolution_weight_gradient", (x, dy, weight.shape[2:])),
    ):
        expected = getattr(REFERENCE, name)(*arguments, *rest)
        np.testing.assert_allclose(getattr(kernels, name)(*arguments, *rest), expected, **close)


@settings(max_examples=200, deadline=None)
@given(cases())
def test_results_and_both_gradients_are_those_of_the_reference(case):
    check(case)


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(1, 9), st.integers(1, 12))
def test_the_same_in_strips_of_columns_groups_of_channels_and_chunks(case, strip, room):
    before = depthwise_rows.STRIP, depthwise_rows.ROOM, depthwise.threads_for
    try:
        depthwise_rows.STRIP, depthwise_rows.ROOM = strip, room << 10
        depthwise.threads_for = lambda work: 3
        depthwise_rows.plan.cache_clear()
        check(case)
    finally:
        depthwise_rows.STRIP, depthwise_rows.ROOM, depthwise.threads_for = before
        depthwise_rows.plan.cache_clear()


@pytest.mark.parametrize("step", [3, 4, 5, 6, 7, 8, 13, 14, 19, 20])
@pytest.mark.parametrize("window", [1, 2, 4, 5, 9])
def test_long_steps(step, window):
    """Each tap alone, whatever the numbers of the ways for runs of taps are."""
    rng = np.random.default_rng(step * window)
    x = rng.standard_normal((2, 20, 11, 67)).astype("float32")
    weight = rng.standard_normal((20, 1, 2, window)).astype("float32")
    given = weight, None, (1, step), ((0, 0), (0, 0)), (1, 1), 20
    wanted = REFERENCE.convolution(x, *given)
    np.testing.assert_allclose(Device("cpu").kernels.convolution(x, *given), wanted, atol=1e-4)
