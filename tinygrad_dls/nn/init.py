"""Initial values, written in place. Drawn on the host, so that all devices start alike.

Each function takes a tensor or an array: `w`, or `w.data`, which is its array.

A weight has shape (out, in) or (out, in, *window): fan_in = in * window, fan_out = out * window.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from .._util.arguments import number
from .._util.keywords import near_names
from .._util.namespaces import answer_wrong_names
from ..backend.device import Device, default_device
from ..engine.versions import check_writable, mark_write
from ..errors import DataError, DtypeError, ShapeError
from ..random import Generator, chosen
from ..tensors import Tensor

T = TypeVar("T", bound=Tensor | np.ndarray)


@near_names
def constant_(tensor: T, val: float) -> T:
    """Fill with `val`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.init.constant_(dls.empty(2), 0.5)
    Tensor([0.5, 0.5])
    """
    return _write(tensor, number("constant_: val", val))


def _write(tensor: T, values: Any) -> T:
    """Put values, a number or an array of the host, into a leaf or an array."""
    if isinstance(tensor, Tensor):
        array, device = tensor._data, tensor.device
    else:
        array, device = tensor, _device_of(tensor)
    check_writable(array, "nn.init")
    array[...] = device.from_host(values) if isinstance(values, np.ndarray) else values
    mark_write(array, "nn.init")
    return tensor


def _device_of(array: Any) -> Device:
    """The device of an array; DtypeError for anything else."""
    if isinstance(array, np.ndarray):
        return Device("cpu")
    place = default_device()
    if not isinstance(array, place.array_type):
        raise DtypeError(f"nn.init writes into a tensor, not into a {type(array).__name__}")
    return place


@near_names
def zeros_(tensor: T) -> T:
    """Fill with zeros.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.init.zeros_(dls.empty(2))
    Tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


@near_names
def ones_(tensor: T) -> T:
    """Fill with ones.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.init.ones_(dls.empty(2))
    Tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


@near_names
def uniform_(
    tensor: T, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> T:
    """Fill with uniform numbers, a <= x < b.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.init.uniform_(dls.empty(2, 100), -1.0, 1.0)
    >>> bool((w >= -1).all() and (w < 1).all())
    True
    """
    a, b = number("uniform_: a", a), number("uniform_: b", b)
    if not a <= b:
        raise DataError(f"uniform_ draws from a to b, the lower first, not from {a} to {b}")
    drawn = chosen(generator).uniform(tensor.shape, a, b, tensor.dtype)
    return _write(tensor, drawn)


@near_names
def normal_(
    tensor: T, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> T:
    """Fill with normal numbers of this mean and standard deviation.

    `generator`, here and in all others: where they are drawn from, `dls.manual_seed`'s if None.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.init.normal_(dls.empty(2, 3), std=0.01, generator=dls.Generator(0)).shape
    (2, 3)
    """
    mean, std = number("normal_: mean", mean), number("normal_: std", std)
    if not std >= 0:
        raise DataError(f"a standard deviation is not negative, and this is {std}")
    drawn = chosen(generator).normal(tensor.shape, tensor.dtype)
    return _write(tensor, drawn * std + mean)


@near_names
def trunc_normal_(
    tensor: T, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Generator | None = None,
) -> T:
    """Fill with normal numbers, drawn again where they are outside [a, b].

    a and b are numbers around the mean, not multiples of std: for a std of .02 the usual bounds of
    +-2 cut nothing.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.init.trunc_normal_(dls.empty(1000), std=1.0, a=-1.0, b=1.0)
    >>> bool((w.abs() <= 1).all())
    True
    """
    mean, std = number("trunc_normal_: mean", mean), number("trunc_normal_: std", std)
    low, high = number("trunc_normal_: a", a), number("trunc_normal_: b", b)
    if not (std > 0 and low <= mean <= high and low < high):
        raise DataError("trunc_normal_ takes a std above 0, and a <= mean <= b with a < b, not "
                        f"mean={mean}, std={std}, a={a}, b={b}")
    source = chosen(generator)
    drawn = np.full(tensor.shape, np.inf, tensor.dtype)
    while (count := int((outside := (drawn < low) | (drawn > high)).sum())):
        if high - low > std:
            drawn[outside] = source.normal((count,), tensor.dtype) * std + mean
        else:  # few would fall into so narrow a band: of uniform ones keep each by its density
            new = source.uniform((count,), low, high, tensor.dtype)
            keep = source.uniform((count,)) < np.exp(-0.5 * ((new - mean) / std) ** 2)
            drawn[outside] = np.where(keep, new, np.inf)
    return _write(tensor, drawn)


@near_names
def orthogonal_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Fill with a matrix of orthogonal rows, or columns if they are fewer, of length `gain`.

    A weight (out, in, ...) counts as the matrix (out, in * ...) (Saxe et al. 2014).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.init.orthogonal_(dls.empty(2, 5))
    >>> dls.allclose(w @ w.T, dls.eye(2), atol=1e-5)
    True
    """
    gain = number("orthogonal_: gain", gain)
    if tensor.ndim < 2 or tensor.size == 0:
        raise ShapeError("orthogonal_ needs a weight (out, in, ...) that is not empty, this is\n"
                         f"  {tensor.shape}")
    rows = tensor.shape[0]
    shape = (rows, tensor.size // rows)
    drawn = chosen(generator).normal(shape, np.dtype("float64"))
    q, r = np.linalg.qr(drawn.T if shape[0] < shape[1] else drawn)
    q = q * np.sign(np.diagonal(r))  # all rotations are alike, whatever the algorithm's signs
    q = (q.T if shape[0] < shape[1] else q).reshape(tensor.shape) * gain
    return _write(tensor, q.astype(tensor.dtype))


@near_names
def eye_(tensor: T) -> T:
    """Fill a matrix with the identity: ones on the diagonal, zeros elsewhere.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.init.eye_(dls.empty(2, 3))
    Tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_ is for a matrix, this is\n  {tensor.shape}")
    return _write(tensor, np.eye(*tensor.shape, dtype=tensor.dtype))


@near_names
def xavier_uniform_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Fill with uniform numbers in +-gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.init.xavier_uniform_(dls.empty(3, 3))
    >>> bool((w.abs() <= 1).all())  # sqrt(6 / 6)
    True
    """
    bound = gain * math.sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


@near_names
def xavier_normal_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Fill with normal numbers, std = gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.init.xavier_normal_(dls.empty(200, 200))  # std .0707
    >>> 0.06 < w.std().item() < 0.08
    True
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))), generator)


@near_names
def kaiming_uniform_(
    tensor: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Fill with uniform numbers in +-gain sqrt(3 / fan): He initialization (He et al. 2015).

    gain = sqrt(2 / (1 + a**2)) of the leaky relu that follows, whose slope is `a`, or that of
    `nonlinearity`; `mode`: "fan_in" or "fan_out".

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.init.kaiming_uniform_(dls.empty(8, 6), nonlinearity="relu")
    >>> bool((w.abs() <= 1).all())  # sqrt(2) sqrt(3 / 6)
    True
    """
    bound = math.sqrt(3.0) * _he_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@near_names
def kaiming_normal_(
    tensor: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Fill with normal numbers, std = gain / sqrt(fan): He initialization (He et al. 2015).

    With relu and fan_in that is sqrt(2 / fan_in) (Course 2, week 1). `a` and `mode` as
    `kaiming_uniform_`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.init.kaiming_normal_(dls.empty(200, 200), nonlinearity="relu")  # std .1
    >>> 0.09 < w.std().item() < 0.11
    True
    """
    return normal_(tensor, 0.0, _he_std(tensor, a, mode, nonlinearity), generator)


def _he_std(tensor: Tensor | np.ndarray, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise DataError(f"mode is 'fan_in' or 'fan_out', not {mode!r}")
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


@near_names
def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Look up the factor that keeps the variance through a non-linear function.

    `param`: negative slope of "leaky_relu" (0.01 by default). DataError for unknown names.

    >>> from tinygrad_dls import nn
    >>> round(nn.init.calculate_gain("relu"), 4), round(nn.init.calculate_gain("tanh"), 4)
    (1.4142, 1.6667)
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2))
    gains = {"linear": 1.0, "identity": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0,
             "relu": math.sqrt(2.0), "selu": 0.75, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0}
    if nonlinearity not in gains:
        raise DataError(
            f"no gain is known for {nonlinearity!r}: choose from leaky_relu, {', '.join(gains)}"
        )
    return gains[nonlinearity]


@near_names
def fans(tensor: Tensor | np.ndarray) -> tuple[int, int]:
    """Count the inputs and outputs of one unit: (fan_in, fan_out) of a weight (out, in, *window).

    fan_in = in * window, fan_out = out * window. ShapeError for less than 2 axes.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.init.fans(dls.empty(16, 3, 5, 5))
    (75, 400)
    """
    if tensor.ndim < 2 or tensor.size == 0:
        raise ShapeError(
            "Xavier and He initialization need a weight (out, in, ...) that is not empty, this is"
            f"\n  {tensor.shape}\nBiases start at zeros_"
        )
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


answer_wrong_names(globals())
