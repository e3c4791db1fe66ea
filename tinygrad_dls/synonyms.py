"""PyTorch's spellings, accepted where they mean the same; told apart where they do not."""

import functools
from collections.abc import Callable
from typing import Any

from . import ops
from .autograd import TensorBase
from .device import default_device
from .errors import DataError, ShapeError
from .ops.call import tensor_of

_NAMES = {"dim": "axis", "keepdim": "keepdims", "unbiased": "correction",
          "start_dim": "start_axis", "end_dim": "end_axis", "dims": "axis", "dim1": "axis1",
          "dim2": "axis2", "shifts": "shift", "diagonal": "k"}
_OF_MANY = ("concatenate", "stack")
_NOT_GIVEN: Any = object()
_PAIRS = {  # of values and places, in PyTorch
    "max": "x.max(axis={}) gives the values and x.argmax(axis={}) their places",
    "min": "x.min(axis={}) gives the values and x.argmin(axis={}) their places",
    "sort": "x.sort(axis={}) gives the values and x.argsort(axis={}) their places",
    "median": "x.median(axis={}) is the mean of the two in the middle, where there are two",
}


def renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of a tensor, which also takes lists, dim= for axis= and keepdim= for keepdims=."""
    of_one = function.__name__ not in _OF_MANY

    @functools.wraps(function)
    def call(x: Any = _NOT_GIVEN, *args: Any, **kwargs: Any) -> Any:
        if x is _NOT_GIVEN:
            if "input" not in kwargs:
                return function(**kwargs)
            x = kwargs.pop("input")
        if of_one and not isinstance(x, TensorBase):
            x = tensor_of(x, default_device())
        if kwargs:
            if "dim" in kwargs and function.__name__ in _PAIRS:
                name, dim = function.__name__, kwargs["dim"]
                raise ShapeError(
                    f"PyTorch's {name}(dim=) is a pair; here {_PAIRS[name].format(dim, dim)}"
                )
            if "p" in kwargs and function.__name__ == "norm":
                raise DataError(
                    "PyTorch's norm(p=) is of all elements as one vector: here that is "
                    f"dls.vector_norm(x, {kwargs['p']!r}); x.norm(ord=) is NumPy's"
                )
            if len(given := {_NAMES.get(k, k): v for k, v in kwargs.items()}) < len(kwargs):
                raise ShapeError(f"{function.__name__} got one option under two names: "
                                 + ", ".join(kwargs))
            kwargs = given
        return function(x, *args, **kwargs)

    return call


class Synonyms:
    """Methods under PyTorch's names."""

    __slots__ = ()

    def view(self, *shape: Any) -> Any:
        """PyTorch's name of `reshape`."""
        return ops.reshape(self, *shape)

    def permute(self, *axes: Any) -> Any:
        """PyTorch's name of `transpose` with all axes."""
        return ops.transpose(self, *axes)

    def unsqueeze(self, dim: int) -> Any:
        """PyTorch's name of `expand_dims`."""
        return ops.expand_dims(self, dim)

    add, sub, mul, div, neg = ops.add, ops.sub, ops.mul, ops.div, ops.neg
    eq, ne, lt, le, gt, ge = (ops.equal, ops.not_equal, ops.less, ops.less_equal, ops.greater,
                              ops.greater_equal)
    asin, acos, atan, atan2 = ops.arcsin, ops.arccos, ops.arctan, ops.arctan2
    asinh, acosh, atanh, absolute = ops.arcsinh, ops.arccosh, ops.arctanh, ops.abs
    clamp = renamed(ops.clip)

    def pow(self, exponent: Any) -> Any:
        """PyTorch's name of `**`."""
        return ops.power(self, exponent)

    def matmul(self, other: Any) -> Any:
        """PyTorch's name of `@`."""
        return ops.matmul(self, other)

    def dim(self) -> int:
        """PyTorch's name of `ndim`."""
        return int(self.ndim)  # type: ignore[attr-defined]

    def numel(self) -> int:
        """PyTorch's name of `size`."""
        return int(self.size)  # type: ignore[attr-defined]

    def cpu(self) -> Any:
        """PyTorch's name of `to("cpu")`."""
        return self.to("cpu")  # type: ignore[attr-defined]

    def cuda(self, device: int | None = None) -> Any:
        """PyTorch's name of `to("cuda")`."""
        place = "cuda" if device is None else f"cuda:{device}"
        return self.to(place)  # type: ignore[attr-defined]

    def float(self) -> Any:
        """PyTorch's name of `astype("float32")`."""
        return ops.cast(self, "float32")

    def double(self) -> Any:
        """PyTorch's name of `astype("float64")`."""
        return ops.cast(self, "float64")

    def long(self) -> Any:
        """PyTorch's name of `astype("int64")`."""
        return ops.cast(self, "int64")
