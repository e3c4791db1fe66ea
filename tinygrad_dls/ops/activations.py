"""Activations: the non-linear functions between layers, element by element."""

import math
from typing import Any

import numpy as np

from .._util.arguments import number
from ..engine.autograd import Array
from ..errors import DataError
from .call import function, function_of
from .op import Op, kernel
from .samples import Rng, Sample, spread, unary_samples


class Sigmoid(Op):
    """y = 1 / (1 + exp(-x)).    dL/dx = dL/dy * y * (1 - y)

    >>> dls.sigmoid(dls.tensor([0.0, 2.0]))
    Tensor([0.5   , 0.8808])
    """

    floats = True
    numpy = staticmethod(lambda x: 1 / (1 + np.exp(-x)))
    samples = unary_samples(low=-4, high=4)

    forward = kernel("sigmoid")

    def backward(self, dy: Any, y: Any) -> Any:
        return dy * y * (1 - y)

    backward_kernel = kernel("sigmoid_backward")


class LogSigmoid(Op):
    """y = log(1 / (1 + exp(-x))), never the log of a 0.    dL/dx = dL/dy / (1 + exp(x))"""

    floats = True
    numpy = staticmethod(lambda x: -np.log1p(np.exp(-x)))
    samples = unary_samples(low=-4, high=4)

    def forward(self, x: Array) -> Array:
        return -self.kernels.softplus(-x, 1.0, float("inf"))

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * self.kernels.sigmoid(-x)


class Relu(Op):
    """y = max(x, 0).    dL/dx = dL/dy where x > 0, else 0 (so 0 at x = 0)

    >>> dls.relu(dls.tensor([-2.0, 3.0]))
    Tensor([0., 3.])
    """

    numpy = staticmethod(lambda x: np.maximum(x, 0))
    samples = unary_samples(away=0.0)

    forward = kernel("relu")

    def backward(self, dy: Any, y: Any) -> Any:
        return self.xp.where(y > 0, dy, 0.0)

    backward_kernel = kernel("relu_backward")


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

    def backward_kernel(self, dy: Array, x: Array) -> Array:
        return self.kernels.leaky_relu_backward(dy, x, self.slope)


def _prelu_samples(rng: Rng) -> list[Sample]:
    shapes = [((2, 3), (3,)), ((2, 3, 2, 2), (3, 1, 1)), ((4,), (1,)), ((), ()), ((0, 3), (3,)),
              ((2, 3), (2, 3))]
    return [Sample((spread(rng, a, -2, 2, 0.0), rng.uniform(0.1, 0.9, b))) for a, b in shapes]


class PRelu(Op):
    """y = x where x > 0, else slope * x, with a slope that broadcasts and is learned.

    dL/dx = dL/dy * (1 where x > 0, else slope),  dL/dslope = dL/dy * x where x <= 0
    (He et al. 2015, "Delving Deep into Rectifiers")
    """

    broadcasts = True
    floats = True
    numpy = staticmethod(lambda x, slope: np.where(x > 0, x, slope * x))
    samples = staticmethod(_prelu_samples)

    def forward(self, x: Array, slope: Array) -> Array:
        return self.kernels.where(x > 0, x, slope * x)

    def backward_x(self, dy: Any, x: Any, slope: Any) -> Any:
        return self.kernels.where(x > 0, dy, slope * dy)

    def backward_slope(self, dy: Any, x: Any) -> Any:
        return dy * self.kernels.where(x > 0, 0.0, x)


class Hardtanh(Op):
    """y = x clamped to [low, high].    dL/dx = dL/dy where low < x < high, else 0

    Unlike clip it learns nothing on the bounds themselves, as PyTorch's; relu6 is one from 0 to 6.
    """

    numpy = staticmethod(lambda x, low, high: np.clip(x, low, high))
    samples = staticmethod(
        lambda rng: [
            Sample((np.array(x),), {"low": a, "high": b})
            for x in ([[-1.9, -0.5, 0.3], [0.9, 1.2, 6.7]], 0.7, np.zeros((0, 3)))
            for a, b in ((-1.0, 1.0), (0.0, 6.0))
        ]
    )

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def forward(self, x: Array) -> Array:
        return self.kernels.hardtanh(x, self.low, self.high)

    def backward(self, dy: Any, x: Any) -> Any:
        return self.xp.where((x > self.low) & (x < self.high), dy, 0.0)

    def backward_kernel(self, dy: Array, x: Array) -> Array:
        return self.kernels.hardtanh_backward(dy, x, self.low, self.high)


class Hardsigmoid(Op):
    """y = x / 6 + 1/2 clamped to [0, 1].    dL/dx = dL/dy / 6 where -3 < x < 3, else 0"""

    numpy = staticmethod(lambda x: np.clip(x / 6 + 0.5, 0, 1))
    floats = True
    samples = unary_samples(low=-2.8, high=2.8)

    forward = kernel("hardsigmoid")

    def backward(self, dy: Any, x: Any) -> Any:
        return self.xp.where((x > -3) & (x < 3), dy * (1.0 / 6.0), 0.0)

    backward_kernel = kernel("hardsigmoid_backward")


class Hardswish(Op):
    """y = x * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, MobileNetV3).

    dL/dx = dL/dy * (0 where x <= -3, 1 where x >= 3, else x / 3 + 1/2)
    """

    numpy = staticmethod(lambda x: x * np.clip(x + 3, 0, 6) / 6)
    floats = True
    samples = unary_samples(low=-2.8, high=2.8)

    forward = kernel("hardswish")

    def backward(self, dy: Any, x: Any) -> Any:
        slope = x * (1.0 / 3.0) + 0.5
        return self.xp.where(x <= -3, 0.0, dy * self.xp.where(x >= 3, 1.0, slope))

    backward_kernel = kernel("hardswish_backward")


class Elu(Op):
    """y = scale * x where x > 0, else scale * alpha * (exp(inner * x) - 1).

    dL/dx = dL/dy * scale * (1 where x > 0, else alpha * inner * exp(inner * x))
    elu (Clevert et al. 2016) has scale = inner = 1; selu a scale, celu inner = 1 / alpha.
    """

    floats = True
    numpy = staticmethod(
        lambda x, alpha, scale=1.0, inner=1.0: np.where(
            x > 0, scale * x, scale * alpha * np.expm1(inner * x)
        )
    )
    samples = unary_samples(away=0.0, alpha=(1.0, 0.5), scale=(1.0, 1.5), inner=(1.0, 2.0))

    def __init__(self, alpha: float, scale: float = 1.0, inner: float = 1.0) -> None:
        self.alpha, self.scale, self.inner = alpha, scale, inner

    def forward(self, x: Array) -> Array:
        return self.kernels.elu(x, self.alpha, self.scale, self.inner)

    def backward(self, dy: Any, x: Any) -> Any:
        positive = x > 0
        low = self.xp.exp(self.inner * self.xp.where(positive, 0.0, x))  # of x > 0: no overflow
        steep = self.scale * self.alpha * self.inner
        return dy * self.xp.where(positive, self.scale, steep * low)

    def backward_kernel(self, dy: Array, x: Array) -> Array:
        return self.kernels.elu_backward(dy, x, self.alpha, self.scale, self.inner)


class Softplus(Op):
    """y = log(1 + exp(beta x)) / beta, and x itself where beta x > threshold.

    dL/dx = dL/dy / (1 + exp(-beta x)), and dL/dy there
    """

    floats = True
    numpy = staticmethod(
        lambda x, beta=1.0, threshold=20.0: np.where(
            beta * x > threshold, x, np.logaddexp(beta * x, 0) / beta
        )
    )
    samples = unary_samples(low=-4, high=4, beta=(1.0, 0.5, 8.0), threshold=(20.0, 100.0))

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Array) -> Array:
        return self.kernels.softplus(x, self.beta, self.threshold)

    def backward(self, dy: Any, x: Any) -> Any:
        z = self.beta * x
        return self.xp.where(z > self.threshold, dy, dy * self.kernels.sigmoid(z))

    def backward_kernel(self, dy: Array, x: Array) -> Array:
        return self.kernels.softplus_backward(dy, x, self.beta, self.threshold)


class Silu(Op):
    """y = x * s with s = 1 / (1 + exp(-x)).    dL/dx = dL/dy * s * (1 + x (1 - s))

    (Elfwing et al. 2018; Ramachandran et al. 2017 call it swish)
    """

    floats = True
    numpy = staticmethod(lambda x: x / (1 + np.exp(-x)))
    samples = unary_samples(low=-4, high=4)

    forward = kernel("silu")

    def backward(self, dy: Any, x: Any) -> Any:
        s = self.kernels.sigmoid(x)
        return dy * (s * (1 + x * (1 - s)))

    backward_kernel = kernel("silu_backward")


class Mish(Op):
    """y = x * t with t = tanh(log(1 + exp(x))) (Misra 2019).

    dL/dx = dL/dy * (t + x (1 - t**2) / (1 + exp(-x)))
    """

    floats = True
    numpy = staticmethod(lambda x: x * np.tanh(np.logaddexp(x, 0)))
    samples = unary_samples(low=-4, high=4)

    forward = kernel("mish")

    def backward(self, dy: Any, x: Any) -> Any:
        t = self.xp.tanh(self.kernels.softplus(x, 1.0, 20.0))
        return dy * (t + x * (1 - t * t) * self.kernels.sigmoid(x))

    backward_kernel = kernel("mish_backward")


ROOT_2_PI, ROOT_HALF, CUBIC = 0.7978845608028654, 0.7071067811865476, 0.044715


def _gelu(x: Any, approximate: str = "none") -> Any:
    """In plain NumPy; C's erfc and a sigmoid in the place of the tanh keep the left tail."""
    if approximate == "tanh":
        return x / (1 + np.exp(-2 * ROOT_2_PI * (x + CUBIC * x**3)))
    return 0.5 * x * np.vectorize(math.erfc, [float])(-ROOT_HALF * x)


class Gelu(Op):
    """y = x * P with P = erfc(-x / sqrt 2) / 2, the normal distribution's share below x.

    dL/dx = dL/dy * (P + x exp(-x**2 / 2) / sqrt(2 pi))
    approximate="tanh": P = (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x**3), and
    dL/dx = dL/dy * (P + 2 x P (1 - P) du/dx) (Hendrycks and Gimpel 2016)
    """

    floats = True
    in_float32 = True
    numpy = staticmethod(_gelu)
    samples = unary_samples(low=-4, high=4, approximate=("none", "tanh"))

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Array) -> Array:
        return self.kernels.gelu(x, self.approximate)

    def backward(self, dy: Any, x: Any) -> Any:
        square = x * x
        if self.approximate == "tanh":
            p = self.kernels.sigmoid((2 * ROOT_2_PI) * x * (1 + CUBIC * square))
            steep = (2 * ROOT_2_PI) * (1 + (3 * CUBIC) * square)
            return dy * (p + x * p * (1 - p) * steep)
        p = 0.5 * self.kernels.erfc(-ROOT_HALF * x)
        return dy * (p + x * self.xp.exp(-0.5 * square) * (0.5 * ROOT_2_PI))

    def backward_kernel(self, dy: Array, x: Array) -> Array:
        return self.kernels.gelu_backward(dy, x, self.approximate)


class Softsign(Op):
    """y = x / (1 + |x|).    dL/dx = dL/dy / (1 + |x|)**2"""

    floats = True
    numpy = staticmethod(lambda x: x / (1 + np.abs(x)))
    samples = unary_samples(away=0.0)

    def forward(self, x: Array) -> Array:
        return x / (1 + abs(x))

    def backward(self, dy: Any, x: Any) -> Any:
        size = 1 + abs(x)
        return dy / size / size  # its square may overflow


logsigmoid = function(LogSigmoid())
prelu = function(PRelu())


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else negative_slope * x, element-wise.

    >>> dls.leaky_relu(dls.tensor([-2.0, 3.0]), 0.1)
    Tensor([-0.2,  3. ])
    """
    return function_of(LeakyRelu, number("leaky_relu: negative_slope", negative_slope))(x)


def hardtanh(x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """x clamped to [low, high], with gradient 0 on the bounds and beyond."""
    low, high = number("hardtanh: a bound", low), number("hardtanh: a bound", high)
    if not low <= high:
        raise DataError(f"hardtanh holds x between two numbers, the lower first, not {low}, {high}")
    return function_of(Hardtanh, low, high)(x)


def elu(x: Any, alpha: float = 1.0, scale: float = 1.0, inner: float = 1.0) -> Any:
    """scale * x where x > 0, else scale * alpha * (exp(inner * x) - 1)."""
    return function_of(Elu, number("elu: alpha", alpha), float(scale), float(inner))(x)


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""
    beta, threshold = number("softplus: beta", beta), number("softplus: threshold", threshold)
    if beta == 0:
        raise DataError("softplus divides by beta: it must not be 0")
    return function_of(Softplus, beta, threshold)(x)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x times the normal distribution's share below x; "tanh" is the original approximation."""
    if approximate not in ("none", "tanh"):
        raise DataError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return function_of(Gelu, approximate)(x)
