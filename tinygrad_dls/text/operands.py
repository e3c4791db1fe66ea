"""Checks of the arguments that this room shares: scores as arrays or tensors, and options."""

from typing import Any

import numpy as np

from .._util.arguments import is_whole
from ..engine.autograd import TensorBase
from ..engine.conversion import host_array
from ..errors import DataError
from ..tensors import Tensor

Array = np.ndarray[Any, Any]


def on_host(x: Any) -> Array:
    """The values of a tensor, an array or a list, as a NumPy array."""
    return Tensor.numpy(x) if isinstance(x, Tensor) else host_array(x)


def as_given(values: Array, given: Any) -> Any:
    """`values` as a tensor on the device of `given`, or as an array if `given` is not a tensor."""
    return Tensor(values, device=given.device) if isinstance(given, TensorBase) else values


def log_probabilities(scores: Array) -> Array:
    """The logarithm of the softmax over the last axis, in float64.

    Log-probabilities stay what they are, so functions that call this take them and logits alike.
    A score of -inf is a token that cannot come. DataError for NaN or +inf, and for a row without
    a possible token.
    """
    scores = scores.astype(np.float64)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise DataError("scores have one number for each token on their last axis, not none")
    if np.isnan(scores).any() or (scores == np.inf).any():
        raise DataError("scores are NaN or infinite: did the training diverge?")
    largest = scores.max(axis=-1, keepdims=True)
    if (largest == -np.inf).any():
        raise DataError("all tokens have the score -inf: none of them can come next")
    shifted = scores - largest
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int; DataError unless it is a whole number of at least `least`."""
    if not is_whole(value, least=least):
        raise DataError(f"{name} is a whole number of at least {least}, not {value!r}")
    return int(value)
