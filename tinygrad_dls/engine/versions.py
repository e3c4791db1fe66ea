"""Version counters: which storage was written in place, when, and by what.

Backward needs some values of forward unchanged. Every node of the graph has a creation number,
and every write in place draws a number from the same counter. So "was this saved value
overwritten?" is one comparison of two integers, and costs nothing where nobody writes:
a node older than the newest write anywhere looks closer, all others pass.
"""

import itertools
import weakref
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..backend.kernels.sparse_rows import forget
from ..errors import GraphError
from .modes import mode, traces

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
    """The array that owns the memory `array` is a view of (itself, if it is not a view)."""
    kind = type(array)
    while type(array.base) is kind:
        array = array.base
    return array


def mark_write(array: Any, place: str) -> None:
    """Count one write in place into the storage of `array`; `place` says what wrote."""
    owner = owner_of(array)
    if owner.base is not None:
        forget(owner)  # memory of somebody else, which may change unseen
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


slot = object.__getattribute__  # of most tensors it is empty: theirs would look for near names


def share(x: Any, view: Any) -> None:
    """Remember that `view` is a view of the tensor x: what is written into one changes both.

    Tensors made of each other so have one list of weak references, in the slot `_sharing`.
    """
    try:
        group = slot(x, "_sharing")
    except AttributeError:
        group = x._sharing = [weakref.ref(x)]
    view._sharing = group
    group.append(weakref.ref(view))
    if not len(group) % 64:  # views of a weight, at each step
        for ref in tuple(group):
            if ref() is None:
                group.remove(ref)


def sharing(x: Any) -> list[Any]:
    """The other live tensors that `share` was told of with the memory of x."""
    owner = owner_of(x._data)
    try:
        group = slot(x, "_sharing")
    except AttributeError:
        return []
    return [t for t in (ref() for ref in group)
            if t is not None and t is not x and owner_of(t._data) is owner]


def exposed(array: Any) -> Any:
    """`array`, for someone who may write to it without being seen."""
    forget(owner_of(array))
    return array


def is_read_only(array: Any) -> bool:
    """Return whether NumPy refuses to write into `array`. (Arrays on a GPU can always be written
    to.)
    """
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
    """Count the in-place writes to the storage of `array` since it was made."""
    entry = _written.get(id(owner_of(array)))
    return entry.count if entry else 0


def written_after(array: Any, number: int) -> str | None:
    """Return what overwrote the storage of `array` after the moment `number`; None if nothing did.
    """
    entry = _written.get(id(owner_of(array)))
    return entry.place if entry and entry.number > number else None
