"""Initial values, written in place. Drawn on the host, so that all devices start alike.

A weight has shape (out, in) or (out, in, *window): fan_in = in * window, fan_out = out * window.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

from ..errors import DataError, DtypeError, ShapeError
from ..random import Generator, chosen
from ..storage import check_writable, mark_write
from ..tensors import Tensor

T = TypeVar("T", bound=Tensor)


def constant_(tensor: T, val: float) -> T:
    """All elements `val`."""
    return _write(tensor, float(val))


def _write(tensor: T, values: Any) -> T:
    """Put values (a number, or an array of the tensor's device) into a leaf."""
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"nn.init writes into a tensor, not into a {type(tensor).__name__}")
    check_writable(tensor._data, "nn.init")
    tensor._data[...] = values
    mark_write(tensor._data, "nn.init")
    return tensor


def zeros_(tensor: T) -> T:
    """All elements 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: T) -> T:
    """All elements 1."""
    return constant_(tensor, 1.0)


def uniform_(
    tensor: T, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> T:
    """Uniform, a <= x < b."""
    drawn = chosen(generator).uniform(tensor.shape, a, b, tensor.dtype)
    return _write(tensor, tensor.device.from_host(drawn))


def normal_(
    tensor: T, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> T:
    """Normal with this mean and standard deviation."""
    if std < 0:
        raise DataError(f"a standard deviation is not negative, and this is {std}")
    drawn = chosen(generator).normal(tensor.shape, tensor.dtype)
    return _write(tensor, tensor.device.from_host(drawn * std + mean))


def xavier_uniform_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Uniform in +-gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Normal, std = gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Uniform in +-gain sqrt(3 / fan): He initialization (He et al. 2015).

    `a`: slope of the leaky relu that follows; `mode`: "fan_in" or "fan_out".
    """
    bound = math.sqrt(3.0) * _he_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Normal, std = gain / sqrt(fan): He initialization (He et al. 2015; Course 2, week 1).

    With relu and fan_in that is sqrt(2 / fan_in).
    """
    return normal_(tensor, 0.0, _he_std(tensor, a, mode, nonlinearity), generator)


def _he_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise DataError(f"mode is 'fan_in' or 'fan_out', not {mode!r}")
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a non-linear function.

    `param`: negative slope of "leaky_relu" (.01 unless told).
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


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of shape (out, in, *window)."""
    if tensor.ndim < 2 or tensor.size == 0:
        raise ShapeError(
            "Xavier and He initialization need a weight (out, in, ...) that is not empty, this is"
            f"\n  {tensor.shape}\nBiases start at zeros_"
        )
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window
