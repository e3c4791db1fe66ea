"""The sweep and products on it: against NumPy for every tile's edge, stride, flag and dtype."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_dls.backend.kernels.table import wants_compiled

pytest.importorskip("numba")
if not wants_compiled():
    pytest.skip("nothing is compiled", allow_module_level=True)
from tinygrad_dls.backend.kernels.numba.compile import kernel
from tinygrad_dls.backend.kernels.numba.matmul.gemm import prepare, product, scratch_size
from tinygrad_dls.backend.kernels.numba.matmul.linear import linear_short, product_of_rows
from tinygrad_dls.backend.kernels.numba.simd.intrinsics import address_of
from tinygrad_dls.backend.kernels.numba.simd.sweep import ADD, RELU, sweep
from tinygrad_dls.backend.kernels.numba.table import CompiledKernels
from tinygrad_dls.backend.kernels.numba.threads import threads_for
from tinygrad_dls.backend.kernels.numba.tuning import STREAM_NUMBERS
from tinygrad_dls.backend.kernels.reference import ReferenceKernels

REFERENCE, COMPILED = ReferenceKernels(np), CompiledKernels(np)
DTYPES = ["float32", "float64"]
for _dtype in DTYPES:
    prepare(np.dtype(_dtype))
CANARY = 777.0


@kernel
def run_sweep(a, b, c, rows, columns, a_row, inner, a_inner, b_inner, outer, a_outer, b_outer,
              c_row, bias, flags):
    first = address_of(bias, 0) if bias.size else 0
    sweep(a, address_of(a, 0), address_of(b, 0), address_of(c, 0), rows, columns, a_row, inner,
          a_inner, b_inner, outer, a_outer, b_outer, c_row, first, flags)


@kernel
def run_product(a, b, c, m, n, k, a_row, a_col, bias, flags, scratch):
    first = address_of(bias, 0) if bias.size else 0
    copies = address_of(scratch, 0) if scratch.size else 0
    product(a, address_of(a, 0), address_of(b, 0), address_of(c, 0), m, n, k, a_row, a_col, n, n,
            first, flags, copies)


def finished(sums, before, bias, flags):
    """What the sums become with these flags."""
    y = sums + (before if flags & ADD else bias if bias.size else 0)
    return np.maximum(y, 0) if flags & RELU else y


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_sweep_is_a_sum_over_two_indices(data):
    draw = data.draw
    dtype = draw(st.sampled_from(DTYPES))
    widest = 32 if dtype == "float32" else 16
    rows, columns = draw(st.integers(0, 40)), draw(st.integers(1, widest // 4))
    columns = min(columns * draw(st.sampled_from([1, 3, 4])), widest // 4)  # of any processor
    inner, outer = draw(st.integers(0, 11)), draw(st.integers(1, 3))
    along_k = draw(st.booleans())
    gap = draw(st.integers(0, 5))
    if along_k:  # rows may overlap, as those of a convolution do
        a_row, a_inner = draw(st.integers(1, inner + 3)), 1
    else:
        a_row, a_inner = 1, rows + gap
    a_outer, b_inner, c_row = draw(st.integers(0, 50)), columns + gap, columns + gap
    b_outer = inner * b_inner
    flags = draw(st.sampled_from([0, ADD, RELU, ADD | RELU]))
    rng = np.random.default_rng(rows * 1000 + columns)
    reach = rows * a_row + outer * a_outer + (inner + 1) * a_inner + 1
    a = rng.standard_normal(reach).astype(dtype)
    b = rng.standard_normal(outer * b_outer + b_inner + 1).astype(dtype)
    c = np.full((rows + 1) * c_row + 64, CANARY, dtype)
    before = rng.standard_normal((rows, columns)).astype(dtype)
    for i in range(rows):
        c[i * c_row:i * c_row + columns] = before[i]
    bias = rng.standard_normal(columns).astype(dtype) if draw(st.booleans()) else np.empty(0, dtype)
    run_sweep(a, b, c, rows, columns, a_row, inner, a_inner, b_inner, outer, a_outer, b_outer,
              c_row, bias, flags)
    sums = np.zeros((rows, columns))
    for i in range(rows):
        for r in range(outer):
            for k in range(inner):
                at = r * b_outer + k * b_inner
                sums[i] += float(a[i * a_row + r * a_outer + k * a_inner]) * b[at:at + columns]
    want = finished(sums, before, bias, flags)
    got = np.array([c[i * c_row:i * c_row + columns] for i in range(rows)]).reshape(want.shape)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(got, want, rtol=40 * eps, atol=200 * eps)
    for i in range(rows):
        c[i * c_row:i * c_row + columns] = CANARY
    assert (c == CANARY).all(), "written beside the results"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 80), st.integers(1, 80), st.integers(0, 600), st.booleans(),
       st.sampled_from([0, ADD, RELU, ADD | RELU]), st.booleans(), st.sampled_from(DTYPES))
def test_products_are_numpys(m, n, k, transposed, flags, biased, dtype):
    rng = np.random.default_rng(m + 100 * n + 10_000 * k)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    c = np.full((m + 1, n), CANARY, dtype)
    before = c[:m] = rng.standard_normal((m, n)).astype(dtype)
    bias = rng.standard_normal(n).astype(dtype) if biased else np.empty(0, dtype)
    scratch = np.empty(scratch_size(m, n, k, dtype), dtype)
    stored = np.ascontiguousarray(a.T) if transposed else a
    run_product(stored, b, c, m, n, k, *((1, m) if transposed else (k, 1)), bias, flags, scratch)
    want = finished(a.astype(float) @ b.astype(float), before, bias, flags)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(c[:m], want, rtol=100 * eps, atol=(k + 10) * 4 * eps)
    assert (c[m] == CANARY).all()


@pytest.mark.parametrize("shape", [(300, 600, 700), (1000, 33, 257), (36, 1030, 300)])
def test_blocks_of_large_products(shape):
    m, n, k = shape
    rng = np.random.default_rng(0)
    a = rng.standard_normal((m, k), dtype=np.float32)
    b, c = rng.standard_normal((k, n), dtype=np.float32), np.empty((m, n), np.float32)
    scratch = np.empty(scratch_size(m, n, k, "float32"), np.float32)
    run_product(a, b, c, m, n, k, k, 1, np.empty(0, np.float32), 0, scratch)
    np.testing.assert_allclose(c, a.astype(float) @ b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_pass_through(dtype):
    a = np.array([[np.nan, 1.0], [np.inf, 1.0], [-np.inf, 0.0]], dtype)
    b, c = np.ones((2, 3), dtype), np.empty((3, 3), dtype)
    run_product(a, b, c, 3, 3, 2, 2, 1, np.empty(0, dtype), RELU, np.empty(0, dtype))
    np.testing.assert_array_equal(c[:, 0], [np.nan, np.inf, 0.0])


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 1200), st.booleans(),
       st.sampled_from(DTYPES))
def test_the_linear_layer_is_the_references(m, n, k, biased, dtype):
    rng = np.random.default_rng(m + 100 * n + 10_000 * k)
    x, w = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((n, k)).astype(dtype)
    bias = rng.standard_normal(n).astype(dtype) if biased else None
    dy = rng.standard_normal((m, n)).astype(dtype)
    eps = np.finfo(dtype).eps
    tolerance = {"rtol": 100 * eps, "atol": (k + m + n + 10) * 4 * eps}
    want, got = (t.linear(x, w, bias) for t in (REFERENCE, COMPILED))
    assert got.dtype == dtype
    np.testing.assert_allclose(got, want, **tolerance)
    for needs in ((True, True, True), (False, True, True), (True, False, False)):
        pairs = zip(*(t.linear_backward(dy, x, w, needs) for t in (REFERENCE, COMPILED)))
        for need, (want, got) in zip(needs, pairs):
            assert (got is not None) == need
            if need:
                np.testing.assert_allclose(got, want, **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m, n, k", [(300, 45, 700), (130, 260, 530), (7, 100, 1025), (5, 64, 1),
                                     (121, 33, 512), (1, 31, 9)])
def test_products_with_a_weight_in_panels_are_the_same_for_any_number_of_threads(m, n, k, dtype):
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((n, k)).astype(dtype)
    bias, found = rng.standard_normal(n).astype(dtype), []
    prepare(np.dtype(dtype))
    for parts in (1, threads_for(1e9)):
        y = np.full((m + 1, n), CANARY, dtype)
        linear_short(parts, x, w, np.empty(n * k, dtype), bias, y[:m], RELU)
        assert (y[m] == CANARY).all()
        found.append(y[:m])
    want = np.maximum(x.astype(float) @ w.T.astype(float) + bias, 0)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found[0], want, rtol=100 * eps, atol=(k + 10) * 4 * eps)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n, k", [(1, 7), (3, 40), (5, 9), (9, 16), (24, 4), (31, 15), (7, 512)])
def test_long_products_with_a_few_columns_are_the_same_for_any_number_of_threads(n, k, dtype):
    m = STREAM_NUMBERS // (n + k) + 5
    rng = np.random.default_rng(n)
    x, w = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((n, k)).astype(dtype)
    bias, found = rng.standard_normal(n).astype(dtype), []
    prepare(np.dtype(dtype))
    for parts in (1, threads_for(1e9)):
        y, y_too = np.full((2, m + 1, n), CANARY, dtype)
        linear_short(parts, x, w, np.empty(n * k, dtype), bias, y[:m], RELU)
        product_of_rows(parts, x, np.ascontiguousarray(w.T), bias, y_too[:m], 0,
                        np.empty((1, 0), dtype))
        assert (y[m] == CANARY).all() and (y_too[m] == CANARY).all()
        found.append((y[:m], np.maximum(y_too[:m], 0)))
    want = np.maximum(x.astype(float) @ w.T.astype(float) + bias, 0)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found[0][0], want, rtol=100 * eps, atol=(k + 10) * 4 * eps)
    for results in (found[0][1], *found[1]):
        np.testing.assert_array_equal(results, found[0][0])
