"""NumPy's np.linalg on tensors, with gradients: what rules find under `self.xp.linalg`, too.

All functions take matrices in the last two axes. Those of symmetric matrices read one triangle
("L", "U") and take the other to be its mirror image.
"""

from typing import Any

from .call import function, function_of
from .decompositions import (
    Cholesky,
    Eigen,
    Eigenvalues,
    OrthogonalComplement,
    Qr,
    SingularValues,
    Svd,
)
from .joining import concatenate
from .linear_systems import (
    Determinant,
    Inverse,
    PseudoInverse,
    SignedLogDeterminant,
    Solve,
    transposed,
)

inv = function(Inverse())
det = function(Determinant())
svdvals = function(SingularValues())
solve = function(Solve())  # of a matrix b
_slogdet, _svd, _qr = function(SignedLogDeterminant()), function(Svd()), function(Qr())
_complement = function(OrthogonalComplement())


def slogdet(x: Any) -> tuple[Any, Any]:
    """(sign of det x, log|det x|)."""
    y = _slogdet(x)
    return y[..., 0], y[..., 1]


def pinv(x: Any, rtol: float, atol: float = 0.0) -> Any:
    """The pseudo-inverse of x, where singular values up to max(atol, rtol * largest) count as 0."""
    return function_of(PseudoInverse, float(rtol), float(atol))(x)


def cholesky(x: Any, triangle: str | None = "L") -> Any:
    """The lower triangle L with L L^T = x."""
    return function_of(Cholesky, triangle)(x)


def eigh(x: Any, triangle: str | None = "L") -> tuple[Any, Any]:
    """(eigenvalues, rising; eigenvectors as columns) of a symmetric x."""
    y = function_of(Eigen, triangle)(x)
    return y[..., 0, :], y[..., 1:, :]


def eigvalsh(x: Any, triangle: str | None = "L") -> Any:
    """Eigenvalues of a symmetric x, rising."""
    return function_of(Eigenvalues, triangle)(x)


def svd(x: Any, full_matrices: bool = True) -> tuple[Any, Any, Any]:
    """(U, s, V^T) with x = U diag(s) V^T, s falling.

    `full_matrices`: U or V is completed to a square matrix. The columns added are any basis of what
    is orthogonal to the others: no gradient goes through them.
    """
    y = _svd(x)
    m, n = x.shape[-2:]
    s, u, v = y[..., 0, :], y[..., 1 : 1 + m, :], y[..., 1 + m :, :]
    if full_matrices and m > n:
        u = concatenate([u, _complement(u)], -1)
    if full_matrices and n > m:
        v = concatenate([v, _complement(v)], -1)
    return u, s, transposed(v)


def qr(x: Any) -> tuple[Any, Any]:
    """(Q, R) with x = Q R; of x (m, n) Q has min(m, n) orthonormal columns, R is a triangle."""
    y = _qr(x)
    m = x.shape[-2]
    return y[..., :m, :], transposed(y[..., m:, :])
