"""Linear systems of the matrices in the last two axes: inverse, solution, determinant.

The rules are those of Giles 2008, "An extended collection of matrix derivative results for forward
and reverse mode automatic differentiation"; A^T is the transpose of A, A^-T that of its inverse.
"""

from typing import Any, ClassVar

import numpy as np

from ..engine.autograd import Array, sum_to
from .op import Op
from .samples import Rng, Sample


def transposed(x: Any) -> Any:
    """The matrices of x, transposed."""
    return x.swapaxes(-1, -2)


def _invertible(rng: Rng) -> list[Sample]:
    shapes: list[tuple[int, ...]] = [(3, 3), (2, 2, 2), (1, 1), (0, 2, 2), (2, 1, 4, 4)]
    return [Sample((rng.standard_normal(s) + 3 * np.eye(s[-1]),)) for s in shapes]


class Inverse(Op):
    """y = x^-1.    dL/dx = -y^T dL/dy y^T"""

    numpy: ClassVar[Any] = np.linalg.inv
    samples = staticmethod(_invertible)

    def forward(self, x: Array) -> Array:
        return self.xp.linalg.inv(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return -(transposed(y) @ dy @ transposed(y))


def _systems(rng: Rng) -> list[Sample]:
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((3, 3), (3, 2)), ((3, 3), (3, 3)), ((2, 3, 3), (2, 3, 1)), ((2, 2), (5, 2, 2)),
        ((4, 1, 2, 2), (3, 2, 1)), ((1, 1), (1, 1)), ((2, 2), (2, 0)),
    ]
    return [Sample((rng.standard_normal(a) + 3 * np.eye(a[-1]), rng.standard_normal(b)))
            for a, b in shapes]


class Solve(Op):
    """y: the solution of a y = b, b a matrix; batches broadcast.

    dL/db = a^-T dL/dy,  dL/da = -dL/db y^T
    """

    numpy: ClassVar[Any] = np.linalg.solve
    samples = staticmethod(_systems)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.linalg.solve(a, b)

    def backward(self, dy: Any, a: Any, y: Any, shapes: Any, needs: Any) -> Any:
        share = self.xp.linalg.solve(transposed(a), dy)
        return (
            sum_to(-(share @ transposed(y)), shapes[0]) if needs[0] else None,
            sum_to(share, shapes[1]) if needs[1] else None,
        )

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return "a (..., n, n) holds square matrices, b (..., n, k) as many rows"


class Determinant(Op):
    """y = the determinant of x.    dL/dx = dL/dy y x^-T

    y x^-T are the cofactors, which a singular x has, too: with x = U diag(s) V^T they are
    det(U V^T) U diag(products of all other s) V^T. Of a singular x there is no second derivative.
    """

    numpy: ClassVar[Any] = np.linalg.det
    samples = staticmethod(_invertible)

    def forward(self, x: Array) -> Array:
        return self.xp.linalg.det(x)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        return (dy * y)[..., None, None] * transposed(self.xp.linalg.inv(x))

    def backward_kernel(self, dy: Array, x: Array, y: Array) -> Array:
        u, s, vh = self.xp.linalg.svd(x, full_matrices=False)
        itself = self.xp.eye(x.shape[-1], dtype=bool)
        others = self.xp.where(itself, 1.0, s[..., None, :]).prod(axis=-1)
        scale = dy * self.xp.linalg.det(u @ vh)
        return (u * (scale[..., None] * others)[..., None, :]) @ vh


class SignedLogDeterminant(Op):
    """y = [sign, log|det x|] in the last axis, without the overflow of det x.

    dL/dx = dL/dy[1] x^-T: the sign is constant
    """

    numpy: ClassVar[Any] = staticmethod(lambda x: np.stack(np.linalg.slogdet(x), axis=-1))
    samples = staticmethod(_invertible)

    def forward(self, x: Array) -> Array:
        sign, logarithm = self.xp.linalg.slogdet(x)
        return self.xp.stack([sign, logarithm], axis=-1)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy[..., 1, None, None] * transposed(self.xp.linalg.inv(x))


def _of_full_rank(rng: Rng) -> list[Sample]:
    shapes: list[tuple[int, ...]] = [(3, 2), (2, 3), (3, 3), (2, 4, 2), (2, 1, 2, 3), (1, 1)]
    return [Sample((rng.standard_normal(s) + 2 * np.eye(s[-2], s[-1]),), {"rtol": 1e-12})
            for s in shapes]


class PseudoInverse(Op):
    """y = x^+, the Moore-Penrose inverse: singular values s up to max(atol, rtol max s) count as 0.

    dL/dx = -y^T g y^T + (1 - x y) g^T y y^T + y^T y g^T (1 - y x) with g = dL/dy, where the rank
    of x does not change (Golub and Pereyra 1973)
    """

    numpy: ClassVar[Any] = staticmethod(lambda x, rtol: np.linalg.pinv(x, rtol))
    samples = staticmethod(_of_full_rank)

    def __init__(self, rtol: float, atol: float = 0.0) -> None:
        self.rtol, self.atol = rtol, atol

    def forward(self, x: Array) -> Array:
        xp = self.xp
        u, s, vh = xp.linalg.svd(x, full_matrices=False)
        counts = s > xp.maximum(self.rtol * s[..., :1], self.atol)
        inverted = xp.where(counts, 1.0 / xp.where(counts, s, 1.0), 0.0)
        return (transposed(vh) * inverted[..., None, :]) @ transposed(u)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        back, g = transposed(y), transposed(dy)
        left, right = g @ y @ back, back @ y @ g
        return -(back @ dy @ back) + left - x @ (y @ left) + right - (right @ y) @ x
