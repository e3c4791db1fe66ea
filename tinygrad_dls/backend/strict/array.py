"""The double of cupy.ndarray: a NumPy array that nobody on the host can read by accident."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from ..dtypes import WIDER
from . import indexing
from .counters import record_device_to_host, record_host_to_device, record_sync
from .operators import COMPARISONS, OPERATORS, PRIORITY
from .refusals import host_operand, implicit_conversion, missing_name
from .table import TABLE, Signature
from .wrapping import Wrapped, adapt, fresh, memory_root, operand, unsupported, wrap

_METHODS: dict[str, str] = TABLE["ndarray"]["methods"]
_ATTRIBUTES = frozenset(TABLE["ndarray"]["attributes"])


class Flags:
    """Memory layout, as far as CuPy tells it: it has no 'writeable', all its arrays are."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, host: np.ndarray) -> None:
        self.c_contiguous = host.flags.c_contiguous
        self.f_contiguous = host.flags.f_contiguous
        self.owndata = host.base is None

    def __getitem__(self, name: str) -> bool:
        if name.lower() not in self.__slots__:
            raise KeyError(f"{name} is not defined for CuPy's flags")
        return bool(getattr(self, name.lower()))

    def __getattr__(self, name: str) -> Any:
        raise missing_name("cupy.ndarray.flags", name)


class Array(Wrapped):
    """A device array that lives on the host: CuPy's methods, CuPy's refusals, and counters."""

    __slots__ = ()
    __array_priority__ = PRIORITY
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        shape: Any,
        dtype: Any = float,
        memptr: Any = None,
        strides: Any = None,
        order: str = "C",
    ) -> None:
        """An array of undefined values, as cupy.ndarray(shape) makes it."""
        if memptr is not None or strides is not None:
            raise unsupported("cupy.ndarray(memptr=, strides=)", "it has no device memory")
        self._host = np.empty(shape, dtype, order)  # type: ignore[call-overload]
        self._owner = None

    # --- what the host may know without waiting ----------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._host.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        reshaped = self._host.reshape(shape)
        if memory_root(reshaped) is not memory_root(self._host):
            raise AttributeError("incompatible shape for in-place modification: use .reshape()")
        self._host = reshaped

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the elements."""
        return self._host.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._host.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._host.size

    @property
    def strides(self) -> tuple[int, ...]:
        """Steps between neighbours along each axis, in bytes."""
        return self._host.strides

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._host.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._host.nbytes

    @property
    def flags(self) -> Flags:
        """Memory layout."""
        return Flags(self._host)

    @property
    def base(self) -> "Wrapped | None":
        """The array whose memory this one views, None where it has its own."""
        if self._owner is None:
            root = memory_root(self._host)
            if isinstance(root, np.ndarray) and root is not self._host:
                self._owner = fresh(root)
        return self._owner

    def _view(self, host: Any) -> "Array":
        return cast(Array, wrap(host, self))

    @property
    def T(self) -> "Array":
        """The view with its axes reversed."""
        return self._view(self._host.T)

    @property
    def mT(self) -> "Array":
        """The view with its last two axes swapped."""
        return self._view(self._host.mT)

    @property
    def real(self) -> "Array":
        """The real part, a view."""
        return self._view(self._host.real)

    @property
    def imag(self) -> "Array":
        """The imaginary part."""
        return self._view(self._host.imag)

    def __len__(self) -> int:
        return len(self._host)

    # --- what makes the host wait: counted -------------------------------------------------------

    def get(
        self, stream: Any = None, order: Any = "C", out: Any = None, blocking: bool = True
    ) -> np.ndarray:
        """A copy on the host."""
        record_device_to_host(".get()")
        if out is None:
            return np.array(self._host, order=order, copy=True)
        out[...] = self._host
        return out  # type: ignore[no-any-return]

    def set(self, arr: Any, stream: Any = None) -> None:
        """Copy a host array of the same shape and dtype into this one."""
        if not isinstance(arr, np.ndarray) or (arr.shape, arr.dtype) != (self.shape, self.dtype):
            raise host_operand("cupy.ndarray.set (same shape and dtype wanted)", arr)
        record_host_to_device(".set()")
        self._host[...] = arr

    def item(self) -> Any:
        """The only element as a Python number. Raises ValueError if there are more."""
        record_sync(".item()")
        return self._host.item()

    def tolist(self) -> Any:
        """The values as nested lists."""
        record_device_to_host(".tolist()")
        return self._host.tolist()

    def __float__(self) -> float:
        record_sync("float()")
        return float(self._host.item())

    def __int__(self) -> int:
        record_sync("int()")
        return int(self._host.item())

    def __complex__(self) -> complex:
        record_sync("complex()")
        return complex(self._host.item())

    def __bool__(self) -> bool:
        record_sync("bool()")
        return bool(self._host)

    def __format__(self, spec: str) -> str:
        record_sync("format()")
        return format(self._host.item() if self.ndim == 0 else str(self._host), spec)

    def __repr__(self) -> str:
        record_device_to_host("repr()")
        return repr(self._host)

    def __str__(self) -> str:
        record_device_to_host("str()")
        return str(self._host)

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_host, (self.get(order="K"),)

    def __copy__(self) -> "Array":
        return self._view(self._host.copy())

    def __deepcopy__(self, memo: Any) -> "Array":
        return self._view(self._host.copy())

    # --- indexing --------------------------------------------------------------------------------

    def __iter__(self) -> Iterator["Array"]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[at] for at in range(len(self._host)))

    def __getitem__(self, index: Any) -> "Array":
        return self._view(indexing.read(self._host, lower_index(index)))

    def __setitem__(self, index: Any, value: Any) -> None:
        value = operand(value, "array[index] = value")
        indexing.write(self._host, lower_index(index), value)

    def scatter_add(self, slices: Any, value: Any) -> NoReturn:
        """CuPy's own name for xp.add.at, which is NumPy's too."""
        raise unsupported("cupy.ndarray.scatter_add", "write xp.add.at(array, index, value)")

    scatter_max = scatter_min = scatter_add

    # --- what no host code may do ----------------------------------------------------------------

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise implicit_conversion("NumPy", "Say .get() where a copy to the host is meant.")

    def __index__(self) -> int:
        raise implicit_conversion("An index or range()", "Say int(value) where waiting is meant.")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        # np.float32(2) * array comes here, and so does numpy.exp(array): CuPy takes both.
        scalar = any(isinstance(value, np.generic) for value in inputs)
        if ufunc.__name__ in COMPARISONS:  # NumPy hands its scalar over as a 0-d array, then
            values = [v.item() if isinstance(v, np.ndarray) and v.ndim == 0 else v for v in inputs]
            scalar = scalar or any(v is not given for v, given in zip(values, inputs))
            inputs = tuple(values)
        if method == "__call__" and scalar and not kwargs:
            name = f"numpy.{ufunc.__name__}"
            return fresh(ufunc(*[operand(value, name) for value in inputs], order="C"))
        for value in inputs:
            operand(value, f"numpy.{ufunc.__name__}")
        raise implicit_conversion(f"numpy.{ufunc.__name__}", f"Write xp.{ufunc.__name__}.")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise implicit_conversion(
            f"numpy.{function.__name__}", f"Write xp.{function.__name__}, if CuPy has it."
        )

    if not TYPE_CHECKING:  # the methods below are made from the table, unseen by type checkers

        def __getattr__(self, name: str) -> Any:
            if name in _ATTRIBUTES:
                raise unsupported(f"cupy.ndarray.{name}", "it has no device memory")
            raise missing_name("cupy.ndarray", name)
    else:

        def __getattr__(self, name: str) -> Any: ...


def _from_host(host: np.ndarray) -> Array:
    record_host_to_device("unpickling")
    return cast(Array, fresh(host))


def lower_index(index: Any) -> Any:
    """The index for NumPy; host arrays and lists are refused, boolean arrays make CuPy wait."""
    if type(index) is tuple:
        return tuple([lower_index(part) for part in index])
    if isinstance(index, Array):
        if index._host.dtype.kind == "b":
            record_sync("boolean index")
        return index._host
    if index is None or index is Ellipsis or isinstance(index, (slice, np.integer)):
        return index
    if isinstance(index, int) and not isinstance(index, bool):
        return index
    raise host_operand("array[index]", index)


# --- the methods made from the table -------------------------------------------------------------


def _precise(host: Callable[..., Any]) -> Callable[..., Any]:
    """np.ndarray's sum or cumsum, as precise as CuPy's: in blocks, and float16 in float32."""

    def summed(x: Any, axis: Any = None, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if dtype is not None or x.dtype not in WIDER:
            return host(x, axis, dtype, *args, **kwargs)
        return host(x, axis, WIDER[x.dtype], *args, **kwargs).astype(x.dtype)

    return summed


def _make_methods() -> None:
    """Give Array the methods that cupy.ndarray has, and no others."""
    for name, operator in OPERATORS.items():
        setattr(Array, name, operator)
    for name, text in _METHODS.items():
        if name in vars(Array):
            continue
        host = getattr(np.ndarray, name, None)
        if name in ("sum", "cumsum"):
            host = _precise(np.ndarray.sum if name == "sum" else np.ndarray.cumsum)
        if not callable(host):  # NumPy 2 has ptp as a function only
            host = getattr(np, name, None)
        if host is None:
            setattr(Array, name, _no_method(name))
        else:
            signature = Signature.parse(f"cupy.ndarray.{name}", f"self, {text}")
            setattr(Array, name, _method(signature, host))


def _method(signature: Signature, host: Callable[..., Any]) -> Callable[..., Any]:
    call = adapt(signature, host)
    name = call.__name__
    if name in ("tobytes", "dump", "dumps", "tofile"):

        def reading(self: Array, *args: Any, **kwargs: Any) -> Any:
            record_device_to_host(f".{name}()")
            return call(self, *args, **kwargs)

        return reading
    return checked_indices(call) if name in ("take", "put") else call


def checked_indices(call: Callable[..., Any]) -> Callable[..., Any]:
    """call(array, indices, ...) with indices on the device and in range, else an IndexingError."""

    @wraps(call)
    def checked(array: Any, indices: Any, *args: Any, **kwargs: Any) -> Any:
        lowered = operand(indices, call.__qualname__)
        try:
            return call(array, indices, *args, **kwargs)
        except IndexError as error:
            raise indexing.explain(error, np.asarray(lowered)) from None

    return checked


def _no_method(name: str) -> Callable[..., Any]:
    def refuse(self: Array, *args: Any, **kwargs: Any) -> NoReturn:
        raise unsupported(f"cupy.ndarray.{name}", "it has no device memory")

    return refuse


_make_methods()
