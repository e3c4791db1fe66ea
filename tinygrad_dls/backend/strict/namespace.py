"""The double of the module `cupy`: its names, its signatures, and nothing that it lacks."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .array import Array, checked_indices
from .counters import record_host_to_device
from .refusals import missing_name
from .table import TABLE, Signature
from .ufuncs import Ufunc
from .wrapping import adapt, holds_array, lower, unsupported, wrap

_HOST_OBJECTS = frozenset("dtype finfo iinfo s_ index_exp exceptions ndindex LinAlgError".split())
_INDEXED = frozenset("take take_along_axis put".split())
_FILES = frozenset(
    "load save savez savez_compressed savetxt loadtxt genfromtxt fromfile frombuffer fromiter "
    "fromstring from_dlpack fromDlpack".split()
)


class Namespace:
    """A module of CuPy by name; what is looked up once is an attribute from then on."""

    def __init__(
        self, name: str, host: Any, own: dict[str, Any], table: dict[str, Any] | None = None
    ) -> None:
        self.__name__ = name
        self._host = host
        self._own = own  # names answered here, not by NumPy
        self._table = TABLE["modules"][name] if table is None else table

    def __repr__(self) -> str:
        return f"<{self.__name__} on the strict device, as of CuPy {TABLE['cupy']}>"

    def __dir__(self) -> list[str]:
        names: set[str] = set()
        return sorted(names.union(*self._table.values()))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{self.__name__} has no '{name}'")
        value = self._look_up(name)
        self.__dict__[name] = value
        return value

    def _look_up(self, name: str) -> Any:
        where = f"{self.__name__}.{name}"
        functions, ufuncs = self._table["functions"], self._table["ufuncs"]
        text = functions.get(name, ufuncs.get(name))
        if text is None and name not in self._table["others"]:
            raise missing_name(self.__name__, name)
        if name in self._own:
            value = self._own[name]
            return value if text is None else _checked(Signature.parse(where, text), value)
        if name in _FILES:
            raise unsupported(where, "read and write files on the host, then xp.asarray")
        host = getattr(self._host, name, None)
        if text is not None and host is not None:
            signature = Signature.parse(where, text)
            if name in ufuncs and isinstance(host, np.ufunc):
                return Ufunc(name, signature)
            call = adapt(signature, host)
            return checked_indices(call) if name in _INDEXED else call
        if _is_host_object(name, host):
            return host
        raise unsupported(where, "NumPy has nothing to compute it with, or it needs CUDA")


def _is_host_object(name: str, host: Any) -> bool:
    """Return whether CuPy takes it from NumPy unchanged: scalar types, constants, dtype
    information.
    """
    is_scalar_type = isinstance(host, type) and issubclass(host, np.generic)
    return is_scalar_type or isinstance(host, float) or name in _HOST_OBJECTS or name == "newaxis"


def _checked(signature: Signature, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        signature.check(len(args), kwargs)
        return function(*args, **kwargs)

    call.__name__ = signature.where.rpartition(".")[2]
    call.__doc__ = function.__doc__
    return call


# --- to the device and back --------------------------------------------------------------------


def _array(
    obj: Any,
    dtype: Any = None,
    copy: bool = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> Any:
    """A new device array from a device array, or from host data, which counts as a copy."""
    layout: dict[str, Any] = {"order": order, "ndmin": ndmin}
    if holds_array(obj):
        host = np.array(lower(obj, "cupy.array"), dtype, copy=copy or None, **layout)
        return wrap(host, obj if isinstance(obj, Array) else None)
    record_host_to_device("xp.asarray")
    return wrap(np.array(obj, dtype, **layout))


def _asarray(
    a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: bool = False
) -> Any:
    """`a` itself where it is a device array of that dtype, else xp.array."""
    return _array(a, dtype, copy=bool(copy), order=order or "K")


def _ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    """`a` itself where it is contiguous in C order, else a copy that is."""
    return _array(a, dtype, copy=False, order="C", ndmin=1)


def _asfortranarray(a: Any, dtype: Any = None) -> Any:
    """`a` itself where it is contiguous in Fortran order, else a copy that is."""
    return _array(a, dtype, copy=False, order="F")


def _asnumpy(
    a: Any, stream: Any = None, order: Any = "C", out: Any = None, *, blocking: bool = True
) -> Any:
    """A host copy of a device array; anything else through numpy.asarray."""
    return a.get(stream, order, out) if isinstance(a, Array) else np.asarray(a, order=order)


def _get_array_module(*args: Any) -> Any:
    """`xp` where one of the arguments is a device array, else numpy."""
    return xp if any(isinstance(value, Array) for value in args) else np


# --- memory that nobody wrote to ---------------------------------------------------------------


def _poisoned(array: Array) -> Array:
    """Filled with NaN, or the largest integer: a GPU gives old memory, seldom zeros."""
    kind = array.dtype.kind
    array._host[...] = np.nan if kind in "fc" else np.iinfo(array.dtype).max if kind in "iu" else 1
    return array


def _empty(shape: Any, dtype: Any = float, order: str = "C") -> Any:
    """A device array of undefined values."""
    return _poisoned(_host_empty(shape, dtype, order))


def _empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None
) -> Any:
    """A device array of undefined values, of the shape and dtype of another."""
    return _poisoned(_host_empty_like(prototype, dtype, order, shape=shape))


_functions = TABLE["modules"]["cupy"]["functions"]
_host_empty = adapt(Signature.parse("cupy.empty", _functions["empty"]), np.empty)
_host_empty_like = adapt(
    Signature.parse("cupy.empty_like", _functions["empty_like"]), np.empty_like
)


# --- random numbers ------------------------------------------------------------------------------


class _Draws:
    """numpy.random.RandomState with CuPy's `dtype`; other numbers than CuPy's for one seed."""

    def __init__(self) -> None:
        self._state: np.random.RandomState | None = None

    def __getattr__(self, name: str) -> Any:
        if self._state is None:
            self._state = np.random.RandomState(0)
        draw = getattr(self._state, name)

        def drawn(*args: Any, dtype: Any = None, **kwargs: Any) -> Any:
            values = draw(*args, **kwargs)
            return values if dtype is None else np.asarray(values).astype(dtype)

        return drawn


def _draw_on_the_host(seed: Any = None) -> NoReturn:
    """CuPy's Generator draws other numbers than NumPy's: a run would differ on every device."""
    raise unsupported(
        "cupy.random.default_rng",
        "its numbers differ from NumPy's; draw with numpy.random.default_rng on the host "
        "and copy them: xp.asarray(rng.random(shape))",
    )


_stride_tricks = Namespace("cupy.lib.stride_tricks", np.lib.stride_tricks, {})
_lib = Namespace(
    "cupy.lib",
    np.lib,
    {"stride_tricks": _stride_tricks},
    {"functions": {}, "ufuncs": {}, "others": ["stride_tricks"]},
)

#: The namespace of the strict device, to be used as `cupy` is: xp.exp, xp.linalg.norm.
xp = Namespace(
    "cupy",
    np,
    {
        "array": _array,
        "asarray": _asarray,
        "asanyarray": _asarray,
        "ascontiguousarray": _ascontiguousarray,
        "asfortranarray": _asfortranarray,
        "asnumpy": _asnumpy,
        "get_array_module": _get_array_module,
        "empty": _empty,
        "empty_like": _empty_like,
        "ndarray": Array,
        "ufunc": Ufunc,
        "linalg": Namespace("cupy.linalg", np.linalg, {}),
        "fft": Namespace("cupy.fft", np.fft, {}),
        "random": Namespace("cupy.random", _Draws(), {"default_rng": _draw_on_the_host}),
        "lib": _lib,
    },
)
