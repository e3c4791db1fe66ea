"""Softmax and its logarithms along one axis, stable for numbers of any size."""

from typing import Any

import numpy as np

from ..backend.kernels.adding import summed
from ..engine.autograd import Array, detached
from ..errors import ShapeError
from .call import function_of
from .elementwise import log
from .op import Op
from .reduction import max as max_of
from .reduction import normal_axis
from .reduction import sum as sum_of
from .samples import samples_of
from .special import nan_to_num


def softmax_of(z: Any, axis: int) -> Any:
    """In plain NumPy, for oracles."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


class Softmax(Op):
    """y = exp(x) / sum of exp(x) along an axis.    dL/dx = y * (dL/dy - sum(dL/dy * y))"""

    in_float32 = True
    floats = True
    numpy = staticmethod(softmax_of)
    samples = samples_of(
        ([(3, 4)], {"axis": 1}), ([(3, 4)], {"axis": 0}), ([(5,)], {"axis": -1}),
        ([(2, 3, 2)], {"axis": 1}), ([(0, 3)], {"axis": 1}), ([(2, 3, 2, 2)], {"axis": 1}),
        ([(4, 1)], {"axis": 1}),
    )

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return self.kernels.softmax(x, self.axis)

    def backward(self, dy: Any, y: Any) -> Any:
        return y * (dy - summed(dy * y, self.axis, keepdims=True))

    def backward_kernel(self, dy: Array, y: Array) -> Array:
        return self.kernels.softmax_backward(dy, y, self.axis)


class LogSoftmax(Op):
    """y = x - log(sum of exp(x)) along an axis.    dL/dx = dL/dy - exp(y) * sum(dL/dy)"""

    in_float32 = True
    floats = True
    numpy = staticmethod(lambda x, axis: np.log(softmax_of(x, axis)))
    samples = Softmax.samples

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return self.kernels.log_softmax(x, self.axis)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy - self.xp.exp(y) * summed(dy, self.axis, keepdims=True)

    def backward_kernel(self, dy: Array, y: Array) -> Array:
        return self.kernels.log_softmax_backward(dy, y, self.axis)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`; the results along it are positive and sum to 1.

    Shape: x (...), y likewise.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.softmax(dls.tensor([[0.0, 0.0], [1.0, 3.0]]))
    Tensor([[0.5   , 0.5   ],
            [0.1192, 0.8808]])
    """
    along = _one_axis(axis, x.ndim, "softmax")
    return function_of(Softmax, along)(x) if x.ndim == 0 or x.shape[along] else x * 1.0


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)) along `axis`, without taking the log of a 0.

    Shape: x (...), y likewise.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.log_softmax(dls.tensor([[0.0, 0.0], [1.0, 201.0]]))
    Tensor([[  -0.6931,   -0.6931],
            [-200.    ,    0.    ]])
    """
    along = _one_axis(axis, x.ndim, "log_softmax")
    return function_of(LogSoftmax, along)(x) if x.ndim == 0 or x.shape[along] else x * 1.0


def _one_axis(axis: Any, ndim: int, name: str) -> Any:
    if axis is None or isinstance(axis, (tuple, list)):
        raise ShapeError(f"{name} is along one axis, not {axis!r}: reshape the axes into one first")
    return normal_axis(axis, ndim, name)


def logsumexp(x: Any, axis: int = -1, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) along `axis`, without overflow."""
    largest = max_of(detached(x), axis, keepdims=True)
    top = nan_to_num(largest, 0.0, 0.0, 0.0)
    y = log(sum_of((x - top).exp(), axis=axis, keepdims=True)) + top
    return y if keepdims else y.squeeze(axis)
