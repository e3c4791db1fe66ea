"""Promise 4: float32 in, float32 out; Python numbers never promote; integers have no gradient."""

import numpy as np
import pytest

import tinygrad_dls as dls


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.0, "float32"), (1, "int64"), (True, "bool"), ([1.0, 2], "float32"), ([1, 2], "int64"),
        ([True], "bool"), ([], "float32"), ([[1.0], [2.0]], "float32"),
        (np.ones(2), "float64"), (np.ones(2, "float32"), "float32"), (np.float64(1), "float64"),
        (np.ones(2, "float16"), "float16"), (np.ones(2, "uint8"), "uint8"),
        ([np.float64(1.0)], "float64"), ((1.0, 2.0), "float32"), (range(3), "int64"),
    ],
)
def test_dtype_of_new_tensors(data: object, dtype: str) -> None:
    assert dls.Tensor(data).dtype == dtype
    assert dls.tensor(data).dtype == dtype


def test_dtype_asked_for() -> None:
    assert dls.Tensor([1, 2], dtype="float64").dtype == np.float64
    assert dls.Tensor([1.5], dtype=int).tolist() == [1]
    assert dls.zeros(2, dtype="int32").dtype == np.int32
    for wrong in ("complex64", "S3", "nonsense", object):
        with pytest.raises(dls.DtypeError):
            dls.Tensor([1.0], dtype=wrong)
        with pytest.raises(dls.DtypeError):
            dls.Tensor([1.0]).astype(wrong)
        with pytest.raises(dls.DtypeError):
            dls.zeros(2, dtype=wrong)


def test_default_dtype_can_be_set() -> None:
    dls.set_default_dtype("float64")
    assert dls.Tensor(1.0).dtype == dls.zeros(2).dtype == dls.randn(2).dtype == np.float64
    assert (dls.Tensor([1, 2]) / 2).dtype == np.float64
    for wrong in ("int64", "complex128", "nonsense"):
        with pytest.raises(dls.DtypeError):
            dls.set_default_dtype(wrong)


NUMBERS = [2, 2.5, True, np.float64(2.5), np.float32(2.5), np.int64(2), np.bool_(True)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_numbers_never_promote(dtype: str, number: float) -> None:
    x = dls.Tensor(np.array([1.0, 2.0], dtype), requires_grad=True)
    results = [
        x + number, number + x, x - number, number - x, x * number, number * x, x / number,
        number / x, x**number, number**x, dls.maximum(x, number), dls.minimum(number, x),
        dls.where(x > 1.5, x, number), dls.where(x > number, number, x),
        dls.where(True, number, x),
    ]
    for y in results:
        assert y.dtype == dtype
    sum(y.sum() for y in results).backward()
    assert x.grad.dtype == dtype
    assert np.isfinite(x.grad.numpy()).all()


def test_where_and_joins_keep_float32() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    whole = dls.Tensor([1, 2])
    assert dls.where(whole, x, 0).dtype == np.float32
    assert dls.where(x, whole, whole).dtype == np.int64
    assert dls.concatenate([x, whole]).dtype == np.float32
    assert dls.stack([x[0], 2.5, 3]).dtype == np.float32
    assert dls.concatenate([x, [3.0]]).dtype == np.float32
    assert (x > 1.0).dtype == np.bool_
    (x * (x > 1.0)).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]


def test_integers_take_the_dtype_of_the_float_they_meet() -> None:
    f, i, b = dls.Tensor([1.0, 2.0]), dls.Tensor([1, 2]), dls.Tensor([True, False])
    for y in (f + i, i * f, f - b, b * f, i / f, f**i, f @ i, dls.maximum(f, i)):
        assert y.dtype == np.float32
    assert (f + np.array([1, 2])).dtype == np.float32
    assert (f + [1, 2]).dtype == np.float32
    assert (f + np.array([1.0, 2.0])).dtype == np.float64
    assert dls.nn.functional.linear(i, dls.ones(3, 2), dls.ones(3)).dtype == np.float32


def test_integers_alone_follow_numpy_but_floats_are_float32() -> None:
    i = dls.Tensor([1, 4])
    assert (i + i).dtype == (i * 2).dtype == i.sum().dtype == (i**2).dtype == np.int64
    for y in (i / 2, i / i, i.mean(), i.var(), i.exp(), i.sqrt(), i + 0.5, i**0.5, i**-1.0,
              i.softmax(axis=0), i.sigmoid(), dls.maximum(i, 0.5)):
        assert y.dtype == np.float32
    assert (i**0.5).tolist() == [1.0, 2.0]
    assert ((i**2.0).dtype, (i**2).dtype) == (np.float32, np.int64)
    assert (i.clip(2.0, 3.0).dtype.kind, i.clip(2, 3).dtype) == ("f", np.int64)


def test_cast_brings_the_gradient_back_in_the_dtype_of_its_input() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = x.astype("float64")
    assert y.dtype == np.float64
    (y * np.array([3.0, 4.0])).sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [3.0, 4.0]
    assert x.astype("float32") is x
    assert not x.astype("int64").requires_grad


def test_mixed_precision_gives_each_leaf_its_own_dtype() -> None:
    a = dls.Tensor(np.ones((2, 3), "float32"), requires_grad=True)
    b = dls.Tensor(np.ones((3, 2), "float64"), requires_grad=True)
    (a @ b).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


def test_integers_cannot_require_grad() -> None:
    for make in (lambda: dls.Tensor([1, 2], requires_grad=True),
                 lambda: dls.Tensor([True]).requires_grad_(),
                 lambda: dls.arange(3, requires_grad=True)):
        with pytest.raises(dls.DtypeError, match="only floats"):
            make()
    sneaked = dls.Tensor([1, 2])
    sneaked.requires_grad = True
    with pytest.raises(dls.DtypeError, match="only floats"):
        (sneaked * 2.5).sum().backward()


def test_python_sum_starts_at_zero_and_stays_float32() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    total = sum([x * 1.0, x * 2.0])
    assert total.dtype == np.float32
    assert np.float64(2.0) * x * np.float64(0.5) is not None
    assert (np.float64(2.0) * x).dtype == np.float32


def test_other_byte_order_becomes_ours() -> None:
    """IDX files (MNIST) are big-endian."""
    big = np.array([1.0, 2.0], ">f4")
    x = dls.Tensor(big)
    assert x.dtype == np.dtype("float32")
    assert x.tolist() == [1.0, 2.0]
    assert (dls.Tensor([1.0, 1.0]) + big).dtype == np.float32
    with pytest.raises(dls.DtypeError, match="byte order"):
        dls.from_numpy(big)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_subclasses_of_arrays_become_plain() -> None:
    for make in (dls.Tensor, dls.from_numpy):
        x = make(np.asmatrix([[1.0, 2.0], [3.0, 4.0]]))
        assert type(x.data) is np.ndarray
        assert (x * x).tolist() == [[1.0, 4.0], [9.0, 16.0]]
