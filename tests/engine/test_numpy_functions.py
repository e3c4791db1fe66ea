"""Promise 6: NumPy's functions keep the graph or raise; none loses it without a word."""

import numpy as np
import pytest

import tinygrad_dls as dls

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 2.0, (3, 4)), RNG.uniform(0.5, 2.0, (3, 4))

FUNCTIONS = [
    np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.abs, np.negative, np.square, np.log1p,
    np.expm1, np.sum, np.mean, np.var, np.std, np.max, np.min, np.ravel, np.transpose, np.copy,
    lambda x: np.sum(x, axis=0), lambda x: np.sum(x, 1, keepdims=True), lambda x: x.T,
    lambda x: np.mean(x, axis=(0, 1)), lambda x: np.std(x, axis=0, ddof=1),
    lambda x: np.reshape(x, (4, 3)), lambda x: np.transpose(x, (1, 0)),
    lambda x: np.transpose(x, axes=(1, 0)), lambda x: np.swapaxes(x, 0, 1),
    lambda x: np.moveaxis(x, 0, 1), lambda x: np.expand_dims(x, 1), lambda x: np.clip(x, 0.7, 1.5),
    lambda x: np.clip(x, a_min=0.7, a_max=1.5), lambda x: np.concatenate([x, x * 2], axis=1),
    lambda x: np.stack([x, x]), lambda x: np.where(A > 1, x, 0.5), lambda x: np.power(x, 3),
    lambda x: np.maximum(x, 1.0), lambda x: np.minimum(1.0, x), lambda x: np.matmul(x, B.T),
    lambda x: np.dot(x, B.T), lambda x: np.add(B, x), lambda x: np.float64(2.0) * x,
    lambda x: B * x, lambda x: B / x - x, lambda x: B.T @ x, lambda x: np.divide(1.0, x),
    lambda x: np.broadcast_to(x, (2, 3, 4)), lambda x: np.squeeze(np.expand_dims(x, 0), axis=0),
    lambda x: np.take_along_axis(x, np.array([[0], [1], [2]]), 1), lambda x: x[np.array([0, 2])],
    lambda x: np.amax(x, axis=1), lambda x: np.einsum("ij,kj->ik", x, B),
    lambda x: np.squeeze(np.expand_dims(x, 0)),
    np.exp2, np.log2, np.log10, np.reciprocal, np.tan, np.arctan, np.sinh, np.cosh, np.arcsinh,
    np.positive, np.floor, np.ceil, np.trunc, np.rint, np.round, np.cumsum, np.cumprod, np.prod,
    np.sort, np.median, np.diff, np.nan_to_num, np.linalg.norm, np.linalg.vector_norm,
    lambda x: np.arcsin(x / 3), lambda x: np.arccos(x / 3), lambda x: np.arctanh(x / 3),
    lambda x: np.arccosh(x + 1), lambda x: np.arctan2(x, B), lambda x: np.hypot(B, x),
    lambda x: np.logaddexp(x, B), lambda x: np.remainder(x, B), lambda x: np.fmod(B, x),
    lambda x: x % 0.7, lambda x: 2.0 % x, lambda x: x // 0.7, lambda x: np.mod(x, 0.3),
    lambda x: np.divmod(x, 0.7)[1], lambda x: divmod(2.0, x)[1], lambda x: +x,
    lambda x: np.cumsum(x, axis=1), lambda x: np.cumprod(x, 0), lambda x: np.prod(x, axis=(0, 1)),
    lambda x: np.sort(x, axis=0, kind="stable"), lambda x: np.diff(x, 2, axis=0),
    lambda x: np.median(x, axis=1, keepdims=True), lambda x: np.around(x, 1),
    lambda x: np.linalg.norm(x, axis=1), lambda x: np.linalg.norm(x, 1), lambda x: np.linalg.norm(
        x, np.inf, axis=0, keepdims=True), lambda x: np.linalg.norm(x, "fro"),
    lambda x: np.linalg.vector_norm(x, axis=0, ord=3), lambda x: np.clip(x, B - 0.2, B + 0.2),
]


def called(f) -> str:
    """The names of the functions that f calls, for the name of its test."""
    return f.__name__ if f.__name__ != "<lambda>" else ".".join(f.__code__.co_names) or "operator"


@pytest.mark.parametrize("f", FUNCTIONS, ids=called)
def test_function_of_a_tensor_keeps_its_graph(f) -> None:
    x = dls.Tensor(A, requires_grad=True)
    y = f(x)
    assert isinstance(y, dls.Tensor)
    np.testing.assert_allclose(y.numpy(), f(A), rtol=1e-12)
    r, d = RNG.standard_normal(y.shape), RNG.standard_normal(A.shape)
    (y * r).sum().backward()
    slope = (np.sum(f(A + 1e-6 * d) * r) - np.sum(f(A - 1e-6 * d) * r)) / 2e-6
    assert np.sum(x.grad.numpy() * d) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_functions_without_gradient() -> None:
    x = dls.Tensor(A, requires_grad=True)
    assert np.argmax(x).item() == A.argmax()
    assert np.argmin(x, axis=1).tolist() == A.argmin(axis=1).tolist()
    assert np.any(x > 1.0).item()
    assert np.array_equal((np.greater(x, B) & (x > 1.0)).numpy(), (A > B) & (A > 1.0))
    assert np.array_equal((~(x > 1.0)).numpy(), A <= 1.0)
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((3, 4), 2, 12)
    assert np.equal(x, A).numpy().all()
    assert np.argsort(x, axis=0).tolist() == A.argsort(axis=0).tolist()
    assert np.count_nonzero(x > 1.0, axis=1).tolist() == (A > 1.0).sum(axis=1).tolist()
    odd = dls.Tensor([np.nan, np.inf, -np.inf, 0.0], requires_grad=True)
    assert np.isnan(odd).tolist() == [True, False, False, False]
    assert np.isinf(odd).tolist() == [False, True, True, False]
    assert np.isfinite(odd).tolist() == [False, False, False, True]
    assert np.logical_xor(x > 1.0, B > 1.0).tolist() == np.logical_xor(A > 1.0, B > 1.0).tolist()
    assert np.isclose(x, A + 1e-9).numpy().all()


def test_questions_about_whole_arrays_are_answered_by_a_bool() -> None:
    x = dls.Tensor(A, requires_grad=True)
    assert np.allclose(x, A + 1e-9) is True
    assert np.allclose(A, x + 1.0) is False
    assert np.array_equal(x, A) is True
    assert np.array_equal(A, x[:2]) is False
    assert x.allclose(A, rtol=0.0, atol=0.0)
    nan = dls.Tensor([np.nan, 1.0])
    assert not dls.array_equal(nan, nan)
    assert dls.array_equal(nan, nan, equal_nan=True)
    assert not dls.allclose(nan, nan)
    assert dls.allclose(nan, nan, equal_nan=True)


def test_shapes_of_others() -> None:
    x = dls.Tensor(A.astype("float32"), requires_grad=True)
    made = np.zeros_like(x), np.ones_like(x), np.full_like(x, 2.5)
    assert [m.tolist()[0][0] for m in made] == [0.0, 1.0, 2.5]
    assert all(isinstance(m, dls.Tensor) and m.dtype == np.float32 for m in made)
    assert not any(m.requires_grad for m in made)
    assert np.zeros_like(x, dtype="int64").dtype == np.int64


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.svd, np.nancumsum, np.isneginf, np.fft.fft, np.cbrt, np.signbit,
        lambda x: np.cumsum(x, out=np.zeros(12)), lambda x: np.nan_to_num(x, copy=False),
        lambda x: np.add.reduce(x), lambda x: np.add.at(x, 0, 1.0),
        lambda x: np.multiply.outer(x, x),
        lambda x: np.exp(x, out=np.zeros((3, 4))), lambda x: np.exp(x, dtype="float32"),
        lambda x: np.exp(x, where=A > 1), lambda x: np.var(x, where=A > 1),
        lambda x: np.mean(x, out=np.zeros(())), lambda x: np.where(x > 1), lambda x: np.modf(x),
        lambda x: np.nansum(x), lambda x: np.max(x, initial=3),
        lambda x: np.kron(x, x), lambda x: np.cross(x, x),
    ],
)
def test_unknown_function_or_keyword_raises_and_names_it(f) -> None:
    for x in (dls.Tensor(A, requires_grad=True), dls.Tensor(A)):
        with pytest.raises(dls.DtypeError, match=r"np\.\w+.*no counterpart.*x\.numpy\(\)"):
            f(x)


def test_augmented_assignment_of_an_array_raises() -> None:
    array = np.zeros((3, 4))
    with pytest.raises(dls.DtypeError):
        array += dls.Tensor(A)


def test_asarray_of_a_tensor_with_gradient_raises() -> None:
    x = dls.Tensor(A, requires_grad=True)
    for t in (x, x * 2.0):
        for convert in (np.asarray, np.array, np.ascontiguousarray):
            with pytest.raises(dls.GraphError, match=r"x\.numpy\(\).*x\.detach\(\)"):
                convert(t)
    assert np.shares_memory(np.asarray(x.detach()), x.numpy())
    assert np.shares_memory(np.asarray(x.numpy()), x.numpy())


def test_asarray_of_a_plain_tensor() -> None:
    x = dls.Tensor(A)
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert not np.asarray(x).flags.writeable
    assert np.array(x).flags.writeable
    assert np.asarray(x, dtype="float32").dtype == np.float32
    assert not np.shares_memory(np.array(x, copy=True), x.numpy())
    with pytest.raises(dls.DtypeError):
        np.asarray(x, dtype="float32", copy=False)
    np.testing.assert_allclose(x, A)
    assert np.array_equal(np.asarray(dls.Tensor(A, device="strict")), A)


def test_masked_writes_into_arrays_take_values() -> None:
    out = np.zeros((3, 4))
    out[...] = dls.Tensor(A)
    assert np.array_equal(out, A)
    with pytest.raises(dls.GraphError):
        out[...] = dls.Tensor(A, requires_grad=True)


KEYWORDS = [
    lambda m, x: m.clip(x, a_min=0.7, a_max=1.5), lambda m, x: m.var(x, ddof=1),
    lambda m, x: m.std(x, axis=0, ddof=1), lambda m, x: m.sum(x, dtype="float32"),
    lambda m, x: m.sum(x, axis=1, initial=2.0, where=A > 1), lambda m, x: m.mean(x, where=A > 1),
    lambda m, x: m.mean(x, axis=1, keepdims=True, where=[True, False, True, True]),
    lambda m, x: m.prod(x, axis=0, initial=3.0, where=A > 1), lambda m, x: m.cumsum(x, dtype="f4"),
    lambda m, x: m.transpose(x, axes=(1, 0)), lambda m, x: m.tile(x, reps=(2, 1)),
    lambda m, x: m.concatenate([x, x * 2], axis=None), lambda m, x: m.roll(x, shift=1, axis=0),
    lambda m, x: m.sort(x, kind="stable"), lambda m, x: m.einsum(x, [0, 1], [1]),
    lambda m, x: m.einsum(x, [0, 1], B, [2, 1], [2, 0]), lambda m, x: m.einsum(x, [..., 0], [...]),
]


@pytest.mark.parametrize("ours", [dls, np], ids=["dls", "numpy"])
@pytest.mark.parametrize("f", KEYWORDS, ids=called)
def test_numpys_keywords(f, ours) -> None:
    x = dls.Tensor(A, requires_grad=True)
    y, want = f(ours, x), f(np, A)
    assert y.dtype == want.dtype
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-6)
    assert y.requires_grad


def test_keywords_without_a_counterpart_name_ours() -> None:
    x = dls.Tensor(A)
    assert dls.argsort(x, kind="stable").tolist() == A.argsort().tolist()
    for call in (lambda: x.var(where=A > 1), lambda: x.max(initial=3)):
        with pytest.raises(TypeError, match="it has x, axis, keepdims"):
            call()
    with pytest.raises(TypeError, match=r"write out\.copy_\(sum"):
        dls.sum(x, out=x)
    with pytest.raises(dls.ShapeError, match="list of the numbers"):
        dls.einsum(x, 3)
