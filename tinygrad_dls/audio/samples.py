"""Checks of the arguments that this room shares: samples, rates and durations."""

from typing import Any

import numpy as np

from .._util.arguments import is_whole, number
from ..engine.conversion import host_array
from ..errors import DataError, DtypeError, ShapeError
from ..tensors import Tensor

Array = np.ndarray[Any, Any]
MOST_CHANNELS = 32  # more of them are samples: (n, channels), as other libraries have them


def checked(samples: Any) -> Array:
    """Samples (n,) or (channels, n) as floats on the host, at least one of them, all finite.

    DtypeError for integers, whose range says nothing: they are divided by it first.
    """
    x = samples.numpy() if isinstance(samples, Tensor) else host_array(samples)
    if x.dtype.kind != "f":
        raise DtypeError(f"samples are floats from -1 to 1, not {x.dtype}: divide them by their "
                         "range first (16-bit integers by 32768)")
    if x.ndim not in (1, 2):
        raise ShapeError(f"samples are (n,) or (channels, n), not\n  {x.shape}")
    if x.size == 0:
        raise DataError(f"there are no samples: the clip is empty, {x.shape}")
    if x.ndim == 2 and x.shape[0] > MOST_CHANNELS:
        raise ShapeError(f"samples are (channels, n), not (n, channels):\n  {x.shape}\n"
                         "samples.T brings them there")
    if not np.isfinite(x).all():
        raise DataError("some samples are NaN or infinite")
    return x


def checked_rate(rate: Any, name: str = "rate") -> int:
    """A rate in samples per second; DataError unless it is a whole number of at least 1."""
    if not is_whole(rate, least=1):
        raise DataError(f"{name} is a whole number of samples per second, not {rate!r}")
    return int(rate)


def positive(name: str, value: Any) -> float:
    """A float above 0; DataError for anything else."""
    x = number(name, value)
    if not 0 < x < np.inf:
        raise DataError(f"{name} is a number above 0, not {value!r}")
    return x
