"""Activations as layers. `inplace` is taken for PyTorch's sake; results are new tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..arguments import is_whole, number
from ..device import Device
from ..dtypes import default_dtype, float_dtype
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
    """y = max(x, 0)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input)


class ReLU6(_InPlace):
    """y = x held between 0 and 6."""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input)


class SELU(_InPlace):
    """y = 1.0507 elu(x, 1.6733) (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input)


class SiLU(_InPlace):
    """y = x sigmoid(x), also called swish."""

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input)


class Mish(_InPlace):
    """y = x tanh(softplus(x)) (Misra 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input)


class Hardsigmoid(_InPlace):
    """y = x / 6 + 1/2 held between 0 and 1."""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input)


class Hardswish(_InPlace):
    """y = x hardsigmoid(x) (Howard et al. 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input)


class Tanh(Module):
    """y = tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class LogSigmoid(Module):
    """y = log(sigmoid(x))."""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """y = x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """y = x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = number("LeakyReLU: negative_slope", negative_slope)
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope:g}"


class PReLU(Module):
    """y = x where x > 0, else weight * x, with a slope that is learned (He et al. 2015).

    `num_parameters`: 1, or the number of channels (axis 1 of x); all start at `init`.
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
    """y = x where x > 0, else a x: a drawn for each element in training, else fixed.

    From [lower, upper), and their middle. `generator`: where it is drawn from.
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False,
        generator: Generator | None = None,
    ) -> None:
        self.lower, self.upper = number("RReLU: lower", lower), number("RReLU: upper", upper)
        self.inplace, self.generator = inplace, generator

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(
            input, self.lower, self.upper, self.training, generator=self.generator
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
    """y = x where x > 0, else alpha (exp(x) - 1)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha)


class CELU(_Alpha):
    """y = x where x > 0, else alpha (exp(x / alpha) - 1)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha)


class GELU(Module):
    """y = x times the normal distribution's share below x; approximate: "none" or "tanh"."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """y = log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = number("Softplus: beta", beta)
        self.threshold = number("Softplus: threshold", threshold)

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta:g}, threshold={self.threshold:g}"


class Hardtanh(Module):
    """y = x held between min_val and max_val."""

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
    ) -> None:
        self.min_val = number("Hardtanh: min_val", min_val)
        self.max_val, self.inplace = number("Hardtanh: max_val", max_val), inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val:g}, max_val={self.max_val:g}"


class _Shrink(Module):
    """Base of the shrinks: `lambd` is where they start."""

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = number(f"{type(self).__name__}: lambd", lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd:g}"


class Hardshrink(_Shrink):
    """y = x where |x| > lambd, else 0."""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """y = x moved towards 0 by lambd, 0 where |x| <= lambd."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class Threshold(Module):
    """y = x where x > threshold, else value."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold = number("Threshold: threshold", threshold)
        self.value, self.inplace = number("Threshold: value", value), inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold:g}, value={self.value:g}"


class GLU(Module):
    """y = a sigmoid(b) of the halves a, b of x along axis `dim`."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class _Along(Module):
    """Base of the functions along one axis; `axis` is another spelling of `dim`."""

    def __init__(self, dim: int = -1, *, axis: int | None = None) -> None:
        self.dim = dim if axis is None else axis

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """y = exp(x) / sum of exp(x) along axis `dim`, the last one unless told."""

    def forward(self, input: Tensor) -> Any:
        return F.softmax(input, self.dim)


class Softmin(_Along):
    """y = softmax(-x) along axis `dim`, the last one unless told."""

    def forward(self, input: Tensor) -> Any:
        return F.softmin(input, self.dim)


class LogSoftmax(_Along):
    """y = log(softmax(x)) along axis `dim`, the last one unless told."""

    def forward(self, input: Tensor) -> Any:
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels at each place; x (m, c, h, w) or (c, h, w)."""

    def forward(self, input: Tensor) -> Any:
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d takes (m, c, h, w) or (c, h, w), not\n  {input.shape}")
        return F.softmax(input, -3)
