"""Matrices solved and taken apart, against PyTorch: values, first and second gradients.

Singular vectors and eigenvectors are known up to their sign. They are compared by what does not
change with it: their squares, and sums of u v^T with weights.
"""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.torch import linalg

from .harness import array, close, pick, random_cases, same_function, torch

DTYPES = ("float32", "float64")


def matrix(case: np.random.Generator, square: bool = False) -> np.ndarray:
    """One matrix or a batch, tall, wide or square, with singular values apart."""
    m, n = (int(k) for k in case.integers(1, 6, 2))
    shape = (*pick(case, (), (2,), (2, 1)), m, m if square else n)
    x = array(case, *shape, dtype=pick(case, *DTYPES))
    return (x + 3 * np.arange(1, shape[-1] + 1) * np.eye(*shape[-2:])).astype(x.dtype)



def same(ours: Any, theirs: Any, arrays: Any) -> None:
    """As same_function; second gradients in float64, where rounding leaves something of them."""
    same_function(ours, theirs, arrays, second=arrays[0].dtype == "float64", scale=20)


def both(function: Any, arrays: Any) -> None:
    """The same function of a namespace and tensors, of ours and PyTorch's."""
    same(lambda *xs: function(linalg, *xs), lambda *ts: function(torch.linalg, *ts), arrays)


@random_cases(80)
def test_svd(case: np.random.Generator) -> None:
    x, full = matrix(case), bool(case.integers(2))
    k = min(x.shape[-2:])
    w = np.arange(1, k + 1, dtype=x.dtype) ** 2

    def function(namespace: Any, x: Any, w: Any) -> Any:
        u, s, vh = namespace.svd(x, full_matrices=full)
        u, vh = u[..., :, :k], vh[..., :k, :]
        return s, (u * w) @ vh, u * u, vh * vh

    both(function, [x, w])
    u, s, vh = linalg.svd(dls.Tensor(x), full_matrices=full)
    theirs = torch.linalg.svd(torch.from_numpy(x.copy()), full_matrices=full)
    assert [tuple(part.shape) for part in theirs] == [u.shape, s.shape, vh.shape]
    for q in (u, vh.swapaxes(-1, -2)):
        one = np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], *[q.shape[-1]] * 2))
        np.testing.assert_allclose((q.swapaxes(-1, -2) @ q).numpy(), one, atol=1e-5)


@random_cases(60)
def test_eigh(case: np.random.Generator) -> None:
    x, side = matrix(case, square=True), pick(case, "L", "U")
    w = np.arange(1, x.shape[-1] + 1, dtype=x.dtype) ** 2

    def function(namespace: Any, x: Any, w: Any) -> Any:
        values, v = namespace.eigh(x + x.swapaxes(-1, -2), side)
        rising = namespace.eigvalsh(x + x.swapaxes(-1, -2), side)
        return values, (v * w) @ v.swapaxes(-1, -2), v * v, rising

    both(function, [x, w])
    mine = linalg.eigvalsh(dls.Tensor(x), side)  # of one triangle
    close(mine, torch.linalg.eigvalsh(torch.from_numpy(x.copy()), UPLO=side), "triangle")


@random_cases(60)
def test_qr(case: np.random.Generator) -> None:
    x = matrix(case)
    mode = "reduced" if x.shape[-2] > x.shape[-1] else pick(case, "reduced", "complete")
    both(lambda namespace, x: namespace.qr(x, mode), [x])
    complete = linalg.qr(dls.Tensor(x), "complete")
    for mine, theirs in zip(complete, torch.linalg.qr(torch.from_numpy(x.copy()), "complete")):
        close(mine, theirs, "complete", 10)


@random_cases(80)
def test_solutions(case: np.random.Generator) -> None:
    """Of square systems, of triangles, least squares, and by the pseudo-inverse."""
    x, square = matrix(case), matrix(case, square=True)
    b = array(case, *x.shape[:-1], 2, dtype=x.dtype)
    c = array(case, *square.shape[:-1], *pick(case, (), (2,)), dtype=square.dtype)
    options = {"upper": bool(case.integers(2)), "unitriangular": bool(case.integers(2))}
    both(lambda namespace, x: namespace.pinv(x), [x])
    both(lambda namespace, x: namespace.pinv(x @ x.swapaxes(-1, -2), rtol=1e-9),  # singular, tall
         [x.astype("float64")])
    both(lambda namespace, a, b: namespace.lstsq(a, b, driver="gelsd")[:2], [x, b])
    both(lambda namespace, a, c: namespace.solve(a, c), [square, c])
    if c.ndim == square.ndim:
        both(lambda namespace, a, c: namespace.solve_triangular(a, c, **options), [square, c])
        turned = np.swapaxes(c, -1, -2)
        both(lambda namespace, a, c: namespace.solve(a, c, left=False), [square, turned])


@random_cases(60)
def test_numbers_of_matrices(case: np.random.Generator) -> None:
    x, square = matrix(case), matrix(case, square=True)
    order = pick(case, "nuc", 2, -2, "fro", 1, np.inf)
    both(lambda namespace, x: namespace.matrix_norm(x, order, keepdim=True), [x])
    both(lambda namespace, x: namespace.norm(x, order, dim=(-1, -2)), [x])
    both(lambda namespace, x: namespace.svdvals(x), [x])
    both(lambda namespace, x: namespace.cond(x), [x])
    for p in (2, -2):
        both(lambda namespace, x, p=p: namespace.cond(x, p), [square])
    norm = torch.linalg.matrix_norm  # PyTorch 2.13 overwrites what the gradient of its cond needs
    same(lambda x: linalg.cond(x, order), lambda t: torch.linalg.cond(t, order) if order in (2, -2)
         else norm(t, order) * norm(torch.linalg.inv(t), order), [square])
    both(lambda namespace, x: namespace.slogdet(x)[1], [square])
    both(lambda namespace, x: namespace.det(x), [square])
    spoiled = (x * (np.arange(x.shape[-1]) > 0)).astype(x.dtype)
    close(linalg.matrix_rank(dls.Tensor(spoiled)),
          torch.linalg.matrix_rank(torch.from_numpy(spoiled)), "rank")


@pytest.mark.torch
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_singular_values_have_gradients_and_their_vectors_have_none(dtype: str) -> None:
    def gradient(function: Any) -> np.ndarray:
        x = dls.eye(3, dtype=dtype).requires_grad_()
        return np.asarray(dls.grad(function(x), [x])[0].numpy())

    np.testing.assert_allclose(gradient(lambda x: linalg.matrix_norm(x, "nuc")), np.eye(3))
    np.testing.assert_allclose(gradient(lambda x: linalg.svd(x)[1].sum()), np.eye(3))
    np.testing.assert_allclose(gradient(lambda x: linalg.eigh(x)[0].sum()), np.eye(3))
    np.testing.assert_allclose(gradient(lambda x: (linalg.eigvalsh(x) ** 2).sum()), 2 * np.eye(3))
    w = dls.Tensor(np.arange(9, dtype=dtype).reshape(3, 3))
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(gradient(lambda x: (w * linalg.svd(x)[0]).sum())).all()
        assert not np.isfinite(gradient(lambda x: (w * linalg.eigh(x)[1]).sum())).all()


@pytest.mark.torch
def test_a_singular_matrix_has_a_gradient_of_its_determinant_and_its_nuclear_norm() -> None:
    """Cofactors, where PyTorch's gradient of the determinant is 0."""
    x = np.array([[1.0, 2.0], [2.0, 4.0]])
    t = dls.Tensor(x, requires_grad=True)
    np.testing.assert_allclose(dls.grad(linalg.det(t), [t])[0].numpy(), [[4, -2], [-2, 1]])
    assert np.isfinite(dls.grad(linalg.matrix_norm(t, "nuc"), [t])[0].numpy()).all()
    for singular in (linalg.inv, lambda a: linalg.solve(a, a), linalg.cholesky):
        with pytest.raises(linalg.LinAlgError) as caught:
            singular(dls.Tensor(-x))
        assert isinstance(caught.value, RuntimeError)


@pytest.mark.torch
def test_a_large_determinant_does_not_overflow_in_its_logarithm() -> None:
    x = 1e3 * np.eye(200, dtype="float32")
    same_function(lambda x: linalg.slogdet(x)[1], lambda x: torch.linalg.slogdet(x)[1], [x])
    same_function(linalg.logdet, torch.logdet, [x])


@pytest.mark.torch
def test_qr_says_where_it_has_no_gradient() -> None:
    with pytest.raises(dls.GraphError, match="reduced"):
        linalg.qr(dls.ones(3, 2).requires_grad_(), "complete")
