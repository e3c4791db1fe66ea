"""The error function, sums of exponentials, and numbers in place of NaN."""

import math
from typing import Any

import numpy as np

from .._util.arguments import number
from ..engine.autograd import Array
from .arithmetic import add, mul, sub
from .call import function_of
from .op import Op, kernel
from .samples import binary_samples, unary_samples

SLOPE = 2.0 / math.sqrt(math.pi)  # of erf at 0


class Erf(Op):
    """y = erf(x) = 2/sqrt(pi) * integral of exp(-t**2), t from 0 to x.

    dL/dx = dL/dy * 2/sqrt(pi) * exp(-x**2)

    >>> dls.erf(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 0.8427])
    """

    floats = True
    in_float32 = True
    numpy = staticmethod(lambda x: np.vectorize(math.erf, otypes=[np.float64])(x))
    samples = unary_samples(low=-3, high=3)

    forward = kernel("erf")

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * (SLOPE * self.xp.exp(-x * x))


class Erfc(Op):
    """y = 1 - erf(x), exact where that is tiny.    dL/dx = -dL/dy * 2/sqrt(pi) * exp(-x**2)

    >>> dls.erfc(dls.tensor([0.0, 1.0]))
    Tensor([1.    , 0.1573])
    """

    floats = True
    in_float32 = True
    numpy = staticmethod(lambda x: np.vectorize(math.erfc, otypes=[np.float64])(x))
    samples = unary_samples(low=-3, high=3)

    forward = kernel("erfc")

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * (-SLOPE * self.xp.exp(-x * x))


class Logaddexp(Op):
    """y = log(exp(a) + exp(b)), without overflow.

    dL/da = dL/dy * sigmoid(a - b),  dL/db = dL/dy * sigmoid(b - a); one half to each where both
    are the same infinity

    >>> dls.logaddexp(dls.tensor([1000.0]), dls.tensor([1000.0]))
    Tensor([1000.6932])
    """

    broadcasts = True
    floats = True
    numpy = np.logaddexp
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.logaddexp(a, b)

    def backward_a(self, dy: Any, a: Any, b: Any, y: Any) -> Any:
        return dy * self.kernels.sigmoid(self._difference(a, b, y))

    def backward_b(self, dy: Any, a: Any, b: Any, y: Any) -> Any:
        return dy * self.kernels.sigmoid(self._difference(b, a, y))

    def _difference(self, a: Any, b: Any, y: Any) -> Any:
        """a - b, and 0 where both are the same infinity."""
        where = self.xp.where
        same = self.xp.isinf(y) & (a == b)
        return where(same, 0.0, a) - where(same, 0.0, b)


class NanToNum(Op):
    """y = x with numbers in place of NaN and infinities.    dL/dx = dL/dy, and 0 at those places"""

    numpy = staticmethod(
        lambda x, nan, posinf, neginf: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    )
    samples = unary_samples(nan=(0.0,), posinf=(None, 9.0), neginf=(None, -9.0))

    def __init__(self, nan: float, posinf: float | None, neginf: float | None) -> None:
        self.nan, self.posinf, self.neginf = nan, posinf, neginf

    def forward(self, x: Array) -> Array:
        return self.xp.nan_to_num(x, nan=self.nan, posinf=self.posinf, neginf=self.neginf)

    def backward(self, dy: Any, x: Any) -> Any:
        return self.xp.where(self.xp.isfinite(x), dy, 0.0)




def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """x with `nan` for NaN, and for infinities `posinf`, `neginf` or the largest numbers.

    >>> dls.nan_to_num(dls.tensor([float("nan"), 1.0]))
    Tensor([0., 1.])
    """
    return function_of(NanToNum, number("nan_to_num: nan", nan), posinf, neginf)(x)


def lerp(a: Any, b: Any, weight: Any) -> Any:
    """a + weight * (b - a): a where the weight is 0, b where it is 1.

    >>> dls.lerp(dls.tensor([0.0, 10.0]), dls.tensor([10.0, 20.0]), 0.25)
    Tensor([ 2.5, 12.5])
    """
    return add(a, mul(weight, sub(b, a)))
