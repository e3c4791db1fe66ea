"""The operators of cupy.ndarray: device arrays and single numbers, on either side."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .refusals import host_operand
from .table import TABLE
from .wrapping import SCALARS, Wrapped, fresh, wrap

PRIORITY = 100  # of cupy.ndarray, in NumPy's older protocol for mixed operands

_COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
_ARITHMETIC = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "divmod": np.divmod,
}
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def _gives_way(other: Any) -> bool:
    """Return whether CuPy leaves the operation to `other` (NEP 13, or the older
    __array_priority__).
    """
    try:
        return other.__array_ufunc__ is None
    except AttributeError:
        return bool(getattr(other, "__array_priority__", 0) > PRIORITY)


def _value_of(other: Any, name: str) -> Any:
    """The operand for NumPy, or NotImplemented where it is the other's turn."""
    if isinstance(other, Wrapped):
        return other._host
    if isinstance(other, SCALARS):
        return other
    if _gives_way(other):
        return NotImplemented
    raise host_operand(f"array.{name}", other)


def _forward(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    def method(self: Wrapped, other: Any) -> Any:
        value = _value_of(other, name)
        if value is NotImplemented:
            return NotImplemented
        result = ufunc(self._host, value, order="C")
        return wrap(result) if type(result) is tuple else fresh(result)

    return method


def _reflected(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    def method(self: Wrapped, other: Any) -> Any:
        value = _value_of(other, name)
        if value is NotImplemented:
            return NotImplemented
        return wrap(ufunc(value, self._host, order="C"))

    return method


def _in_place(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    def method(self: Wrapped, other: Any) -> Any:
        value = _value_of(other, name)
        if value is NotImplemented:
            return NotImplemented
        ufunc(self._host, value, out=self._host)
        return self

    return method


def _unary(ufunc: np.ufunc) -> Callable[..., Any]:
    def method(self: Wrapped) -> Any:
        return fresh(ufunc(self._host, order="C"))

    return method


def _make() -> dict[str, Callable[..., Any]]:
    special = set(TABLE["ndarray"]["special"])
    made: dict[str, Callable[..., Any]] = {f"__{stem}__": _unary(u) for stem, u in _UNARY.items()}
    for stem, ufunc in {**_ARITHMETIC, **_COMPARISONS}.items():
        for prefix, build in (("", _forward), ("r", _reflected), ("i", _in_place)):
            name = f"__{prefix}{stem}__"
            if name in special:
                made[name] = build(name, ufunc)
    return made


#: Names of the ufuncs that compare.
COMPARISONS = frozenset(ufunc.__name__ for ufunc in _COMPARISONS.values())
#: Special method by name, for each that cupy.ndarray has.
OPERATORS = _make()
