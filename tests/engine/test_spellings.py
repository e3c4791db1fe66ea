"""NumPy's names; PyTorch's where they mean the same; and what is told apart."""

import numpy as np
import pytest

import tinygrad_dls as dls

A = np.random.default_rng(0).standard_normal((2, 3, 4))
X = dls.Tensor(A)


@pytest.mark.parametrize(
    ("torchs", "numpys"),
    [
        (lambda x: x.sum(dim=0), lambda x: x.sum(axis=0)),
        (lambda x: x.sum(dim=(0, 2), keepdim=True), lambda x: x.sum(axis=(0, 2), keepdims=True)),
        (lambda x: x.mean(dim=-1, keepdim=True), lambda x: x.mean(axis=-1, keepdims=True)),
        (lambda x: x.var(dim=1), lambda x: x.var(axis=1)),
        (lambda x: x.var(dim=1, unbiased=True), lambda x: x.var(axis=1, ddof=1)),
        (lambda x: x.std(dim=1, correction=1), lambda x: x.std(axis=1, ddof=1)),
        (lambda x: x.argmax(dim=1), lambda x: x.argmax(axis=1)),
        (lambda x: dls.argmin(x, dim=1, keepdim=True), lambda x: x.argmin(axis=1, keepdims=True)),
        (lambda x: (x > 0).any(dim=0), lambda x: (x > 0).any(axis=0)),
        (lambda x: dls.all(x > 0, dim=0), lambda x: (x > 0).all(axis=0)),
        (lambda x: x.view(4, -1), lambda x: x.reshape(4, -1)),
        (lambda x: x.view((4, 6)), lambda x: x.reshape(4, 6)),
        (lambda x: x.permute(2, 0, 1), lambda x: x.transpose(2, 0, 1)),
        (lambda x: x.permute((2, 0, 1)), lambda x: x.transpose(2, 0, 1)),
        (lambda x: x.unsqueeze(1), lambda x: x[:, None]),
        (lambda x: x.unsqueeze(-1), lambda x: x[..., None]),
        (lambda x: x.unsqueeze(1).squeeze(dim=1), lambda x: x),
        (lambda x: dls.cat([x, x], dim=1), lambda x: np.concatenate([x, x], axis=1)),
        (lambda x: dls.stack([x, x], dim=-1), lambda x: np.stack([x, x], axis=-1)),
        (lambda x: x.flatten(start_dim=1), lambda x: x.reshape(2, 12)),
        (lambda x: x.flatten(1), lambda x: x.reshape(2, 12)),
        (lambda x: x.pow(2), lambda x: x**2),
        (lambda x: x[0].matmul(x[0].mT), lambda x: x[0] @ x[0].T),
        (lambda x: x.softmax(dim=1).sum(dim=1), lambda x: np.ones((2, 4))),
        (lambda x: x.logsumexp(dim=1), lambda x: np.log(np.exp(x).sum(axis=1))),
        (lambda x: x.float().double(), lambda x: x.astype("float32").astype("float64")),
        (lambda x: x.long(), lambda x: x.astype("int64")),
        (lambda x: (x * 3).int(), lambda x: (x * 3).astype("int32")),
        (lambda x: (x > 0.5).int(), lambda x: (x > 0.5).astype("int32")),
        (lambda x: x.bool(), lambda x: x.astype("bool")),
        (lambda x: x.half(), lambda x: x.astype("float16")),
        (lambda x: x.clip(min=0.0), lambda x: x.clip(min=0.0)),
        (lambda x: dls.where(x > 0, x, 0.0), lambda x: np.where(x > 0, x, 0.0)),
        (lambda x: x.clamp(min=0.0).clamp(max=1.0), lambda x: x.clip(0.0, 1.0)),
        (lambda x: dls.clamp(x, -1.0, 1.0), lambda x: x.clip(-1.0, 1.0)),
        (lambda x: x.cumsum(dim=1), lambda x: x.cumsum(axis=1)),
        (lambda x: x.cumprod(dim=-1), lambda x: x.cumprod(axis=-1)),
        (lambda x: x.prod(dim=2, keepdim=True), lambda x: x.prod(axis=2, keepdims=True)),
        (lambda x: x.argsort(dim=0), lambda x: x.argsort(axis=0)),
        (lambda x: x.topk(2, dim=1)[0], lambda x: -np.sort(-x, axis=1)[:, :2]),
        (lambda x: x.norm(dim=1), lambda x: np.linalg.norm(x, axis=1)),
        (lambda x: dls.norm(x, dim=(0, 1), keepdim=True),
         lambda x: np.linalg.norm(x, axis=(0, 1), keepdims=True)),
        (lambda x: dls.diff(x, dim=1), lambda x: np.diff(x, axis=1)),
        (lambda x: dls.count_nonzero(x, dim=0), lambda x: np.count_nonzero(x, axis=0)),
        (lambda x: x.add(1.0).mul(2.0).sub(3.0).div(4.0), lambda x: ((x + 1) * 2 - 3) / 4),
        (lambda x: x.eq(x), lambda x: x == x),
        (lambda x: x.ge(0.0), lambda x: x >= 0),
        (lambda x: x.atan() + x.asinh(), lambda x: np.arctan(x) + np.arcsinh(x)),
        (lambda x: x.absolute(), np.abs),
        (lambda x: x.logsumexp(dim=(0, 2)), lambda x: np.log(np.exp(x).sum(axis=(0, 2)))),
        (lambda x: dls.pow(x, 2), lambda x: x**2),
        (lambda x: x.square().rsqrt(), lambda x: 1 / np.abs(x)),
    ],
)
def test_pytorchs_spelling_means_numpys(torchs, numpys) -> None:
    y = torchs(X)
    want = numpys(A)
    assert y.shape == want.shape
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: X.transpose(0, 1), r"x\.swapaxes\(0, 1\)"),
        (lambda: dls.transpose(X, -1, -2), r"x\.swapaxes\(-1, -2\)"),
        (lambda: X.max(dim=1), r"x\.max\(axis=1\).*x\.argmax\(axis=1\)"),
        (lambda: dls.min(X, dim=0), r"x\.min\(axis=0\).*x\.argmin\(axis=0\)"),
        (lambda: X.sort(dim=1), r"x\.sort\(axis=1\).*x\.argsort\(axis=1\)"),
        (lambda: dls.median(X, dim=0), r"x\.median\(axis=0\) is the mean"),
        (lambda: dls.max(X, X), r"dls\.maximum\(a, b\)"),
    ],
)
def test_what_only_pytorch_means_raises_and_names_ours(call, named: str) -> None:
    with pytest.raises(dls.ShapeError, match=named):
        call()


def test_where_the_two_differ_numpy_wins() -> None:
    assert np.allclose(X.var().item(), A.var())
    assert np.allclose(X.std(axis=0).numpy(), A.std(axis=0))
    assert X.max(1).shape == (2, 4)
    assert X.T.shape == (4, 3, 2)
    assert X.mT.shape == (2, 4, 3)
    assert X[0].transpose(0, 1).shape == (3, 4)
    assert X[0].transpose(1, 0).shape == (4, 3)
    assert X.size == X.numel() == 24
    assert isinstance(X.size, int)
    assert X.transpose().shape == (4, 3, 2)


def test_every_spelling_keeps_the_graph() -> None:
    x = dls.Tensor(A, requires_grad=True)
    dls.cat([x.view(6, 4).unsqueeze(0), x.permute(0, 1, 2).flatten(0, 1)[None]], dim=0).sum(
        dim=0, keepdim=True).mean().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full(A.shape, 2 / 24))


def test_creation() -> None:
    assert dls.zeros((2, 3)).shape == dls.zeros(2, 3).shape == dls.ones([2, 3]).shape == (2, 3)
    assert dls.full((2,), 1.5).tolist() == [1.5, 1.5]
    assert dls.full(2, 1).dtype == np.int64
    assert dls.arange(3).tolist() == [0, 1, 2]
    assert dls.arange(1.0, 2.0, 0.5).dtype == np.float32
    assert dls.linspace(0, 1, 3).tolist() == [0.0, 0.5, 1.0]
    assert dls.eye(2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert dls.zeros_like(X).dtype == dls.ones_like(X).dtype == np.float64
    assert dls.one_hot([1, 0], 2).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert dls.ones(2, requires_grad=True).requires_grad
    assert dls.randn(2, 3).dtype == dls.rand(2).dtype == np.float32
    assert dls.randn(2, dtype="float64").dtype == np.float64
    draws = dls.randint(0, 3, (1000,)).numpy()
    assert set(draws.tolist()) == {0, 1, 2}


def test_seed_and_generator() -> None:
    dls.manual_seed(0)
    first = dls.randn(3).tolist(), dls.rand(3).tolist(), dls.randint(0, 9, (3,)).tolist()
    dls.manual_seed(0)
    assert first == (dls.randn(3).tolist(), dls.rand(3).tolist(), dls.randint(0, 9, (3,)).tolist())
    g = dls.Generator(5)
    state = g.get_state()
    a = dls.randn(3, generator=g).tolist()
    g.set_state(state)
    assert dls.randn(3, generator=g).tolist() == a
    assert dls.randn(3, generator=dls.Generator(5)).tolist() == a
    assert dls.randn(3, generator=g).tolist() != a
