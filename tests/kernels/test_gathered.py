"""Convolutions by gathered windows: the reference's numbers for any window, step and size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")
from tinygrad_dls.backend.device import Device
from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("nothing is compiled", allow_module_level=True)
from tinygrad_dls.backend.kernels.numba.conv import gathered, gathered_weights
from tinygrad_dls.backend.kernels.numba.conv.geometry import Geometry
from tinygrad_dls.backend.kernels.reference import ReferenceKernels

REFERENCE = ReferenceKernels(np)


@st.composite
def cases(draw):
    """(x, weight, bias, stride, padding, dilation)."""
    dtype = draw(st.sampled_from(["float32", "float64"]))
    window, stride, padding, dilation = (
        tuple(draw(st.integers(*limits)) for _ in range(2))
        for limits in ((1, 4), (1, 3), (0, 3), (1, 2)))
    size = [d * (k - 1) + draw(st.integers(1, 14)) for k, d in zip(window, dilation)]
    n, c, o = (draw(values) for values in (
        st.integers(1, 4), st.integers(1, 20) | st.sampled_from([130, 200]), st.integers(1, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal((n, *size, c)).astype(dtype).transpose(0, 3, 1, 2)
    weight = rng.standard_normal((o, c, *window)).astype(dtype)
    bias = rng.standard_normal(o).astype(dtype) if draw(st.booleans()) else None
    return x, weight, bias, stride, tuple((p, p) for p in padding), dilation


@settings(max_examples=150, deadline=None)
@given(cases())
def test_equal_to_the_reference(case):
    x, weight, bias, *rest = case
    kernels, ways = Device("cpu").kernels, (gathered, gathered_weights)
    tolerance = {"rtol": 2e-4, "atol": 2e-4} if x.dtype == "float32" else {
        "rtol": 1e-9, "atol": 1e-10}
    y = REFERENCE.convolution_relu(x, weight, bias, *rest, 1)
    dy = np.random.default_rng(0).standard_normal(y.shape).astype(x.dtype)
    dx = REFERENCE.transposed_convolution(dy, weight, None, x.shape[2:], *rest, 1)
    dweight = REFERENCE.convolution_weight_gradient(x, dy, weight.shape[2:], *rest, 1)
    with pytest.MonkeyPatch.context() as patch:
        for way in ways:
            patch.setattr(way, "pays", lambda *arguments: True)
        got = kernels.convolution_relu(x, weight, bias, *rest, 1)
        got_dx = kernels.transposed_convolution(dy, weight, None, x.shape[2:], *rest, 1)
        got_dweight = kernels.convolution_weight_gradient(x, dy, weight.shape[2:], *rest, 1)
    np.testing.assert_allclose(got, y, **tolerance)
    np.testing.assert_allclose(got_dx, dx, **tolerance)
    np.testing.assert_allclose(got_dweight, dweight, **{**tolerance, "atol": 2e-3}
                               if x.dtype == "float32" else tolerance)


def test_where_rows_fill_tiles_or_outputs_are_few_nothing_is_gathered():
    f32 = np.dtype("float32")
    g = Geometry(19, 19, 64, 10, 10, 3, 3, 2, 2, 1, 1, 1, 1)
    assert gathered.pays(g, 8, 128, 1, f32)
    assert not gathered.pays(g._replace(rows=12, columns=12), 60, 128, 1, f32)
    assert not gathered.pays(g, 60, 8, 1, f32)  # several places are computed side by side
    assert not gathered.pays(g, 8, 128, 2, f32)  # in groups


def test_many_weights_are_gathered_even_where_rows_fill_tiles():
    g = Geometry(23, 23, 256, 12, 12, 3, 3, 2, 2, 1, 1, 1, 1)
    assert gathered.pays(g, 60, 128, 1, np.dtype("float32"))
