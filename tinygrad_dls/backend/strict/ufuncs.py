"""The double of cupy.ufunc: element by element, with the methods CuPy has for each."""

from typing import Any

import numpy as np

from .array import Array, lower_index
from .indexing import scatter
from .refusals import SignatureError, UnsupportedError, host_operand, missing_name
from .table import TABLE, Signature
from .wrapping import fresh, operand, wrap

_SCATTER: dict[str, list[str]] = TABLE["scatter"]
# CuPy's ufuncs have these methods, but only addition and multiplication carry them out.
_AS_METHODS = {
    "reduce": {"add": "sum", "multiply": "prod"},
    "accumulate": {"add": "cumsum", "multiply": "cumprod"},
}


class Ufunc:
    """One ufunc of CuPy, computed by NumPy's of the same name."""

    __slots__ = ("__name__", "_host", "_signature", "nargs", "nin", "nout")

    def __init__(self, name: str, signature: Signature) -> None:
        self.__name__ = name
        self._host: np.ufunc = getattr(np, name)
        self._signature = signature
        self.nin, self.nout, self.nargs = self._host.nin, self._host.nout, self._host.nargs

    def __repr__(self) -> str:
        return f"<ufunc 'cupy_{self.__name__}' on the strict device>"

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        name = self._signature.where
        if kwargs:
            self._signature.check(self.nin, kwargs)
        if len(args) > self.nin and out is None:
            args, out = args[: self.nin], args[self.nin :]
            out = out[0] if self.nout == 1 else out
        values = [a._host if type(a) is Array else operand(a, name) for a in args]
        if out is not None:
            return self._into(out, values, kwargs)
        result = self._host(*values, order="C", **kwargs)
        return fresh(result) if self.nout == 1 else wrap(result)

    def _into(self, out: Any, values: list[Any], kwargs: dict[str, Any]) -> Any:
        outs = out if isinstance(out, tuple) else (out,)
        for target in outs:
            if target is not None and not isinstance(target, Array):
                raise host_operand(f"{self._signature.where}(out=)", target)
        targets = tuple(None if target is None else target._host for target in outs)
        results = self._host(*values, out=targets, **kwargs)
        results = results if isinstance(results, tuple) else (results,)
        given = tuple(
            fresh(result) if target is None else target for target, result in zip(outs, results)
        )
        return given if len(given) > 1 else given[0]

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        """a[indices] op= b, every index counted. Raises for dtypes CuPy cannot add atomically."""
        name = f"{self._signature.where}.at"
        if not isinstance(a, Array):
            raise host_operand(name, a)
        if self.__name__ not in _SCATTER:
            raise UnsupportedError(f"{name} is not supported by CuPy; {_known(_SCATTER)} are.")
        if a.dtype.name not in _SCATTER[self.__name__]:
            raise SignatureError(
                f"{name} got an array of dtype {a.dtype}.\n"
                f"CuPy takes only {', '.join(_SCATTER[self.__name__])} there."
            )
        scatter(self._host, a._host, lower_index(indices), operand(b, name))

    def reduce(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        """add and multiply only: sum and product along `axis`."""
        return self._as_method("reduce", array)(axis, dtype, out, keepdims)

    def accumulate(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        """add and multiply only: running sum and product along `axis`."""
        return self._as_method("accumulate", array)(axis, dtype, out)

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        """The ufunc of all pairs."""
        return self(A.reshape(A.shape + (1,) * B.ndim), B, **kwargs)

    def __getattr__(self, name: str) -> Any:
        raise missing_name("cupy.ufunc", name)

    def _as_method(self, name: str, array: Any) -> Any:
        full_name = f"{self._signature.where}.{name}"
        if not isinstance(array, Array):
            raise host_operand(full_name, array)
        methods = _AS_METHODS[name]
        if self.__name__ not in methods:
            raise UnsupportedError(f"{full_name} is not supported by CuPy; {_known(methods)} are.")
        return getattr(array, methods[self.__name__])


def _known(names: dict[str, Any]) -> str:
    return ", ".join(names)
