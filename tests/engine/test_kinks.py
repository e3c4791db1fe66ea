"""Promise 7: at ties, kinks and poles gradients are the documented ones, never a silent NaN."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_dls as dls


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def slope(f, *values: float) -> list[float]:
    x = dls.Tensor(np.array(values), requires_grad=True)
    f(x).sum().backward()
    return x.grad.tolist()


@pytest.mark.parametrize(
    ("f", "at", "gradient"),
    [
        (lambda x: x.relu(), [0.0, -0.0, 1.0, -1.0], [0, 0, 1, 0]),
        (lambda x: dls.leaky_relu(x, 0.1), [0.0, -1.0], [0.1, 0.1]),
        (lambda x: x.abs(), [0.0, -2.0], [0, -1]),
        (lambda x: x.sqrt(), [0.0, 4.0], [0, 0.25]),
        (lambda x: x**0.5, [0.0, 4.0], [0, 0.25]),
        (lambda x: x**2, [0.0], [0]),
        (lambda x: x**1, [0.0], [1]),
        (lambda x: x**0, [0.0], [0]),
        (lambda x: x**3, [0.0, -2.0], [0, 12]),
        (lambda x: dls.maximum(x, 0.0), [0.0, 1.0], [0.5, 1]),
        (lambda x: dls.minimum(0.0, x), [0.0, 1.0], [0.5, 0]),
        (lambda x: x.clip(-1.0, 1.0), [1.0, -1.0, 2.0], [1, 1, 0]),
        (lambda x: x.max(), [2.0, 2.0, 1.0], [0.5, 0.5, 0]),
        (lambda x: x.min(axis=0), [3.0, 3.0, 3.0], [1 / 3] * 3),
        (lambda x: x.std(), [2.0, 2.0], [0, 0]),
        (lambda x: (x * x).sum() ** 0.5, [0.0, 0.0], [0, 0]),
        (lambda x: (x * x).sum().sqrt() ** 2, [0.0, 0.0], [0, 0]),
        (lambda x: dls.where(x > 0.0, x, 0.0), [0.0, 1.0], [0, 1]),
        (lambda x: x.sign(), [0.0, -2.0], [0, 0]),
        (lambda x: x.floor() + x.ceil() + x.round() + x.trunc(), [1.0, 0.5], [0, 0]),
        (lambda x: x // 1.0, [1.0, 0.5], [0, 0]),
        (lambda x: x % 1.0, [1.0, 0.5], [1, 1]),
        (lambda x: x.arcsin(), [1.0, -1.0, 0.0], [0, 0, 1]),
        (lambda x: x.arccos(), [1.0, -1.0, 0.0], [0, 0, -1]),
        (lambda x: x.arccosh(), [1.0], [0]),
        (lambda x: x.arctan2(x), [0.0, 1.0], [0, 0]),
        (lambda x: x.hypot(x), [0.0], [0]),
        (lambda x: x.norm(), [0.0, 0.0], [0, 0]),
        (lambda x: x.norm(1), [0.0, 2.0], [0, 1]),
        (lambda x: x.norm(3), [0.0, 0.0], [0, 0]),
        (lambda x: dls.vector_norm(x, 0.5), [0.0, 4.0], [0, 1]),
        (lambda x: x.norm(np.inf), [-2.0, 2.0, 1.0], [-0.5, 0.5, 0]),
        (lambda x: x.prod(), [0.0, 2.0, 3.0], [6, 0, 0]),
        (lambda x: x.prod(), [0.0, 2.0, 0.0], [0, 0, 0]),
        (lambda x: x.cumprod(), [2.0, 0.0, 3.0], [1, 8, 0]),
        (lambda x: dls.nan_to_num(x), [np.nan, np.inf, 1.0], [0, 0, 1]),
        (lambda x: dls.logaddexp(x, x), [-np.inf, 0.0], [1, 1]),
        (lambda x: x.median(), [3.0, 1.0, 2.0, 9.0], [0.5, 0, 0.5, 0]),
        (lambda x: x.clip(dls.Tensor([1.0, 1.0]), None), [1.0, 0.0], [1, 0]),
    ],
)
def test_documented_subgradient(f, at: list[float], gradient: list[float]) -> None:
    """HIPS autograd gives NaN for norm(x)**2 at 0."""
    np.testing.assert_allclose(slope(f, *at), gradient)


def test_ties_between_two_tensors_are_shared() -> None:
    a = dls.Tensor([1.0, 2.0], requires_grad=True)
    b = dls.Tensor([1.0, 3.0], requires_grad=True)
    dls.maximum(a, b).sum().backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([0.5, 0.0], [0.5, 1.0])


@pytest.mark.filterwarnings("ignore")
def test_power_of_tensors_at_zero_is_finite() -> None:
    for a, b in ((0.0, 0.0), (0.0, 0.5), (0.0, 1.0), (0.0, 2.0)):
        x = dls.Tensor(a, requires_grad=True)
        p = dls.Tensor(b, requires_grad=True)
        (x**p).backward()
        assert np.isfinite(x.grad.item())
        assert p.grad.item() == 0.0
    x = dls.Tensor(-2.0, requires_grad=True)
    (x ** dls.Tensor(2.0)).backward()
    assert x.grad.item() == -4.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_overflow_far_out(dtype: str) -> None:
    far = np.array([-1e4, -200.0, -89.0, 0.0, 89.0, 200.0, 1e4], dtype)
    x = dls.Tensor(far, requires_grad=True)
    F = dls.nn.functional
    targets = dls.Tensor((far > 0).astype(dtype))
    losses = [
        x.sigmoid(), x.tanh(), x.softmax(axis=0), x.log_softmax(axis=0), x.logsumexp(axis=0),
        F.binary_cross_entropy_with_logits(x, targets),
        F.cross_entropy(dls.stack([x, -x], axis=1), dls.Tensor((far < 0).astype("int64"))),
    ]
    for y in losses:
        x.grad = None
        y.sum().backward()
        assert np.isfinite(y.numpy()).all()
        assert np.isfinite(x.grad.numpy()).all()
    first, = dls.grad(losses[5].detach() + F.binary_cross_entropy_with_logits(x, targets), [x],
                      create_graph=True)
    dls.grad(first.sum(), [x])


def test_nan_goes_through_and_is_not_hidden() -> None:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = dls.Tensor([np.nan, 1.0])
        for y in (x.relu(), x.sigmoid(), x.max(), x.sum(), x.softmax(axis=0), x.clip(0.0, 1.0),
                  dls.maximum(x, 0.0)):
            assert np.isnan(y.numpy()).any()
