"""Operations that draw random numbers. Which numbers is a parameter, so a repeat is exact."""

from typing import Any

import numpy as np

from ..engine.autograd import Array, as_tensor
from .call import function
from .op import Op
from .samples import samples_of


def _dropout(x: Any, p: float, seed: int) -> Any:
    from ..backend.kernels.reference import ReferenceKernels

    return ReferenceKernels(np).dropout(x, p, seed)


class Dropout(Op):
    """y = 0 with probability p, else x / (1 - p): inverted dropout (Course 2, week 1).

    dL/dx = the same dropout of dL/dy. The mask is a function of (seed, place): it is not kept.
    """

    numpy = staticmethod(_dropout)
    samples = samples_of(
        ([(4, 5)], {"p": 0.5, "seed": 7}), ([(3,)], {"p": 0.0, "seed": 1}),
        ([(0, 2)], {"p": 0.3, "seed": 1}), ([()], {"p": 0.2, "seed": 3}),
    )

    def __init__(self, p: float, seed: int) -> None:
        self.p, self.seed = p, seed

    def label(self) -> str:
        return f"dropout(p={self.p:g})"

    def forward(self, x: Array) -> Array:
        return self.kernels.dropout(x, self.p, self.seed)

    def backward(self, dy: Any) -> Any:
        return self.kernels.dropout(dy, self.p, self.seed)


def dropout(x: Any, p: float, seed: int) -> Any:
    """Inverted dropout of x with the mask of stream `seed`."""
    return function(Dropout(p, seed))(x)


def uniform_like(x: Any, low: float, high: float, seed: int) -> Any:
    """Numbers of stream `seed`, low <= u < high, with the shape, dtype and device of x."""
    u = x.device.kernels.uniform(seed, x.size, low, high)
    return as_tensor(u.reshape(x.shape).astype(x.dtype), x.device, None, x._kind)
