"""Angles and hyperbolic functions, element by element; angles in radians.

Where a slope is infinite (arcsin at 1 and -1, arccosh at 1) the gradient is 0, as of sqrt at 0.
"""

from typing import Any

import numpy as np

from ..engine.autograd import Array
from .elementwise import over
from .op import Op, kernel
from .samples import Rng, Sample, binary_samples, unary_samples


class Sin(Op):
    """y = sin(x).    dL/dx = dL/dy * cos(x)

    >>> dls.sin(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 0.8415])
    """

    floats = True
    numpy = np.sin
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.sin(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * self.xp.cos(x)


class Cos(Op):
    """y = cos(x).    dL/dx = -dL/dy * sin(x)

    >>> dls.cos(dls.tensor([0.0, 3.14159]))
    Tensor([ 1., -1.])
    """

    floats = True
    numpy = np.cos
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.cos(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return -dy * self.xp.sin(x)


class Tan(Op):
    """y = tan(x).    dL/dx = dL/dy * (1 + y**2)

    >>> dls.tan(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 1.5574])
    """

    floats = True
    numpy = np.tan
    samples = unary_samples(low=-1.2, high=1.2)

    def forward(self, x: Array) -> Array:
        return self.xp.tan(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * (1 + y * y)


class Arcsin(Op):
    """y = the angle in [-pi/2, pi/2] whose sine is x.    dL/dx = dL/dy / sqrt(1 - x**2)

    >>> dls.arcsin(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 1.5708])
    """

    floats = True
    numpy = np.arcsin
    samples = unary_samples(low=-0.9, high=0.9)

    def forward(self, x: Array) -> Array:
        return self.xp.arcsin(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return over(self.kernels, dy, self.xp.sqrt((1 - x) * (1 + x)))


class Arccos(Op):
    """y = the angle in [0, pi] whose cosine is x.    dL/dx = -dL/dy / sqrt(1 - x**2)

    >>> dls.arccos(dls.tensor([1.0, 0.0]))
    Tensor([0.    , 1.5708])
    """

    floats = True
    numpy = np.arccos
    samples = unary_samples(low=-0.9, high=0.9)

    def forward(self, x: Array) -> Array:
        return self.xp.arccos(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return over(self.kernels, -dy, self.xp.sqrt((1 - x) * (1 + x)))


class Arctan(Op):
    """y = the angle in (-pi/2, pi/2) whose tangent is x.    dL/dx = dL/dy / (1 + x**2)

    >>> dls.arctan(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 0.7854])
    """

    floats = True
    numpy = np.arctan
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.arctan(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / (1 + x * x)


class Sinh(Op):
    """y = sinh(x) = (exp(x) - exp(-x)) / 2.    dL/dx = dL/dy * cosh(x)

    >>> dls.sinh(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 1.1752])
    """

    floats = True
    numpy = np.sinh
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.sinh(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * self.xp.cosh(x)


class Cosh(Op):
    """y = cosh(x) = (exp(x) + exp(-x)) / 2.    dL/dx = dL/dy * sinh(x)

    >>> dls.cosh(dls.tensor([0.0, 1.0]))
    Tensor([1.    , 1.5431])
    """

    floats = True
    numpy = np.cosh
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.cosh(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * self.xp.sinh(x)


class Tanh(Op):
    """y = tanh(x).    dL/dx = dL/dy * (1 - y**2)

    >>> dls.tanh(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 0.7616])
    """

    floats = True
    numpy = np.tanh
    samples = unary_samples()

    forward = kernel("tanh")

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * (1 - y * y)

    backward_kernel = kernel("tanh_backward")


class Arcsinh(Op):
    """y = the number whose sinh is x.    dL/dx = dL/dy / sqrt(x**2 + 1)

    >>> dls.arcsinh(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 0.8814])
    """

    floats = True
    numpy = np.arcsinh
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.arcsinh(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / self.xp.sqrt(x * x + 1)


class Arccosh(Op):
    """y = the number y >= 0 whose cosh is x >= 1.    dL/dx = dL/dy / sqrt(x**2 - 1)

    >>> dls.arccosh(dls.tensor([1.0, 2.0]))
    Tensor([0.   , 1.317])
    """

    floats = True
    numpy = np.arccosh
    samples = unary_samples(low=1.2, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.arccosh(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return over(self.kernels, dy, self.xp.sqrt((x - 1) * (x + 1)))


class Arctanh(Op):
    """y = the number whose tanh is x.    dL/dx = dL/dy / (1 - x**2)

    >>> dls.arctanh(dls.tensor([0.0, 0.5]))
    Tensor([0.    , 0.5493])
    """

    floats = True
    numpy = np.arctanh
    samples = unary_samples(low=-0.9, high=0.9)

    def forward(self, x: Array) -> Array:
        return self.xp.arctanh(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / ((1 - x) * (1 + x))


def _around_zero(rng: Rng) -> list[Sample]:
    """Pairs none of which is near (0, 0)."""
    return [
        Sample((np.where(a < 0, a - 0.3, a + 0.3), b))
        for a, b in (s.inputs for s in binary_samples()(rng))
    ]


class Arctan2(Op):
    """y = the angle in (-pi, pi] of the point with height a and width b.

    dL/da = dL/dy * b / (a**2 + b**2),  dL/db = -dL/dy * a / (a**2 + b**2), and 0 at (0, 0)

    >>> dls.arctan2(dls.tensor([1.0, -1.0]), dls.tensor([1.0, -1.0]))
    Tensor([ 0.7854, -2.3562])
    """

    broadcasts = True
    floats = True
    numpy = np.arctan2
    samples = staticmethod(_around_zero)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.arctan2(a, b)

    def backward_a(self, dy: Any, a: Any, b: Any) -> Any:
        return over(self.kernels, dy * b, a * a + b * b)

    def backward_b(self, dy: Any, a: Any, b: Any) -> Any:
        return over(self.kernels, -dy * a, a * a + b * b)


class Hypot(Op):
    """y = sqrt(a**2 + b**2), without overflow.    dL/da = dL/dy * a / y, and 0 at (0, 0)

    >>> dls.hypot(dls.tensor([3.0, 5.0]), dls.tensor([4.0, 12.0]))
    Tensor([ 5., 13.])
    """

    broadcasts = True
    floats = True
    numpy = np.hypot
    samples = staticmethod(_around_zero)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.hypot(a, b)

    def backward_a(self, dy: Any, a: Any, y: Any) -> Any:
        return over(self.kernels, dy * a, y)

    def backward_b(self, dy: Any, b: Any, y: Any) -> Any:
        return over(self.kernels, dy * b, y)
