"""NumPy functions on tensors: they run our operation of that name, or say that there is none.

Without this `np.exp(x)` would quietly compute on a bare array and lose the graph.
"""

import inspect
from typing import Any

import numpy as np

from . import ops
from .errors import DtypeError, GraphError

_UFUNCS: dict[str, Any] = {
    "add": ops.add, "subtract": ops.sub, "multiply": ops.mul, "divide": ops.div,
    "true_divide": ops.div, "power": ops.power, "float_power": ops.power, "matmul": ops.matmul,
    "negative": ops.neg, "absolute": ops.abs, "fabs": ops.abs, "exp": ops.exp,
    "expm1": ops.expm1, "log": ops.log, "log1p": ops.log1p, "sqrt": ops.sqrt, "sin": ops.sin,
    "cos": ops.cos, "tanh": ops.tanh, "maximum": ops.maximum, "minimum": ops.minimum,
    "sign": ops.sign, "less": ops.less, "less_equal": ops.less_equal, "greater": ops.greater,
    "greater_equal": ops.greater_equal, "equal": ops.equal, "not_equal": ops.not_equal,
    "logical_not": ops.logical_not, "logical_and": ops.logical_and, "logical_or": ops.logical_or,
    "invert": ops.logical_not, "bitwise_and": ops.logical_and, "bitwise_or": ops.logical_or,
    "square": lambda x: ops.power(x, 2),
}

_FUNCTIONS: dict[str, Any] = {
    "sum": ops.sum, "mean": ops.mean, "var": ops.var, "std": ops.std, "max": ops.max,
    "amax": ops.max, "min": ops.min, "amin": ops.min, "argmax": ops.argmax, "argmin": ops.argmin,
    "any": ops.any, "all": ops.all, "reshape": lambda a, shape: ops.reshape(a, shape),
    "transpose": lambda a, axes=None: ops.transpose(a, axes),
    "swapaxes": ops.swapaxes, "moveaxis": ops.moveaxis, "expand_dims": ops.expand_dims,
    "squeeze": ops.squeeze, "ravel": ops.flatten, "broadcast_to": ops.broadcast_to,
    "concatenate": ops.concatenate, "stack": ops.stack, "where": ops.where, "clip": ops.clip,
    "einsum": ops.einsum, "dot": ops.matmul, "take_along_axis": ops.take_along_axis,
    "copy": ops.clone,
    "shape": lambda x: x.shape, "ndim": lambda x: x.ndim, "size": lambda x: x.size,
}
_KEYWORDS = {"ddof": "correction", "a_min": "min", "a_max": "max"}


class NumpyDispatch:
    """What makes NumPy hand its functions over to us (NEP 13 and NEP 18)."""

    __slots__ = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self.requires_grad:  # type: ignore[attr-defined]
            raise GraphError(
                "np.asarray of a tensor that requires grad would lose its history without a word: "
                "write x.numpy() for the values, or x.detach()"
            )
        values: np.ndarray[Any, Any] = self.numpy()  # type: ignore[attr-defined]
        if dtype is None or values.dtype == dtype:
            return values.copy() if copy else values
        if copy is False:
            raise DtypeError(f"{values.dtype} as {dtype} is a copy, and copy=False forbids one")
        return values.astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        ours = _UFUNCS.get(ufunc.__name__)
        if ours is None or method != "__call__" or keywords:
            call = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            raise _no_counterpart(call, keywords if ours else {})
        return ours(*inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        ours = _FUNCTIONS.get(func.__name__)
        if ours is None:
            raise _no_counterpart(func.__name__, {})
        kwargs = {_KEYWORDS.get(k, k): v for k, v in kwargs.items()}
        try:
            inspect.signature(ours).bind(*args, **kwargs)
        except TypeError as error:
            raise _no_counterpart(func.__name__, kwargs) from error
        return ours(*args, **kwargs)


def _no_counterpart(name: str, keywords: dict[str, Any]) -> DtypeError:
    what = f"np.{name} with {', '.join(keywords)}=" if keywords else f"np.{name}"
    return DtypeError(
        f"{what} of a tensor has no counterpart here, and would lose its history: use an "
        "operation of dls, or x.numpy() for the values"
    )
