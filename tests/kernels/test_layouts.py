"""Operands that lie in memory in any order: turned copies, products of transposed matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("only with compiled kernels", allow_module_level=True)

from tinygrad_dls.backend.kernels.adding import ADD_WORTH, added
from tinygrad_dls.backend.kernels.numba.copying import BLOCK, add_into, assign, copied, pixels_of
from tinygrad_dls.backend.kernels.numba.tuning import COPY_WORTH

KERNELS = dls.Device("cpu").kernels
SIZES = st.integers(1, 70)


@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 2 * BLOCK + 1),
       st.sampled_from(["float32", "float64", "int64"]))
@settings(max_examples=60, deadline=None)
def test_channels_are_turned_to_the_last_place(n, c, pixels, dtype):
    x = np.random.default_rng(0).integers(0, 1000, (n, c, pixels)).astype(dtype)
    turned = pixels_of(x)
    assert turned.flags.c_contiguous and turned.dtype == x.dtype
    assert np.array_equal(turned, x.transpose(0, 2, 1))


def test_channels_last_is_not_copied():
    x = np.zeros((2, 4, 5, 3), np.float32)
    assert np.shares_memory(pixels_of(x.transpose(0, 3, 1, 2)), x)


@st.composite
def arrays(draw, shape, dtype, seed):
    """An array of this shape, its axes in memory in any order, with gaps, or backwards."""
    axes = draw(st.permutations(range(len(shape))))
    parts = [draw(st.sampled_from(
        [slice(None)] * 6 + [slice(None, None, 2), slice(n, None), slice(None, None, -1)]))
        for n in shape]
    wide = [n if part.start is None and part.step in (None, -1) else 2 * n
            for n, part in zip(shape, parts)]
    x = np.random.default_rng(seed).integers(-1000, 1000, [wide[i] for i in axes]).astype(dtype)
    return x.transpose(np.argsort(axes))[tuple(parts)]


@given(st.data(), st.lists(st.integers(1, 40), min_size=1, max_size=6),
       st.sampled_from(["float32", "float64", "int64", "int32", "float16"]))
@settings(max_examples=150, deadline=None)
def test_copies_between_any_memory_orders(data, shape, dtype):
    while np.prod(shape) > 1 << 18:
        shape[int(np.argmax(shape))] //= 2
    shape[0] += (COPY_WORTH * data.draw(st.integers(0, 1))) // int(np.prod(shape))
    x, y = (data.draw(arrays(tuple(shape), dtype, seed)) for seed in (1, 2))
    total = y + x
    add_into(y, x)
    assert np.array_equal(y, total)
    assign(y, x)
    assert np.array_equal(y, x)
    made = copied(x)
    assert made.flags.c_contiguous and np.array_equal(made, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(m=SIZES, k=st.sampled_from([1, 3, 40, 130, 600]), n=SIZES, turn=st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_matrix_products_of_any_order(dtype, m, k, n, turn):
    rng = np.random.default_rng(m * n)
    m, n = 3 * m, 3 * n
    a = rng.standard_normal((k, m) if turn & 1 else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if turn & 2 else (k, n)).astype(dtype)
    a, b = a.T if turn & 1 else a, b.T if turn & 2 else b
    right = a.astype("float64") @ b.astype("float64")
    size = np.abs(a).astype("float64") @ np.abs(b).astype("float64")
    made = KERNELS.matmul(a, b)
    assert made.dtype == a.dtype and made.shape == right.shape
    assert np.all(np.abs(made - right) <= 4 * k * np.finfo(dtype).eps * size + 1e-30)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(count=st.integers(1, 12), m=SIZES, n=SIZES, turn=st.booleans())
@settings(max_examples=80, deadline=None)
def test_columns_times_rows(dtype, count, m, n, turn):
    rng = np.random.default_rng(m * n)
    a = rng.standard_normal((count, 1, m) if turn else (count, m, 1)).astype(dtype)
    b = rng.standard_normal((count, 1, 4 * n)).astype(dtype)
    a = a.swapaxes(1, 2) if turn else a
    assert np.array_equal(KERNELS.matmul(a, b), a * b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(lead=st.lists(st.integers(0, 5), max_size=2), n=SIZES, m=SIZES, steps=st.integers(1, 6),
       begun=st.booleans(), seed=st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_sums_of_outer_products(dtype, lead, n, m, steps, begun, seed):
    """The same numbers as one by one, which are zeros of a sum, -0 if too small, and NaN."""
    rng = np.random.default_rng(seed)

    def vectors(n):  # some of them 0, -0, infinite, or so small that products are -0
        x = rng.standard_normal((*lead, n)) * rng.integers(-1, 2, (*lead, n))
        tiny = np.finfo(dtype).tiny ** 0.7
        return (x * rng.choice([1, 1, 1, 1, tiny, np.inf], (*lead, n), p=[.2] * 4 + [.18, .02])
                ).astype(dtype)

    with np.errstate(invalid="ignore", under="ignore"):
        columns, rows = ([vectors(size) for _ in range(steps)] for size in (n, m))
        start = np.full((*lead, n, m), -0.0, dtype) if begun else None
        wanted = start
        for column, row in zip(columns, rows):
            product = column[..., None] * row[..., None, :]
            product[(column[..., None] == 0) | (row[..., None, :] == 0)] += 0.0  # no -0
            wanted = product if wanted is None else wanted + product
    made = KERNELS.outer_products(columns, rows, start)
    assert np.array_equal(made, wanted, equal_nan=True)
    assert np.array_equal(np.signbit(made[made == 0]), np.signbit(wanted[wanted == 0]))


@pytest.mark.parametrize("m", [1, 3, 4, 400])
@pytest.mark.parametrize("part", [np.s_[:, 5:40], np.s_[::2], np.s_[::-1, ::-1]])
def test_a_weight_may_be_part_of_a_larger_one(m, part):
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((30, 64)).astype("f")[part]
    x = rng.standard_normal((m, weight.shape[1])).astype("f")
    assert np.allclose(KERNELS.linear(x, weight, None), x @ weight.T, atol=1e-4)
    dy = rng.standard_normal((m, len(weight))).astype("f")
    dx, dweight, dbias = KERNELS.linear_backward(dy, x, weight, (True, True, True))
    assert np.allclose(dx, dy @ weight, atol=1e-4)
    assert np.allclose(dweight, dy.T @ x, atol=1e-3)
    assert np.allclose(dbias, dy.sum(0), atol=1e-4)


@pytest.mark.parametrize("order", ["turned", "sliced"])
def test_a_linear_layer_takes_rows_that_lie_otherwise(order):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((50, 32, 128)).astype("float32")
    x = x.transpose(1, 0, 2) if order == "turned" else x[::2]
    weight, bias = rng.standard_normal((27, 128)).astype("f"), rng.standard_normal(27).astype("f")
    y = KERNELS.linear(x, weight, bias)
    assert np.allclose(y, x @ weight.T + bias, atol=1e-4)
    dy = rng.standard_normal(y.transpose(2, 0, 1).shape).astype("f").transpose(1, 2, 0)
    dx, dweight, dbias = KERNELS.linear_backward(dy, x, weight, (True, True, True))
    rows = dy.reshape(-1, 27)
    assert np.allclose(dx, dy @ weight, atol=1e-4)
    assert np.allclose(dweight, rows.T @ x.reshape(-1, 128), atol=1e-2)
    assert np.allclose(dbias, rows.sum(axis=0), atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@given(size=st.integers(ADD_WORTH, ADD_WORTH + 200),
       order=st.sampled_from(["C", "last", "mixed", "row", "columns"]))
@settings(max_examples=30, deadline=None)
def test_large_sums_are_numpys_to_the_bit(dtype, size, order):
    rng = np.random.default_rng(size)
    a, b = (rng.standard_normal((2, size // 8, 4, 3)).astype(dtype) * 100 for _ in range(2))
    if order == "columns":
        a, b = a.reshape(-1, 12).T, b.reshape(-1, 12).T
    elif order != "C":
        a = a.transpose(0, 3, 1, 2)
        b = a[:, :1] if order == "row" else b.transpose(0, 3, 1, 2)
    if order == "mixed":
        b = np.ascontiguousarray(b)
    made = added(a, b)
    assert np.array_equal(made, a + b) and made.dtype == a.dtype
    assert order == "mixed" or made.strides == (a + b).strides


def test_sums_keep_what_is_no_number():
    a = np.zeros(ADD_WORTH, np.float32)
    a[:4] = np.nan, np.inf, -np.inf, -0.0
    assert np.array_equal(added(a, a), a + a, equal_nan=True)
    assert np.signbit(added(a, a)[3])
    assert np.isnan(added(a, -a)[1])
