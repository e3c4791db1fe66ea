"""Creation functions: tensors of zeros, ones, ranges and random numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from .._util.keywords import near_names
from ..backend.device import Device, default_device
from ..backend.dtypes import default_dtype, float_dtype, tensor_dtype
from ..engine.autograd import constant
from ..engine.conversion import host_array
from ..errors import DataError, DtypeError, ShapeError
from ..ops.indexing import check_places
from .tensor import Tensor


@near_names
def tensor(
    data: Any, requires_grad: bool = False, dtype: DTypeLike | None = None,
    device: str | Device | None = None, name: str | None = None,
) -> Tensor:
    """The same as `dls.Tensor(data, ...)`.

    >>> dls.tensor([[1.0, 2.0], [3.0, 4.0]])
    Tensor([[1., 2.],
            [3., 4.]])
    """
    return Tensor(data, requires_grad, dtype, device, name)


@near_names
def as_tensor(
    data: Any, dtype: DTypeLike | None = None, device: str | Device | None = None
) -> Tensor:
    """`data` as a tensor, not copied where that can be avoided.

    A tensor is itself, unless dtype or device differ; a NumPy array shares its memory on the CPU.

    >>> import numpy as np
    >>> dls.as_tensor(np.arange(3))
    Tensor([0, 1, 2])
    """
    place = None if device is None else Device(device)
    if isinstance(data, np.ndarray) and (place or default_device()).name == "cpu":
        kind = tensor_dtype(data.dtype)
        data = from_numpy(data) if kind == data.dtype else Tensor(data)
    if not isinstance(data, Tensor):
        return Tensor(data, False, dtype, place)
    return data.to(device=place or data.device, dtype=dtype)


asarray = as_tensor


def shape_of(shape: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """(2, 3) and ((2, 3),) alike; lengths are integers, 0 or more. `size`: instead, if given."""
    if size is not None:
        if shape not in ((), ((),)):
            raise ShapeError(f"the shape is given twice: {shape} and size={size}")
        shape = (size,)
    if len(shape) == 1 and isinstance(shape[0], Sequence):
        shape = tuple(shape[0])
    try:
        lengths = tuple(map(operator.index, shape))
    except TypeError as error:
        raise ShapeError(f"a shape is made of integers, not {shape}") from error
    if any(n < 0 for n in lengths):
        raise ShapeError(f"no axis has a negative length:\n  {lengths}")
    return lengths


def _place(device: str | Device | None) -> Device:
    return default_device() if device is None else Device(device)


def _wrapped(
    array: Any, device: Device, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """A tensor around a new array of `device`."""
    made: Tensor = constant(array, device)
    made.name = name
    return made.requires_grad_() if requires_grad else made


def _filled(
    shape: tuple[int, ...], value: float, dtype: DTypeLike | None, device: str | Device | None,
    requires_grad: bool, name: str | None,
) -> Tensor:
    place = _place(device)
    kind = tensor_dtype(dtype or default_dtype())
    array = _made(place.xp.full, shape, value, dtype=kind)
    return _wrapped(array, place, requires_grad, name)


def _made(make: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a NumPy function; DataError, with its reason, if it refuses."""
    try:
        return make(*arguments, **keywords)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise DataError(f"{make.__name__} of {arguments}: {error}") from error


@near_names
def full(
    shape: int | Sequence[int] = (), fill_value: float = 0.0, dtype: DTypeLike | None = None,
    requires_grad: bool = False, device: str | Device | None = None, name: str | None = None, *,
    size: int | Sequence[int] | None = None,
) -> Tensor:
    """All elements `fill_value`; floats by default, integers of an integer, bools of a bool.

    >>> dls.full((2, 2), 7.0)
    Tensor([[7., 7.],
            [7., 7.]])
    """
    value = fill_value
    value = value.item() if isinstance(value, (Tensor, np.generic)) else value
    if not isinstance(value, (bool, int, float)):
        raise DataError(f"full takes one number for all elements, not {value!r}")
    whole = {bool: "bool", int: "int64"}.get(type(value))
    lengths = shape_of((shape,), size)
    return _filled(lengths, value, dtype or whole, device, requires_grad, name)


@near_names
def zeros(
    *shape: Any, dtype: DTypeLike | None = None, device: str | Device | None = None,
    requires_grad: bool = False, name: str | None = None, size: Any = None,
) -> Tensor:
    """All elements 0, of the default float dtype: zeros((2, 3)), zeros(2, 3), zeros(size=...).

    >>> dls.zeros(2, 3)
    Tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _filled(shape_of(shape, size), 0, dtype, device, requires_grad, name)


@near_names
def ones(
    *shape: Any, dtype: DTypeLike | None = None, device: str | Device | None = None,
    requires_grad: bool = False, name: str | None = None, size: Any = None,
) -> Tensor:
    """All elements 1, of the default float dtype: ones((2, 3)) or ones(2, 3).

    >>> dls.ones(2, 3)
    Tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return _filled(shape_of(shape, size), 1, dtype, device, requires_grad, name)


@near_names
def empty(
    *shape: Any, dtype: DTypeLike | None = None, device: str | Device | None = None,
    requires_grad: bool = False, name: str | None = None, size: Any = None,
) -> Tensor:
    """Memory that nobody wrote to yet, of the default float dtype: fill it before you read it.

    >>> dls.empty(2, 3).shape
    (2, 3)
    """
    place = _place(device)
    kind = tensor_dtype(dtype or default_dtype())
    array = _made(place.xp.empty, shape_of(shape, size), dtype=kind)
    return _wrapped(array, place, requires_grad, name)


@near_names
def full_like(
    x: Tensor, fill_value: float, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor in the shape, dtype and place of x, all elements `fill_value`.

    >>> dls.full_like(dls.zeros(2), 7.0)
    Tensor([7., 7.])
    """
    made: Tensor = ops.full_like(x, fill_value, dtype)
    return made.requires_grad_(requires_grad)


@near_names
def zeros_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape, dtype and place of x.

    >>> dls.zeros_like(dls.tensor([1.0, 2.0]))
    Tensor([0., 0.])
    """
    return full_like(x, 0, dtype, requires_grad)


@near_names
def ones_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape, dtype and place of x.

    >>> dls.ones_like(dls.tensor([3, 4]))
    Tensor([1, 1])
    """
    return full_like(x, 1, dtype, requires_grad)


@near_names
def empty_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Memory that nobody wrote to yet, in the shape, dtype and place of x.

    >>> dls.empty_like(dls.zeros(2, 3)).shape
    (2, 3)
    """
    return empty(x.shape, dtype=dtype or x.dtype, device=x.device, requires_grad=requires_grad)


@near_names
def arange(
    *range_: float, dtype: DTypeLike | None = None, device: str | Device | None = None,
    requires_grad: bool = False, name: str | None = None,
) -> Tensor:
    """start, start + step ... below stop; integers of integers, else floats.

    >>> dls.arange(1, 7, 2)
    Tensor([1, 3, 5])
    """
    kind = None if dtype is None else tensor_dtype(dtype)
    array = _made(np.arange, *range_, dtype=kind)
    if dtype is None and array.dtype.kind == "f":
        array = array.astype(default_dtype())
    return tensor_from(array, device, requires_grad, name)


@near_names
def linspace(
    start: float, stop: float, num: int = 50, endpoint: bool = True,
    dtype: DTypeLike | None = None, device: str | Device | None = None,
    requires_grad: bool = False, name: str | None = None, *, steps: int | None = None,
) -> Tensor:
    """`num` floats from start to stop, evenly spaced; without `endpoint` stop is not among them.

    `steps` is PyTorch's name of `num`.

    >>> dls.linspace(0, 1, 5)
    Tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    num = num if steps is None else steps
    kind = float_dtype(dtype or default_dtype())
    array = _made(np.linspace, start, stop, num, endpoint).astype(kind)
    return tensor_from(array, device, requires_grad, name)


@near_names
def eye(
    n: int, m: int | None = None, dtype: DTypeLike | None = None,
    device: str | Device | None = None, requires_grad: bool = False, name: str | None = None,
) -> Tensor:
    """Ones on the diagonal of an n by m matrix, zeros elsewhere.

    >>> dls.eye(2)
    Tensor([[1., 0.],
            [0., 1.]])
    """
    array = _made(np.eye, n, m, dtype=tensor_dtype(dtype or default_dtype()))
    return tensor_from(array, device, requires_grad, name)


def tensor_from(
    array: Any, device: str | Device | None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """A tensor of a new host array, which it may keep."""
    place = _place(device)
    return _wrapped(place.from_host(np.asarray(array)), place, requires_grad, name)


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor on the CPU that shares memory with `array`; writes through `array` are not seen.

    >>> import numpy as np
    >>> dls.from_numpy(np.array([1.0, 2.0]))
    Tensor([1., 2.], dtype=float64)
    """
    if not isinstance(array, np.ndarray):
        raise DtypeError(f"from_numpy takes a NumPy array, not a {type(array).__name__}")
    dtype = tensor_dtype(array.dtype)
    if dtype != array.dtype:
        raise DtypeError(
            f"{array.dtype} is of another byte order than this machine's, so its memory cannot be "
            "shared: dls.Tensor(array) makes a copy"
        )
    shared = np.asarray(array).view(dtype)
    return constant(shared, Device("cpu"))  # type: ignore[no-any-return]


@near_names
def one_hot(labels: Any, classes: int, dtype: DTypeLike | None = None) -> Tensor:
    """A row of `classes` numbers for each label: 1 at the label, 0 elsewhere.

    >>> dls.one_hot(dls.tensor([2, 0]), 3)
    Tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    places = labels.numpy() if isinstance(labels, Tensor) else host_array(labels)
    if places.dtype.kind not in "iu" and places.size:
        raise DtypeError(f"labels are integers, not {places.dtype}")
    classes = shape_of((classes,))[0]
    check_places(places, classes, "label")
    device = labels.device if isinstance(labels, Tensor) else None
    rows = np.eye(classes, dtype=tensor_dtype(dtype or default_dtype()))
    return Tensor(rows[places.astype(np.int64)], device=device)


@near_names
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """Count each of 0, 1, 2 ... in x, whole numbers; or sum its `weights`.

    Without history, counted on the host.

    >>> dls.bincount(dls.tensor([0, 2, 2]))
    Tensor([1, 0, 2])
    """
    device = x.device if isinstance(x, Tensor) else None
    values, amounts = (v.numpy() if isinstance(v, Tensor) else v for v in (x, weights))
    return tensor_from(_made(np.bincount, values, amounts, minlength), device)
