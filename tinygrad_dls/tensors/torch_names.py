"""PyTorch's spellings, accepted where they mean the same; told apart where they do not."""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from .._util.keywords import near_names, wrong_keyword
from ..backend.device import default_device
from ..engine.autograd import TensorBase
from ..errors import DataError, ShapeError
from ..ops.call import function_of, tensor_of
from ..ops.names import Name

if TYPE_CHECKING:
    from .tensor import Tensor

Result = TypeVar("Result")
_NAMES = {"dim": "axis", "keepdim": "keepdims", "unbiased": "correction",
          "start_dim": "start_axis", "end_dim": "end_axis", "dims": "axis", "dim1": "axis1",
          "dim2": "axis2", "shifts": "shift", "diagonal": "k",
          "ddof": "correction", "a_min": "min", "a_max": "max"}  # the last three are NumPy's
_SPREAD = {"transpose": "axes", "permute_dims": "axes", "tile": "reps"}  # positions in ours
_OF_MANY = ("concatenate", "stack")
_NOT_GIVEN: Any = object()
_PAIRS = {  # of values and places, in PyTorch
    "max": "x.max(axis={}) gives the values and x.argmax(axis={}) their places",
    "min": "x.min(axis={}) gives the values and x.argmin(axis={}) their places",
    "sort": "x.sort(axis={}) gives the values and x.argsort(axis={}) their places",
    "median": "x.median(axis={}) is the mean of the two in the middle, where there are two",
}


def as_function(name: Name) -> Callable[..., Any]:
    """The function that users call as `dls.NAME`."""
    function: Callable[..., Any] = getattr(ops, name.inner)
    if name.plain != "both" and _has_options(function):
        return renamed(function)
    return function if _is_op(function) else near_names(function)


def as_method(name: Name) -> Callable[..., Any]:
    """The method that users call as `x.NAME`."""
    function = getattr(ops, name.inner)
    return function if name.plain or not _has_options(function) else renamed(function)


def _has_options(function: Callable[..., Any]) -> bool:
    """Return whether `function` is of one tensor, or a list, and not made of an op as it is."""
    if _is_op(function):
        return False
    known = list(inspect.signature(function).parameters)
    return function.__name__ in _OF_MANY or (known[0] == "x" and "dim" not in known)


def _is_op(function: Callable[..., Any]) -> bool:
    """Return whether `function` is made of an op as it is: it names wrong keywords itself."""
    return function.__module__ == function_of.__module__


def renamed(function: Callable[..., Result]) -> Callable[..., Result]:
    """`function` of a tensor, which also takes lists, dim= for axis= and keepdim= for keepdims=."""
    return _renamed(function)


@functools.cache
def _renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    of_one = function.__name__ not in _OF_MANY
    known = frozenset(keywords_of(function))

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
            if not known.issuperset(kwargs):
                return with_numpys_keywords(function, x, args, kwargs)
        return function(x, *args, **kwargs)

    return call


def with_numpys_keywords(
    function: Callable[..., Any], x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """`function` with keywords that NumPy's has, and ours not; TypeError for those of neither."""
    name, mask, initial = function.__name__, None, None
    if (spread := _SPREAD.get(name)) in kwargs:
        args = (*args, kwargs.pop(spread))
    if name in ("sort", "argsort"):
        kwargs.pop("kind", None)  # ours keeps the order of equals, as NumPy's "stable" does
    if name in ("sum", "mean", "prod", "cumsum", "cumprod") and "dtype" in kwargs:
        dtype = kwargs.pop("dtype")
        x = x if dtype is None else ops.cast(x, dtype)
    if name in ("sum", "mean", "prod"):
        mask = kwargs.pop("where", None)
    if name in ("sum", "prod"):
        initial = kwargs.pop("initial", None)
    ours = keywords_of(function)[1:]
    if unknown := [k for k in kwargs if k not in ours]:
        raise wrong_keyword(function, {unknown[0]: None})
    if mask is not None and name == "mean":
        there = ops.cast(ops.broadcast_to(tensor_of_mask(mask, x), x.shape), "int64")
        total = ops.sum(ops.where(mask, x, 0), *args, **kwargs)
        return total / ops.sum(there, *args, **kwargs)
    if mask is not None:
        x = ops.where(tensor_of_mask(mask, x), x, 1 if name == "prod" else 0)
    y = function(x, *args, **kwargs)
    if initial is None:
        return y
    return y * initial if name == "prod" else y + initial


def keywords_of(function: Callable[..., Any]) -> list[str]:
    """The parameters that can be given by name."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def tensor_of_mask(mask: Any, x: Any) -> Any:
    """`where=` of NumPy's reductions, on the device of x."""
    return mask if isinstance(mask, TensorBase) else tensor_of(mask, x.device)


def t(x: Any) -> Any:
    """The transpose of a matrix; a vector stays as it is.

    >>> dls.t(dls.zeros(2, 3)).shape
    (3, 2)
    """
    return x.t()


def numel(x: Any) -> int:
    """The number of elements: PyTorch's name of `x.size`.

    >>> dls.numel(dls.zeros(2, 3))
    6
    """
    return int(x.size)


def is_tensor(x: object) -> bool:
    """Return whether x is a tensor.

    >>> dls.is_tensor([1, 2])
    False
    """
    return isinstance(x, TensorBase)


def is_floating_point(x: Any) -> bool:
    """Return whether the elements of x are floats.

    >>> dls.is_floating_point(dls.tensor([1, 2]))
    False
    """
    return bool(x.dtype.kind == "f")


class Synonyms:
    """Methods under PyTorch's names."""

    __slots__ = ()

    def view(self, *shape: builtins.int | Sequence[builtins.int]) -> Tensor:
        """PyTorch's name of `reshape`.

        >>> dls.tensor([[1, 2], [3, 4]]).view(4)
        Tensor([1, 2, 3, 4])
        """
        return ops.reshape(self, *shape)  # type: ignore[no-any-return]

    def permute(self, *axes: builtins.int | Sequence[builtins.int]) -> Tensor:
        """PyTorch's name of `transpose` with all axes.

        >>> dls.zeros(2, 3, 4).permute(2, 0, 1).shape
        (4, 2, 3)
        """
        return ops.transpose(self, *axes)  # type: ignore[no-any-return]

    def unsqueeze(self, dim: builtins.int) -> Tensor:
        """PyTorch's name of `expand_dims`.

        >>> dls.zeros(2, 3).unsqueeze(0).shape
        (1, 2, 3)
        """
        return ops.expand_dims(self, dim)  # type: ignore[no-any-return]

    def pow(self, exponent: Tensor | builtins.float) -> Tensor:
        """PyTorch's name of `**`.

        >>> dls.tensor([2.0, 3.0]).pow(2)
        Tensor([4., 9.])
        """
        return ops.power(self, exponent)  # type: ignore[no-any-return]

    def matmul(self, other: Tensor | np.ndarray[Any, Any] | Sequence[Any]) -> Tensor:
        """PyTorch's name of `@`.

        >>> dls.tensor([[1, 2], [3, 4]]).matmul(dls.tensor([1, 10]))
        Tensor([21, 43])
        """
        return ops.matmul(self, other)  # type: ignore[no-any-return]

    def dim(self) -> builtins.int:
        """PyTorch's name of `ndim`.

        >>> dls.zeros(2, 3).dim()
        2
        """
        return int(self.ndim)  # type: ignore[attr-defined]

    def numel(self) -> builtins.int:
        """PyTorch's name of `size`.

        >>> dls.zeros(2, 3).numel()
        6
        """
        return int(self.size)  # type: ignore[attr-defined]

    nelement = numel

    def element_size(self) -> builtins.int:
        """PyTorch's name of `dtype.itemsize`.

        >>> dls.tensor([1.0]).element_size()
        4
        """
        return int(self.dtype.itemsize)  # type: ignore[attr-defined]

    def is_floating_point(self) -> builtins.bool:
        """Return whether the dtype is a float.

        >>> dls.tensor([1, 2]).is_floating_point()
        False
        """
        return builtins.bool(self.dtype.kind == "f")  # type: ignore[attr-defined]

    def is_contiguous(self) -> builtins.bool:
        """Return whether the values are in C order.

        >>> dls.zeros(2, 3).T.is_contiguous()
        False
        """
        return builtins.bool(self._data.flags.c_contiguous)  # type: ignore[attr-defined]

    @property
    def is_cuda(self) -> builtins.bool:
        """Return whether the tensor is on a GPU."""
        return builtins.bool(self.device.type == "cuda")  # type: ignore[attr-defined]

    def cpu(self) -> Tensor:
        """PyTorch's name of `to("cpu")`.

        >>> dls.zeros(2).cpu().device
        Device('cpu')
        """
        return self.to("cpu")  # type: ignore[attr-defined,no-any-return]

    def cuda(
        self, device: builtins.int | None = None, non_blocking: builtins.bool = False
    ) -> Tensor:
        """PyTorch's name of `to("cuda")`.

        >>> dls.zeros(2).cuda()  # doctest: +SKIP
        Tensor([0., 0.], device='cuda')
        """
        place = "cuda" if device is None else f"cuda:{device}"
        return self.to(place)  # type: ignore[attr-defined,no-any-return]

    # --- other dtypes ----------------------------------------------------------------------------

    def type(self, dtype: DTypeLike) -> Tensor:
        """PyTorch's name of `astype`.

        >>> dls.tensor([1, 2]).type("float32")
        Tensor([1., 2.])
        """
        return ops.cast(self, dtype)  # type: ignore[no-any-return]

    def type_as(self, other: Tensor) -> Tensor:
        """PyTorch's name of `to(other)`: the dtype and device of another tensor.

        >>> dls.tensor([1, 2]).type_as(dls.tensor([0.5]))
        Tensor([1., 2.])
        """
        return self.to(other)  # type: ignore[attr-defined,no-any-return]

    def float(self) -> Tensor:
        """PyTorch's name of `astype("float32")`.

        >>> dls.tensor([1, 2]).float()
        Tensor([1., 2.])
        """
        return ops.cast(self, "float32")  # type: ignore[no-any-return]

    def double(self) -> Tensor:
        """PyTorch's name of `astype("float64")`.

        >>> dls.tensor([1, 2]).double().dtype
        dtype('float64')
        """
        return ops.cast(self, "float64")  # type: ignore[no-any-return]

    def long(self) -> Tensor:
        """PyTorch's name of `astype("int64")`.

        >>> dls.tensor([1.5, 2.0]).long()
        Tensor([1, 2])
        """
        return ops.cast(self, "int64")  # type: ignore[no-any-return]

    def half(self) -> Tensor:
        """PyTorch's name of `astype("float16")`.

        >>> dls.tensor([1, 2]).half().dtype
        dtype('float16')
        """
        return ops.cast(self, "float16")  # type: ignore[no-any-return]

    def int(self) -> Tensor:
        """PyTorch's name of `astype("int32")`.

        >>> dls.tensor([1.5, 2.0]).int().dtype
        dtype('int32')
        """
        return ops.cast(self, "int32")  # type: ignore[no-any-return]

    def bool(self) -> Tensor:
        """PyTorch's name of `astype("bool")`.

        >>> dls.tensor([0, 2]).bool()
        Tensor([False,  True])
        """
        return ops.cast(self, "bool")  # type: ignore[no-any-return]
