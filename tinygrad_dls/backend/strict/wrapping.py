"""Between the double and NumPy: unwrap arguments, wrap results, and refuse what CuPy refuses."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .counters import record_sync
from .refusals import SignatureError, UnsupportedError, device_for_host_number, host_operand
from .table import Signature

SCALARS = (bool, int, float, complex, np.number, np.bool_)
_DTYPES = frozenset("?bhilqBHILQefdFD")  # no longdouble, object, text or date on a GPU

# Parameters that hold an array wherever CuPy has them first (scalars and lists are refused) ...
_ARRAYS = frozenset("self a arr ar array ary m A M dst condition".split())
# ... but in these, which take anything, or a single number.
_TAKES_ANYTHING = frozenset(
    "ndim shape size isscalar result_type iscomplexobj isrealobj isclose allclose".split()
)
# Parameters that the host must know: shapes, axes, counts.
_HOST_NUMBERS = frozenset(
    "shape newshape new_shape axis axes axis1 axis2 axisa axisb axisc source destination shift "
    "reps k n N M num decimals pad_width ddof offset indices_or_sections window_shape strides "
    "dims ndmin minlength ndim dimensions dtype".split()
)
_SEQUENCES = frozenset("concatenate concat stack vstack hstack dstack column_stack".split())
# Their shapes depend on values, or they look at a value: CuPy waits for the device.
_WAITS = frozenset(
    "nonzero flatnonzero argwhere unique unique_all unique_counts unique_inverse unique_values "
    "compress extract trim_zeros bincount union1d intersect1d setdiff1d setxor1d nanmin nanmax "
    "ravel_multi_index".split()
)
_WAITS_AT_TIMES = frozenset(["where", "average"])
# NumPy answers these with a Python bool or int, CuPy with a 0-d array.
_ZERO_DIMENSIONAL = frozenset("array_equal allclose array_equiv count_nonzero".split())
# NumPy keeps the memory order of the input, CuPy writes C order.
_C_ORDER = frozenset(
    "sum prod mean var std max min amax amin any all cumsum cumprod nansum nanmean where clip "
    "round around nan_to_num".split()
)


class Wrapped:
    """The contents of every device array: the host array, and the array that owns its memory."""

    __slots__ = ("__weakref__", "_host", "_owner")
    _host: np.ndarray
    _owner: "Wrapped | None"
    _concrete: ClassVar[type["Wrapped"]]

    def __init_subclass__(cls) -> None:
        Wrapped._concrete = cls


def fresh(host: Any) -> Any:
    """The device array over a new host array (or number, which becomes a 0-d array)."""
    array = object.__new__(Wrapped._concrete)
    array._host = host if type(host) is np.ndarray else np.asarray(host)
    array._owner = None
    return array


def wrap(value: Any, source: Wrapped | None = None) -> Any:
    """A result of NumPy as CuPy would return it; a view of `source` remembers who owns it."""
    if type(value) is np.ndarray or isinstance(value, np.generic):
        if source is not None and value is source._host:
            return source
        if value.dtype.char not in _DTYPES and value.dtype.name != "bfloat16":
            raise SignatureError(
                f"A device array of dtype {value.dtype} was asked for.\n"
                "CuPy has bool, integers, float16 to float64 and complex numbers only."
            )
        array = fresh(value)
        if source is not None and value.base is not None:
            owner = source if source._owner is None else source._owner
            if memory_root(value) is memory_root(owner._host):
                array._owner = owner
        return array
    if isinstance(value, (tuple, list)):
        items = [wrap(item, source) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def memory_root(host: np.ndarray) -> Any:
    """The object at the end of the chain of bases: itself for an array that owns its memory."""
    root: Any = host
    while (base := getattr(root, "base", None)) is not None:
        root = base
    return root


def lower(value: Any, where: str) -> Any:
    """The argument for NumPy. Raises HostMixError for a host array, however deep in a list."""
    if isinstance(value, Wrapped):
        return value._host
    if isinstance(value, np.ndarray):
        raise host_operand(where, value)
    if type(value) is tuple or type(value) is list:
        return type(value)([lower(item, where) for item in value])
    return value


def operand(value: Any, where: str) -> Any:
    """The operand of a ufunc for NumPy: a device array or a single number."""
    if isinstance(value, Wrapped):
        return value._host
    if isinstance(value, SCALARS):
        return value
    raise host_operand(where, value)


def holds_array(value: Any) -> bool:
    """Return whether a device array is in `value`, at any depth."""
    if isinstance(value, (tuple, list)):
        return any(map(holds_array, value))
    return isinstance(value, Wrapped)


def adapt(signature: Signature, host: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's function `host` with CuPy's signature: device arrays in, device arrays out."""
    where, positional = signature.where, signature.positional
    name = where.rpartition(".")[2]
    first = positional[0] if positional else signature.any_positional
    array_first = first in _ARRAYS and name not in _TAKES_ANYTHING
    sequence_first, c_order = name in _SEQUENCES, name in _C_ORDER
    zero_dimensional = name in _ZERO_DIMENSIONAL
    may_wait = name in _WAITS or name in _WAITS_AT_TIMES
    shared = _shared_positions(signature, host)
    out_at = positional.index("out") if "out" in positional else 1 << 30
    host_at = [at for at, parameter in enumerate(positional) if parameter in _HOST_NUMBERS]
    rest_on_host = signature.any_positional in _HOST_NUMBERS

    def call(*args: Any, **kwargs: Any) -> Any:
        given = len(args)
        if kwargs or given > len(positional):
            signature.check(given, kwargs)
        if given and array_first and not isinstance(args[0], Wrapped):
            raise host_operand(where, args[0])
        if given and sequence_first and not isinstance(args[0], Wrapped):
            for item in args[0]:
                operand(item, where)
        for at in host_at:
            if at < given and holds_array(args[at]):
                raise device_for_host_number(where, positional[at])
        if rest_on_host and holds_array(args[len(positional) :]):
            raise device_for_host_number(where, signature.any_positional)
        if may_wait and _waits(name, args, kwargs):
            record_sync(f"{where}()")
        source = next((value for value in args if isinstance(value, Wrapped)), None)
        out = args[out_at] if out_at < given else kwargs.get("out")
        for key, value in kwargs.items():
            if key in _HOST_NUMBERS and holds_array(value):
                raise device_for_host_number(where, key)
            kwargs[key] = lower(value, where)
        while len(args) > shared:  # CuPy's order of parameters is not NumPy's from here on
            kwargs[positional[len(args) - 1]] = lower(args[-1], where)
            args = args[:-1]
        result = host(*[lower(value, where) for value in args], **kwargs)
        if out is not None:
            return out
        if zero_dimensional:
            return fresh(np.asarray(result))
        if c_order and type(result) is np.ndarray and result.base is None:
            result = np.asarray(result, order="C")
        return wrap(result, source)

    call.__name__ = name
    call.__qualname__ = where
    call.__doc__ = f"{where}({signature.text}), computed by NumPy."
    return call


def unsupported(where: str, reason: str) -> UnsupportedError:
    """`where` exists in CuPy; the double does not do it."""
    return UnsupportedError(f"{where} exists in CuPy, but not on the strict device: {reason}.")


def _shared_positions(signature: Signature, host: Callable[..., Any]) -> int:
    """Count the positional arguments that mean the same in CuPy and in NumPy."""
    if signature.any_positional:
        return 1 << 30
    host = getattr(np, host.__name__, host) if inspect.ismethoddescriptor(host) else host
    try:
        theirs = list(inspect.signature(host).parameters.values())
    except (ValueError, TypeError):
        return len(signature.positional)
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in theirs):
        return len(signature.positional)
    by_position = [p.name for p in theirs if p.kind is not p.KEYWORD_ONLY]
    names = {parameter.name for parameter in theirs}
    for at, name in enumerate(signature.positional[1:], start=1):
        if (at < len(by_position) and by_position[at] == name) or name not in names:
            continue  # the same name, or another name for the same thing (newshape, shape)
        return at
    return len(signature.positional)


def _waits(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if name == "where":
        return len(args) + len(kwargs) == 1
    if name == "average":
        return len(args) > 2 or kwargs.get("weights") is not None
    return name in _WAITS
