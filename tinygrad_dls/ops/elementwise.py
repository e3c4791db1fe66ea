"""Functions of one operand, element by element."""

import math
from numbers import Real
from typing import Any

import numpy as np

from ..backend.dtypes import default_dtype, tensor_dtype
from ..engine.autograd import Array, TensorBase
from ..errors import DataError
from .call import function, function_of
from .comparison import greater, less, where
from .op import Op
from .samples import Sample, unary_samples


def over(kernels: Any, dy: Any, slope: Any) -> Any:
    """dy / slope, and 0 where `slope` is 0: a gradient that would be infinite."""
    zero = slope == 0
    return kernels.where(zero, 0.0, dy) / kernels.where(zero, 1.0, slope)


class Neg(Op):
    """y = -x.    dL/dx = -dL/dy

    >>> dls.negative(dls.tensor([-2.0, 3.0]))
    Tensor([ 2., -3.])
    """

    numpy = np.negative
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, dy: Any) -> Any:
        return -dy


class Abs(Op):
    """y = |x|.    dL/dx = dL/dy * sign(x), and 0 at x = 0

    >>> dls.abs(dls.tensor([-2.0, 3.0]))
    Tensor([2., 3.])
    """

    numpy = np.abs
    samples = unary_samples(away=0.0)

    def forward(self, x: Array) -> Array:
        return abs(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * self.xp.sign(x)


class Exp(Op):
    """y = exp(x).    dL/dx = dL/dy * y

    >>> dls.exp(dls.tensor([0.0, 1.0]))
    Tensor([1.    , 2.7183])
    """

    floats = True
    numpy = np.exp
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.exp(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * y


class Expm1(Op):
    """y = exp(x) - 1, exact for small x.    dL/dx = dL/dy * (y + 1)

    >>> dls.expm1(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 1.7183])
    """

    floats = True
    numpy = np.expm1
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.expm1(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * (y + 1)


class Exp2(Op):
    """y = 2**x.    dL/dx = dL/dy * y * log(2)

    >>> dls.exp2(dls.tensor([0.0, 3.0]))
    Tensor([1., 8.])
    """

    floats = True
    numpy = np.exp2
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.exp2(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * (y * math.log(2))


class Log(Op):
    """y = log(x).    dL/dx = dL/dy / x

    >>> dls.log(dls.tensor([1.0, 2.0]))
    Tensor([0.    , 0.6931])
    """

    floats = True
    numpy = np.log
    samples = unary_samples(low=0.2, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.log(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / x


class Log2(Op):
    """y = the logarithm of x to base 2.    dL/dx = dL/dy / (x log(2))

    >>> dls.log2(dls.tensor([1.0, 8.0]))
    Tensor([0., 3.])
    """

    floats = True
    numpy = np.log2
    samples = unary_samples(low=0.2, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.log2(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / (x * math.log(2))


class Log10(Op):
    """y = the logarithm of x to base 10.    dL/dx = dL/dy / (x log(10))

    >>> dls.log10(dls.tensor([1.0, 100.0]))
    Tensor([0., 2.])
    """

    floats = True
    numpy = np.log10
    samples = unary_samples(low=0.2, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.log10(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / (x * math.log(10))


class Log1p(Op):
    """y = log(1 + x), exact for small x.    dL/dx = dL/dy / (1 + x)

    >>> dls.log1p(dls.tensor([0.0, 1.0]))
    Tensor([0.    , 0.6931])
    """

    floats = True
    numpy = np.log1p
    samples = unary_samples(low=-0.5, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.log1p(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / (1 + x)


class Sqrt(Op):
    """y = sqrt(x).    dL/dx = dL/dy / (2 y), and 0 at x = 0, where the slope is infinite

    >>> dls.sqrt(dls.tensor([4.0, 2.0]))
    Tensor([2.    , 1.4142])
    """

    floats = True
    numpy = np.sqrt
    samples = unary_samples(low=0.2, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.sqrt(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return over(self.kernels, 0.5 * dy, y)


class Rsqrt(Op):
    """y = 1 / sqrt(x).    dL/dx = -dL/dy y**3 / 2, and 0 at x = 0, where both are infinite

    >>> dls.rsqrt(dls.tensor([4.0, 0.25]))
    Tensor([0.5, 2. ])
    """

    floats = True
    numpy = staticmethod(lambda x: 1 / np.sqrt(x))
    samples = unary_samples(low=0.2, high=3.0)

    def forward(self, x: Array) -> Array:
        return 1.0 / self.xp.sqrt(x)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        held = self.xp.where(x == 0, 0.0, y)
        return -0.5 * dy * (held * held * held)


class Clip(Op):
    """y = x clamped to [low, high].    dL/dx = dL/dy where low <= x <= high, else 0"""

    numpy = staticmethod(lambda x, low, high: np.clip(x, low, high))
    samples = staticmethod(
        lambda rng: [
            Sample((np.array(x),), {"low": a, "high": b})
            for x in ([[-1.9, -0.5, 0.3], [0.9, 1.2, 1.7]], 0.7, np.zeros((0, 3)))
            for a, b in ((-1.0, 1.0), (None, 0.5), (-0.4, None))
        ]
    )

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        self.low, self.high = low, high

    def forward(self, x: Array) -> Array:
        return self.xp.clip(x, self.low, self.high)

    def backward(self, dy: Any, x: Any) -> Any:
        if self.low is not None:
            dy = dy * (x >= self.low)
        if self.high is not None:
            dy = dy * (x <= self.high)
        return dy


class Cast(Op):
    """y = x in another dtype.    dL/dx = dL/dy, cast back"""

    numpy = staticmethod(lambda x, dtype: x.astype(dtype))
    samples = unary_samples(dtype=("float64",))

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def forward(self, x: Array) -> Array:
        return x.astype(self.dtype)

    def backward(self, dy: Any) -> Any:
        return dy  # the engine casts a gradient to its input's dtype


class CastToInteger(Op):
    """y = x as integers or bools, cut towards 0.    No gradient goes through it."""

    differentiable = False
    numpy = staticmethod(lambda x, dtype: x.astype(dtype))
    samples = unary_samples(dtype=("int64", "bool"))

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def forward(self, x: Array) -> Array:
        return x.astype(self.dtype)


abs_ = function(Abs())
log = function(Log())
sqrt = function(Sqrt())


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """x clamped to [`min`, `max`] (numbers, or tensors that broadcast), element-wise.

    The gradient goes to x where low <= x <= high, elsewhere to the bound, if that is a tensor.

    >>> dls.clip(dls.tensor([-2.0, 0.5, 3.0]), 0, 1)
    Tensor([0. , 0.5, 1. ])
    """
    for bound in (min, max):
        number = isinstance(bound, Real) and not math.isnan(bound)
        if not (bound is None or number or isinstance(bound, (TensorBase, np.ndarray))):
            raise DataError(f"clip: a bound is a number, a tensor or None, not {bound!r}")
    if any(isinstance(bound, (TensorBase, np.ndarray)) for bound in (min, max)):
        x = x if min is None else where(less(x, min), min, x)
        return x if max is None else where(greater(x, max), max, x)
    if x.dtype.kind != "f" and any(isinstance(bound, float) for bound in (min, max)):
        x = cast(x, default_dtype())
    return function_of(Clip, min, max)(x)


def cast(x: Any, dtype: Any) -> Any:
    """x in another dtype; the gradient comes back in x's own. Casts to integers have none."""
    wanted = tensor_dtype(dtype)
    if wanted == x.dtype:
        return x
    return function_of(Cast if wanted.kind == "f" else CastToInteger, wanted.name)(x)
