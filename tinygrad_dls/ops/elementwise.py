"""Functions of one operand, element by element."""

import math
from numbers import Real
from typing import Any

import numpy as np

from ..autograd import Array
from ..dtypes import default_dtype, tensor_dtype
from ..errors import DataError
from .call import function, function_of
from .op import Op
from .samples import Sample, unary_samples


class Neg(Op):
    """y = -x.    dL/dx = -dL/dy"""

    numpy = np.negative
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, dy: Any) -> Any:
        return -dy


class Abs(Op):
    """y = |x|.    dL/dx = dL/dy * sign(x), and 0 at x = 0"""

    numpy = np.abs
    samples = unary_samples(away=0.0)

    def forward(self, x: Array) -> Array:
        return abs(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * self.xp.sign(x)


class Exp(Op):
    """y = exp(x).    dL/dx = dL/dy * y"""

    floats = True
    numpy = np.exp
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.exp(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * y


class Expm1(Op):
    """y = exp(x) - 1, exact for small x.    dL/dx = dL/dy * (y + 1)"""

    floats = True
    numpy = np.expm1
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.expm1(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * (y + 1)


class Log(Op):
    """y = log(x).    dL/dx = dL/dy / x"""

    floats = True
    numpy = np.log
    samples = unary_samples(low=0.2, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.log(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / x


class Log1p(Op):
    """y = log(1 + x), exact for small x.    dL/dx = dL/dy / (1 + x)"""

    floats = True
    numpy = np.log1p
    samples = unary_samples(low=-0.5, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.log1p(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy / (1 + x)


class Sqrt(Op):
    """y = sqrt(x).    dL/dx = dL/dy / (2 y), and 0 at x = 0, where the slope is infinite"""

    floats = True
    numpy = np.sqrt
    samples = unary_samples(low=0.2, high=3.0)

    def forward(self, x: Array) -> Array:
        return self.xp.sqrt(x)

    def backward(self, dy: Any, y: Any) -> Any:
        zero = y == 0
        return self.xp.where(zero, 0.0, 0.5 * dy) / self.xp.where(zero, 1.0, y)


class Sin(Op):
    """y = sin(x).    dL/dx = dL/dy * cos(x)"""

    floats = True
    numpy = np.sin
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.sin(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * self.xp.cos(x)


class Cos(Op):
    """y = cos(x).    dL/dx = -dL/dy * sin(x)"""

    floats = True
    numpy = np.cos
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.xp.cos(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return -dy * self.xp.sin(x)


class Tanh(Op):
    """y = tanh(x).    dL/dx = dL/dy * (1 - y**2)"""

    floats = True
    numpy = np.tanh
    samples = unary_samples()

    def forward(self, x: Array) -> Array:
        return self.kernels.tanh(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * (1 - y * y)

    def backward_kernel(self, dy: Array, y: Array) -> Array:
        return self.kernels.tanh_backward(dy, y)


class Sigmoid(Op):
    """y = 1 / (1 + exp(-x)).    dL/dx = dL/dy * y * (1 - y)"""

    floats = True
    numpy = staticmethod(lambda x: 1 / (1 + np.exp(-x)))
    samples = unary_samples(low=-4, high=4)

    def forward(self, x: Array) -> Array:
        return self.kernels.sigmoid(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * y * (1 - y)

    def backward_kernel(self, dy: Array, y: Array) -> Array:
        return self.kernels.sigmoid_backward(dy, y)


class Relu(Op):
    """y = max(x, 0).    dL/dx = dL/dy where x > 0, else 0 (so 0 at x = 0)"""

    numpy = staticmethod(lambda x: np.where(x > 0, x, 0))
    samples = unary_samples(away=0.0)

    def forward(self, x: Array) -> Array:
        return self.kernels.relu(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return self.xp.where(y > 0, dy, 0.0)

    def backward_kernel(self, dy: Array, y: Array) -> Array:
        return self.kernels.relu_backward(dy, y)


class LeakyRelu(Op):
    """y = x where x > 0, else slope * x.    dL/dx = dL/dy * (1 where x > 0, else slope)"""

    numpy = staticmethod(lambda x, slope: np.where(x > 0, x, slope * x))
    samples = unary_samples(away=0.0, slope=(0.01, 0.3))

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Array) -> Array:
        return self.kernels.leaky_relu(x, self.slope)

    def backward(self, dy: Any, x: Any) -> Any:
        return self.xp.where(x > 0, dy, self.slope * dy)


class Clip(Op):
    """y = x held between low and high.    dL/dx = dL/dy where low <= x <= high, else 0"""

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


class Sign(Op):
    """y = -1, 0 or 1, the sign of x.    Its derivative is 0 wherever it has one."""

    numpy = np.sign
    samples = unary_samples(away=0.0)
    differentiable = False

    def forward(self, x: Array) -> Array:
        return self.xp.sign(x)


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


neg = function(Neg())
abs_ = function(Abs())
exp = function(Exp())
expm1 = function(Expm1())
log = function(Log())
log1p = function(Log1p())
sqrt = function(Sqrt())
sin = function(Sin())
cos = function(Cos())
tanh = function(Tanh())
sigmoid = function(Sigmoid())
relu = function(Relu())
sign = function(Sign())


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else negative_slope * x, element-wise."""
    return function_of(LeakyRelu, float(negative_slope))(x)


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """x held between the numbers `min` and `max`, element-wise; gradient 1 inside, 0 outside.

    Bounds that are tensors: dls.minimum(dls.maximum(x, low), high).
    """
    for bound in (min, max):
        if bound is not None and not (isinstance(bound, Real) and not math.isnan(bound)):
            raise DataError(
                f"clip: a bound is a number or None, not {bound!r}.\n"
                "For bounds that are tensors write dls.minimum(dls.maximum(x, low), high)"
            )
    if x.dtype.kind != "f" and any(isinstance(bound, float) for bound in (min, max)):
        x = cast(x, default_dtype())
    return function_of(Clip, min, max)(x)


def cast(x: Any, dtype: Any) -> Any:
    """x in another dtype; the gradient comes back in x's own. Casts to integers have none."""
    wanted = tensor_dtype(dtype)
    if wanted == x.dtype:
        return x
    return function_of(Cast if wanted.kind == "f" else CastToInteger, wanted.name)(x)
