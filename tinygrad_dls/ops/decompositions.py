"""Decompositions of the matrices in the last two axes: singular values, eigenvalues, QR, Cholesky.

An op has one output, so the factors come out as rows of one matrix, which linalg.py takes apart.
Singular vectors and eigenvectors are known up to their sign only: of a loss that changes with the
sign the gradient has no meaning. Where two singular values (eigenvalues) are equal, so that their
vectors are any basis of a plane, gradients through the vectors are infinite or NaN; those through
the values are not.
"""

from typing import Any, ClassVar

import numpy as np

from ..engine.autograd import Array
from .linear_systems import transposed
from .op import Op
from .samples import Rng, Sample


def over_gap(xp: Any, x: Any, gap: Any) -> Any:
    """x / gap, and 0 where both are 0: on diagonals, and for what the loss does not depend on."""
    with np.errstate(divide="ignore"):
        return x / xp.where((gap == 0) & (x == 0), 1.0, gap)


def gaps(s: Any) -> Any:
    """s[j] - s[i] at [i, j]."""
    return s[..., None, :] - s[..., :, None]


def _without_diagonal(xp: Any, x: Any) -> Any:
    return xp.tril(x, -1) + xp.triu(x, 1)


# --- symmetric matrices --------------------------------------------------------------------------


class OfSymmetric(Op):
    """Base: of symmetric matrices, of which the lower ("L") or upper ("U") triangle is read.

    Without a triangle the symmetric part of x counts. The gradient is symmetric either way.
    """

    def __init__(self, triangle: str | None = None) -> None:
        self.triangle = triangle

    def read(self, x: Array) -> tuple[Array, str]:
        """The matrix, and which triangle of it to read."""
        return (x, self.triangle) if self.triangle else (_symmetric(x), "L")


def _symmetric(x: Any) -> Any:
    return (x + transposed(x)) / 2


def _positive(rng: Rng) -> list[Sample]:
    shapes: list[tuple[int, ...]] = [(3, 3), (2, 2, 2), (1, 1), (0, 2, 2), (2, 1, 4, 4)]
    made = [rng.standard_normal(s) for s in shapes]
    return [Sample((x @ np.swapaxes(x, -1, -2) + np.diag(np.arange(1.0, x.shape[-1] + 1)),))
            for x in made]


class Cholesky(OfSymmetric):
    """y: the lower triangle L with L L^T = x, x positive definite.

    dL/dx = the symmetric part of L^-T P L^-1, P the lower triangle of L^T dL/dy with half its
    diagonal (Murray 2016, "Differentiation of the Cholesky decomposition")
    """

    numpy: ClassVar[Any] = staticmethod(lambda x: np.linalg.cholesky(_symmetric(x)))
    samples = staticmethod(_positive)

    def forward(self, x: Array) -> Array:
        x, triangle = self.read(x)
        return self.xp.linalg.cholesky(x if triangle == "L" else transposed(x))

    def backward(self, dy: Any, y: Any) -> Any:
        product = transposed(y) @ dy
        inner = (self.xp.tril(product) + self.xp.tril(product, -1)) / 2
        inverse = self.xp.linalg.inv(y)
        return _symmetric(transposed(inverse) @ inner @ inverse)


def _eigen(x: Any) -> Any:
    values, vectors = np.linalg.eigh(_symmetric(x))
    return np.concatenate([values[..., None, :], vectors], axis=-2)


class Eigen(OfSymmetric):
    """y: the eigenvalues w of a symmetric x, rising, as first row, under it the eigenvectors V.

    dL/dx = the symmetric part of V (diag(dL/dw) + (V^T dL/dV) / E) V^T with E[i, j] = w[j] - w[i],
    0 on the diagonal (Giles 2008)
    """

    numpy: ClassVar[Any] = staticmethod(_eigen)
    samples = staticmethod(_positive)

    def forward(self, x: Array) -> Array:
        values, vectors = self.xp.linalg.eigh(*self.read(x))
        return self.xp.concatenate([values[..., None, :], vectors], axis=-2)

    def backward(self, dy: Any, y: Any) -> Any:
        values, vectors = y[..., 0, :], y[..., 1:, :]
        back = transposed(vectors)
        turned = _without_diagonal(self.xp, back @ dy[..., 1:, :])
        inner = over_gap(self.xp, turned, gaps(values))
        return _symmetric((vectors @ inner + vectors * dy[..., :1, :]) @ back)


class Eigenvalues(OfSymmetric):
    """y = the eigenvalues of a symmetric x, rising.    dL/dx = V diag(dL/dy) V^T (Giles 2008)"""

    numpy: ClassVar[Any] = staticmethod(lambda x: np.linalg.eigvalsh(_symmetric(x)))
    samples = staticmethod(_positive)

    def forward(self, x: Array) -> Array:
        return self.xp.linalg.eigvalsh(*self.read(x))

    def backward(self, dy: Any, x: Any) -> Any:
        _, vectors = self.xp.linalg.eigh(*self.read(x))
        return (vectors * dy[..., None, :]) @ transposed(vectors)


# --- any matrices --------------------------------------------------------------------------------


def _any(rng: Rng) -> list[Sample]:
    shapes: list[tuple[int, ...]] = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 1, 2, 3), (1, 1),
                                     (0, 2, 3), (3, 1)]
    # columns of growing length, which keep singular values apart
    return [Sample((rng.standard_normal(s) + 2 * np.arange(1.0, s[-1] + 1) * np.eye(s[-2], s[-1]),))
            for s in shapes]


def _singular(x: Any) -> Any:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return np.concatenate([s[..., None, :], u, np.swapaxes(vh, -1, -2)], axis=-2)


class Svd(Op):
    """y: the singular values s of x (m, n) as first row, falling, under it U (m, k), then V (n, k).

    x = U diag(s) V^T, k = min(m, n). With skew(A) = A - A^T and E[i, j] = s[j]**2 - s[i]**2
    dL/dx = U (skew(U^T dL/dU) / E S + S skew(V^T dL/dV) / E + diag(dL/ds)) V^T
    + (1 - U U^T) dL/dU S^-1 V^T + U S^-1 dL/dV^T (1 - V V^T)
    (Townsend 2016, "Differentiating the singular value decomposition")
    """

    numpy: ClassVar[Any] = staticmethod(_singular)
    samples = staticmethod(_any)

    def forward(self, x: Array) -> Array:
        u, s, vh = self.xp.linalg.svd(x, full_matrices=False)
        return self.xp.concatenate([s[..., None, :], u, transposed(vh)], axis=-2)

    def backward(self, dy: Any, y: Any, shapes: Any) -> Any:
        xp, (m, n) = self.xp, shapes[0][-2:]
        s, u, v = y[..., 0, :], y[..., 1 : 1 + m, :], y[..., 1 + m :, :]
        ds, du, dv = dy[..., :1, :], dy[..., 1 : 1 + m, :], dy[..., 1 + m :, :]
        gap = gaps(s) * (s[..., None, :] + s[..., :, None])
        along_u, along_v = transposed(u) @ du, transposed(v) @ dv
        inner = over_gap(xp, along_u - transposed(along_u), gap) * s[..., None, :]
        inner = inner + s[..., :, None] * over_gap(xp, along_v - transposed(along_v), gap)
        left = u @ inner + u * ds
        if m > n:
            left = left + over_gap(xp, du - u @ along_u, s[..., None, :])
        dx = left @ transposed(v)
        if n > m:
            dx = dx + u @ transposed(over_gap(xp, dv - v @ along_v, s[..., None, :]))
        return dx


class SingularValues(Op):
    """y = the singular values of x = U diag(y) V^T, falling.

    dL/dx = U diag(dL/dy) V^T (Giles 2008)
    """

    numpy: ClassVar[Any] = staticmethod(lambda x: np.linalg.svd(x, compute_uv=False))
    samples = staticmethod(_any)

    def forward(self, x: Array) -> Array:
        return self.xp.linalg.svd(x, compute_uv=False)

    def backward(self, dy: Any, x: Any) -> Any:
        u, _, vh = self.xp.linalg.svd(x, full_matrices=False)
        return (u * dy[..., None, :]) @ vh


def _qr(x: Any) -> Any:
    q, r = np.linalg.qr(x)
    return np.concatenate([q, np.swapaxes(r, -1, -2)], axis=-2)


class Qr(Op):
    """y: of x = Q R (m, n) the rows of Q (m, k), then those of R^T (n, k), k = min(m, n).

    Of m >= n: dL/dx = (dL/dQ + Q S) R^-T, S symmetric with the lower triangle of
    R dL/dR^T - dL/dQ^T Q (Walter and Lehmann 2010; Roberts and Roberts 2020). Of m < n this is the
    gradient of the first m columns, with dL/dQ + (Q W) dL/dW^T for dL/dQ, where W is the rest of R;
    that of the others is Q dL/dW.
    """

    numpy: ClassVar[Any] = staticmethod(_qr)
    samples = staticmethod(_any)

    def forward(self, x: Array) -> Array:
        q, r = self.xp.linalg.qr(x)
        return self.xp.concatenate([q, transposed(r)], axis=-2)

    def backward(self, dy: Any, y: Any, shapes: Any) -> Any:
        xp, (m, n) = self.xp, shapes[0][-2:]
        k = min(m, n)
        q, r, rest = y[..., :m, :], y[..., m : m + k, :], y[..., m + k :, :]  # r, rest transposed
        dq, dr, d_rest = dy[..., :m, :], dy[..., m : m + k, :], dy[..., m + k :, :]
        if n > m:
            dq = dq + (q @ transposed(rest)) @ d_rest
        inner = transposed(r) @ dr - transposed(dq) @ q
        symmetric = xp.tril(inner) + transposed(xp.tril(inner, -1))
        first = (dq + q @ symmetric) @ xp.linalg.inv(r)
        return first if m >= n else xp.concatenate([first, q @ transposed(d_rest)], axis=-1)


class OrthogonalComplement(Op):
    """y: orthonormal columns that are orthogonal to those of x (m, k), m - k of them."""

    differentiable = False
    numpy: ClassVar[Any] = staticmethod(
        lambda x: np.linalg.qr(x, "complete")[0][..., x.shape[-1] :])
    samples = staticmethod(lambda rng: [Sample((rng.standard_normal(s),))
                                        for s in ((4, 2), (3, 3), (2, 3, 1), (0, 3, 1))])

    def forward(self, x: Array) -> Array:
        q, _ = self.xp.linalg.qr(x, mode="complete")
        return q[..., x.shape[-1] :]
