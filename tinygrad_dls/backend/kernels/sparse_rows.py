"""Tables of which only some rows are not zero, as the gradient of an embedding.

A table is an ordinary array. Its memory is lent to it: the `Loan` under it (its `base`) knows
which rows were written, so that an optimizer need touch no others, and gives the memory back when
the table and all views of it are gone. The next table of that shape takes it, with these rows
cleared. Whether anyone still holds a table is never asked: the loan ends when they let go.
"""

from typing import Any

import numpy as np

from .numba.tuning import TABLE_BYTES, TABLE_ROWS

Array = Any
KEPT = 4  # memories for reuse, one of each shape

_free: dict[Any, tuple[Array, Array]] = {}  # of no table now; and the rows that are not zero


class Loan:
    """Memory that a table has until nobody holds the table any more."""

    __slots__ = ("__array_interface__", "__weakref__", "memory", "rows")

    def __init__(self, memory: Array) -> None:
        self.memory = memory
        self.rows: Array | None = None  # all others are zero; None: any may be other than zero
        self.__array_interface__ = memory.__array_interface__

    def __del__(self, free: dict[Any, Any] = _free, kept: int = KEPT) -> None:
        # Runs in any thread, at any moment, also when the module is gone: no lock, no globals.
        if self.rows is not None:
            free[self.memory.shape, self.memory.dtype] = self.memory, self.rows
            for oldest in list(free)[:-kept]:
                free.pop(oldest, None)


def lent(memory: Array) -> Array:
    """An array on `memory`, which has no other user."""
    return np.asarray(Loan(memory))


def used_memory(shape: tuple[int, ...], dtype: Any) -> tuple[Array, Array] | None:
    """Memory of an earlier table of this shape, and its rows, which are to be cleared."""
    return _free.pop((shape, dtype), None)


def worth_telling(shape: tuple[int, ...], dtype: Any, places: int) -> bool:
    """Return whether the table is large, and `places` rows are but a small part of it."""
    size = shape[0] * shape[1] * dtype.itemsize
    return bool(size >= TABLE_BYTES and places <= TABLE_ROWS * shape[0])


def tell_rows(table: Array, rows: Array) -> None:
    """All rows of `table` (n, width), which is `lent`, but these are zero; each is there once."""
    table.base.rows = rows


def rows_of(table: Array) -> Array | None:
    """The rows that alone may be other than zero; None where that is not known (any more)."""
    loan = table.base
    while loan.__class__ is np.ndarray:  # `table` is a view
        loan = loan.base
    if loan.__class__ is not Loan or loan.memory.shape != table.shape:
        return None
    rows: Array | None = loan.rows
    return rows if table.flags.c_contiguous else None


def forget(owner: Array) -> None:
    """Any row of the array `owner`, which is not a view of another, may be written from now on."""
    loan = owner.base
    if loan.__class__ is Loan:
        loan.rows = None
