"""torch.linalg: norms, and solving and taking apart matrices, with gradients.

The rules and their sources: ops/linear_systems.py, ops/decompositions.py.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from ..errors import GraphError, LinAlgError, ShapeError
from . import arithmetic
from .operands import array_of, tensor_like
from .tensor import Tensor

__all__ = ["LinAlgError"]
Dim = Any


def norm(
    A: Any, ord: Any = None, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """Norm of all elements, or of vectors or matrices along `dim`."""
    x = A if dtype is None else ops.cast(A, dtype)
    axes = tuple(dim) if isinstance(dim, list) else dim
    if ord is None or (dim is None and x.ndim == 1) or isinstance(axes, int):
        return ops.vector_norm(x, 2 if ord is None else ord, axes, keepdim)
    return ops.norm(x, ord, axes, keepdim)


def vector_norm(
    x: Any, ord: float = 2, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """Norm of all elements as one vector, or along `dim`."""
    axes = tuple(dim) if isinstance(dim, list) else dim
    return ops.vector_norm(x if dtype is None else ops.cast(x, dtype), ord, axes, keepdim)


def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Any:
    """Norm of matrices."""
    return ops.norm(A, ord, tuple(dim), keepdim)


def _turned(x: Any) -> Any:
    return ops.swapaxes(x, -1, -2)


class SignAndLog(NamedTuple):
    """Sign of a determinant, and the logarithm of its size."""

    sign: Any
    logabsdet: Any


class Eigen(NamedTuple):
    """Eigenvalues and eigenvectors."""

    eigenvalues: Any
    eigenvectors: Any


class Singular(NamedTuple):
    """A = U diag(S) Vh."""

    U: Any
    S: Any
    Vh: Any


class Factors(NamedTuple):
    """A = Q R."""

    Q: Any
    R: Any


class LeastSquares(NamedTuple):
    """The results of lstsq."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def inv(A: Any) -> Any:
    """The inverse of a square matrix."""
    return ops.linalg.inv(A)


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """The x of A x = B, or of x A = B where not `left`; B (n,), a batch of vectors or matrices."""
    if B.ndim == 1 or B.shape == A.shape[:-1]:
        return ops.squeeze(solve(A, ops.expand_dims(B, -1)), -1)
    return ops.linalg.solve(A, B) if left else _turned(ops.linalg.solve(_turned(A), _turned(B)))


def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    """The x of A x = B, for one triangle of A; `unitriangular`: with ones on its diagonal."""
    step = 1 if upper else -1
    triangle = ops.triu if upper else ops.tril
    if unitriangular:
        return solve(triangle(A, step) + np.eye(A.shape[-1], dtype=A.dtype), B, left=left)
    return solve(triangle(A), B, left=left)


def det(A: Any) -> Any:
    """The determinant."""
    return ops.linalg.det(A)


def slogdet(A: Any) -> SignAndLog:
    """Sign of the determinant and the logarithm of its size."""
    return SignAndLog(*ops.linalg.slogdet(A))


def logdet(A: Any) -> Any:
    """The logarithm of the determinant, NaN where that is below 0."""
    sign, logarithm = slogdet(A)
    return ops.where(sign < 0, math.nan, logarithm)


def cholesky(A: Any, *, upper: bool = False) -> Any:
    """The lower triangle L with L L^T = A, or the upper one, L^T."""
    return _turned(ops.linalg.cholesky(A, "U")) if upper else ops.linalg.cholesky(A)


def eigh(A: Any, UPLO: str = "L") -> Eigen:
    """Eigenvalues, rising, and eigenvectors of a symmetric matrix, of which a triangle is read.

    The gradient is symmetric; through the vectors of equal eigenvalues it is infinite or NaN.
    """
    return Eigen(*ops.linalg.eigh(A, UPLO))


def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of a symmetric matrix, rising."""
    return ops.linalg.eigvalsh(A, UPLO)


def svd(A: Any, full_matrices: bool = True) -> Singular:
    """Singular value decomposition.

    No gradient goes through the columns that `full_matrices` adds; through the vectors of equal
    singular values it is infinite or NaN.
    """
    return Singular(*ops.linalg.svd(A, full_matrices))


def svdvals(A: Any) -> Any:
    """Singular values, falling."""
    return ops.linalg.svdvals(A)


def qr(A: Any, mode: str = "reduced") -> Factors:
    """Orthogonal and upper triangular factor; no gradient if "complete" adds columns to Q."""
    if mode not in ("reduced", "complete"):
        raise ShapeError(f"qr: mode is 'reduced' or 'complete', not {mode!r}")
    if mode == "reduced" or A.shape[-2] <= A.shape[-1]:
        return Factors(*ops.linalg.qr(A))
    if A.requires_grad:
        raise GraphError("qr has no gradient in the mode 'complete' if there are more rows than "
                         "columns: use mode='reduced', or qr(x.detach(), 'complete')")
    return Factors(*(tensor_like(part, A) for part in np.linalg.qr(array_of(A), "complete")))


def pinv(
    A: Any, rcond: float | None = None, hermitian: bool = False, *, atol: float | None = None,
    rtol: float | None = None,
) -> Any:
    """The pseudo-inverse, of singular values above max(atol, rtol * the largest) only.

    `hermitian` is a hint, which is not needed.
    """
    return ops.linalg.pinv(A, *_tolerances(A, atol, rcond if rtol is None else rtol))


def _tolerances(A: Any, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """(rtol, atol): without either, the rounding of the largest singular value."""
    if rtol is None:
        rtol = 0.0 if atol is not None else max(A.shape[-2:]) * float(np.finfo(A.dtype).eps)
    return rtol, 0.0 if atol is None else atol


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: Any = None) -> LeastSquares:
    """The x that makes |A x - B| smallest, as `.solution`, by the pseudo-inverse of A.

    `.residuals` are the sums of (A x - B)**2 for each column of B, where A has more rows than
    columns and full rank (as PyTorch's of the driver "gelsd"; here `driver` changes nothing).
    """
    if B.ndim == A.ndim - 1:
        found = lstsq(A, ops.expand_dims(B, -1), rcond)
        return found._replace(solution=ops.squeeze(found.solution, -1))
    m, n = A.shape[-2:]
    solution = pinv(A, rcond) @ B
    rank = matrix_rank(A, rtol=rcond)
    residuals = ops.sum((A @ solution - B) ** 2, -2)
    if m <= n or not bool((rank == n).all()):
        residuals = ops.ravel(residuals)[:0]
    return LeastSquares(solution, residuals, rank, svdvals(A.detach()))


def matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Any:
    """The number of singular values above max(atol, rtol * the largest); no gradient.

    `hermitian`: A is symmetric, its eigenvalues tell.
    """
    values = ops.abs(eigvalsh(A.detach())) if hermitian else svdvals(A.detach())
    if not values.shape[-1]:
        return ops.sum(values > 0, -1)
    relative, absolute = _tolerances(A, atol if tol is None else tol, rtol)
    least = ops.maximum(ops.max(values, -1) * relative, absolute)
    return ops.sum(values > ops.expand_dims(least, -1), -1)


def multi_dot(tensors: Any) -> Any:
    """The product of all."""
    return arithmetic.chain_matmul(*tensors)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices."""
    return ops.diagonal(A, offset, dim1 % A.ndim, dim2 % A.ndim)


def cond(A: Any, p: Any = None) -> Any:
    """The condition number of a matrix: the largest singular value over the smallest.

    With another norm p, norm(A) norm(A^-1), infinite for a singular matrix.
    """
    if p in (None, 2, -2):
        values = svdvals(A)
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    singular = ops.equal(slogdet(A.detach()).sign, 0)
    invertible = ops.where(singular[..., None, None], np.eye(A.shape[-1], dtype=A.dtype), A)
    found = matrix_norm(A, p) * matrix_norm(inv(invertible), p)
    return ops.where(singular, math.inf, found)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """Products of vectors along `dim`, summed."""
    return ops.sum(ops.mul(x, y), dim)


def svd_of(input: Any, some: bool = True, compute_uv: bool = True) -> Singular:
    """A = U diag(S) V^T, as (U, S, V)."""
    u, s, vh = svd(input, not some)
    return Singular(u, s, _turned(vh))


matrix_power, cross = arithmetic.matrix_power, arithmetic.linalg_cross
for _name, _function in {  # methods, set here because Function needs the class before
    "inverse": inv, "det": det, "logdet": logdet, "slogdet": slogdet, "pinverse": pinv,
    "cholesky": cholesky, "svd": svd_of, "qr": qr,
}.items():
    setattr(Tensor, _name, _function)
_answer_wrong_names(globals())
