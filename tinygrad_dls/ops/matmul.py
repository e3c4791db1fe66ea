"""Matrix products: matmul with batches and vectors, and the linear layer."""

import math
from typing import Any, ClassVar

import numpy as np

from ..backend.device import default_device
from ..backend.dtypes import default_dtype
from ..backend.kernels.adding import summed
from ..engine.autograd import Array, sum_to
from .call import NUMBERS, function, operand
from .cards import shape_error
from .elementwise import cast
from .op import Op
from .samples import samples_of


class Matmul(Op):
    """y = a @ b: y[i, j] = sum over k of a[i, k] b[k, j].

    dL/da = dL/dy @ b.T,  dL/db = a.T @ dL/dy
    Leading axes are batches and broadcast; a vector is a row on the left, a column on the right.

    >>> dls.matmul(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), dls.tensor([1.0, 10.0]))
    Tensor([21., 43.])
    """

    broadcasts = True  # over the batch axes; the engine sums
    numpy = np.matmul
    samples = samples_of(
        ([(2, 3), (3, 4)], {}), ([(3,), (3,)], {}), ([(2, 3), (3,)], {}), ([(3,), (3, 2)], {}),
        ([(5, 2, 3), (3, 4)], {}), ([(2, 3), (5, 3, 1)], {}), ([(4, 1, 2, 3), (2, 3, 2)], {}),
        ([(0, 3), (3, 2)], {}), ([(2, 0), (0, 2)], {}), ([(5, 2, 3), (3,)], {}),
        ([(3,), (5, 3, 2)], {}), ([(1, 1), (1, 1)], {}), ([(0, 2, 3), (3, 4)], {}),
        ([(2, 0, 3), (3, 4)], {}), ([(2, 3), (0, 3, 4)], {}), ([(0, 3), (4, 3, 2)], {}),
        ([(4, 1, 2, 3), (3,)], {}), ([(1, 2, 3), (4, 3, 1)], {}), ([(2, 3), (2, 2, 3, 4)], {}),
    )

    def forward(self, a: Array, b: Array) -> Array:
        if a.__class__ in NUMBERS or b.__class__ in NUMBERS:
            return a @ b
        return self._times(a, b)

    def backward_a(self, dy: Any, b: Any, shapes: Any) -> Any:
        shape_a, shape_b = shapes
        if len(shape_b) == 1:  # y[..., i] = sum over k of a[..., i, k] b[k]
            return dy[..., None] * b if len(shape_a) > 1 else dy * b
        if len(shape_a) == 1:
            return sum_to((dy[..., None, :] @ b.swapaxes(-1, -2))[..., 0, :], shape_a)
        if len(shape_a) == 2 and len(shape_b) > 2:  # one a for the whole batch: sum in one product
            return self._product(_side_by_side(dy), _on_top(b.swapaxes(-1, -2)))
        return sum_to(self._times(dy, b.swapaxes(-1, -2)), shape_a)

    def backward_b(self, dy: Any, a: Any, shapes: Any) -> Any:
        shape_a, shape_b = shapes
        if len(shape_a) == 1:
            share = a[:, None] * dy[..., None, :] if len(shape_b) > 1 else dy * a
            return sum_to(share, shape_b)
        if len(shape_b) == 1:
            return _on_top(a).swapaxes(0, 1) @ _ravel(dy)
        if len(shape_b) == 2 and len(shape_a) > 2:  # one b for the whole batch
            return self._product(_on_top(a).swapaxes(0, 1), _on_top(dy))
        return sum_to(self._product(a.swapaxes(-1, -2), dy), shape_b)

    def _times(self, a: Any, b: Any) -> Any:
        """a @ b; where one matrix b meets a batch, by one product instead of one for each of it."""
        if b.ndim == 2 and a.ndim > 2:
            return self._product(_on_top(a), b).reshape((*a.shape[:-1], b.shape[1]))
        return self._product(a, b)

    def _product(self, a: Any, b: Any) -> Any:
        """a @ b, of arrays or of tensors."""
        return a @ b if hasattr(a, "requires_grad") else self.kernels.matmul(a, b)

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        if () in shapes:
            return "a matrix product has no scalar operand; write a * b"
        inner = [shapes[0][-1], shapes[1][-2] if len(shapes[1]) > 1 else shapes[1][-1]]
        return (
            "(n, k) @ (k, m): the last axis of a and the last but one of b must be equal, here "
            f"{inner[0]} and {inner[1]}"
        )


def _on_top(x: Any) -> Any:
    """The matrices of a batch on top of each other: (..., n, k) as (... * n, k)."""
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _side_by_side(x: Any) -> Any:
    """The matrices of a batch side by side: (..., n, k) as (n, ... * k)."""
    axes = (x.ndim - 2, *range(x.ndim - 2), x.ndim - 1)
    width = math.prod(x.shape[:-2]) * x.shape[-1]
    return x.transpose(axes).reshape((x.shape[-2], width))


def _ravel(x: Any) -> Any:
    return x.reshape((math.prod(x.shape),))


class Linear(Op):
    """y = x @ weight.T + bias; x (..., n_in), weight (n_out, n_in), bias (n_out,) or None.

    dL/dx = dL/dy @ weight,  dL/dweight = dL/dy.T @ x,  dL/dbias = dL/dy summed over the examples
    """

    numpy: ClassVar[Any] = staticmethod(lambda x, weight, bias: x @ weight.T + bias)
    samples = samples_of(
        ([(5, 3), (2, 3), (2,)], {}), ([(2, 4, 3), (5, 3), (5,)], {}), ([(3,), (2, 3), (2,)], {}),
        ([(0, 3), (2, 3), (2,)], {}), ([(1, 1), (1, 1), (1,)], {}),
    )

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        return self.kernels.linear(x, weight, bias)

    def backward(self, dy: Any, x: Any, weight: Any, needs: Any) -> Any:
        rows, examples = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
        return (
            dy @ weight if needs[0] else None,
            rows.T @ examples if needs[1] else None,
            summed(rows, 0) if needs[2] else None,
        )

    def backward_kernel(self, dy: Array, x: Array, weight: Array, needs: Any) -> Any:
        return self.kernels.linear_backward(dy, x, weight, needs)

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return "x (..., n_in), weight (n_out, n_in), bias (n_out,)"


class LinearRelu(Linear):
    """y = max(x @ weight.T + bias, 0), in one pass: for what is known to be neighbours.

    The gradients are those of Linear of dL/dy where y > 0, else 0. `reuse`: dL/dy is nobody
    else's and may be written to.
    """

    numpy: ClassVar[Any] = staticmethod(
        lambda x, weight, bias: np.maximum(Linear.numpy(x, weight, bias), 0))

    def __init__(self, reuse: bool = False) -> None:
        self.reuse = reuse

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        return self.kernels.linear_relu(x, weight, bias)

    def backward(  # type: ignore[override]
        self, dy: Any, x: Any, weight: Any, y: Any, needs: Any
    ) -> Any:
        return super().backward(self.xp.where(y > 0, dy, 0.0), x, weight, needs)

    def backward_kernel(  # type: ignore[override]
        self, dy: Array, x: Array, weight: Array, y: Array, needs: Any
    ) -> Any:
        mask = self.kernels.relu_backward_in_place if self.reuse else self.kernels.relu_backward
        return super().backward_kernel(mask(dy, y), x, weight, needs)


matmul = function(Matmul())
_linear = function(Linear())


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight.T + bias.

    Shape: x (..., n_in), weight (n_out, n_in), bias (n_out,), y (..., n_out).
    Raises: ShapeError if these do not fit together.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.linear(dls.tensor([[1.0, 2.0]]), dls.tensor([[3.0, 4.0]]), dls.tensor([10.0]))
    Tensor([[21.]])
    """
    x = input
    try:
        inputs, weights = x._data.shape, weight._data.shape
        fits = inputs and len(weights) == 2 and inputs[-1] == weights[1]
        fits = fits and (bias is None or bias._data.shape == weights[:1])
    except AttributeError:  # lists and numbers: as tensors
        given = (x, weight) if bias is None else (x, weight, bias)
        return linear(*[operand(a, default_device()) for a in given])
    if not fits:
        raise shape_error(Linear(), (x, weight) if bias is None else (x, weight, bias))
    if x._data.dtype.kind != "f" or weight._data.dtype.kind != "f":
        x, weight = _floats(x, weight)
    return _linear(x, weight, bias)


def _floats(x: Any, weight: Any) -> tuple[Any, Any]:
    """Integers as floats: of the dtype of the other, or the default one."""
    kinds = [t.dtype for t in (x, weight) if t.dtype.kind == "f"]
    kind = kinds[0] if kinds else default_dtype()
    return tuple(t if t.dtype.kind == "f" else cast(t, kind) for t in (x, weight))
