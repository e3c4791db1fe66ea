"""Adding rows to a table: by atomic additions, or in a fixed order where that is asked for.

Atomic additions to one place happen in any order, so the last bits of a sum of floats may differ
from run to run. `TINYGRAD_DLS_DETERMINISTIC=1` sorts the places first and adds in their order: some
slower, the same to the bit every time. (Max pooling over windows that overlap adds so too.)
"""

import math
import os
from typing import Any

from ..reference import scatter as reference
from .base import CudaFamily
from .layout import dense, real


class Scatter(CudaFamily, reference.Scatter):
    """Indices by arrays of integers; what has another form goes to the reference."""

    def __init__(self, xp: Any) -> None:
        super().__init__(xp)
        self._in_order = os.environ.get("TINYGRAD_DLS_DETERMINISTIC", "0") not in ("", "0")

    def add_at(self, values: Any, shape: tuple[int, ...], index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        while len(parts) > 1 and (parts[-1] is Ellipsis or _is_whole(parts[-1])):
            parts = parts[:-1]
        lead = 0  # axes taken whole before those with places
        while lead < len(parts) and _is_whole(parts[lead]):
            lead += 1
        arrays = [part for part in parts[lead:] if isinstance(part, self.xp.ndarray)]
        if (len(arrays) < len(parts) - lead or not arrays or (lead and len(arrays) > 1)
                or any(a.dtype.kind not in "iu" for a in arrays) or not real(values)):
            return super().add_at(values, shape, index)
        lengths = shape[lead : lead + len(arrays)]
        rest = shape[:lead] + shape[lead + len(arrays) :]
        places, met = self._flat_places(arrays, lengths)
        if lead:  # the axes of the places come first
            axes = len(met)
            values = values.transpose(*range(lead, lead + axes), *range(lead),
                                      *range(lead + axes, values.ndim))
        if values.shape != met + rest:
            values = self.xp.broadcast_to(values, met + rest)
        total = self.xp.zeros((*lengths, *rest), dtype=values.dtype)
        self._add_rows(total, places, dense(self.xp, values), math.prod(rest))
        return self.xp.moveaxis(total, 0, lead) if lead else total

    def _flat_places(
        self, arrays: list[Any], lengths: tuple[int, ...]
    ) -> tuple[Any, tuple[int, ...]]:
        """The places in axes of these lengths, counted through them all; and their shape."""
        xp = self.xp
        met = arrays[0].shape
        if len(arrays) > 1:
            arrays = list(xp.broadcast_arrays(*arrays))
            met = arrays[0].shape
        flat = xp.empty(met, dtype=xp.int64)
        for axis, (array, n) in enumerate(zip(arrays, lengths, strict=True)):
            whole = dense(xp, array.astype(xp.int64, copy=False))
            self._each("scatter.place", xp.dtype("float32"), flat.size, flat, whole, n, axis == 0,
                       self._flag("add_at"))
        return flat.reshape(-1), met

    def _add_rows(self, table: Any, places: Any, values: Any, width: int) -> None:
        if not table.size:
            return
        if self._in_order:
            self._each("scatter.add_rows_in_order", table.dtype, values.size, table, places,
                       self.xp.argsort(places, kind="stable"), values, width, places.size)
        else:
            self._each("scatter.add_rows", table.dtype, values.size, table, places, values, width)


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)
