"""torch.linalg: norms, and solving and taking apart matrices; gradients where noted.

`inv`, `det`, `solve` and `cholesky` have gradients; `eigh`, `svd`, `qr` and the like have none,
and say so where one is wanted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import ops
from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from ..errors import GraphError, ShapeError
from . import arithmetic
from .function import Function
from .operands import array_of, tensor_like
from .tensor import Tensor

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


def _refuse_gradient(name: str, *inputs: Any) -> None:
    if any(x.requires_grad for x in inputs):
        raise GraphError(f"{name} has no gradient here: write {name}(x.detach())")


def _turned(x: Any) -> Any:
    return ops.swapaxes(x, -1, -2)


class _Inverse(Function):
    @staticmethod
    def forward(ctx: Any, A: Any) -> Any:
        """The inverse."""
        y = tensor_like(np.linalg.inv(array_of(A)), A)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """-A^-T g A^-T."""
        y, = ctx.saved_tensors
        return -(_turned(y) @ g @ _turned(y))


class _Solution(Function):
    @staticmethod
    def forward(ctx: Any, A: Any, B: Any) -> Any:
        """The x of A x = B."""
        y = tensor_like(np.linalg.solve(array_of(A), array_of(B)), A)
        ctx.save_for_backward(A, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """A^-T g for B, and minus that times x^T for A."""
        a, y = ctx.saved_tensors
        of_b = tensor_like(np.linalg.solve(array_of(_turned(a)), array_of(g)), a)
        return -(of_b @ _turned(y)), of_b


class _Determinant(Function):
    @staticmethod
    def forward(ctx: Any, A: Any) -> Any:
        """The determinant."""
        y = tensor_like(np.asarray(np.linalg.det(array_of(A)), A._data.dtype), A)
        ctx.save_for_backward(A, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """g det(A) A^-T."""
        a, y = ctx.saved_tensors
        return (g * y)[..., None, None] * _turned(tensor_like(np.linalg.inv(array_of(a)), a))


class _Cholesky(Function):
    @staticmethod
    def forward(ctx: Any, A: Any) -> Any:
        """The lower triangle L with L L^T = A."""
        y = tensor_like(np.linalg.cholesky(array_of(A)), A)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """The symmetric gradient (Murray 2016, equation 10)."""
        lower, = (array_of(t).astype("float64") for t in ctx.saved_tensors)
        inner = np.tril(np.swapaxes(lower, -1, -2) @ array_of(g))
        inner -= 0.5 * inner * np.eye(lower.shape[-1])
        inverse = np.linalg.inv(lower)
        whole = np.swapaxes(inverse, -1, -2) @ inner @ inverse
        found = (whole + np.swapaxes(whole, -1, -2)) / 2
        return tensor_like(found.astype(g._data.dtype), g)


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


def inv(A: Any) -> Any:
    """The inverse of a square matrix."""
    return _Inverse.apply(A)


def solve(A: Any, B: Any) -> Any:
    """The x of A x = B."""
    if B.ndim == A.ndim - 1:
        return ops.squeeze(_Solution.apply(A, ops.expand_dims(B, -1)), -1)
    return _Solution.apply(A, B)


def det(A: Any) -> Any:
    """The determinant."""
    return _Determinant.apply(A)


def slogdet(A: Any) -> SignAndLog:
    """Sign of the determinant and the logarithm of its size."""
    found = det(A)
    return SignAndLog(ops.sign(found).detach(), ops.log(ops.abs(found)))


def cholesky(A: Any, *, upper: bool = False) -> Any:
    """The lower triangle L with L L^T = A."""
    found = _Cholesky.apply(A)
    return _turned(found) if upper else found


def eigh(A: Any, UPLO: str = "L") -> Eigen:
    """Eigenvalues, rising, and eigenvectors of a symmetric matrix; no gradient."""
    _refuse_gradient("eigh", A)
    return Eigen(*(tensor_like(part, A) for part in np.linalg.eigh(array_of(A))))


def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of a symmetric matrix, rising; no gradient."""
    _refuse_gradient("eigvalsh", A)
    return tensor_like(np.linalg.eigvalsh(array_of(A)), A)


def svd(A: Any, full_matrices: bool = True) -> Singular:
    """Singular value decomposition; no gradient."""
    _refuse_gradient("svd", A)
    return Singular(*(tensor_like(part, A) for part in np.linalg.svd(array_of(A), full_matrices)))


def svdvals(A: Any) -> Any:
    """Singular values, falling; no gradient."""
    return svd(A, False).S


def qr(A: Any, mode: str = "reduced") -> Factors:
    """Orthogonal and upper triangular factor; no gradient."""
    _refuse_gradient("qr", A)
    if mode not in ("reduced", "complete"):
        raise ShapeError(f"qr: mode is 'reduced' or 'complete', not {mode!r}")
    return Factors(*(tensor_like(part, A) for part in np.linalg.qr(
        array_of(A), mode)))  # type: ignore[call-overload]


def lstsq(A: Any, B: Any) -> Any:
    """The x that makes |A x - B| smallest, as `.solution`; no gradient."""
    _refuse_gradient("lstsq", A, B)
    found, residuals, rank, values = np.linalg.lstsq(array_of(A), array_of(B), rcond=None)

    class Solved(NamedTuple):
        solution: Any
        residuals: Any
        rank: Any
        singular_values: Any

    return Solved(tensor_like(found, A), tensor_like(residuals, A),
                  tensor_like(np.asarray(rank), A), tensor_like(values, A))


def pinv(A: Any, *, rcond: float = 1e-15) -> Any:
    """Pseudo-inverse; no gradient."""
    _refuse_gradient("pinv", A)
    return tensor_like(np.linalg.pinv(array_of(A), rcond), A)


def matrix_rank(A: Any) -> Any:
    """The number of singular values that are not 0; no gradient."""
    return tensor_like(np.asarray(np.linalg.matrix_rank(array_of(A)), np.int64), A)


def multi_dot(tensors: Any) -> Any:
    """The product of all."""
    return arithmetic.chain_matmul(*tensors)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices."""
    return ops.diagonal(A, offset, dim1 % A.ndim, dim2 % A.ndim)


def cond(A: Any, p: Any = None) -> Any:
    """The condition number of a matrix: the largest singular value over the smallest; no gradient.
    """
    _refuse_gradient("cond", A)
    return tensor_like(np.asarray(np.linalg.cond(array_of(A), p), A._data.dtype), A)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """Products of vectors along `dim`, summed."""
    return ops.sum(ops.mul(x, y), dim)


def logdet(A: Any) -> Any:
    """The logarithm of the determinant, NaN where that is below 0."""
    return ops.log(det(A))


def svd_of(input: Any, some: bool = True, compute_uv: bool = True) -> Singular:
    """A = U diag(S) V^T, as (U, S, V); no gradient."""
    u, s, vh = svd(input, not some)
    return Singular(u, s, _turned(vh))


matrix_power, cross = arithmetic.matrix_power, arithmetic.linalg_cross
for _name, _function in {  # methods, set here because Function needs the class before
    "inverse": inv, "det": det, "logdet": logdet, "slogdet": slogdet, "pinverse": pinv,
    "cholesky": cholesky, "svd": svd_of, "qr": qr,
}.items():
    setattr(Tensor, _name, _function)
_answer_wrong_names(globals())
