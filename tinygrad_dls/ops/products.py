"""Products under NumPy's names: of vectors, of tensors over chosen axes, of batches."""

import string
from typing import Any

import numpy as np

from ..errors import ShapeError
from .arithmetic import add, mul
from .einsum import einsum
from .joining import all_tensors
from .matmul import matmul
from .shape import axes_of, expand_dims, ravel


def outer(a: Any, b: Any) -> Any:
    """y[i, j] = a[i] * b[j]; both are flattened, as NumPy does it.

    >>> dls.outer(dls.tensor([1.0, 2.0]), dls.tensor([3.0, 4.0]))
    Tensor([[3., 4.],
            [6., 8.]])
    """
    a, b = all_tensors((a, b), "outer")
    return mul(expand_dims(ravel(a), 1), ravel(b))


def inner(a: Any, b: Any) -> Any:
    """Products summed over the last axis of both; with a number, a * b.

    >>> dls.inner(dls.tensor([1.0, 2.0]), dls.tensor([3.0, 4.0]))
    Tensor(11.)
    """
    a, b = all_tensors((a, b), "inner")
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    return tensordot(a, b, (-1, -1))


def dot(a: Any, b: Any) -> Any:
    """NumPy's dot: of vectors their inner product, of matrices a @ b, of a number a * b.

    With more axes: summed over the last of a and the last but one of b, all others kept (which is
    not what a @ b does; for batches use that).

    >>> dls.dot(dls.tensor([1.0, 2.0]), dls.tensor([3.0, 4.0]))
    Tensor(11.)
    """
    a, b = all_tensors((a, b), "dot")
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, (-1, -1 if b.ndim == 1 else -2))


def vdot(a: Any, b: Any) -> Any:
    """The sum of a * b over all elements, both flattened, as NumPy's.

    >>> dls.vdot(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), dls.tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(30.)
    """
    a, b = all_tensors((a, b), "vdot")
    return matmul(ravel(a), ravel(b))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Products summed over axes of a and b: the others of a, then the others of b, stay.

    `axes`: how many (the last ones of a, the first ones of b), or a pair of axes or lists of them.

    >>> dls.tensordot(dls.ones(2, 3, 4), dls.ones(3, 4, 5)).shape
    (2, 5)
    """
    a, b = all_tensors((a, b), "tensordot")
    if isinstance(axes, (int, np.integer)):
        count = int(axes)
        if not 0 <= count <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot over {count} axes of the shapes\n  {a.shape}\n  {b.shape}")
        axes = [*range(a.ndim - count, a.ndim)], [*range(count)]
    try:
        of_a, of_b = axes
    except (TypeError, ValueError) as error:
        raise ShapeError(f"tensordot: axes is a number, or a pair of axes, not {axes!r}") from error
    of_a, of_b = axes_of(of_a, a.ndim, "tensordot"), axes_of(of_b, b.ndim, "tensordot")
    if [a.shape[i] for i in of_a] != [b.shape[i] for i in of_b]:
        raise ShapeError(
            f"tensordot: axes {of_a} of a and {of_b} of b must have equal lengths:\n  a  {a.shape}"
            f"\n  b  {b.shape}"
        )
    names = iter(string.ascii_letters)
    labels_a = [next(names) for _ in range(a.ndim)]
    labels_b = [labels_a[of_a[of_b.index(i)]] if i in of_b else next(names) for i in range(b.ndim)]
    out = [n for i, n in enumerate(labels_a) if i not in of_a]
    out += [n for i, n in enumerate(labels_b) if i not in of_b]
    return einsum(f"{''.join(labels_a)},{''.join(labels_b)}->{''.join(out)}", a, b)


def bmm(a: Any, b: Any) -> Any:
    """PyTorch's a @ b of two batches of matrices, (n, i, k) and (n, k, j), without broadcasting.

    >>> dls.bmm(dls.ones(5, 2, 3), dls.ones(5, 3, 4)).shape
    (5, 2, 4)
    """
    a, b = all_tensors((a, b), "bmm")
    if a.ndim != 3 or b.ndim != 3 or a.shape[0] != b.shape[0]:
        raise ShapeError(
            "bmm takes two batches of as many matrices, (n, i, k) and (n, k, j):\n"
            f"  a  {a.shape}\n  b  {b.shape}\na @ b broadcasts"
        )
    return matmul(a, b)


def mm(a: Any, b: Any) -> Any:
    """PyTorch's a @ b of two matrices.

    >>> dls.mm(dls.ones(2, 3), dls.ones(3, 4)).shape
    (2, 4)
    """
    a, b = all_tensors((a, b), "mm")
    if a.ndim != 2 or b.ndim != 2:
        raise ShapeError(f"mm takes two matrices:\n  a  {a.shape}\n  b  {b.shape}\na @ b does more")
    return matmul(a, b)


def mv(a: Any, b: Any) -> Any:
    """PyTorch's a @ b of a matrix (n, m) and a vector (m,).

    >>> dls.mv(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), dls.tensor([1.0, 10.0]))
    Tensor([21., 43.])
    """
    a, b = all_tensors((a, b), "mv")
    if a.ndim != 2 or b.ndim != 1:
        raise ShapeError(f"mv takes a matrix and a vector:\n  a  {a.shape}\n  b  {b.shape}")
    return matmul(a, b)


def addmm(x: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta x + alpha a @ b, of matrices a (n, m) and b (m, p); x broadcasts to (n, p).

    >>> dls.addmm(dls.ones(2, 2), dls.ones(2, 3), dls.ones(3, 2))
    Tensor([[4., 4.],
            [4., 4.]])
    """
    product = mm(a, b)
    product = product if alpha == 1 else mul(product, alpha)
    return add(x if beta == 1 else mul(x, beta), product)
