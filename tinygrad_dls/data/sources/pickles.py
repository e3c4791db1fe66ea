"""Pickles that hold NumPy arrays, read without the power that pickles have to run code.

Only what rebuilds an array is allowed; everything else in a pickle is refused by name.
"""

import codecs
import io
import pickle
from typing import Any

import numpy as np

from ...errors import FormatError


def read_arrays(pickled: bytes, where: str) -> Any:
    """Read a pickle of containers, numbers, strings and arrays; `where` is for error messages.

    FormatError where it is truncated, or names anything but NumPy's array reconstruction.
    """
    try:
        return _ArrayUnpickler(io.BytesIO(pickled), encoding="bytes").load()
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from None
    except Exception as error:  # a broken pickle can fail in any way at all
        raise FormatError(f"{where} is not a readable pickle: {error}") from None


def _empty(subtype: type, shape: tuple[int, ...], typecode: bytes | str) -> Any:
    """Stands for NumPy's `_reconstruct`: the empty array that the pickle then fills."""
    code = typecode.decode() if isinstance(typecode, bytes) else typecode
    return np.ndarray(shape, code)


def _array_of(memory: Any, dtype: Any, shape: tuple[int, ...], order: Any) -> Any:
    """Stands for NumPy's `_frombuffer`, of protocol 5: an array that is whole."""
    return np.frombuffer(memory, dtype).reshape(shape, order=order).copy(order)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): _empty,
    ("numpy._core.multiarray", "_reconstruct"): _empty,
    ("numpy.core.numeric", "_frombuffer"): _array_of,
    ("numpy._core.numeric", "_frombuffer"): _array_of,
    ("_codecs", "encode"): codecs.encode,  # how protocol 2 spells bytes
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise FormatError(f"it asks for {module}.{name}, which is refused") from None
