"""Arguments of a wrong type: after a raw error, which one does not fit its annotation.

    audio.read(3)    # DtypeError: read: path is a string or a Path, not an int (3)

Looked at only when something has failed already, so that right calls pay nothing.
"""

import inspect
import re
import reprlib
import sys
import types
import typing
from collections import abc
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, Union

import numpy as np

from ..errors import DataError, DtypeError, Error, ShapeError
from .namespaces import OURS

RAW = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
LIBRARIES = {"numpy", "numba", "llvmlite", "scipy", "PIL", "matplotlib", "mido", "h5py"}
WORDS = {
    str: "a string", Path: "a Path", int: "a whole number", float: "a number", bytes: "bytes",
    bool: "True or False", type(None): "None",
}
_INTERPRETERS = re.compile(  # what Python and NumPy say of values that do not fit
    r"broadcast|inhomogeneous|too many indices|non-iterable|out of range|out of bounds|"
    r"values to unpack|truth value|"
    r"could not convert|not (iterable|subscriptable|callable|supported)|unsupported operand|"
    r"bad operand|has no len|unhashable|must be a string or a real number|as an integer|"
    r"sequence item|slice indices|did not contain a loop|bytes-like"
)
MANY = 1000  # items of a list that are looked at


def misfit(
    function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any],
    error: Exception, name: str,
) -> Error | None:
    """The error for the argument that explains `error`; None if none does, or a user's code raised.

    An error of ours has said what there is to say.
    """
    if isinstance(error, Error) or _by_others(error):
        return None
    try:
        signature = inspect.signature(function)
        given = signature.bind(*inputs, **options).arguments
        hints = typing.get_type_hints(function)
    except (TypeError, NameError):  # arguments missing; a hint that only type checkers can read
        return None
    named = []
    for key, value in given.items():
        parameter = signature.parameters[key]
        is_known = key in hints and parameter.kind != parameter.VAR_KEYWORD
        if is_known and value is not parameter.default:
            values = value if parameter.kind == parameter.VAR_POSITIONAL else [value]
            named += [(key, one, hints[key]) for one in values]
    for key, value, hint in named:
        if not _fits(value, hint):
            return DtypeError(f"{name}: {key} is {_words(hint)}, not {_said(value)}")
    for key, value, hint in named:
        said = value is not None or "NoneType" in str(error)
        if hint is Any and said and _is_no_number(value):
            return DtypeError(f"{name}: {key} is an array, a tensor or numbers, not {_said(value)}")
        if isinstance(error, AttributeError) and error.obj is value:
            return DtypeError(f"{name}: {key} is an array or a tensor, not {_said(value)}")
    if not _INTERPRETERS.search(str(error)):
        return None
    kind = DtypeError if isinstance(error, TypeError) else ShapeError if any(
        hasattr(value, "shape") for _, value, _ in named) else DataError
    shown = "".join(f"\n  {key}  {_said(value)}" for key, value, _ in named)
    return kind(f"{name} cannot take these ({error}):{shown}")


def _by_others(error: Exception) -> bool:
    """Return whether a function that the user handed in raised it."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
        trace = trace.tb_next
    return any(root != OURS and root not in LIBRARIES and root not in sys.stdlib_module_names
               for root in frames)


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value is what a hint says; hints that are not understood fit."""
    if isinstance(hint, typing.TypeVar):
        bound: type = hint.__bound__ or object
        return isinstance(value, bound)
    if hint is Any:
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, kind) for kind in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if hint is None or hint is type(None):
        return value is None
    if hint is float:
        return _is_number(value, Real)
    if hint is int:
        return _is_number(value, Integral) or (isinstance(value, float) and value.is_integer())
    if hint is bool:
        return isinstance(value, (bool, np.bool_, int))
    if origin is abc.Callable:
        return callable(value)
    if (origin or hint) is np.ndarray or _is_tensor_type(hint):
        return not _is_no_number(value)
    if origin is abc.Sequence and not hasattr(value, "__len__"):
        return False
    if origin in (abc.Sequence, abc.Iterable, list, tuple):
        return _is_list_of(value, [kind for kind in inner if kind is not ...])
    try:
        kind: type = origin or hint
        return not isinstance(kind, type) or isinstance(value, kind)
    except TypeError:  # a kind of type that no value can be asked for
        return True


def _is_number(value: Any, kind: type) -> bool:
    if isinstance(value, kind):
        return True
    dtype = getattr(value, "dtype", None)  # a tensor or an array of one number
    wanted = "iu" if kind is Integral else "iuf"
    return dtype is not None and np.dtype(dtype).kind in wanted and getattr(value, "size", 0) == 1


def _is_list_of(value: Any, kinds: list[Any]) -> bool:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return isinstance(value, str) and str in kinds
    if isinstance(value, np.ndarray) and kinds == [str]:
        return bool(value.dtype.kind == "U")
    if not isinstance(value, (list, tuple)) or len(set(kinds)) != 1:
        return True
    return all(_fits(item, kinds[0]) for item in value[:MANY])


def _is_tensor_type(hint: Any) -> bool:
    return isinstance(hint, type) and hint.__name__ in ("Tensor", "TensorBase")


def _is_no_number(value: Any) -> bool:
    """Return whether it is certain that these are not numbers: text, None, lists of all lengths."""
    if value is None or isinstance(value, (str, bytes, set, frozenset)):
        return True
    if isinstance(value, (list, tuple)):
        try:
            return np.asarray(value).dtype.kind in "US"
        except ValueError:  # lists of several lengths
            return True
    dtype = getattr(value, "dtype", None)
    return dtype is not None and getattr(dtype, "kind", "f") in "USO"


def _words(hint: Any) -> str:
    """A hint in words."""
    if isinstance(hint, typing.TypeVar):
        return _words(hint.__bound__ or object)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = list(dict.fromkeys(map(_words, inner)))
        return f"{', '.join(kinds[:-1])} or {kinds[-1]}" if len(kinds) > 1 else kinds[0]
    if origin is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if hint in WORDS:
        return WORDS[hint]
    if origin is abc.Callable:
        return "a function"
    if (origin or hint) is np.ndarray or _is_tensor_type(hint):
        return "an array or a tensor of numbers"
    if origin in (abc.Sequence, abc.Iterable, list, tuple):
        kinds = list(dict.fromkeys(_words(kind) for kind in inner if kind is not ...))
        of = kinds[0].removeprefix("a ").removeprefix("an ") if len(kinds) == 1 else ""
        return f"a list of {of}s" if of and hint is not Any and inner[0] is not Any else "a list"
    if origin in (abc.Mapping, dict) or hint is dict:
        return "a dict"
    return _with_article(getattr(origin or hint, "__name__", str(hint)))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def _said(value: Any) -> str:
    """The type of a value, and the value itself where it is short."""
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{kind} of {getattr(value, 'dtype', 'numbers')}, shape {tuple(shape)}"
    text = reprlib.repr(value)
    return "None" if value is None else f"{_with_article(kind)} ({text})"
