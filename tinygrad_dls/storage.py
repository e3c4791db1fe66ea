"""Version counters: which storage was written in place, when, and by what.

Backward needs some values of forward unchanged. Every node of the graph has a creation number,
and every write in place draws a number from the same counter. So "was this saved value
overwritten?" is one comparison of two integers, and costs nothing where nobody writes:
a node older than the newest write anywhere looks closer, all others pass.
"""

import itertools
import sys
import weakref
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .errors import GraphError
from .modes import mode, traces
from .rows import forget

next_number = itertools.count(1).__next__  # creation numbers of nodes and writes, one clock


@dataclass(slots=True)
class Writes:
    """The writes into one storage: how many, the number of the newest, and what did it."""

    owner: weakref.ref[Any]
    count: int
    number: int
    place: str


class _Clock:
    """The number of the newest write anywhere."""

    __slots__ = ("newest",)

    def __init__(self) -> None:
        self.newest = 0


clock = _Clock()
_written: dict[int, Writes] = {}


def owner_of(array: Any) -> Any:
    """The array that owns the memory `array` is a view of (itself, if it is no view)."""
    kind = type(array)
    while type(array.base) is kind:
        array = array.base
    return array


def mark_write(array: Any, place: str) -> None:
    """Count one write in place into the storage of `array`; `place` says what wrote."""
    owner = owner_of(array)
    forget(owner)
    key = id(owner)
    number = next_number()
    entry = _written.get(key)
    if entry is None:
        ref = weakref.ref(owner, partial(_forget, key))
        _written[key] = Writes(ref, 1, number, place)
    else:
        entry.count += 1
        entry.number = number
        entry.place = place
    clock.newest = number
    if traces.active and mode.recorder is not None:
        mode.recorder.wrote(array, place)


# --- tensors that share memory -------------------------------------------------------------------


def share(first: Any, second: Any) -> None:
    """Remember that two tensors are views of one memory: what is written into one changes both."""
    owner = owner_of(second._data)
    entry = _sharing.get(id(owner))
    if entry is None:
        ref = weakref.ref(owner, partial(_forget_sharing, id(owner)))
        entry = _sharing[id(owner)] = ref, weakref.WeakValueDictionary()
    entry[1][id(first)] = first
    entry[1][id(second)] = second


def sharing(x: Any) -> list[Any]:
    """The other live tensors that `share` was told of with the memory of x."""
    owner = owner_of(x._data)
    entry = _sharing.get(id(owner))
    others = list(entry[1].values()) if entry is not None else []
    return [t for t in others if t is not x and owner_of(t._data) is owner]


_sharing: dict[int, tuple[Any, Any]] = {}  # by owner: tensors by their id


def _forget_sharing(key: int, _: Any) -> None:
    _sharing.pop(key, None)


def exposed(array: Any) -> Any:
    """`array`, for someone who may write to it without being seen."""
    forget(owner_of(array))
    return array


def is_read_only(array: Any) -> bool:
    """Does NumPy refuse to write into `array`? (Arrays on a GPU can always be written to.)"""
    return isinstance(array, np.ndarray) and not array.flags.writeable


def check_writable(array: Any, what: str) -> None:
    """GraphError if `what` would write into memory that can only be read."""
    if is_read_only(array):
        raise GraphError(
            f"{what} writes into read-only memory, which this tensor shares with a NumPy array or "
            "a broadcast one: dls.Tensor(x) is a copy that can be written to"
        )


def _forget(key: int, _: Any) -> None:
    _written.pop(key, None)


def version(array: Any) -> int:
    """How many times the storage of `array` was written in place since it was made."""
    entry = _written.get(id(owner_of(array)))
    return entry.count if entry else 0


def written_after(array: Any, number: int) -> str | None:
    """What overwrote the storage of `array` after the moment `number`; None if nothing did."""
    entry = _written.get(id(owner_of(array)))
    return entry.place if entry and entry.number > number else None


def calling_line() -> str:
    """`file.py:12` of the nearest caller outside this package, for messages."""
    package = str(Path(__file__).parent)
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
