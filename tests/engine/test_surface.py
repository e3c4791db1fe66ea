"""The public surface of tensors by example: the lines that users and lessons rely on."""

import numpy as np
import pytest

import tinygrad_dls as dls


def test_tensors() -> None:
    x = dls.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w = dls.Tensor(np.ones((2, 3)), requires_grad=True)
    assert (x.dtype, w.dtype) == (np.dtype("float32"), np.dtype("float64"))
    assert (x.shape, x.ndim, x.size, x.dtype, x.device) == (
        (2, 2), 2, 4, np.dtype("float32"), dls.Device("cpu"))
    x.numpy()
    with pytest.raises(dls.GraphError):
        np.asarray(x)
    dls.Tensor(5.0).item(), float(dls.Tensor(5.0)), len(x)
    assert isinstance(x.data, np.ndarray)
    y = (x @ w).tanh().sum()
    y.backward()
    assert isinstance(x.grad, dls.Tensor)
    x.grad = None
    assert x.grad is None
    y2 = (x @ w).tanh().sum()
    g, = dls.grad(y2, [x], grad_outputs=None, create_graph=False, retain_graph=None,
                  allow_unused=False)
    assert g.shape == x.shape
    with dls.no_grad():
        assert not dls.is_grad_enabled()
        with dls.enable_grad():
            assert dls.is_grad_enabled()
        x[...] = 1.0
        x.copy_(np.ones((2, 2)))
        x.data = np.ones((2, 2))
        x += 1.0
    assert x.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    x.detach(), x.retain_grad(), x.register_hook(lambda g: None), x.requires_grad_(True)
    x.astype("float64"), x.to("strict")
    assert dls.checkpoint(lambda t: t * 2.0, x).shape == (2, 2)


def test_a_number_has_no_length() -> None:
    for ask in (len, list):
        with pytest.raises(TypeError, match="no length") as caught:  # NumPy's and PyTorch's kind
            ask(dls.Tensor(1.0))
        assert isinstance(caught.value, dls.ShapeError)


def test_backward_takes_its_arguments_by_name() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.backward(grad=None if y.size == 1 else dls.ones(2), retain_graph=True, create_graph=False)
    y.backward(dls.ones(2), retain_graph=False)
    assert x.grad.tolist() == [4.0, 8.0]


def test_functions() -> None:
    x = dls.Tensor(np.arange(8.0).reshape(4, 2))
    x.sum(axis=0, keepdims=True), x.mean(), x.var(axis=1, correction=0)
    assert x.max(axis=1).tolist() == [1.0, 3.0, 5.0, 7.0]
    assert x.argmax(axis=1).tolist() == [1, 1, 1, 1]
    x.reshape(4, -1), x.transpose(1, 0), x.T, x.mT, x.swapaxes(0, 1), x[1:, ::2]
    x[dls.Tensor([0, 2])], x[np.array([0, 2])], x[x > 3.0]
    a, b, c = x, x * 2.0, x > 3.0
    dls.where(c, a, b), dls.maximum(a, b)
    dls.concatenate([a, b], axis=1), dls.stack([a, b], axis=0)
    dls.zeros((2, 3)), dls.ones((2, 3)), dls.full((2, 3), 1.0), dls.arange(3), dls.eye(3)
    g = dls.Generator(0)
    dls.manual_seed(0)
    dls.zeros_like(x), dls.randn(2, 3, generator=g), dls.rand(2, 3), dls.randint(0, 2, (3,))
    assert isinstance(np.exp(x), dls.Tensor)


def test_einsum() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.standard_normal((3, 4)), rng.standard_normal((4, 5))
    a, b = dls.Tensor(p, requires_grad=True), dls.Tensor(q, requires_grad=True)
    y = dls.einsum("ij,jk->ik", a, b)
    np.testing.assert_allclose(y.numpy(), p @ q)
    y.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), np.ones((3, 5)) @ q.T)
    np.testing.assert_allclose(b.grad.numpy(), p.T @ np.ones((3, 5)))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ij->ji", [(2, 3)]),
        ("ij->", [(2, 3)]), ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("iji->j", [(3, 2, 3)]),
        ("iii->i", [(2, 2, 2)]), ("i,j->ij", [(2,), (3,)]),
        ("bij,bjk->bik", [(5, 2, 3), (5, 3, 2)]),
        ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]), ("i,i", [(3,), (3,)]), ("i->i", [(3,)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]), ("ij,kj,k->i", [(2, 3), (4, 3), (4,)]),
        (" i j , j -> i ", [(2, 3), (3,)]), ("ba", [(2, 3)]), ("ij,->i", [(2, 3), ()]),
    ],
)
def test_einsum_is_numpys(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in shapes]
    xs = [dls.Tensor(a, requires_grad=True) for a in arrays]
    y = dls.einsum(subscripts, *xs)
    np.testing.assert_allclose(y.numpy(), np.einsum(subscripts, *arrays), rtol=1e-12)
    r = rng.standard_normal(y.shape)
    (y * r).sum().backward()
    for i, x in enumerate(xs):
        d = rng.standard_normal(x.shape)
        ends = [np.sum(r * np.einsum(subscripts, *arrays[:i], arrays[i] + h * d, *arrays[i + 1:]))
                for h in (1e-6, -1e-6)]
        assert np.sum(x.grad.numpy() * d) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


def test_einsum_mistakes() -> None:
    x = dls.ones(2, 3)
    for subscripts, operands in (("ij,jk->ik", (x, x)), ("ijk->i", (x,)), ("ij->k", (x,)),
                                 ("ij,ij->i", (x,)), ("...j->j", (x,)), ("ij->ii", (x,)),
                                 ("ii->i", (x,)), ("i1->i", (x,))):
        with pytest.raises(dls.ShapeError):
            dls.einsum(subscripts, *operands)


def test_devices_and_errors() -> None:
    assert dls.Device("cpu").name == "cpu"
    assert dls.Device("strict").name == "strict"
    for name in ("ShapeError", "DtypeError", "GraphError", "DeviceError", "DataError",
                 "FormatError"):
        assert issubclass(getattr(dls, name), dls.Error)
