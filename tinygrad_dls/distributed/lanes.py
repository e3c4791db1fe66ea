"""Lanes: communicators of MPI, one for each purpose, that count and guard what is handed to them.

MPI matches the calls of the ranks by their order within a communicator. With a lane for each
purpose a rank that averages gradients while another reduces metrics is seen as what it is, two
waits for different things, and never as one sum of both.

MPI adds what it is given, as it is given: float16 in float16 (2048 + 1 is 2048), uint8 modulo 256,
an array in Fortran order in the order of its memory. So a lane takes contiguous arrays of four
dtypes only, and `World` casts what users hand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import DtypeError

Array = Any
SENT = frozenset({"float32", "float64", "int64", "uint8"})


class Request(Protocol):
    """A transfer under way."""

    def Test(self) -> bool:
        """Return whether it is done; MPI goes on with it meanwhile."""


@dataclass
class Traffic:
    """Bytes handed to MPI, and the number of calls, of one purpose."""

    bytes: int = 0
    calls: int = 0


class Lane:
    """A communicator of its own for `purpose`. All calls return at once, with a request."""

    def __init__(self, comm: Any, purpose: str) -> None:
        self.comm, self.purpose, self.traffic = comm.Dup(), purpose, Traffic()

    def sum(self, array: Array) -> Request:
        """Replace `array`, on all ranks, by the sum over ranks."""
        self._count(array)
        return self.comm.Iallreduce(_in_place(), array, op=_sum_of())  # type: ignore[no-any-return]

    def gather(self, row: Array, rows: Array) -> Request:
        """Fill `rows` (ranks, ...) with each rank's `row`, on all ranks."""
        self._count(row)
        _check(rows)
        return self.comm.Iallgather(row, rows)  # type: ignore[no-any-return]

    def broadcast(self, array: Array, root: int) -> Request:
        """Replace `array` by that of rank `root`."""
        self._count(array)
        return self.comm.Ibcast(array, root=root)  # type: ignore[no-any-return]

    def _count(self, array: Array) -> None:
        _check(array)
        self.traffic.bytes += array.nbytes
        self.traffic.calls += 1


def _check(array: Array) -> None:
    """DtypeError for what MPI would add or send otherwise than it looks."""
    if not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
        raise DtypeError("MPI takes arrays in C order: np.ascontiguousarray(x)")
    if array.dtype.name not in SENT or not array.dtype.isnative:
        raise DtypeError(f"MPI is handed {', '.join(sorted(SENT))}, not {array.dtype}: cast it")


def mpi() -> Any:
    """The module mpi4py.MPI; importing it starts MPI."""
    from mpi4py import MPI  # heavy, and only there with the extra `mpi`

    return MPI


def _in_place() -> Any:
    return mpi().IN_PLACE


def _sum_of() -> Any:
    return mpi().SUM
