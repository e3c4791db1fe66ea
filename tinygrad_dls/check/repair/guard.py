"""The learner's own arrays around the functions, which no edit that is tried may write into."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .source import Source


@contextmanager
def guarded(found: Sequence[Source], run: Callable[[], Any]) -> Iterator[None]:
    """Let global arrays, and those of closures, be read-only in a block, and as before behind it.

    They stay writable if `run()`, the code without an edit, writes into them.
    """
    arrays = list({id(a): a for source in found for a in _around(source)}.values())
    copies = [array.copy() for array in arrays]
    locked = [array for array in arrays if array.flags.writeable]
    locked.sort(key=lambda array: array.base is not None)  # a view is writable if its array is
    runs = _runs(run)
    try:
        _set(locked, False)
        if runs and not _runs(run):
            _set(locked, True)
        yield
    finally:
        _set(locked, True)
        for array, before in zip(arrays, copies):
            if not np.array_equal(array, before, equal_nan=True):
                array[...] = before


def _runs(run: Callable[[], Any]) -> bool:
    try:
        run()
    except Exception:  # a learner's code may raise anything
        return False
    return True


def _set(arrays: list[Any], writeable: bool) -> None:
    for array in arrays:
        array.flags.writeable = writeable


def _around(source: Source) -> Iterator[Any]:
    """The arrays that a function sees outside of itself, in tuples, lists and dicts, too."""
    function = source.function
    names = function.__globals__
    found = [names[name] for name in function.__code__.co_names if name in names]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not set yet
            continue
    seen: set[int] = set()  # a list may hold itself
    while found:
        value = found.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            yield value
        elif isinstance(value, dict):
            found += value.values()
        elif isinstance(value, (tuple, list)):
            found += value
