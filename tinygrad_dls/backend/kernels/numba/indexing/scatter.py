"""Adding rows to a table, as the gradient of an embedding does.

Indices by arrays of integers are brought to one form: a table of rows, and for each row of the
values its place in the table. What does not fit that form goes to the reference.
"""

import math
from typing import Any

import numpy as np

from ...reference import scatter as reference
from ...sparse_rows import lent, tell_rows, used_memory, worth_telling
from ..compile import kernel
from ..layout import F32, F64
from ..tuning import SORT_PLACES_WORTH

Array = Any
INT64 = np.dtype("int64")


@kernel
def add_rows(table: Array, places: Array, values: Array) -> None:
    """table[places[i]] += values[i] for every i; places are in range, none is negative."""
    for i in range(places.shape[0]):
        row, value = table[places[i]], values[i]
        for j in range(row.size):
            row[j] += value[j]


@kernel
def distinct(places: Array, seen: Array, rows: Array) -> int:
    """Each of the places once, in the order they come; how many those are."""
    count = 0
    for place in places:
        if not seen[place]:
            seen[place] = True
            rows[count] = place
            count += 1
    return count


@kernel
def add_rows_of(
    table: Array, places: Array, values: Array, seen: Array, rows: Array
) -> int:
    """table[places[i]] += values[i]; which rows those are, each once, as `distinct` gives them.

    -1, and nothing done, where a place is negative or out of range.
    """
    for place in places:
        if place < 0 or place >= table.shape[0]:
            return -1
    count = 0
    for i in range(places.shape[0]):
        place = places[i]
        if not seen[place]:
            seen[place] = True
            rows[count] = place
            count += 1
        row, value = table[place], values[i]
        for j in range(row.size):
            row[j] += value[j]
    return count


@kernel
def clear_rows(table: Array, rows: Array) -> None:
    for i in range(rows.size):
        table[rows[i]] = 0


def zeros(shape: tuple[int, ...], dtype: Any, places: int) -> tuple[Array, bool]:
    """Return a table of zeros for `places` rows, and whether reporting the written rows pays off
    (see sparse_rows.py).
    """
    if not worth_telling(shape, dtype, places):
        return np.zeros(shape, dtype), False
    used = used_memory(shape, dtype)
    if used is None:
        return lent(np.zeros(shape, dtype)), True
    clear_rows(*used)
    return lent(used[0]), True


class Scatter(reference.Scatter):
    """Rows in one loop, single numbers by NumPy's `add.at`, which is as fast at those."""

    def add_at(self, values: Any, shape: tuple[int, ...], index: Any) -> Any:
        if values.size < SORT_PLACES_WORTH:
            return super().add_at(values, shape, index)
        table = _of_words(values, shape, index)
        if table is not None:
            return table
        parts = index if isinstance(index, tuple) else (index,)
        while len(parts) > 1 and (parts[-1] is Ellipsis or _is_whole(parts[-1])):
            parts = parts[:-1]
        lead = 0  # axes taken whole before those with places
        while lead < len(parts) and _is_whole(parts[lead]):
            lead += 1
        arrays = [part for part in parts[lead:] if isinstance(part, np.ndarray)]
        if (len(arrays) < len(parts) - lead or not arrays or (lead and len(arrays) > 1)
                or any(a.dtype.kind not in "iu" for a in arrays)
                or (values.dtype is not F32 and values.dtype is not F64)):
            return super().add_at(values, shape, index)
        lengths = shape[lead : lead + len(arrays)]
        rest = shape[:lead] + shape[lead + len(arrays) :]
        places, met = _flat_places(arrays, lengths)
        if lead:  # the axes of the places come first
            axes = len(met)
            values = values.transpose(*range(lead, lead + axes), *range(lead),
                                      *range(lead + axes, values.ndim))
        width = math.prod(rest)
        table, telling = zeros((math.prod(lengths), width), values.dtype, places.size)
        if table.size:
            if values.shape != met + rest:
                values = np.broadcast_to(values, met + rest)
            rows = np.ascontiguousarray(values).reshape(places.size, width)
            if width == 1:
                np.add.at(table.reshape(-1), places, rows.reshape(-1))
            else:
                add_rows(table, places, rows)
                if telling:
                    rows = np.empty_like(places)
                    count = distinct(places, np.zeros(len(table), np.bool_), rows)
                    tell_rows(table, rows[:count])
        total = table if table.shape == (*lengths, *rest) else table.reshape(*lengths, *rest)
        return np.moveaxis(total, 0, lead) if lead else total


def _of_words(values: Any, shape: tuple[int, ...], index: Any) -> Array | None:
    """The table (n, width) of one array of places, as an embedding has it; None: anything else."""
    places = index[0] if index.__class__ is tuple and len(index) == 1 else index
    if (len(shape) != 2 or places.__class__ is not np.ndarray or places.dtype is not INT64
            or (values.dtype is not F32 and values.dtype is not F64) or shape[1] < 2
            or values.shape != (*places.shape, shape[1])
            or not values.flags.c_contiguous or not places.flags.c_contiguous):
        return None
    (table, telling), rows = zeros(shape, values.dtype, places.size), np.empty(places.size, INT64)
    count = add_rows_of(table, places.ravel(), values.reshape(-1, shape[1]),
                        np.zeros(shape[0], np.bool_), rows)
    if count < 0:
        return None
    if telling:
        tell_rows(table, rows[:count])
    return table


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)


def _flat_places(arrays: list[Array], lengths: tuple[int, ...]) -> tuple[Array, tuple[int, ...]]:
    """The places in axes of these lengths, counted through them all; and their shape."""
    flat: Any = 0
    for axis, (array, n) in enumerate(zip(arrays, lengths, strict=True)):
        if array.size:
            low, high = int(array.min()), int(array.max())
            if low < -n or high >= n:
                raise IndexError(f"index {low if low < -n else high} is out of bounds for axis "
                                 f"{axis} with size {n}")
            if low < 0:
                array = np.where(array < 0, array + n, array)
        flat = flat * n + array.astype(np.intp, copy=False)
    return np.ascontiguousarray(flat).reshape(-1), flat.shape
