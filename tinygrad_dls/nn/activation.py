"""Activations as layers. With `inplace` the result is written into the input, as in PyTorch."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from .._util.arguments import is_whole, number
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..errors import ShapeError
from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class _InPlace(Module):
    """Base of the activations whose only option is `inplace`."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class ReLU(_InPlace):
    """Rectified linear unit: y = max(x, 0) (Nair and Hinton 2010).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ReLU()(dls.tensor([-2.0, 0.0, 3.0]))
    Tensor([0., 0., 3.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, True) if self.inplace else ops.relu(input)


class ReLU6(_InPlace):
    """ReLU clamped at 6: y = min(max(x, 0), 6) (Krizhevsky 2010).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ReLU6()(dls.tensor([-1.0, 4.0, 9.0]))
    Tensor([0., 4., 6.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)


class SELU(_InPlace):
    """Scaled ELU: y = 1.0507 elu(x, 1.6733) (Klambauer et al. 2017).

    The two constants keep mean 0 and variance 1 through layers whose inputs have them.
    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.SELU()(dls.tensor([-1.0, 0.0, 1.0]))
    Tensor([-1.1113,  0.    ,  1.0507])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class SiLU(_InPlace):
    """Sigmoid linear unit, also called swish: y = x sigmoid(x) (Elfwing et al. 2018).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.SiLU()(dls.tensor([-2.0, 0.0, 2.0]))
    Tensor([-0.2384,  0.    ,  1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(_InPlace):
    """Smooth relative of ReLU: y = x tanh(softplus(x)) (Misra 2019).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Mish()(dls.tensor([-2.0, 0.0, 2.0]))
    Tensor([-0.2525,  0.    ,  1.944 ])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class Hardsigmoid(_InPlace):
    """Piecewise linear sigmoid: y = x / 6 + 1/2, clamped to [0, 1] (Courbariaux et al. 2015).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Hardsigmoid()(dls.tensor([-4.0, 0.0, 1.5]))
    Tensor([0.  , 0.5 , 0.75])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Hardswish(_InPlace):
    """Piecewise quadratic swish: y = x hardsigmoid(x) (Howard et al. 2019).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Hardswish()(dls.tensor([-1.5, 1.5, 4.0]))
    Tensor([-0.375,  1.125,  4.   ])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class Tanh(Module):
    """Hyperbolic tangent: y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)), between -1 and 1.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Tanh()(dls.tensor([-1.0, 0.0, 1.0]))
    Tensor([-0.7616,  0.    ,  0.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """Logistic function: y = 1 / (1 + exp(-x)), between 0 and 1.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Sigmoid()(dls.tensor([-1.0, 0.0, 1.0]))
    Tensor([0.2689, 0.5   , 0.7311])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class LogSigmoid(Module):
    """Logarithm of the sigmoid: y = log(1 / (1 + exp(-x))), finite also for very negative x.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LogSigmoid()(dls.tensor([-50.0, 0.0, 2.0]))
    Tensor([-50.    ,  -0.6931,  -0.1269])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """Rational sigmoid: y = x / (1 + |x|), between -1 and 1.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Softsign()(dls.tensor([-1.0, 0.0, 3.0]))
    Tensor([-0.5 ,  0.  ,  0.75])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """The part of x that tanh cuts off: y = x - tanh(x).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Tanhshrink()(dls.tensor([-2.0, 0.0, 2.0]))
    Tensor([-1.036,  0.   ,  1.036])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class LeakyReLU(Module):
    """ReLU with a slope below 0: y = x where x > 0, else negative_slope * x (Maas et al. 2013).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LeakyReLU(0.1)(dls.tensor([-2.0, 0.0, 3.0]))
    Tensor([-0.2,  0. ,  3. ])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = number("LeakyReLU: negative_slope", negative_slope)
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope:g}"


class PReLU(Module):
    """Leaky ReLU whose slope is learned: y = x where x > 0, else weight * x (He et al. 2015).

    `num_parameters`: 1, or the number of channels (axis 1 of x); all slopes start at `init`.
    Shape: x (m, channels, ...) or any; y as x; `weight` (num_parameters,).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> prelu = nn.PReLU(2, init=0.5)
    >>> prelu(dls.tensor([[-2.0, 3.0]])).tolist(), prelu.weight.tolist()
    ([[-1.0, 3.0]], [0.5, 0.5])
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: str | Device | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not is_whole(num_parameters, 1):
            raise ShapeError(f"PReLU has at least 1 slope, not {num_parameters!r}")
        self.num_parameters, self.init = int(num_parameters), init
        kind = float_dtype(dtype or default_dtype())
        self.weight = Parameter(np.empty(self.num_parameters, kind), device=device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all slopes to where they start."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """Leaky ReLU with a random slope: y = x where x > 0, else a x (Xu et al. 2015).

    In training a is drawn for each element from [lower, upper); in evaluation it is their mean.
    `generator`: where it is drawn from, `dls.manual_seed`'s if None.
    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.RReLU(0.25, 0.75).eval()(dls.tensor([-2.0, 3.0]))
    Tensor([-1.,  3.])
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False,
        generator: Generator | None = None,
    ) -> None:
        self.lower, self.upper = number("RReLU: lower", lower), number("RReLU: upper", upper)
        self.inplace, self.generator = inplace, generator

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(
            input, self.lower, self.upper, self.training, self.inplace, self.generator
        )

    def extra_repr(self) -> str:
        return f"lower={self.lower:g}, upper={self.upper:g}"


class _Alpha(Module):
    """Base of elu and celu."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha, self.inplace = number(f"{type(self).__name__}: alpha", alpha), inplace

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:g}"


class ELU(_Alpha):
    """Exponential linear unit: y = x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2016).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.ELU()(dls.tensor([-9.0, -1.0, 2.0]))
    Tensor([-0.9999, -0.6321,  2.    ])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Alpha):
    """ELU with slope 1 at 0 for every alpha: y = x where x > 0, else alpha (exp(x / alpha) - 1).

    Barron 2017.
    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.CELU(alpha=2.0)(dls.tensor([-9.0, -1.0, 2.0]))
    Tensor([-1.9778, -0.7869,  2.    ])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class GELU(Module):
    """Gaussian error linear unit: y = x P(x), P the normal distribution's share below x.

    With `approximate` "tanh" y = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))). Hendrycks
    and Gimpel 2016.
    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.GELU()(dls.tensor([-1.0, 0.0, 1.0]))
    Tensor([-0.1587,  0.    ,  0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """Smooth ReLU: y = log(1 + exp(beta x)) / beta; x itself where beta x > threshold.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Softplus()(dls.tensor([-1.0, 0.0, 30.0]))
    Tensor([ 0.3133,  0.6931, 30.    ])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = number("Softplus: beta", beta)
        self.threshold = number("Softplus: threshold", threshold)

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta:g}, threshold={self.threshold:g}"


class Hardtanh(Module):
    """Linear function with two limits: y = x clamped to [min_val, max_val].

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Hardtanh(-1.0, 2.0)(dls.tensor([-3.0, 0.5, 3.0]))
    Tensor([-1. ,  0.5,  2. ])
    """

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
    ) -> None:
        self.min_val = number("Hardtanh: min_val", min_val)
        self.max_val, self.inplace = number("Hardtanh: max_val", max_val), inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val:g}, max_val={self.max_val:g}"


class _Shrink(Module):
    """Base of the shrinks: `lambd` is where they start."""

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = number(f"{type(self).__name__}: lambd", lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd:g}"


class Hardshrink(_Shrink):
    """Hard threshold around 0: y = x where |x| > lambd, else 0.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Hardshrink(0.5)(dls.tensor([-1.0, 0.2, 0.7]))
    Tensor([-1. ,  0. ,  0.7])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """Soft threshold around 0: y = x moved towards 0 by lambd, and 0 where |x| <= lambd.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Softshrink(0.5)(dls.tensor([-1.0, 0.2, 0.75]))
    Tensor([-0.5 ,  0.  ,  0.25])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class Threshold(Module):
    """Replacement of small values: y = x where x > threshold, else value.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Threshold(1.0, value=-5.0)(dls.tensor([0.0, 1.0, 2.0]))
    Tensor([-5., -5.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold = number("Threshold: threshold", threshold)
        self.value, self.inplace = number("Threshold: value", value), inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold:g}, value={self.value:g}"


class GLU(Module):
    """Gated linear unit: y = a sigmoid(b), a and b the halves of x along axis `dim`.

    Shape: that axis of y is half as long as that of x. Dauphin et al. 2017.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.GLU()(dls.tensor([[6.0, 8.0, 0.0, 100.0]]))
    Tensor([[3., 8.]])
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
