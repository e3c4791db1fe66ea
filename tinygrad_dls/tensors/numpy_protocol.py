"""NumPy functions on tensors: they run our operation of that name, or say that there is none.

Without this `np.exp(x)` would quietly compute on a bare array and lose the graph.
"""

import inspect
from typing import Any

import numpy as np

from .. import ops
from ..errors import DtypeError, GraphError
from ..ops.names import NAMES
from .torch_names import with_numpys_keywords


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    return ops.split(ary, indices_or_sections, axis)


def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    return ops.array_split(ary, indices_or_sections, axis)


_FUNCTIONS: dict[str, Any] = {
    word: getattr(ops, name.inner) for name in NAMES for word in name.numpy.split()
} | {  # whose parameters have another order or other names in NumPy; and attributes
    "diff": lambda a, n=1, axis=-1: ops.diff(a, n, axis),
    "sort": lambda a, axis=-1, kind=None: ops.sort(a, axis),
    "argsort": lambda a, axis=-1, kind=None: ops.argsort(a, axis),
    "nan_to_num": lambda x, nan=0.0, posinf=None, neginf=None: ops.nan_to_num(
        x, nan, posinf, neginf),
    "vector_norm": lambda x, axis=None, keepdims=False, ord=2: ops.vector_norm(
        x, ord, axis, keepdims),
    "zeros_like": lambda a, dtype=None: ops.zeros_like(a, dtype),
    "ones_like": lambda a, dtype=None: ops.ones_like(a, dtype),
    "full_like": lambda a, fill_value, dtype=None: ops.full_like(a, fill_value, dtype),
    "reshape": lambda a, shape: ops.reshape(a, shape),
    "transpose": lambda a, axes=None: ops.transpose(a, axes),
    "repeat": lambda a, repeats, axis=None: ops.repeat(a, repeats, axis),
    "tile": lambda A, reps: ops.tile(A, reps), "flip": lambda m, axis=None: ops.flip(m, axis),
    "split": _split, "array_split": _array_split,
    "take": lambda a, indices, axis=None: ops.take(a, indices, axis),
    "positive": lambda x: x,
    "shape": lambda x: x.shape, "ndim": lambda x: x.ndim, "size": lambda x: x.size,
}
_KEYWORDS = {"ddof": "correction", "a_min": "min", "a_max": "max"}


class NumpyDispatch:
    """The protocol by which NumPy hands its functions over to us (NEP 13 and NEP 18)."""

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

    def __dlpack__(self, **options: Any) -> Any:
        """The memory of this tensor, for another library: `torch.from_dlpack(x)`."""
        from .exchange import to_dlpack  # which makes tensors

        return to_dlpack(self, options)  # type: ignore[arg-type]

    def __dlpack_device__(self) -> tuple[int, int]:
        """The device of that memory, in DLPack's numbers."""
        from .exchange import dlpack_device

        return dlpack_device(self)  # type: ignore[arg-type]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        ours = _FUNCTIONS.get(ufunc.__name__)
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
            if not args or not kwargs or not isinstance(args[0], NumpyDispatch):
                raise _no_counterpart(func.__name__, kwargs) from error
            try:
                return with_numpys_keywords(ours, args[0], args[1:], kwargs)
            except (DtypeError, TypeError):
                raise _no_counterpart(func.__name__, kwargs) from error
        return ours(*args, **kwargs)


def _no_counterpart(name: str, keywords: dict[str, Any]) -> DtypeError:
    what = f"np.{name} with {', '.join(keywords)}=" if keywords else f"np.{name}"
    instead = "`with dls.no_grad(): x += v`" if "out" in keywords else "an operation of dls"
    return DtypeError(
        f"{what} of a tensor has no counterpart here, and would lose its history: use {instead}, "
        "or x.numpy() for the values"
    )
