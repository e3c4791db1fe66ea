"""torch.nn.functional: the core's functions, and those whose meaning or options are PyTorch's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ... import ops
from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from ...errors import DataError
from ...nn import functional as core
from .. import further
from ..reductions import _softmax_dim


def _reduction(size_average: Any, reduce: Any) -> str:
    """The reduction that these two say."""
    return "none" if reduce is False else "sum" if size_average is False else "mean"


def _with_legacy(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which takes size_average= and reduce= of old scripts for reduction=."""

    @functools.wraps(function)
    def call(*args: Any, size_average: Any = None, reduce: Any = None, **options: Any) -> Any:
        if size_average is not None or reduce is not None:
            options["reduction"] = _reduction(size_average, reduce)
        return function(*args, **options)

    return call


def _made() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, function in vars(core).items():
        if name.startswith("_") or not callable(function):
            continue
        names = inspect.signature(function).parameters
        if "inplace" in names:
            found[name] = function
            found[f"{name}_"] = functools.partial(function, inplace=True)
        elif "reduction" in names:
            found[name] = _with_legacy(function)
        else:
            found[name] = function
    return found


globals().update(_made())


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(x) over its sum along `dim`."""
    dim = _softmax_dim(input) if dim is None else dim
    return ops.softmax(input if dtype is None else ops.cast(input, dtype), dim)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """The logarithm of softmax along `dim`."""
    dim = _softmax_dim(input) if dim is None else dim
    return ops.log_softmax(input if dtype is None else ops.cast(input, dtype), dim)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax(-x) along `dim`."""
    return softmax(ops.neg(input), dim, dtype=dtype)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """A row of 0 and 1 for each label; int64."""
    if num_classes < 0:
        num_classes = int(tensor._data.max()) + 1
    return core.one_hot(tensor, num_classes)


def _numbers(value: Any) -> Any:
    return tuple(int(v) for v in value) if isinstance(value, list | tuple) else value


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Padded at the ends of the last axes: (left, right, top, bottom ...)."""
    return core.pad(input, _numbers(pad), mode, 0.0 if value is None else value)


def tanh(input: Any) -> Any:
    """Hyperbolic tangent."""
    return ops.tanh(input)


def sigmoid(input: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(input)


def normalize(
    input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None
) -> Any:
    """Vectors along `dim` of length 1."""
    if out is not None:
        raise DataError("out= is not taken here")
    length = ops.vector_norm(input, p, dim, True)
    return ops.div(input, ops.clip(length, eps, None))


def pdist(input: Any, p: float = 2.0) -> Any:
    """The distances of each row from those after it."""
    return further.pdist(input, p)


_answer_wrong_names(globals())
