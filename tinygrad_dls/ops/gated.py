"""The gated linear unit: one half of x, weighed by the other."""

from typing import Any

import numpy as np

from ..backend.device import default_device
from ..backend.kernels.reference.gated import halves
from ..engine.autograd import Array
from ..errors import ShapeError
from .call import function_of, operand
from .op import Op
from .reduction import normal_axis
from .samples import Sample


class Glu(Op):
    """y = a * sigmoid(b), where a and b are the halves of x along `axis` (Dauphin et al. 2017).

    dL/dx = [dL/dy * s, dL/dy * s * a * (1 - s)], joined along `axis`, with s = sigmoid(b)
    """

    floats = True
    numpy = staticmethod(lambda x, axis: np.split(x, 2, axis)[0] / (
        1 + np.exp(-np.split(x, 2, axis)[1])))
    samples = staticmethod(lambda rng: [
        Sample((rng.uniform(-3, 3, shape),), {"axis": axis})
        for shape, axis in (((4,), 0), ((2, 6), 1), ((2, 4, 3), 1), ((0, 2), 1))])

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return self.kernels.glu(x, self.axis)

    def backward(self, dy: Any, x: Any) -> Any:
        a, b = halves(x, self.axis)
        s = self.kernels.sigmoid(b)
        return self.xp.concatenate([dy * s, dy * s * a * (1 - s)], axis=self.axis)

    def backward_kernel(self, dy: Array, x: Array) -> Array:
        return self.kernels.glu_backward(dy, x, self.axis)


def glu(x: Any, axis: int = -1) -> Any:
    """a * sigmoid(b), where a and b are the halves of x along `axis`, which is of even length."""
    x = operand(x, default_device())
    along: Any = normal_axis(axis, x.ndim, "glu")
    if x.ndim == 0 or x.shape[along] % 2:
        raise ShapeError(f"glu splits axis {along} into two halves; it is odd:\n  {x.shape}")
    return function_of(Glu, along)(x)
