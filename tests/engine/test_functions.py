"""Element-wise functions, scans, sorting and norms, against numbers worked out by hand."""

import math

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.backend import strict


def gradient(f, values) -> list[float]:
    x = dls.Tensor(np.array(values, "float64"), requires_grad=True)
    f(x).sum().backward()
    return x.grad.tolist()


def test_no_tensor_is_none() -> None:
    x = dls.Tensor([1.0, 2.0])
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    assert (None == x) is False  # noqa: E711
    assert (x == [1.0, 3.0]).tolist() == [True, False]
    assert len({x, x}) == 1
    with pytest.raises(dls.DtypeError):
        x < None  # noqa: B015


def test_division_with_remainder() -> None:
    x = dls.Tensor([7.0, -7.0])
    assert (x // 2.0).tolist() == [3.0, -4.0]
    assert (x % 2.0).tolist() == [1.0, 1.0]
    assert dls.fmod(x, 2.0).tolist() == [1.0, -1.0]
    assert [part.tolist() for part in divmod(x, 4.0)] == [[1.0, -2.0], [3.0, 1.0]]
    assert [part.tolist() for part in divmod(9.0, dls.Tensor([2.0, -2.0]))] == [
        [4.0, -5.0], [1.0, -1.0]]
    assert gradient(lambda b: 7.0 % b, [2.0, 3.0]) == [-3.0, -2.0]
    assert gradient(lambda b: dls.fmod(-7.0, b), [2.0, 3.0]) == [3.0, 2.0]
    i = dls.Tensor([7, -7])
    assert ((i // 2).tolist(), (i % 2).tolist(), (i // 2).dtype) == ([3, -4], [1, 1], np.int64)
    assert (x % 2).dtype == np.float32


def test_bits() -> None:
    i = dls.Tensor([0b1100, 0b1010])
    assert ((i & 0b0110).tolist(), (i | 1).tolist()) == ([0b0100, 0b0010], [0b1101, 0b1011])
    assert ((3 ^ i).tolist(), (~i).tolist()) == ([0b1111, 0b1001], [-13, -11])
    yes = dls.Tensor([True, False])
    assert ((yes ^ True).tolist(), (~yes).tolist()) == ([False, True], [False, True])
    assert dls.logical_and(i, dls.Tensor([0, 5])).tolist() == [False, True]


def test_erf_has_its_digits() -> None:
    """Reference values to 17 digits (Abramowitz and Stegun, table 7.1, and mpmath)."""
    x = dls.Tensor(np.array([0.5, 1.0, 2.0, -3.0, 0.0, 1e-300]))
    want = [0.52049987781304654, 0.84270079294971487, 0.99532226501895273, -0.99997790950300141,
            0.0, 1.1283791670955126e-300]
    np.testing.assert_allclose(x.erf().numpy(), want, rtol=5e-16)
    far = dls.Tensor(np.array([5.0, 10.0, 26.0, -2.0]))
    np.testing.assert_allclose(
        far.erfc().numpy(),
        [1.5374597944280349e-12, 2.0884875837625448e-45, 5.6631924088561428e-296,
         1.9953222650189527], rtol=2e-15)
    small = np.linspace(-5, 5, 20001)
    error = dls.Tensor(small.astype("float32")).erf().numpy() - [
        math.erf(v) for v in small.astype("float32").astype("float64")]
    assert np.abs(error).max() < 3e-7
    ends = dls.Tensor([np.inf, -np.inf, np.nan, 100.0]).erf().numpy()
    assert np.array_equal(ends, [1.0, -1.0, np.nan, 1.0], equal_nan=True)


def test_running_sums_and_products() -> None:
    x = dls.Tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 6.0]])
    assert x.cumsum(axis=1).tolist() == [[1.0, 3.0, 6.0], [4.0, 4.0, 10.0]]
    assert x.cumsum().tolist() == [1.0, 3.0, 6.0, 10.0, 10.0, 16.0]
    assert x.cumprod(axis=1).tolist() == [[1.0, 2.0, 6.0], [4.0, 0.0, 0.0]]
    assert x.prod(axis=1).tolist() == [6.0, 0.0]
    assert x.prod(axis=(0, 1), keepdims=True).shape == (1, 1)
    # y = x0 + x0 x1 + x0 x1 x2 at (2, 0, 3): dy/dx0 = 1 + x1 + x1 x2, dy/dx1 = x0 + x0 x2
    assert gradient(lambda x: x.cumprod(), [2.0, 0.0, 3.0]) == [1.0, 8.0, 0.0]
    assert gradient(lambda x: x.cumsum(), [5.0, 5.0, 5.0]) == [3.0, 2.0, 1.0]
    assert gradient(lambda x: x.prod(), [2.0, 0.0, 3.0]) == [0.0, 6.0, 0.0]
    assert dls.Tensor(np.zeros((2, 0))).prod(axis=1).tolist() == [1.0, 1.0]
    assert dls.Tensor(2.0).cumsum().tolist() == [2.0]
    assert dls.Tensor(2.0).cumsum(axis=0).tolist() == dls.Tensor(2.0).cumprod(axis=-1).tolist() == 2


def test_products_of_tiny_numbers_keep_their_gradient() -> None:
    """y / x would be 0 / 1e-30: every product is made of the other factors alone."""
    x = dls.Tensor([1e-30, 1e-30, 1e25], requires_grad=True)
    x.prod().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1e-5, 1e-5, 0.0], rtol=1e-5)


def test_differences() -> None:
    x = dls.Tensor([1.0, 4.0, 9.0, 16.0])
    assert dls.diff(x).tolist() == [3.0, 5.0, 7.0]
    assert dls.diff(x, 2).tolist() == [2.0, 2.0]
    assert dls.diff(x, prepend=0.0).tolist() == [1.0, 3.0, 5.0, 7.0]
    assert dls.diff(x, append=[16.0]).tolist() == [3.0, 5.0, 7.0, 0.0]
    assert dls.diff(x, 9).shape == (0,)
    assert dls.diff(x, 0) is x


def test_sorting() -> None:
    x = dls.Tensor([3.0, 1.0, np.nan, 2.0])
    assert x.argsort().tolist() == [1, 3, 0, 2]
    assert x.argsort(descending=True).tolist() == [2, 0, 3, 1]
    assert x.sort().tolist()[:3] == [1.0, 2.0, 3.0]
    assert x.tolist()[0] == 3.0  # a new tensor: x is as it was
    equal = dls.Tensor([1, 0, 1, 0])
    assert (equal.argsort().tolist(), equal.argsort(descending=True).tolist()) == (
        [1, 3, 0, 2], [0, 2, 1, 3])
    weights = dls.Tensor(np.array([10.0, 20.0, 30.0]))
    assert gradient(lambda x: x.sort() * weights, [3.0, 1.0, 2.0]) == [30.0, 10.0, 20.0]
    assert gradient(lambda x: x.sort(descending=True) * weights, [3.0, 1.0, 2.0]) == [
        10.0, 30.0, 20.0]
    grid = dls.Tensor([[3.0, 1.0], [2.0, 5.0]])
    assert grid.sort(axis=0).tolist() == [[2.0, 1.0], [3.0, 5.0]]
    assert grid.sort(axis=None).tolist() == [1.0, 2.0, 3.0, 5.0]


def test_topk_is_a_pair() -> None:
    x = dls.Tensor([[3.0, 1.0, 4.0], [1.0, 5.0, 9.0]], requires_grad=True)
    values, places = x.topk(2)
    assert (values.tolist(), places.tolist()) == ([[4.0, 3.0], [9.0, 5.0]], [[2, 0], [2, 1]])
    assert places.dtype == np.int64
    assert not places.requires_grad
    values.sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    smallest, places = dls.topk(x, 1, dim=0, largest=False)
    assert (smallest.tolist(), places.tolist()) == ([[1.0, 1.0, 4.0]], [[1, 0, 0]])
    assert x.topk(0)[0].shape == (2, 0)


def test_median() -> None:
    x = dls.Tensor([[3.0, 1.0, 2.0, 9.0], [4.0, 4.0, np.nan, 0.0]])
    assert x[0].median().item() == 2.5
    assert x[0, :3].median().item() == 2.0
    assert np.isnan(x.median(axis=1).numpy()).tolist() == [False, True]
    assert x.median(axis=1, keepdims=True).shape == (2, 1)
    assert dls.median(dls.Tensor([1, 2])).item() == 1.5


def test_norms() -> None:
    x = dls.Tensor([[3.0, -4.0], [0.0, 1.0]])
    assert x.norm().item() == pytest.approx(math.sqrt(26))
    assert x.norm(axis=1).tolist() == [5.0, 1.0]
    assert x.norm(1, axis=1).tolist() == [7.0, 1.0]
    assert x.norm(math.inf, axis=1).tolist() == [4.0, 1.0]
    assert x.norm(0, axis=1).tolist() == [2.0, 1.0]
    assert (x.norm(1).item(), x.norm(math.inf).item()) == (5.0, 7.0)  # largest column, largest row
    assert dls.vector_norm(x, 1).item() == 8.0
    assert gradient(lambda x: x.norm(), [3.0, 4.0]) == pytest.approx([0.6, 0.8])
    twice = dls.Tensor(np.zeros(2), requires_grad=True)
    (first,) = dls.grad(twice.norm() ** 2, [twice], create_graph=True)
    assert np.isfinite(dls.grad(first.sum(), [twice])[0].numpy()).all()
    assert dls.norm([3, 4]).dtype == np.float32


def test_logsumexp_at_its_limits() -> None:
    with np.errstate(all="ignore"):
        x = dls.Tensor(np.array([[-np.inf, -np.inf], [1e4, 1e4], [np.inf, 0.0]]),
                       requires_grad=True)
        y = x.logsumexp(axis=1)
        y.sum().backward()
    assert y.tolist() == [-np.inf, 1e4 + math.log(2.0), np.inf]
    assert x.grad.tolist() == [[0.0, 0.0], [0.5, 0.5], [0.0, 0.0]]
    large = dls.Tensor([1e4, 1e4, 1e4], requires_grad=True)  # the sum in float32 is 1e4 + 1.0986
    large.logsumexp().backward()
    np.testing.assert_allclose(large.grad.numpy(), 1 / 3, rtol=1e-6)
    assert dls.Tensor([[0.0, 0.0], [0.0, 0.0]]).logsumexp(axis=None).item() == pytest.approx(
        math.log(4.0))
    assert dls.Tensor(2.0).logsumexp().item() == 2.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(dtype: str) -> None:
    x = dls.Tensor(np.array([0.5, 0.25], dtype), requires_grad=True)
    made = [x % 0.3, x // 0.3, dls.hypot(x, 1), dls.logaddexp(x, 2), dls.arctan2(1, x), x.erf(),
            x.exp2(), x.log2(), x.log10(), x.rsqrt(), 1 - x.reciprocal(), x.prod(), x.cumprod(),
            x.cumsum(), x.sort(), x.topk(1)[0], x.median(), x.norm(3), x.var(), x.std(),
            x.logsumexp(), dls.nan_to_num(x), dls.lerp(x, 1.0, 0.5), x.round(1), dls.diff(x, 1)]
    for y in made:
        assert y.dtype == dtype
        x.grad = None
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_nothing_waits_for_the_device() -> None:
    """Values, first and second gradients of the new functions, on the strict device."""
    x = dls.Tensor(np.array([[0.5, 0.0, 0.25], [0.1, 0.2, 0.9]]), requires_grad=True,
                   device="strict")
    fs = [lambda x: x.prod(), lambda x: x.cumprod(1), lambda x: x.cumsum(0), lambda x: x.sort(1),
          lambda x: x.topk(2)[0], lambda x: x.median(1), lambda x: x.norm(3, axis=1),
          lambda x: x.logsumexp(1), lambda x: x.erf() + x.erfc(), lambda x: x.std(1),
          lambda x: dls.logaddexp(x, 1.0), lambda x: x.clip(x - 1.0, x + 1.0), lambda x: x % 0.3,
          lambda x: dls.diff(x), lambda x: x.arcsin() * x.norm(), lambda x: dls.nan_to_num(x)]
    for f in fs:
        f(x)  # what is made once per operation is made here
        with strict.count() as counted:
            (first,) = dls.grad(f(x).sum(), [x], create_graph=True)
            if first.requires_grad:
                dls.grad((first * first).sum(), [x], allow_unused=True)
        assert counted.syncs == 0, counted


def test_in_place_operators_write_into_the_tensor() -> None:
    x = dls.Tensor([5.0, 7.0])
    same, before = x, x.version
    x %= 4.0
    x **= 2
    x //= 2.0
    assert x is same
    assert (x.tolist(), x.version - before) == ([0.0, 4.0], 3)
    bits = whole = dls.Tensor([6, 3])
    bits &= 2
    bits |= 4
    bits ^= 1
    assert whole.tolist() == [7, 7]
    with pytest.raises(dls.DtypeError, match=r"x = x \*\* v"):
        whole **= 0.5
    leaf = dls.Tensor([1.0], requires_grad=True)
    with pytest.raises(dls.GraphError, match=r"x \*\*= v on a leaf"):
        leaf **= 2
