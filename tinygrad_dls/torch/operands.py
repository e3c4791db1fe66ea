"""Operands and results of functions: arrays of tensors, tensors like others."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.device import Device
from ..engine.autograd import TensorBase, as_tensor


def array_of(x: Any) -> np.ndarray[Any, Any]:
    """The values of a tensor, an array or a list on the host, to be read only."""
    if isinstance(x, TensorBase):
        return np.asarray(x.device.to_host(x._data))
    return np.asarray(x)


def tensor_like(array: Any, like: Any) -> Any:
    """A tensor of a new host array, of the class and on the device of `like`."""
    if isinstance(array, np.generic):
        array = np.asarray(array)
    return as_tensor(like.device.from_host(array), like.device, None, like._kind)


def promote(*arrays: Any) -> tuple[Any, ...]:
    """PyTorch's rule: a 0-d tensor decides only where the others are of a lower category.

    Categories are bool, integer, float. Bools and None pass as they are, as in the core.
    """
    numbers = [a for a in arrays if a is not None and a.dtype.kind != "b"]
    if not numbers:
        return arrays
    kinds = [a.dtype for a in numbers if a.ndim]
    single = [a.dtype for a in numbers if not a.ndim]
    if not kinds or (single and _rank(single) > _rank(kinds)):
        kinds = single
    floats = [kind for kind in kinds if kind.kind == "f"]
    common = np.result_type(*(floats or kinds))
    return tuple(
        a if a is None or a.dtype.kind == "b" or a.dtype is common else a.astype(common)
        for a in arrays
    )


def _rank(kinds: list[Any]) -> bool:
    return any(kind.kind == "f" for kind in kinds)


def place(device: Any) -> Device | None:
    """A device in PyTorch's spellings: "cpu", "cuda:0", torch.device("cuda", 0), None."""
    return None if device is None else Device(device)


def without_tensors(data: Any) -> Any:
    """Nested lists with tensors of one element, as numbers."""
    if isinstance(data, TensorBase):
        return data.tolist()  # type: ignore[attr-defined]
    if isinstance(data, list | tuple):
        return [without_tensors(part) for part in data] if _holds_tensors(data) else data
    return data


def _holds_tensors(data: Any) -> bool:
    return any(isinstance(x, TensorBase) or (isinstance(x, list | tuple) and _holds_tensors(x))
               for x in data)
