"""strict.xp: CuPy's names, CuPy's keywords, NumPy's values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_dls.backend.strict import (
    Array,
    HostMixError,
    MissingNameError,
    SignatureError,
    UnsupportedError,
    xp,
)
from tinygrad_dls.errors import DeviceError

LACKING = "einsum_path errstate vecdot matvec vecmat unstack insert nditer geomspace frompyfunc"
HOST = np.arange(6.0, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("name", [*LACKING.split(), "memmap", "block", "nosuch"])
def test_names_cupy_lacks(name):
    assert not hasattr(xp, name)
    with pytest.raises(MissingNameError, match=f"has no '{name}'"):
        getattr(xp, name)


@pytest.mark.parametrize(
    "name", ["RawKernel", "ElementwiseKernel", "cuda", "save", "load", "mgrid"]
)
def test_names_the_double_lacks(name):
    with pytest.raises(UnsupportedError, match="exists in CuPy"):
        getattr(xp, name)


def test_submodules_are_limited_too():
    for module, name in ((xp.linalg, "vector_norm"), (xp.random, "RandomGenerator"), (xp.fft, "x")):
        with pytest.raises(MissingNameError):
            getattr(module, name)
    with pytest.raises(SignatureError):
        xp.lib.stride_tricks.as_strided(xp.zeros(3), (2,), (8,), writeable=False)
    with pytest.raises(UnsupportedError, match="on the host"):
        xp.random.default_rng(0)


A = xp.asarray(HOST)
WRONG_KEYWORDS = {
    "sum": lambda: xp.sum(A, where=A > 0),
    "max": lambda: xp.max(A, initial=0),
    "mean": lambda: xp.mean(A, where=A > 0),
    "var": lambda: xp.var(A, correction=1),
    "argsort": lambda: xp.argsort(A, stable=True),
    "take": lambda: xp.take(A, xp.asarray([0]), mode="clip"),
    "zeros": lambda: xp.zeros(3, device="cpu"),
    "asarray": lambda: xp.asarray(HOST, like=A),
    "clip": lambda: xp.clip(A, min=0, max=1),
    "exp": lambda: xp.exp(A, where=A > 0),
    "einsum": lambda: xp.einsum("ij->j", A, out=A),
    "concatenate": lambda: xp.concatenate([A], 0, None, np.float32, "no", 1),
}


@pytest.mark.parametrize("name", WRONG_KEYWORDS)
def test_keywords_cupy_lacks(name):
    with pytest.raises(SignatureError, match=r"CuPy 14"):
        WRONG_KEYWORDS[name]()


HOST_DATA = {
    "add": lambda: xp.add(A, HOST),
    "add of a list": lambda: xp.add(A, [1.0, 2.0, 3.0]),
    "where": lambda: xp.where(A > 0, A, HOST),
    "where of a bool": lambda: xp.where(True, A, A),
    "concatenate": lambda: xp.concatenate([A, HOST]),
    "stack of lists": lambda: xp.stack([[1.0], [2.0]]),
    "sum": lambda: xp.sum(HOST),
    "sum of a list": lambda: xp.sum([1.0, 2.0]),
    "take": lambda: xp.take(A, [0, 1], axis=1),
    "take of an array": lambda: xp.take(A, np.array([0])),
    "einsum": lambda: xp.einsum("ij,ij->", A, HOST),
    "out": lambda: xp.exp(A, out=HOST),
    "copyto": lambda: xp.copyto(A, HOST),
    "copyto the host": lambda: xp.copyto(HOST, A),
    "keyword": lambda: xp.clip(A, a_min=HOST, a_max=1),
    "add.at": lambda: xp.add.at(A, np.array([0]), 1.0),
    "add.at a host array": lambda: xp.add.at(HOST, xp.asarray([0]), 1.0),
    "matmul": lambda: xp.matmul(A, HOST.T),
    "norm": lambda: xp.linalg.norm(HOST),
    "pad": lambda: xp.pad(HOST, 1),
}


@pytest.mark.parametrize("name", HOST_DATA)
def test_host_data_are_refused(name):
    with pytest.raises(HostMixError):
        HOST_DATA[name]()
    np.testing.assert_array_equal(A.get(), HOST)


def test_constants_dtypes_and_host_answers():
    assert xp.float32 is np.float32 and xp.pi == np.pi and xp.newaxis is None
    assert xp.finfo(xp.float32).eps == np.finfo(np.float32).eps
    assert xp.result_type(A, np.float64) == np.float64
    assert xp.broadcast_shapes((2, 1), (3,)) == (2, 3)
    assert xp.shape(A) == (2, 3) and xp.ndim(A) == 2
    assert isinstance(xp.float32(3), np.float32)
    assert xp.get_array_module(A) is xp and xp.get_array_module(HOST) is np
    assert "einsum" in dir(xp) and "einsum_path" not in dir(xp)


def test_answers_of_one_value_stay_on_the_device():
    for result in (
        xp.array_equal(A, A),
        xp.allclose(A, A),
        xp.count_nonzero(A),
        xp.any(A),
        xp.add(1, 2),
        xp.linalg.norm(A),
        xp.dot(A[0], A[0]),
        xp.einsum("ij->", A),
        xp.median(A),
    ):
        assert isinstance(result, Array) and result.shape == ()


def test_tuples_and_lists_of_arrays():
    for results in (
        xp.split(A, 3, axis=1),
        xp.meshgrid(A[0], A[1]),
        xp.unique(A, return_index=True),
        xp.divmod(A, 2),
        xp.modf(A),
        xp.linalg.qr(A),
        xp.broadcast_arrays(A, A[0]),
        xp.nonzero(A),
    ):
        assert all(isinstance(result, Array) for result in results)
    assert xp.linalg.qr(A).Q.shape == (2, 2)


def test_unknown_dtypes_are_refused():
    for call in (
        lambda: xp.asarray(np.array(["text"])),
        lambda: xp.asarray(np.array([object()])),
        lambda: xp.zeros(2, dtype=np.longdouble),
        lambda: A.astype(np.longdouble),
    ):
        with pytest.raises(SignatureError, match="dtype"):
            call()


def test_empty_memory_is_not_zero():
    assert xp.isnan(xp.empty((2, 2))).all()
    assert xp.isnan(xp.empty_like(A)).all()
    assert int(xp.empty(1, dtype=np.int32)[0]) == np.iinfo(np.int32).max
    with pytest.raises(SignatureError):
        xp.empty(2, like=A)


def test_random_has_cupys_keywords():
    xp.random.seed(1)
    first = xp.random.standard_normal((2, 3), dtype=np.float32)
    xp.random.seed(1)
    again = xp.random.standard_normal((2, 3), dtype=np.float32)
    assert isinstance(first, Array) and first.dtype == np.float32
    assert xp.array_equal(first, again)
    assert xp.random.rand(2, 2).shape == (2, 2)


# --- ufuncs --------------------------------------------------------------------------------------


def test_out_is_returned():
    out = xp.empty_like(A)
    assert xp.exp(A, out=out) is out
    assert xp.add(A, 1, out) is out
    assert xp.add(A, 1, out=(out,)) is out
    np.testing.assert_array_equal(out.get(), HOST + 1)
    whole, rest = xp.empty_like(A), xp.empty_like(A)
    results = xp.divmod(A, 2, out=(whole, rest))
    assert results[0] is whole and results[1] is rest
    assert xp.matmul(A, A.T, out=xp.empty((2, 2), np.float32)).shape == (2, 2)


def test_at_takes_cupys_dtypes_only():
    index = xp.asarray([0, 0, 1])
    for dtype in (np.float32, np.float64, np.int32, np.int64):
        target = xp.zeros(2, dtype=dtype)
        xp.add.at(target, index, xp.ones(3, dtype=dtype))
        np.testing.assert_array_equal(target.get(), [2, 1])
    top = xp.zeros(2, dtype=np.float32)
    xp.maximum.at(top, index, xp.asarray(np.float32([3, 1, -1])))
    np.testing.assert_array_equal(top.get(), [3, 0])
    for ufunc, dtype in ((xp.add, np.int16), (xp.add, np.complex64), (xp.subtract, np.float32)):
        with pytest.raises(SignatureError, match="takes only"):
            ufunc.at(xp.zeros(2, dtype=dtype), index, 1)
    with pytest.raises(UnsupportedError):
        xp.multiply.at(xp.zeros(2), index, 1.0)


def test_ufunc_methods_cupy_has():
    np.testing.assert_array_equal(xp.add.reduce(A, axis=1).get(), HOST.sum(1))
    np.testing.assert_array_equal(xp.multiply.accumulate(A, axis=1).get(), HOST.cumprod(1))
    np.testing.assert_array_equal(
        xp.subtract.outer(A[0], A[1]).get(), np.subtract.outer(HOST[0], HOST[1])
    )
    with pytest.raises(UnsupportedError):
        xp.maximum.reduce(A)
    with pytest.raises(DeviceError):
        xp.add.identity  # noqa: B018


FLOATS = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64]),
    hnp.array_shapes(min_dims=0, max_dims=3, max_side=4),
    elements=st.floats(0.125, 4, width=16),
)
UNARY = """abs arctan cbrt ceil cos exp exp2 expm1 fabs floor isfinite isinf isnan log log10 log1p
    log2 negative positive reciprocal rint sign signbit sin sinh sqrt square tan tanh
    trunc""".split()
BINARY = """add arctan2 copysign divide equal floor_divide fmax fmin fmod greater greater_equal
    heaviside hypot less less_equal logaddexp logical_and logical_or maximum minimum multiply
    not_equal power remainder subtract""".split()


@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=12, deadline=None)
@given(host=FLOATS)
def test_unary_ufuncs_agree_with_numpy(name, host):
    result, expected = getattr(xp, name)(xp.asarray(host)), getattr(np, name)(host)
    assert isinstance(result, Array) and result.dtype == expected.dtype
    np.testing.assert_array_equal(result.get(), expected)


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=12, deadline=None)
@given(host=FLOATS, other=st.sampled_from([np.float32(1.5), 2, 2.5, np.float64(3)]))
def test_binary_ufuncs_agree_with_numpy(name, host, other):
    for left, right in ((host, host), (host, other), (other, host)):
        expected = getattr(np, name)(left, right)
        lifted = [xp.asarray(v) if isinstance(v, np.ndarray) else v for v in (left, right)]
        result = getattr(xp, name)(*lifted)
        assert isinstance(result, Array) and result.dtype == expected.dtype
        np.testing.assert_array_equal(result.get(), expected)


# name: a call that works alike on (numpy, host array) and (xp, device array)
FUNCTIONS = {
    "sum": lambda m, a: m.sum(a, axis=1, keepdims=True),
    "mean": lambda m, a: m.mean(a, 0),
    "var": lambda m, a: m.var(a, axis=0, ddof=0),
    "amax": lambda m, a: m.amax(a, axis=(0, 1)),
    "argmin": lambda m, a: m.argmin(a, axis=0),
    "cumsum": lambda m, a: m.cumsum(a, 1),
    "concatenate": lambda m, a: m.concatenate([a, a], axis=1),
    "stack": lambda m, a: m.stack([a, a], -1),
    "where": lambda m, a: m.where(a > 1, a, 0.0),
    "clip": lambda m, a: m.clip(a, 0.5, 1.5),
    "einsum": lambda m, a: m.einsum("ij,kj->ik", a, a),
    "tensordot": lambda m, a: m.tensordot(a, a, axes=([1], [1])),
    "matmul": lambda m, a: m.matmul(a, a.T),
    "pad": lambda m, a: m.pad(a, ((1, 0), (0, 2)), mode="constant", constant_values=3),
    "broadcast_to": lambda m, a: m.broadcast_to(a, (2, *a.shape)),
    "transpose": lambda m, a: m.transpose(a, (1, 0)),
    "reshape": lambda m, a: m.reshape(a, (-1,)),
    "expand_dims": lambda m, a: m.expand_dims(a, 1),
    "moveaxis": lambda m, a: m.moveaxis(a, 0, 1),
    "flip": lambda m, a: m.flip(a, 1),
    "roll": lambda m, a: m.roll(a, 1, axis=1),
    "tile": lambda m, a: m.tile(a, (2, 1)),
    "repeat": lambda m, a: m.repeat(a, 2, axis=0),
    "sort": lambda m, a: m.sort(a, axis=1),
    "tril": lambda m, a: m.tril(a),
    "diag": lambda m, a: m.diag(a[0]),
    "zeros_like": lambda m, a: m.zeros_like(a),
    "full": lambda m, a: m.full((2, 2), 3.5, dtype=a.dtype),
    "arange": lambda m, a: m.arange(1, 7, 2),
    "linspace": lambda m, a: m.linspace(0, 1, 5),
    "eye": lambda m, a: m.eye(3, dtype=a.dtype),
    "nan_to_num": lambda m, a: m.nan_to_num(a / (a - a[0])),
    "isclose": lambda m, a: m.isclose(a, a + 1e-9),
    "searchsorted": lambda m, a: m.searchsorted(m.sort(a[0]), a[0]),
    "linalg.norm": lambda m, a: m.linalg.norm(a, axis=1),
    "sliding_window_view": lambda m, a: m.lib.stride_tricks.sliding_window_view(a, 2, axis=1),
    "as_strided": lambda m, a: m.lib.stride_tricks.as_strided(a, (2,), (a.strides[1],)),
    "take_along_axis": lambda m, a: m.take_along_axis(a, m.argsort(a, axis=1), axis=1),
    "fft": lambda m, a: m.fft.rfft(a, axis=1),
}
MATRICES = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    st.tuples(st.integers(1, 4), st.integers(2, 4)),
    elements=st.floats(-4, 4, width=16),
)


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=12, deadline=None)
@given(host=MATRICES)
def test_functions_agree_with_numpy(name, host):
    with np.errstate(all="ignore"):
        result, expected = FUNCTIONS[name](xp, xp.asarray(host)), FUNCTIONS[name](np, host)
    assert isinstance(result, Array)
    assert result.dtype == expected.dtype and result.shape == np.shape(expected)
    np.testing.assert_array_equal(result.get(), expected)
