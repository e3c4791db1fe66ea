"""Tables of which only some rows are not zero, as the gradient of an embedding.

They stay what they are, whole arrays that anyone may read. What is known besides is which rows were
written: an optimizer need touch no others, and when nobody holds the table any more, only these
need be cleared for the next one.
"""

import sys
import weakref
from typing import Any, NamedTuple

from .storage import owner_of, version

Array = Any
LEAST = 1 << 17  # bytes of a table that is worth it
KEPT = 4  # tables for reuse, one of each shape


class Known(NamedTuple):
    """What is known of a table: itself, its version then, its shape, and its rows, each once."""

    table: weakref.ref[Any]
    version: int
    shape: tuple[int, ...]
    rows: Array


_known: dict[int, Known] = {}
_kept: dict[Any, Array] = {}


def used_table(shape: tuple[int, ...], dtype: Any) -> tuple[Array, Array] | None:
    """An earlier table of this shape that nobody holds, and its rows, which are to be cleared."""
    table = _kept.pop((shape, dtype), None)
    if table is None or sys.getrefcount(table) > 2:  # this name, and the call's argument
        return None
    rows = rows_of(table)
    forget(table)
    return None if rows is None else (table, rows)


def worth_telling(table: Array, places: int) -> bool:
    """Is it large, and are so many of its rows but a small part?"""
    return table.nbytes >= LEAST and 4 * places <= len(table) and table.base is None


def tell_rows(table: Array, rows: Array) -> None:
    """All rows of `table` (n, width), which owns its memory, but these are zero."""
    key = id(table)
    reference = weakref.ref(table, lambda _: _known.pop(key, None))
    _known[key] = Known(reference, version(table), table.shape, rows)
    _kept[table.shape, table.dtype] = table
    for oldest in list(_kept)[:-KEPT]:  # a list: other threads may add meanwhile
        _kept.pop(oldest, None)


def rows_of(table: Array) -> Array | None:
    """The rows that alone may be other than zero; None where that is not known (any more)."""
    if not _known:
        return None
    owner = owner_of(table)
    known = _known.get(id(owner))
    if known is None or known.shape != table.shape or not table.flags.c_contiguous:
        return None
    return known.rows if version(owner) == known.version else None


def is_kept(table: Array) -> bool:
    """Is one reference to it ours, for reuse?"""
    return bool(_kept) and _kept.get((table.shape, table.dtype)) is table


def forget(table: Array) -> None:
    """Its other rows may be written from now on."""
    if _known:
        _known.pop(id(table), None)
