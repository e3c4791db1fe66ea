"""strict.Array: what it refuses, what it counts, what it remembers."""

import copy
import gc
import operator
import pickle
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_dls.backend import strict
from tinygrad_dls.backend.strict import (
    Array,
    HostMixError,
    IndexingError,
    MissingNameError,
    SignatureError,
    UnsupportedError,
    xp,
)
from tinygrad_dls.errors import DeviceError

HOST = np.arange(6.0, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def a():
    return xp.asarray(HOST)


def test_is_no_numpy_array(a):
    assert not isinstance(a, np.ndarray)
    assert xp.ndarray is Array
    for name in ("__array_interface__", "__array_struct__", "__dlpack__"):
        assert not hasattr(a, name)


def test_facts_cost_nothing(a):
    with strict.count() as c:
        facts = (a.shape, a.ndim, a.size, a.strides, a.itemsize, a.nbytes, a.dtype, len(a))
        assert a.flags.c_contiguous and a.flags["F_CONTIGUOUS"] is False
    assert facts == ((2, 3), 2, 6, (12, 4), 4, 24, np.dtype("f4"), 2)
    assert (c.syncs, c.host_to_device, c.device_to_host) == (0, 0, 0)


def test_errors_are_also_what_cupy_raises(a):
    for wrong, builtin in (
        (lambda: a + HOST, TypeError),
        (lambda: np.asarray(a), TypeError),
        (lambda: operator.index(a), TypeError),
        (lambda: a.sum(where=a > 0), TypeError),
        (lambda: a.nosuch, AttributeError),
        (lambda: a[xp.asarray([7])], IndexError),
        (lambda: xp.maximum.reduce(a), NotImplementedError),
    ):
        with pytest.raises(DeviceError) as caught:
            wrong()
        assert isinstance(caught.value, builtin)


@pytest.mark.parametrize("other", [[1, 2, 3], (1, 2, 3), HOST, HOST[0], "text", None, object()])
def test_operators_refuse_what_is_not_a_number(a, other):
    for operation in (operator.add, operator.mul, operator.eq, operator.lt):
        with pytest.raises(HostMixError):
            operation(a, other)


def test_operators_leave_the_turn_to_others(a):
    class Tensor:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "mine"

    assert a + Tensor() == "mine"


@pytest.mark.parametrize(
    "method",
    ["sum", "mean", "max", "min", "argmax", "argmin", "prod", "var", "std", "all", "any", "ptp"],
)
def test_reductions_stay_on_the_device(a, method):
    result = getattr(a, method)()
    assert isinstance(result, Array) and result.shape == ()
    np.testing.assert_array_equal(result.get(), getattr(np, method)(HOST))


def test_zero_dimensional_arithmetic_and_indexing_stay_on_the_device(a):
    total = a.sum()
    for result in (total + 1, -total, total * total, a[1, 2], total[()], abs(total), total > 3):
        assert isinstance(result, Array) and result.shape == ()
    assert float(a[1, 2]) == 5.0


def test_scalars_promote_as_in_cupy(a):
    assert (a * 2.0).dtype == np.float32
    assert (2.0 * a).dtype == np.float32
    assert (a * np.float32(2)).dtype == np.float32
    assert (np.float32(2) * a).dtype == np.float32
    assert (a * np.float64(2)).dtype == np.float64
    assert (np.float64(2) * a).dtype == np.float64
    assert (a * xp.asarray(2.0)).dtype == np.float64  # 0-d float64 arrays promote too
    assert (xp.arange(3) / 2).dtype == np.float64
    assert (xp.arange(3, dtype="i4") * 2).dtype == np.int32


def test_scalar_first_is_computed(a):
    np.testing.assert_array_equal((np.float32(2) - a).get(), 2 - HOST)
    np.testing.assert_array_equal((10 // (a + 1)).get(), 10 // (HOST + 1))
    np.testing.assert_array_equal((2**a).get(), 2**HOST)


def test_in_place_keeps_the_array(a):
    same = a
    a += 1
    a *= xp.asarray(HOST)
    a /= 2
    a -= a[0]
    assert a is same
    expected = (HOST + 1) * HOST / 2
    np.testing.assert_array_equal(a.get(), expected - expected[0])


def test_in_place_never_widens():
    integers = xp.arange(3)
    with pytest.raises(TypeError):
        integers += 0.5


def test_results_have_c_order(a):
    turned = a.T
    assert turned.flags.f_contiguous and not turned.flags.c_contiguous
    for result in (turned + turned, xp.exp(turned), turned.copy(), -turned):
        assert result.flags.c_contiguous  # NumPy would keep F order, CuPy does not


# --- methods and names ---------------------------------------------------------------------------


def test_keywords_cupy_lacks(a):
    for call in (
        lambda: a.sum(where=a > 0),
        lambda: a.sum(initial=1),
        lambda: a.var(correction=1),
        lambda: a.std(mean=a.mean()),
        lambda: a.argsort(stable=True),
        lambda: a.take(xp.asarray([0]), mode="clip"),
        lambda: a.item(0),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(SignatureError, match="no keyword 'correction'"):
        a.var(correction=1)


def test_names_cupy_lacks(a):
    for name in ("resize", "setflags", "ctypes", "getfield", "to_device", "__array_namespace__"):
        assert not hasattr(a, name)
    with pytest.raises(MissingNameError, match="has no 'resize'"):
        a.resize  # noqa: B018
    for name in ("data", "device", "flat"):
        with pytest.raises(UnsupportedError):
            getattr(a, name)


def test_positions_are_cupys(a):
    # cupy: argmax(axis, out, dtype, keepdims); numpy: argmax(axis, out, *, keepdims)
    with pytest.raises(TypeError):
        a.argmax(1, None, None, True, 1)
    out = xp.empty((2,), dtype=np.float32)
    assert a.sum(1, None, out) is out
    assert a.sum(axis=1, out=out) is out
    np.testing.assert_array_equal(out.get(), HOST.sum(1))


def test_host_numbers_may_not_be_device_arrays(a):
    two = xp.asarray(2)
    for call in (
        lambda: a.reshape(two, 3),
        lambda: a.sum(axis=two),
        lambda: xp.zeros((two, 3)),
        lambda: xp.zeros(two),
        lambda: xp.roll(a, two),
        lambda: a.transpose(two, 0),
    ):
        with pytest.raises(HostMixError):
            call()


# --- memory --------------------------------------------------------------------------------------


def test_views_share_and_know_their_base(a):
    assert a.base is None
    for view in (a[0], a.T, a.reshape(3, 2), a[0][1:], a.ravel(), xp.transpose(a), a[None]):
        assert view.base is a
    row = a[1]
    row[...] = -1.0
    assert float(a.sum()) == 3.0 - 3.0
    assert (a + 1).base is None and a.copy().base is None


def test_asarray_copies_the_host_and_returns_the_device_array_itself(a):
    host = HOST.copy()
    there = xp.asarray(host)
    host[0, 0] = 100
    assert float(there[0, 0]) == 0.0
    assert xp.asarray(there) is there and xp.ascontiguousarray(there) is there
    assert xp.asarray(there, dtype=np.float64) is not there
    assert xp.array(there) is not there
    back = there.get()
    back[0, 0] = 7
    assert float(there[0, 0]) == 0.0


def test_weak_references_copies_and_pickles(a):
    reference = weakref.ref(a)
    assert reference() is a
    twin, deep = copy.copy(a), copy.deepcopy(a)
    twin[0, 0] = 9.0
    assert float(deep[0, 0]) == 0.0
    again = pickle.loads(pickle.dumps(a))
    np.testing.assert_array_equal(again.get(), HOST)
    b = a * 1
    reference = weakref.ref(b)
    del b
    gc.collect()
    assert reference() is None
    with pytest.raises(TypeError):
        hash(a)


# --- indexing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [[0, 1], np.array([0, 1]), (0, [1]), (slice(None), [0]), True])
def test_host_indices_are_refused(a, index):
    with pytest.raises(HostMixError, match="got a"):
        a[index]
    with pytest.raises(HostMixError):
        a[index] = 0.0


def test_host_values_are_refused(a):
    for value in (HOST, [1.0, 2.0, 3.0], np.zeros(3, "f4")):
        with pytest.raises(HostMixError):
            a[...] = value
    a[...] = np.float32(2)
    a[0] = 1
    np.testing.assert_array_equal(a.get(), [[1, 1, 1], [2, 2, 2]])


def test_silent_wraps_are_loud(a):
    over = xp.asarray([0, 3])
    for call in (
        lambda: a[:, over],
        lambda: a[over, over],
        lambda: a.__setitem__((slice(None), over), 0.0),
        lambda: a.take(over, axis=1),
        lambda: xp.take(a, over, axis=1),
        lambda: xp.take_along_axis(a, xp.asarray([[3], [0]]), axis=1),
        lambda: xp.add.at(a, over, 1.0),
        lambda: a[xp.asarray(-3)],
    ):
        with pytest.raises(IndexingError, match="wraps"):
            call()
    with pytest.raises(IndexError) as caught:
        a[5]  # CuPy raises here as well
    assert not isinstance(caught.value, DeviceError)


def test_conflicting_writes_are_loud():
    a, twice = xp.zeros(3), xp.asarray([1, 1])
    with pytest.raises(IndexingError, match=r"add\.at"):
        a[twice] = xp.asarray([1.0, 2.0])
    a[twice] = 5.0
    a[twice] = xp.asarray([6.0, 6.0])
    a[xp.asarray([0, 2])] = xp.asarray([[np.nan, 2.0]])
    np.testing.assert_array_equal(a.get(), [np.nan, 6.0, 2.0])


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float32, (4, 5), elements=st.floats(-9, 9, width=32)),
    hnp.arrays(np.int64, st.integers(0, 6), elements=st.integers(-4, 3)),
    hnp.arrays(np.bool_, (4, 5)),
    hnp.basic_indices((4, 5), allow_newaxis=True),
)
def test_indexing_agrees_with_numpy(host, integers, mask, basic):
    device = xp.asarray(host)
    for index, lowered in (
        (xp.asarray(integers), integers),
        (xp.asarray(mask), mask),
        (basic, basic),
        ((slice(1, 3), xp.asarray(integers)), (slice(1, 3), integers)),
    ):
        result = device[index]
        assert isinstance(result, Array)
        np.testing.assert_array_equal(result.get(), host[lowered])
        mine, theirs = device.copy(), host.copy()
        mine[index], theirs[lowered] = 2.5, 2.5
        np.testing.assert_array_equal(mine.get(), theirs)


# --- methods against NumPy -----------------------------------------------------------------------

FLOATS = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=4),
    elements=st.floats(-8, 8, width=16),
)
METHODS = {
    "sum": {"axis": 0, "keepdims": True},
    "mean": {"axis": 1},
    "var": {"axis": 0, "ddof": 0},
    "std": {},
    "max": {"axis": 1},
    "min": {"axis": -1},
    "argmax": {"axis": 1},
    "argsort": {"axis": 0},
    "prod": {"axis": 1},
    "cumsum": {"axis": 1},
    "clip": {"min": -1, "max": 1},
    "round": {"decimals": 1},
    "astype": {"dtype": np.float16},
    "transpose": {},
    "ravel": {},
    "any": {"axis": 0},
    "all": {},
    "squeeze": {},
    "diagonal": {},
    "repeat": {"repeats": 2, "axis": 1},
    "trace": {},
}


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=15, deadline=None)
@given(host=FLOATS)
def test_methods_agree_with_numpy(method, host):
    keywords = METHODS[method]
    result = getattr(xp.asarray(host), method)(**keywords)
    expected = np.asarray(getattr(host, method)(**keywords))
    assert isinstance(result, Array)
    assert result.dtype == expected.dtype and result.shape == expected.shape
    if method == "cumsum":  # as the strict device adds
        expected = host.astype("float64").cumsum(**keywords).astype(host.dtype)
    if method not in ("sum", "mean", "var", "std"):
        np.testing.assert_array_equal(result.get(), expected)
        return
    precise = getattr(host.astype("float64"), method)(**keywords)  # as the strict device adds
    np.testing.assert_allclose(result.get(), precise, rtol=1e-6, atol=1e-14)


BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.lt,
    operator.le,
    operator.eq,
    operator.ne,
    operator.gt,
    operator.ge,
]
DTYPES = st.sampled_from([np.bool_, np.int32, np.int64, np.float16, np.float32, np.float64])
PYTHON = st.one_of(st.booleans(), st.integers(-5, 5), st.floats(-5, 5))


@pytest.mark.parametrize("operation", BINARY, ids=lambda f: f.__name__)
@settings(max_examples=25, deadline=None)
@given(left=DTYPES, right=DTYPES, scalar=PYTHON)
def test_operators_agree_with_numpy(operation, left, right, scalar):
    x, y = np.array([[0, 1, 2]]).astype(left), np.array([[1], [3]]).astype(right)
    cases = [((x, y), (xp.asarray(x), xp.asarray(y)))]
    cases += [((x, scalar), (xp.asarray(x), scalar)), ((scalar, x), (scalar, xp.asarray(x)))]
    cases += [((x, right(1)), (xp.asarray(x), right(1)))]
    cases += [((right(1), x), (right(1), xp.asarray(x)))]
    for host, device in cases:
        with np.errstate(all="ignore"):
            try:
                expected = operation(*host)
            except TypeError:
                with pytest.raises(TypeError):
                    operation(*device)
                continue
            result = operation(*device)
        assert isinstance(result, Array) and result.dtype == expected.dtype
        np.testing.assert_array_equal(result.get(), expected)
