"""Dtypes: what Python numbers become, and what two dtypes make together.

Float32 stays float32: integers and bools take the dtype of the float they meet (NumPy would
make float64 of int64 and float32), and Python numbers never promote.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import DtypeError

#: In what sums of a dtype are added up, so that many numbers neither lose digits nor overflow.
WIDER = {np.dtype("float16"): "float32", np.dtype("float32"): "float64"}

#: The dtypes of tensors under PyTorch's names, which NumPy's dtypes are equal to.
NAMES = {
    **{name: np.dtype(name) for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64")},
    "half": np.dtype("float16"), "float": np.dtype("float32"), "double": np.dtype("float64"),
    "short": np.dtype("int16"), "int": np.dtype("int32"), "long": np.dtype("int64"),
}

_default = [np.dtype("float32")]


def default_dtype() -> np.dtype[Any]:
    """Return the dtype of Python floats and lists of them: float32 unless set otherwise.

    >>> dls.default_dtype()
    dtype('float32')
    """
    return _default[0]


def set_default_dtype(dtype: DTypeLike) -> None:
    """Make `dtype` ("float32", "float64", "float16") that of new tensors made of Python floats.

    >>> dls.set_default_dtype("float64")
    >>> dls.tensor([1.0]).dtype
    dtype('float64')
    >>> dls.set_default_dtype("float32")
    """
    _default[0] = float_dtype(dtype)


def tensor_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """`dtype` as a NumPy dtype in the machine's byte order; DtypeError if no tensor can have it."""
    try:
        found = np.dtype("O" if dtype is None else dtype)
    except TypeError as error:
        raise DtypeError(
            f"{dtype!r} is not a dtype: write 'float32', 'int64', 'bool' ...") from error
    if found.kind not in "fiub":
        raise DtypeError(f"a tensor holds floats, integers or bools, not {dtype}")
    return _one_object(found)


@cache
def _one_object(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """NumPy's one object of a dtype in the machine's byte order, by which kernels know it."""
    return np.dtype(dtype.name)


def float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """`dtype` as a NumPy dtype; DtypeError if it is not a floating type."""
    found = tensor_dtype(dtype)
    if found.kind != "f":
        raise DtypeError(f"{found} is not a floating dtype: choose float32 or float64")
    return found


def promote(*arrays: Any) -> tuple[Any, ...]:
    """Arrays ready to work together: integers are cast to the widest float among them.

    For bools, and where all are integers or all are floats, NumPy's own rules do. None passes.
    """
    floats = [a.dtype for a in arrays if a is not None and a.dtype.kind == "f"]
    if not floats:
        return arrays
    common = np.result_type(*floats)
    return tuple(
        a if a is None or a.dtype.kind in "fb" else a.astype(common)
        for a in arrays
    )
