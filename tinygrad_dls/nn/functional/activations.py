"""Activations: element by element, and softmax and its variants along one axis.

With `inplace` the result is written into the input, which must be a tensor (in_place.py).
Kinks: the slope there is PyTorch's, and each function says which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ops
from ..._util.arguments import number
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...errors import DataError, ShapeError
from ...ops.call import operand
from ...ops.random import uniform_like
from ...random import Generator, chosen
from ...tensors import Tensor
from ...tensors.torch_names import renamed
from .in_place import written

softmax: Callable[..., Tensor] = renamed(ops.softmax)
log_softmax: Callable[..., Tensor] = renamed(ops.log_softmax)

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def tanh(input: Any) -> Tensor:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)), between -1 and 1.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.tanh(dls.tensor([-1.0, 0.0, 1.0]))
    Tensor([-0.7616,  0.    ,  0.7616])
    """
    return ops.tanh(input)  # type: ignore[no-any-return]


def sigmoid(input: Any) -> Tensor:
    """1 / (1 + exp(-x)), between 0 and 1.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.sigmoid(dls.tensor([-1.0, 0.0, 1.0]))
    Tensor([0.2689, 0.5   , 0.7311])
    """
    return ops.sigmoid(input)  # type: ignore[no-any-return]


@near_names
def logsigmoid(input: Any) -> Tensor:
    """log(sigmoid(x)), without taking the log of a 0.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.logsigmoid(dls.tensor([-50.0, 0.0, 2.0]))
    Tensor([-50.    ,  -0.6931,  -0.1269])
    """
    return ops.logsigmoid(input)  # type: ignore[no-any-return]


@near_names
def softsign(input: Any) -> Tensor:
    """x / (1 + |x|), between -1 and 1.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.softsign(dls.tensor([-1.0, 0.0, 3.0]))
    Tensor([-0.5 ,  0.  ,  0.75])
    """
    return ops.softsign(input)  # type: ignore[no-any-return]


def relu(input: Any, inplace: bool = False) -> Tensor:
    """max(x, 0); slope 0 at 0.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.relu(dls.tensor([-2.0, 0.0, 3.0]))
    Tensor([0., 0., 3.])
    """
    if inplace:
        return written(ops.relu, input, "relu")
    return ops.relu(input)  # type: ignore[no-any-return]


@near_names
def relu6(input: Any, inplace: bool = False) -> Tensor:
    """x clamped to 0 and 6; slope 0 at both (Howard et al. 2017, MobileNets).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.relu6(dls.tensor([-1.0, 4.0, 9.0]))
    Tensor([0., 4., 6.])
    """
    if inplace:
        return written(relu6, input, "relu6")
    return ops.hardtanh(input, 0.0, 6.0)  # type: ignore[no-any-return]


@near_names
def hardtanh(
    input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x clamped to min_val and max_val; slope 0 at both.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.hardtanh(dls.tensor([-3.0, 0.5, 3.0]), -1.0, 2.0)
    Tensor([-1. ,  0.5,  2. ])
    """
    if inplace:
        return written(lambda x: ops.hardtanh(x, min_val, max_val), input, "hardtanh")
    return ops.hardtanh(input, min_val, max_val)  # type: ignore[no-any-return]


@near_names
def hardsigmoid(input: Any, inplace: bool = False) -> Tensor:
    """x / 6 + 1/2 clamped to 0 and 1; slope 0 where it is one of them.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.hardsigmoid(dls.tensor([-4.0, 0.0, 1.5]))
    Tensor([0.  , 0.5 , 0.75])
    """
    if inplace:
        return written(ops.hardsigmoid, input, "hardsigmoid")
    return ops.hardsigmoid(input)  # type: ignore[no-any-return]


@near_names
def hardswish(input: Any, inplace: bool = False) -> Tensor:
    """x times hardsigmoid(x); slope 0 at -3 and 1 at 3 (Howard et al. 2019, MobileNetV3).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.hardswish(dls.tensor([-1.5, 1.5, 4.0]))
    Tensor([-0.375,  1.125,  4.   ])
    """
    if inplace:
        return written(ops.hardswish, input, "hardswish")
    return ops.hardswish(input)  # type: ignore[no-any-return]


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope * x, which is also its slope at 0.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.leaky_relu(dls.tensor([-2.0, 0.0, 3.0]), 0.1)
    Tensor([-0.2,  0. ,  3. ])
    """
    if inplace:
        return written(lambda x: ops.leaky_relu(x, negative_slope), input, "leaky_relu")
    return ops.leaky_relu(input, negative_slope)  # type: ignore[no-any-return]


@near_names
def prelu(input: Any, weight: Any) -> Tensor:
    """x where x > 0, else weight * x (He et al. 2015).

    Shape: x (m, channels, ...) or any, y as x, weight (1,) or (channels,).
    Raises: ShapeError if weight has neither one slope nor one for each channel.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.prelu(dls.tensor([[-2.0, 3.0]]), dls.tensor([0.5, 0.5]))
    Tensor([[-1.,  3.]])
    """
    x = operand(input, default_device())
    weight = operand(weight, x.device)
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise ShapeError(
            "prelu takes one slope, or one for each channel, axis 1:\n"
            f"  input   {x.shape}\n  weight  {weight.shape}"
        )
    if x.ndim > 1 and weight.size > 1:
        weight = ops.reshape(weight, (channels, *(1,) * (x.ndim - 2)))
    elif weight.ndim > x.ndim:
        weight = ops.reshape(weight, ())
    return ops.prelu(x, weight)  # type: ignore[no-any-return]


@near_names
def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False,
    inplace: bool = False, generator: Generator | None = None,
) -> Tensor:
    """leaky_relu whose slope is drawn, in training, for each element from [lower, upper).

    Otherwise the slope is the middle of the two (Xu et al. 2015). `generator`: where it is drawn.

    Shape: any; y as x.
    Raises: DataError if lower is above upper.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.rrelu(dls.tensor([-2.0, 3.0]), 0.25, 0.75)
    Tensor([-1.,  3.])
    """
    if inplace:
        return written(lambda x: rrelu(x, lower, upper, training, False, generator), input, "rrelu")
    lower, upper = number("rrelu: lower", lower), number("rrelu: upper", upper)
    if not lower <= upper:
        raise DataError(f"rrelu draws slopes from lower to upper, not from {lower} to {upper}")
    x = operand(input, default_device())
    if not training:
        return leaky_relu(x, 0.5 * (lower + upper))
    slopes = uniform_like(x, lower, upper, chosen(generator).stream())
    return ops.prelu(x, slopes)  # type: ignore[no-any-return]


@near_names
def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x) - 1); slope alpha at 0 (Clevert et al. 2016).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.elu(dls.tensor([-9.0, -1.0, 2.0]))
    Tensor([-0.9999, -0.6321,  2.    ])
    """
    if inplace:
        return written(lambda x: ops.elu(x, alpha), input, "elu")
    return ops.elu(input, alpha)  # type: ignore[no-any-return]


@near_names
def selu(input: Any, inplace: bool = False) -> Tensor:
    """1.0507 elu(x, 1.6733), which keeps mean 0 and variance 1 (Klambauer et al. 2017).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.selu(dls.tensor([-1.0, 0.0, 1.0]))
    Tensor([-1.1113,  0.    ,  1.0507])
    """
    if inplace:
        return written(selu, input, "selu")
    return ops.elu(input, SELU_ALPHA, SELU_SCALE)  # type: ignore[no-any-return]


@near_names
def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x / alpha) - 1): slope 1 at 0 (Barron 2017).

    Shape: any; y as x.
    Raises: DataError if alpha is 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.celu(dls.tensor([-9.0, -1.0, 2.0]), alpha=2.0)
    Tensor([-1.9778, -0.7869,  2.    ])
    """
    if inplace:
        return written(lambda x: celu(x, alpha), input, "celu")
    alpha = number("celu: alpha", alpha)
    if alpha == 0:
        raise DataError("celu divides by alpha: it must not be 0")
    return ops.elu(input, alpha, 1.0, 1.0 / alpha)  # type: ignore[no-any-return]


def gelu(input: Any, approximate: str = "none") -> Tensor:
    """x Phi(x), Phi the standard normal distribution function (Hendrycks and Gimpel 2016).

    approximate="tanh": the paper's approximation, which GPT-2 uses.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.gelu(dls.tensor([-1.0, 0.0, 1.0]))
    Tensor([-0.1587,  0.    ,  0.8413])
    """
    return ops.gelu(input, approximate)  # type: ignore[no-any-return]


@near_names
def silu(input: Any, inplace: bool = False) -> Tensor:
    """x sigmoid(x), also called swish.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.silu(dls.tensor([-2.0, 0.0, 2.0]))
    Tensor([-0.2384,  0.    ,  1.7616])
    """
    if inplace:
        return written(ops.silu, input, "silu")
    return ops.silu(input)  # type: ignore[no-any-return]


@near_names
def mish(input: Any, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.mish(dls.tensor([-2.0, 0.0, 2.0]))
    Tensor([-0.2525,  0.    ,  1.944 ])
    """
    if inplace:
        return written(ops.mish, input, "mish")
    return ops.mish(input)  # type: ignore[no-any-return]


@near_names
def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, a smooth relu; x itself where beta x > threshold.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.softplus(dls.tensor([-1.0, 0.0, 30.0]))
    Tensor([ 0.3133,  0.6931, 30.    ])
    """
    return ops.softplus(input, beta, threshold)  # type: ignore[no-any-return]


@near_names
def tanhshrink(input: Any) -> Tensor:
    """x - tanh(x).

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.tanhshrink(dls.tensor([-2.0, 0.0, 2.0]))
    Tensor([-1.036,  0.   ,  1.036])
    """
    x = operand(input, default_device())
    return x - ops.tanh(x)  # type: ignore[no-any-return]


@near_names
def hardshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0; slope 0 at both edges.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.hardshrink(dls.tensor([-1.0, 0.2, 0.7]))
    Tensor([-1. ,  0. ,  0.7])
    """
    x = operand(input, default_device())
    small = ops.abs(x.detach()) <= number("hardshrink: lambd", lambd)
    return ops.where(small, 0.0, x)  # type: ignore[no-any-return]  # NaN stays


@near_names
def softshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 where |x| <= lambd; slope 0 at both edges.

    Shape: any; y as x.
    Raises: DataError if lambd is below 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.softshrink(dls.tensor([-1.0, 0.2, 0.75]))
    Tensor([-0.5 ,  0.  ,  0.25])
    """
    if (lambd := number("softshrink: lambd", lambd)) < 0:
        raise DataError(f"softshrink moves by lambd of at least 0, not {lambd}")
    x = operand(input, default_device())
    return x - ops.clip(x, -lambd, lambd)  # type: ignore[no-any-return]


@near_names
def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value; slope 0 at the threshold.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.threshold(dls.tensor([0.0, 1.0, 2.0]), 1.0, -5.0)
    Tensor([-5., -5.,  2.])
    """
    if inplace:
        return written(_threshold(threshold, value), input, "threshold")
    return _threshold(threshold, value)(input)


def _threshold(limit: float, value: float) -> Callable[[Any], Tensor]:
    limit, value = number("threshold", limit), number("threshold: value", value)

    def apply(input: Any) -> Tensor:
        x = operand(input, default_device())
        return ops.where(x.detach() <= limit, value, x)  # type: ignore[no-any-return]  # NaN stays

    return apply


@near_names
def glu(input: Any, dim: int = -1) -> Tensor:
    """a sigmoid(b), where a and b are the halves of x along axis `dim` (Dauphin et al. 2017).

    Shape: x (..., 2n, ...), y (..., n, ...).
    Raises: ShapeError if the axis is of odd length.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.glu(dls.tensor([[6.0, 8.0, 0.0, 100.0]]))
    Tensor([[3., 8.]])
    """
    return ops.glu(input, dim)  # type: ignore[no-any-return]


@renamed
def softmin(x: Any, axis: int = -1) -> Tensor:
    """softmax(-x) along `axis`: the smallest gets the most.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.softmin(dls.tensor([[0.0, 0.0], [1.0, 3.0]]))
    Tensor([[0.5   , 0.5   ],
            [0.8808, 0.1192]])
    """
    return ops.softmax(-x, axis)  # type: ignore[no-any-return]


@renamed
def gumbel_softmax(
    logits: Any, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, axis: int = -1,
    generator: Generator | None = None,
) -> Tensor:
    """softmax((logits + g) / tau) with Gumbel noise g: a soft draw from the categories.

    `hard`: one-hot forward, with the soft draw's gradient (Jang et al. 2017; Maddison et al. 2017).
    `eps` is accepted as in PyTorch, and not needed.

    Shape: logits (..., categories), or with the categories along `axis`; y likewise.
    Raises: DataError if tau is not above 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.gumbel_softmax(dls.tensor([[0.0, 1.0, 2.0]]), hard=True).sum(1)
    Tensor([1.])
    """
    if not (tau := number("gumbel_softmax: tau", tau)) > 0:
        raise DataError(f"gumbel_softmax divides by tau of more than 0, not {tau}")
    logits = operand(logits, default_device())
    u = uniform_like(logits, 0.0, 1.0, chosen(generator).stream())
    tiny = 1e-20  # a uniform 0 would be infinite noise
    noise = -ops.log(-ops.log(ops.clip(u, tiny)) + tiny)
    soft = ops.softmax((logits + noise) * (1.0 / tau), axis)
    if not hard:
        return soft  # type: ignore[no-any-return]
    top = ops.expand_dims(ops.argmax(soft.detach(), axis), axis)
    places = soft.device.xp.arange(soft.shape[axis]).reshape(
        [-1 if i == axis % soft.ndim else 1 for i in range(soft.ndim)]
    )
    onehot = (top == places).astype(soft.dtype)
    return onehot - soft.detach() + soft  # type: ignore[no-any-return]
