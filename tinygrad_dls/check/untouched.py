"""A block that runs the user's code and changes nothing of the user's.

Everything that a function reaches is found beforehand: its arguments, closure and global names,
the objects, lists and modules in them, and so on. Tensors get copies of their arrays for the time
of the block; arrays, lists, dictionaries, attributes, names and random states are set back at its
end. What is outside of Python's memory (files, a loader's iterator) cannot be set back.
"""

import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence, MutableSet
from contextlib import contextmanager
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .._util.callers import LESSONS, PACKAGE
from ..backend.device import Device
from ..engine.autograd import TensorBase
from ..ops.op import Op
from ..random import Generator, default_generator

PLAIN = (str, bytes, int, float, complex, bool, type(None), type, ModuleType, BuiltinFunctionType)
LIBRARIES = ("site-packages", "dist-packages", "lib/python")
Restore = Callable[[], None]


@contextmanager
def untouched(*things: Any) -> Iterator[list[Any]]:
    """Run a block; all that `things` reach, and randomness, is as before afterwards.

    It gives the tensors that are reached.
    """
    state = _Reached()
    for thing in (*things, default_generator):
        state.visit(thing)
    legacy, plain = np.random.get_state(), random.getstate()  # noqa: NPY002 (users draw from it)
    try:
        for tensor in state.tensors:
            state.swap(tensor)
        yield state.tensors
    finally:
        for restore in reversed(state.restores):
            restore()
        np.random.set_state(legacy)  # noqa: NPY002
        random.setstate(plain)


class _Reached:
    """The parts that were found, and how to set each of them back."""

    def __init__(self) -> None:
        self.seen: dict[int, Any] = {}  # kept alive: ids stay their own
        self.tensors: list[Any] = []
        self.restores: list[Restore] = []
        self.copies: dict[int, tuple[Any, Any]] = {}  # arrays shared by tensors stay shared

    def visit(self, first: Any) -> None:
        """Find all that `first` leads to; a loop, since lists may be nested deeply."""
        work = [first]
        while work:
            value = work.pop()
            if isinstance(value, PLAIN) or id(value) in self.seen:
                continue
            self.seen[id(value)] = value
            work += self._inside(value)

    def _inside(self, value: Any) -> list[Any]:
        """Note how to set one object back; what it leads to."""
        if isinstance(value, TensorBase):
            self.tensors.append(value)
            grad = value._grad
            return [] if grad is None else [grad]
        if isinstance(value, Generator):
            self.restores.append(partial(value.set_state, value.get_state()))
        elif isinstance(value, (np.random.Generator, random.Random)):
            self._random(value)
        elif hasattr(value, "dtype") and hasattr(value, "__setitem__") and hasattr(value, "copy"):
            self.restores.append(partial(_write, value, value.copy()))
        elif isinstance(value, (MutableMapping, MutableSequence, MutableSet, deque)):
            return self._container(value)
        elif isinstance(value, (tuple, frozenset)):
            return list(value)
        elif isinstance(value, partial):
            return [value.func, value.args, value.keywords]
        elif isinstance(value, MethodType):
            return [value.__self__, value.__func__]
        elif isinstance(value, FunctionType):
            return self._function(value)
        elif hasattr(value, "__dict__") and _is_open(type(value)):
            return self._object(value)
        return []

    def _random(self, value: Any) -> None:
        if isinstance(value, random.Random):
            self.restores.append(partial(value.setstate, value.getstate()))
        else:
            self.restores.append(
                partial(setattr, value.bit_generator, "state", value.bit_generator.state))

    def _container(self, value: Any) -> list[Any]:
        if type(value).__module__ not in ("builtins", "collections"):
            return self._object(value) if hasattr(value, "__dict__") and _is_open(type(value)) \
                else []
        if isinstance(value, MutableMapping):
            self.restores.append(partial(_refill, value, dict(value)))
            return list(value.values())
        self.restores.append(partial(_refill, value, list(value)))
        return list(value)

    def _object(self, value: Any) -> list[Any]:
        attributes = vars(value)
        self.restores.append(partial(_reset, value, dict(attributes)))
        methods = [f for kind in type(value).__mro__ for f in vars(kind).values()
                   if isinstance(f, FunctionType) and _is_users(f)]
        return [*attributes.values(), *methods]

    def _function(self, function: FunctionType) -> list[Any]:
        """The names that a function of the user's reads and may set."""
        if not _is_users(function):
            return []
        found = []
        names = function.__globals__
        for name in _global_names(function.__code__):
            if name in names:
                found.append(names[name])
                self.restores.append(partial(names.__setitem__, name, names[name]))
            else:
                self.restores.append(partial(names.pop, name, None))
        for cell in function.__closure__ or ():
            try:
                inside = cell.cell_contents
            except ValueError:  # not set yet
                continue
            found.append(inside)
            self.restores.append(partial(setattr, cell, "cell_contents", inside))
        return [*found, function.__defaults__ or (), function.__kwdefaults__ or {}]

    def swap(self, tensor: Any) -> None:
        """Let a tensor hold a copy of its array until the end."""
        data = tensor._data
        slots = ("_data", "_grad", "_node", "_hooks", "requires_grad", "name")
        before = {slot: getattr(tensor, slot) for slot in slots}
        self.restores.append(partial(_reset_slots, tensor, before))
        if id(data) not in self.copies:
            self.copies[id(data)] = data, tensor.device.copy(data)
        tensor._data = self.copies[id(data)][1]


def _is_open(kind: type) -> bool:
    """Return whether objects of a class are looked into: the user's, and ours that keep a state."""
    if issubclass(kind, (Device, Op)):
        return False
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    return file.startswith(PACKAGE) or not any(part in file for part in LIBRARIES)


def _is_users(function: FunctionType) -> bool:
    file = function.__code__.co_filename
    if file.startswith(PACKAGE):
        return file.startswith(LESSONS)
    return not any(part in file for part in LIBRARIES)


def _global_names(code: CodeType) -> set[str]:
    """Names that code, and the functions inside it, look up or set outside of themselves."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names


def _write(array: Any, values: Any) -> None:
    if getattr(getattr(array, "flags", None), "writeable", True):
        array[...] = values


def _refill(container: Any, values: Any) -> None:
    container.clear()
    if isinstance(container, MutableMapping):
        container.update(values)
    elif isinstance(container, MutableSet):
        for value in values:
            container.add(value)
    else:
        container.extend(values)


def _reset(value: Any, attributes: dict[str, Any]) -> None:
    current = vars(value)
    for name in [n for n in current if n not in attributes]:
        del current[name]
    current.update(attributes)


def _reset_slots(tensor: Any, before: dict[str, Any]) -> None:
    for slot, value in before.items():
        setattr(tensor, slot, value)
