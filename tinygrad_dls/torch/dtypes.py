"""PyTorch's names of dtypes: NumPy's dtype objects, as in the core."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..backend.dtypes import default_dtype, float_dtype, tensor_dtype

float16 = half = np.dtype("float16")
float32 = float = np.dtype("float32")
float64 = double = np.dtype("float64")
int8, int16, int32, int64 = map(np.dtype, ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = map(np.dtype, ("uint8", "uint16", "uint32", "uint64"))
short, int, long = int16, int32, int64
bool = np.dtype("bool")
dtype = np.dtype
iinfo = np.iinfo


class finfo:
    """Limits of a float dtype, as Python floats."""

    def __init__(self, type: Any = None) -> None:
        kind = float_dtype(type or default_dtype())
        found: Any = np.finfo(kind)
        self.dtype = kind.name
        self.bits = found.bits
        for name in ("eps", "max", "min", "tiny", "resolution", "smallest_normal"):
            setattr(self, name, builtins.float(getattr(found, name)))

    def __repr__(self) -> str:
        return f"finfo({vars(self)})"



OF_TYPES: dict[str, np.dtype[Any]] = {
    "HalfTensor": float16, "FloatTensor": float32, "DoubleTensor": float64, "CharTensor": int8,
    "ShortTensor": int16, "IntTensor": int32, "LongTensor": int64, "ByteTensor": uint8,
    "BoolTensor": bool,
}


def dtype_named(kind: Any) -> np.dtype[Any]:
    """The dtype of "torch.FloatTensor", torch.FloatTensor, torch.float32, "float32", float."""
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    name = name.rpartition(".")[2]
    return OF_TYPES[name] if name in OF_TYPES else tensor_dtype(kind)


def type_of(kind: Any) -> str:
    """The name of the tensor type of a dtype: "torch.FloatTensor"."""
    return next(f"torch.{name}" for name, found in OF_TYPES.items() if found == kind)
