"""Creation functions: tensors of zeros, ones, ranges and random numbers."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .conversion import host_array
from .device import Device
from .dtypes import default_dtype, tensor_dtype
from .errors import DataError, DtypeError, ShapeError
from .ops.indexing import check_places
from .random import Generator, chosen
from .tensors import Tensor


def tensor(data: Any, **options: Any) -> Tensor:
    """The same as `dls.Tensor(data, ...)`."""
    return Tensor(data, **options)


def _shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """(2, 3) and ((2, 3),) alike; lengths are integers, 0 or more."""
    if len(shape) == 1 and isinstance(shape[0], Sequence):
        shape = tuple(shape[0])
    try:
        lengths = tuple(map(operator.index, shape))
    except TypeError as error:
        raise ShapeError(f"a shape is made of integers, not {shape}") from error
    if any(n < 0 for n in lengths):
        raise ShapeError(f"no axis has a negative length:\n  {lengths}")
    return lengths


def _made(make: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What a NumPy function makes; DataError, with its reason, where it refuses."""
    try:
        return make(*arguments, **keywords)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise DataError(f"{make.__name__} of {arguments}: {error}") from error


def full(
    shape: int | Sequence[int], value: float, dtype: DTypeLike | None = None,
    requires_grad: bool = False, device: str | Device | None = None,
) -> Tensor:
    """All elements `value`; floats by default."""
    kind = dtype or (default_dtype() if isinstance(value, float) else None)
    array = _made(np.full, _shape((shape,)), value, kind)
    return Tensor(array, requires_grad, device=device)


def zeros(*shape: Any, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """All elements 0, of the default float dtype: zeros((2, 3)) or zeros(2, 3)."""
    return Tensor(_made(np.zeros, _shape(shape), tensor_dtype(dtype or default_dtype())), **options)


def ones(*shape: Any, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """All elements 1, of the default float dtype: ones((2, 3)) or ones(2, 3)."""
    return Tensor(_made(np.ones, _shape(shape), tensor_dtype(dtype or default_dtype())), **options)


def zeros_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape, dtype and place of x."""
    return Tensor(np.zeros(x.shape, tensor_dtype(dtype or x.dtype)), requires_grad, device=x.device)


def ones_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape, dtype and place of x."""
    return Tensor(np.ones(x.shape, tensor_dtype(dtype or x.dtype)), requires_grad, device=x.device)


def arange(*range_: float, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """start, start + step ... below stop; integers of integers, else floats."""
    array = _made(np.arange, *range_, dtype=dtype)
    if dtype is None and array.dtype.kind == "f":
        array = array.astype(default_dtype())
    return Tensor(array, **options)


def linspace(start: float, stop: float, num: int = 50, **options: Any) -> Tensor:
    """`num` floats from start to stop, both included, evenly spaced."""
    return Tensor(_made(np.linspace, start, stop, num).astype(default_dtype()), **options)


def eye(n: int, m: int | None = None, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """Ones on the diagonal of an n by m matrix, zeros elsewhere."""
    return Tensor(_made(np.eye, n, m, dtype=tensor_dtype(dtype or default_dtype())), **options)


def one_hot(labels: Any, classes: int, dtype: DTypeLike | None = None) -> Tensor:
    """A row of `classes` numbers for each label: 1 at the label, 0 elsewhere."""
    places = labels.numpy() if isinstance(labels, Tensor) else host_array(labels)
    if places.dtype.kind not in "iu" and places.size:
        raise DtypeError(f"labels are integers, not {places.dtype}")
    classes = _shape((classes,))[0]
    check_places(places, classes, "label")
    device = labels.device if isinstance(labels, Tensor) else None
    rows = np.eye(classes, dtype=tensor_dtype(dtype or default_dtype()))
    return Tensor(rows[places.astype(np.int64)], device=device)


def randn(
    *shape: Any, generator: Generator | None = None, dtype: DTypeLike | None = None, **options: Any
) -> Tensor:
    """Standard normal numbers."""
    return Tensor(chosen(generator).normal(_shape(shape), dtype), **options)


def rand(
    *shape: Any, generator: Generator | None = None, dtype: DTypeLike | None = None, **options: Any
) -> Tensor:
    """Uniform numbers, 0 <= x < 1."""
    return Tensor(chosen(generator).uniform(_shape(shape), dtype=dtype), **options)


def randint(
    low: int, high: int, shape: Sequence[int] = (), generator: Generator | None = None,
    **options: Any,
) -> Tensor:
    """Integers, low <= x < high."""
    draw = chosen(generator).integers
    return Tensor(_made(draw, low, high, _shape((shape,))), **options)
