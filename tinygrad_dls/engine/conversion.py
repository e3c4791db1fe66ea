"""Conversion of lists, numbers and arrays from users to NumPy arrays that a tensor can hold."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..backend.dtypes import default_dtype, tensor_dtype
from ..errors import DataError, DtypeError, ShapeError
from .autograd import TensorBase


def host_array(data: Any, dtype: DTypeLike | None = None) -> np.ndarray[Any, Any]:
    """`data` as a NumPy array: Python floats in the default dtype, arrays in their own.

    DtypeError of anything but floats, integers and bools; ShapeError of ragged lists.
    """
    if isinstance(data, (list, tuple)) and _holds_tensors(data):
        raise DtypeError("a list of tensors is joined by dls.stack or dls.concatenate")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ShapeError(f"nested lists whose lengths differ have no shape\n({error})") from error
    if array.dtype.kind not in "fiub":
        what = f"{type(data).__name__} of {array.dtype}" if array.ndim else repr(data)
        raise DtypeError(f"a tensor holds floats, integers or bools, not {what}")
    if dtype is not None:
        wanted = tensor_dtype(dtype)
    elif array.dtype.kind == "f" and not _has_dtype(data):
        wanted = default_dtype()
    else:
        wanted = tensor_dtype(array.dtype)  # in the machine's byte order
    cast = array.astype(wanted, copy=False)
    if wanted != array.dtype and not _has_dtype(data) and "f" not in wanted.kind + array.dtype.kind:
        _check_range(array, cast)
    return cast if cast.dtype is wanted else cast.view(wanted)  # equal, as unpickled arrays have it


def _check_range(numbers: np.ndarray[Any, Any], cast: np.ndarray[Any, Any]) -> None:
    """DataError if an integer became another one: 300 as uint8 would be 44."""
    if cast.dtype.kind != "b" and not np.array_equal(numbers, cast):
        bad = numbers[numbers != cast].flat[0]
        raise DataError(f"{bad} is out of the range of {cast.dtype}")


def _has_dtype(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return hasattr(data, "dtype")


def _holds_tensors(data: Any) -> bool:
    return any(isinstance(x, TensorBase) or (isinstance(x, (list, tuple)) and _holds_tensors(x))
               for x in data)
