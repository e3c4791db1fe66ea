"""Arithmetic on two operands, element by element with broadcasting."""

import math
import operator
from typing import Any

import numpy as np

from ..backend.dtypes import default_dtype
from ..backend.kernels.adding import added
from ..engine.autograd import Array, TensorBase
from .call import function, function_of
from .elementwise import cast
from .op import Op
from .samples import Rng, Sample, binary_samples, unary_samples


class Add(Op):
    """y = a + b.    dL/da = dL/dy,  dL/db = dL/dy

    >>> dls.add(dls.tensor([1.0, 2.0]), 10.0)
    Tensor([11., 12.])
    """

    broadcasts = True
    numpy = operator.add
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return added(a, b)

    def backward_a(self, dy: Any) -> Any:
        return dy

    def backward_b(self, dy: Any) -> Any:
        return dy


class Sub(Op):
    """y = a - b.    dL/da = dL/dy,  dL/db = -dL/dy

    >>> dls.subtract(dls.tensor([1.0, 3.0]), 1.0)
    Tensor([0., 2.])
    """

    broadcasts = True
    numpy = operator.sub
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward_a(self, dy: Any) -> Any:
        return dy

    def backward_b(self, dy: Any) -> Any:
        return -dy


class Mul(Op):
    """y = a * b.    dL/da = dL/dy * b,  dL/db = dL/dy * a

    >>> dls.multiply(dls.tensor([1.0, 3.0]), 2.0)
    Tensor([2., 6.])
    """

    broadcasts = True
    numpy = operator.mul
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def backward_a(self, dy: Any, b: Any) -> Any:
        return dy * b

    def backward_b(self, dy: Any, a: Any) -> Any:
        return dy * a


class Div(Op):
    """y = a / b.    dL/da = dL/dy / b,  dL/db = -dL/dy * y / b

    >>> dls.divide(dls.tensor([1.0, 3.0]), 2.0)
    Tensor([0.5, 1.5])
    """

    broadcasts = True
    floats = True
    numpy = operator.truediv
    samples = binary_samples(low2=0.5, high2=2.0)

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def backward_a(self, dy: Any, b: Any) -> Any:
        return dy / b

    def backward_b(self, dy: Any, b: Any, y: Any) -> Any:
        return -dy * y / b


class Pow(Op):
    """y = a ** b for a > 0.    dL/da = dL/dy * b * a**(b-1),  dL/db = dL/dy * y * log(a)

    Where a = 0 the gradient to b is 0 (the limit for b > 0), and the one to a is 0 where b < 1,
    where the slope is infinite: never a NaN.
    """

    broadcasts = True
    numpy = operator.pow
    samples = binary_samples(low=0.5, high=2.0, low2=-2.0, high2=3.0)

    def forward(self, a: Array, b: Array) -> Array:
        return a**b

    def backward_a(self, dy: Any, a: Any, b: Any) -> Any:
        steep = (a == 0) & (b < 1)
        base = self.xp.where(steep, 1.0, a)
        return self.xp.where(steep, 0.0, dy * b * base ** (b - 1))

    def backward_b(self, dy: Any, a: Any, y: Any) -> Any:
        if isinstance(a, (int, float)):
            return dy * y * (math.log(a) if a > 0 else 0.0)
        positive = a > 0
        slope = dy * y * self.xp.log(self.xp.where(positive, a, 1.0))
        return self.xp.where(positive, slope, 0.0)


class PowerOf(Op):
    """y = x ** p with a number p.    dL/dx = dL/dy * p * x**(p-1)

    Where x = 0 and p < 1 the derivative is infinite or does not exist; we say 0, so that the
    gradient of a norm or of sqrt at 0 is 0 and not NaN.
    """

    numpy = staticmethod(lambda x, p: x**p)
    samples = unary_samples(low=0.5, high=2.0, p=(2, 3, 0.5, -1, 1.5, 0, 1))

    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Array) -> Array:
        if self.p == 2:
            return x * x
        return x**self.p

    def backward(self, dy: Any, x: Any) -> Any:
        p = self.p
        if p == 2:
            return dy * (2 * x)
        if p == 0:
            return dy * 0.0
        if p >= 1:
            return dy * (p * x ** (p - 1))
        zero = x == 0
        return dy * (p * self.xp.where(zero, 1.0, x) ** (p - 1)) * ~zero


def _with_ties(rng: Rng) -> list[Sample]:
    samples = binary_samples()(rng)
    return [s for s in samples if all(np.ndim(x) == 0 or x.size for x in s.inputs)] + samples[-3:]


class Maximum(Op):
    """y = max(a, b).    dL/dy goes to the larger one; where a = b, one half to each.

    >>> dls.maximum(dls.tensor([1.0, 5.0]), 3.0)
    Tensor([3., 5.])
    """

    broadcasts = True
    numpy = np.maximum
    samples = staticmethod(_with_ties)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.maximum(a, b)

    def backward_a(self, dy: Any, a: Any, b: Any) -> Any:
        return self.xp.where(a == b, 0.5 * dy, dy * (a > b))

    def backward_b(self, dy: Any, a: Any, b: Any) -> Any:
        return self.xp.where(a == b, 0.5 * dy, dy * (b > a))


class Minimum(Op):
    """y = min(a, b).    dL/dy goes to the smaller one; where a = b, one half to each.

    >>> dls.minimum(dls.tensor([1.0, 5.0]), 3.0)
    Tensor([1., 3.])
    """

    broadcasts = True
    numpy = np.minimum
    samples = staticmethod(_with_ties)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.minimum(a, b)

    def backward_a(self, dy: Any, a: Any, b: Any) -> Any:
        return self.xp.where(a == b, 0.5 * dy, dy * (a < b))

    def backward_b(self, dy: Any, a: Any, b: Any) -> Any:
        return self.xp.where(a == b, 0.5 * dy, dy * (b < a))


add = function(Add())
sub = function(Sub())
mul = function(Mul())
div = function(Div())
power_of_tensor = function(Pow())


def power(a: Any, b: Any) -> Any:
    """a ** b, element-wise; `b` a number, or a tensor (then a must be positive).

    >>> dls.power(dls.tensor([2.0, 3.0]), 2)
    Tensor([4., 9.])
    """
    if isinstance(b, (int, float, np.generic)) and isinstance(a, TensorBase):
        p = b.item() if isinstance(b, np.generic) else b
        if isinstance(p, float) and a._data.dtype.kind != "f":
            a = cast(a, default_dtype())
        return function_of(PowerOf, p)(a)
    return power_of_tensor(a, b)


def square(x: Any) -> Any:
    """x * x, element-wise.

    >>> dls.square(dls.tensor([-2.0, 3.0]))
    Tensor([4., 9.])
    """
    return function_of(PowerOf, 2)(x)


def reciprocal(x: Any) -> Any:
    """1 / x, element-wise; a float of integers too.

    >>> dls.reciprocal(dls.tensor([2.0, 4.0]))
    Tensor([0.5 , 0.25])
    """
    return div(1.0, x)
