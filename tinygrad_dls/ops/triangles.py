"""Triangles and diagonals of matrices, the last two axes of a tensor."""

from typing import Any

import numpy as np

from ..engine.autograd import Array
from ..errors import ShapeError
from .call import function_of
from .op import Op
from .reduction import sum as sum_
from .samples import samples_of
from .shape import axes_of, moveaxis

_MATRICES = (
    ([(3, 4)], {"k": 0}), ([(4, 3)], {"k": 1}), ([(2, 3, 3)], {"k": -1}), ([(3, 3)], {"k": 9}),
    ([(3, 3)], {"k": -9}), ([(0, 3)], {"k": 0}), ([(1, 1)], {"k": 0}),
)


class Tril(Op):
    """y = x on and below diagonal k, 0 above.    dL/dx = dL/dy there, 0 above"""

    numpy = staticmethod(lambda x, k: np.tril(x, k))
    samples = samples_of(*_MATRICES)

    def __init__(self, k: int = 0) -> None:
        self.k = k

    def forward(self, x: Array) -> Array:
        return self.xp.tril(x, self.k)

    def backward(self, dy: Any) -> Any:
        return self.xp.tril(dy, self.k)


class Triu(Op):
    """y = x on and above diagonal k, 0 below.    dL/dx = dL/dy there, 0 below"""

    numpy = staticmethod(lambda x, k: np.triu(x, k))
    samples = samples_of(*_MATRICES)

    def __init__(self, k: int = 0) -> None:
        self.k = k

    def forward(self, x: Array) -> Array:
        return self.xp.triu(x, self.k)

    def backward(self, dy: Any) -> Any:
        return self.xp.triu(dy, self.k)


class Diagonal(Op):
    """y[..., i] = x[..., i, i + offset] (for offset < 0 x[..., i - offset, i]).

    dL/dx = dL/dy on that diagonal, 0 elsewhere
    """

    views = True
    numpy = staticmethod(lambda x, offset: np.diagonal(x, offset, -2, -1))
    samples = samples_of(
        ([(3, 3)], {"offset": 0}), ([(3, 4)], {"offset": 1}), ([(4, 3)], {"offset": -2}),
        ([(2, 3, 3)], {"offset": 0}), ([(3, 3)], {"offset": 5}), ([(0, 3)], {"offset": 0}),
        ([(1, 1)], {"offset": 0}), ([(2, 0, 3, 2)], {"offset": -1}),
    )

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    def forward(self, x: Array) -> Array:
        return x.diagonal(self.offset, -2, -1)

    def backward(self, dy: Any, shapes: Any) -> Any:
        return on_diagonal(dy, shapes[0][-2:], self.offset)

    def backward_kernel(self, dy: Array, shapes: Any) -> Array:
        return _on_diagonal(self.xp, dy, shapes[0][-2:], self.offset)


class OnDiagonal(Op):
    """y = matrices of 0 with x on a diagonal: what goes back through `diagonal`.

    dL/dx = dL/dy on that diagonal
    """

    numpy = staticmethod(lambda x, shape, offset: _on_diagonal(np, x, shape, offset))
    samples = samples_of(
        ([(3,)], {"shape": (3, 3), "offset": 0}), ([(3,)], {"shape": (3, 5), "offset": 2}),
        ([(2, 2)], {"shape": (4, 3), "offset": -2}), ([(0,)], {"shape": (0, 2), "offset": 0}),
        ([(1,)], {"shape": (1, 1), "offset": 0}),
    )

    def __init__(self, shape: tuple[int, int], offset: int = 0) -> None:
        self.shape, self.offset = shape, offset

    def forward(self, x: Array) -> Array:
        return _on_diagonal(self.xp, x, self.shape, self.offset)

    def backward(self, dy: Any) -> Any:
        return self.xp.diagonal(dy, self.offset, -2, -1)


def _on_diagonal(xp: Any, x: Array, shape: tuple[int, int], offset: int) -> Array:
    n, m = shape
    y = xp.zeros((*x.shape[:-1], n, m), dtype=x.dtype)
    start = offset if offset >= 0 else -offset * m
    count = x.shape[-1]
    if count:  # along a diagonal one element is m + 1 places after the other
        flat = y.reshape((*x.shape[:-1], n * m))
        flat[..., start : start + (count - 1) * (m + 1) + 1 : m + 1] = x
    return y


def on_diagonal(x: Any, shape: tuple[int, int], offset: int) -> Any:
    """Matrices of `shape`, 0 but for x on a diagonal."""
    return function_of(OnDiagonal, shape, offset)(x)


def tril(x: Any, k: int = 0) -> Any:
    """x on and below diagonal k of its last two axes, 0 above.

    >>> dls.tril(dls.tensor([[1, 2], [3, 4]]))
    Tensor([[1, 0],
            [3, 4]])
    """
    return function_of(Tril, _matrices(x, k, "tril"))(x)


def triu(x: Any, k: int = 0) -> Any:
    """x on and above diagonal k of its last two axes, 0 below.

    >>> dls.triu(dls.tensor([[1, 2], [3, 4]]))
    Tensor([[1, 2],
            [0, 4]])
    """
    return function_of(Triu, _matrices(x, k, "triu"))(x)


def _matrices(x: Any, k: Any, name: str) -> int:
    if x.ndim < 2:
        raise ShapeError(f"{name} takes matrices, two axes or more, not the shape\n  {x.shape}")
    if not isinstance(k, (int, np.integer)):
        raise ShapeError(f"{name}: a diagonal is named by a whole number, not {k!r}")
    return int(k)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements x[i, i + offset] of two axes, along a new last axis, as NumPy's.

    >>> dls.diagonal(dls.tensor([[1, 2], [3, 4]]))
    Tensor([1, 4])
    """
    offset = _matrices(x, offset, "diagonal")
    axes = axes_of((axis1, axis2), x.ndim, "diagonal")
    if axes != [x.ndim - 2, x.ndim - 1]:
        x = moveaxis(x, axes, (-2, -1))
    return function_of(Diagonal, offset)(x)


def diag(x: Any, k: int = 0) -> Any:
    """Of a matrix its diagonal k; of a vector the square matrix that has it as diagonal k.

    >>> dls.diag(dls.tensor([1, 2]))
    Tensor([[1, 0],
            [0, 2]])
    """
    if x.ndim == 1:
        return diag_embed(x, k)
    if x.ndim != 2:
        raise ShapeError(
            f"diag takes a matrix or a vector, not the shape\n  {x.shape}\n"
            "x.diagonal(0, -2, -1) is that of each matrix of a batch"
        )
    return diagonal(x, k)


def diag_embed(x: Any, offset: int = 0) -> Any:
    """Square matrices with the last axis of x on a diagonal, PyTorch's name.

    >>> dls.diag_embed(dls.ones(5, 3)).shape
    (5, 3, 3)
    """
    if x.ndim < 1 or not isinstance(offset, (int, np.integer)):
        raise ShapeError(f"diag_embed takes one axis or more and a whole number, not {offset!r} for"
                         f" the shape\n  {x.shape}")
    n = x.shape[-1] + abs(int(offset))
    return on_diagonal(x, (n, n), int(offset))


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal of two axes, as NumPy's.

    >>> dls.tensor([[1, 2], [3, 4]]).trace()
    Tensor(5)
    """
    return sum_(diagonal(x, offset, axis1, axis2), axis=-1)
