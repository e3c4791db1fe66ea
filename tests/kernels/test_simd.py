"""The vector vocabulary: every word against NumPy, mathematics in units in the last place, and
not a byte read or written beyond an array's end."""

import ctypes
import math
import mmap
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_dls.backend.kernels.table import wants_compiled

pytest.importorskip("numba")
if not wants_compiled():
    pytest.skip("nothing is compiled", allow_module_level=True)
from tinygrad_dls.backend.kernels.numba import simd
from tinygrad_dls.backend.kernels.numba.compile import kernel
from tinygrad_dls.backend.kernels.numba.simd.width import Width, width_of

DTYPES = ["float32", "float64"]


def elementwise(function):
    """A kernel that gives function(x) of every element, the last ones with a mask."""

    @kernel
    def run(x, y):
        n = simd.lanes(x)
        rest = x.size % n
        for i in range(0, x.size - rest, n):
            simd.store(y, i, function(simd.load(x, i)))
        if rest:
            i = x.size - rest
            simd.store_some(y, i, function(simd.load_some(x, i, rest)), rest)

    return run


@kernel
def words(x, y, out):
    """One row of `out` for each word, of the first vector of x and y."""
    n = simd.lanes(x)
    a, b = simd.load(x, 0), simd.load(y, 0)
    simd.store(out, 0 * n, a + b)
    simd.store(out, 1 * n, 2.0 * a - b)
    simd.store(out, 2 * n, a * b / 3.0)
    simd.store(out, 3 * n, -a)
    simd.store(out, 4 * n, simd.fma(a, b, 1.0))
    simd.store(out, 5 * n, simd.where(a < b, a, b))
    simd.store(out, 6 * n, simd.where(a >= 0.5, 1.0, a))
    simd.store(out, 7 * n, simd.nearest(a))
    simd.store(out, 8 * n, simd.root(simd.absolute(b)))
    simd.store(out, 9 * n, simd.full(x, simd.total(a)))
    simd.store(out, 10 * n, simd.full(x, simd.largest(b)))
    c = simd.full(x, 1)
    c += a
    c *= 2.0
    c -= b
    simd.store(out, 11 * n, simd.where(c != c, 0.0, c))


@kernel
def width(x):
    return simd.lanes(x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_words_are_numpys(dtype):
    n = width(np.zeros(1, dtype))
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, n)).astype(dtype)
    out = np.empty((12, n), dtype)
    words(x, y, out)
    want = [x + y, 2 * x - y, x * y / 3, -x, x * y + 1, np.minimum(x, y), np.where(x >= 0.5, 1, x),
            np.rint(x), np.sqrt(np.abs(y)), np.full(n, x.sum()), np.full(n, y.max()),
            (1 + x) * 2 - y]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(out, np.array(want), rtol=8 * eps, atol=8 * eps)


@kernel
def differs_from_zero(x):
    return simd.any_nonzero(simd.load(x, 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_that_is_not_0_is_noticed(dtype):
    n = width(np.zeros(1, dtype))
    assert not differs_from_zero(np.zeros(n, dtype))
    assert not differs_from_zero(np.full(n, -0.0, dtype))
    for place in range(n):
        for number in (1.0, np.nan, -np.inf, np.finfo(dtype).smallest_subnormal):
            x = np.zeros(n, dtype)
            x[place] = number
            assert differs_from_zero(x)


# name -> (NumPy in more precision, range of the argument in float32 and float64, units allowed)
def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


MATHEMATICS = {
    "exp": (np.exp, (-104, 88.72), (-745, 709.7), 2),
    "log": (np.log, None, None, 2),
    "tanh": (np.tanh, (-12, 12), (-25, 25), 3),
    "sigmoid": (_sigmoid, (-104, 20), (-700, 40), 4),
    "erf": (np.vectorize(math.erf, otypes=[float]), (-5, 5), (-7, 7), 4),
}
RUN = {name: elementwise(getattr(simd, name)) for name in MATHEMATICS}


def arguments(name, dtype):
    rng = np.random.default_rng(1)
    limits = MATHEMATICS[name][1 if dtype == "float32" else 2]
    tiny = np.finfo(dtype).smallest_subnormal
    if limits is None:  # every power of two there is
        top = 127 if dtype == "float32" else 1023
        x = 2.0 ** rng.uniform(math.log2(tiny), top, 60_000)
    else:
        x = rng.uniform(*limits, 60_000)
    x = np.concatenate([x, rng.standard_normal(20_000), rng.standard_normal(20_001) * 1e-3])
    return (np.abs(x) if limits is None else x).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MATHEMATICS)
def test_errors_in_units_in_the_last_place(name, dtype):
    exact, _, _, allowed = MATHEMATICS[name]
    x = arguments(name, dtype)
    y = np.empty_like(x)
    RUN[name](x, y)
    want = exact(x.astype(np.float64 if name == "erf" else np.longdouble))
    unit = np.spacing(np.abs(want.astype(dtype))).astype(want.dtype)
    errors = np.abs(y.astype(want.dtype) - want) / unit
    worst = int(errors.argmax())
    assert errors[worst] <= allowed, f"{name}({x[worst]!r}) = {y[worst]!r}, {errors[worst]:.2f} off"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MATHEMATICS)
def test_ends_of_the_range(name, dtype):
    info = np.finfo(dtype)
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, info.max, -info.max, info.tiny,
                  info.smallest_subnormal, -info.smallest_subnormal, 1.0, -1.0], dtype)
    y = np.empty_like(x)
    RUN[name](x, y)
    with np.errstate(all="ignore"):
        want = MATHEMATICS[name][0](x.astype(np.float64)).astype(dtype)
    np.testing.assert_allclose(y, want, rtol=4 * info.eps, atol=0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 70), st.sampled_from(DTYPES), st.sampled_from(["exp", "tanh"]))
def test_every_length(size, dtype, name):
    x = np.random.default_rng(size).standard_normal(size).astype(dtype)
    y = np.full(size + 40, 7.0, dtype)
    RUN[name](x, y[:size])
    np.testing.assert_allclose(y[:size], MATHEMATICS[name][0](x), rtol=1e-6)
    assert (y[size:] == 7).all(), "written beyond the end"


@pytest.mark.skipif(os.name != "posix", reason="pages are guarded by mprotect")
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_read_or_written_beyond_the_last_page(dtype):
    page = mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    itemsize = np.dtype(dtype).itemsize
    arrays = []
    for _ in range(2):
        block = mmap.mmap(-1, 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(block))
        assert libc.mprotect(ctypes.c_void_p(start + page), page, 0) == 0  # no access at all
        arrays.append(np.frombuffer(block, dtype, page // itemsize))
    for size in (*range(1, 40), page // itemsize):
        x, y = (a[page // itemsize - size:] for a in arrays)
        x[:] = 0.5
        RUN["exp"](x, y)
        assert (y == y[0]).all()


def test_the_width_follows_the_processor():
    assert width_of("znver4", "") == Width(512, 32)
    assert width_of("haswell", "") == Width(256, 16)
    assert width_of("skylake-avx512", "-avx512f") == Width(256, 16)
    assert width_of("", "+avx2,+fma") == Width(256, 16)
    assert width_of("", "+sse4.2").bits == 128
    assert Width(512, 32).lanes(4) == 16
    assert Width(256, 16).lanes(8) == 4
