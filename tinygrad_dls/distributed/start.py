"""Start: this process becomes a rank, and how it ends becomes the concern of all."""

from __future__ import annotations

import atexit
import importlib.util
import os
import sys
from types import TracebackType
from typing import Any

from .._util.arguments import is_amount
from .._util.keywords import near_names
from ..errors import DataError, DeviceError, Error
from .lanes import mpi
from .world import World

THREADS = "TINYGRAD_DLS_NUM_THREADS"
PATIENCE = "TINYGRAD_DLS_PATIENCE"  # seconds, where init() is not told
_current: list[World] = []


@near_names
def init(patience: float | None = None) -> World:
    """Make this process a rank of the job that mpiexec started; the first call counts.

        mpiexec -n 2 python train.py

    Without mpiexec it is a job of one rank. From here on an error on one rank ends the job,
    with the error and the rank's number; so does a rank that ends while others still wait for it,
    or that lets them wait longer than `patience` seconds (TINYGRAD_DLS_PATIENCE, or 120). The cores
    of a machine are shared out among its ranks, unless TINYGRAD_DLS_NUM_THREADS is set. DeviceError
    if mpi4py is missing.
    """
    if _current:
        if patience is not None:
            _current[0].watchdog.patience = _seconds(patience)
        return _current[0]
    if importlib.util.find_spec("mpi4py") is None:
        raise DeviceError("training on several processes needs MPI: pip install "
                          "'tinygrad_dls[mpi]'")
    given = patience if patience is not None else os.environ.get(PATIENCE, "120")
    try:
        comm = mpi().COMM_WORLD
    except (ImportError, RuntimeError) as error:  # mpi4py is there, but no library of MPI
        raise DeviceError(f"mpi4py finds no MPI ({error}): pip install 'tinygrad_dls[mpi]'"
                          ) from error
    world = World(comm, _seconds(given))
    _current.append(world)
    if world.size > 1:
        _share_cores(world)
        _end_together(world)
    return world


def _seconds(given: Any) -> float:
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = -1.0
    if not is_amount(seconds, infinite=True):
        raise DataError(f"patience is a number of seconds, not {given!r}")
    return seconds


def current(world: World | None = None) -> World:
    """`world`, or the one that `init` made; DeviceError before that."""
    if world is not None:
        return world
    if not _current:
        raise DeviceError("call tinygrad_dls.distributed.init() first")
    return _current[0]


def rank() -> int:
    """The number of this process in the job, 0 ... size() - 1; 0 before `init`."""
    return _current[0].rank if _current else 0


def size() -> int:
    """The number of processes of the job; 1 before `init`."""
    return _current[0].size if _current else 1


def _share_cores(world: World) -> None:
    """Leave each rank its share of the cores that it may run on."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(
        range(os.cpu_count() or 1))
    alike = world.all_gather((mpi().Get_processor_name(), cores)).count(
        (mpi().Get_processor_name(), cores))
    if THREADS in os.environ:
        return
    share = max(1, len(cores) // alike)
    os.environ[THREADS] = str(share)
    if threads := sys.modules.get("tinygrad_dls.backend.kernels.numba.threads"):
        threads._team.size = min(threads._team.size, share)


def _end_together(world: World) -> None:
    """An error here ends the others too, and the end of the program is told to them."""
    before, process = sys.excepthook, os.getpid()

    def end_job(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if os.getpid() != process:
            before(kind, error, trace)
            return
        if isinstance(error, Error):
            print(f"rank {world.rank}: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            print(f"rank {world.rank} ends the job:", file=sys.stderr)
            before(kind, error, trace)
        sys.stdout.flush()
        sys.stderr.flush()
        world.comm.Abort(1)

    def leave() -> None:
        if mpi().Is_finalized() or os.getpid() != process:  # a forked child is not a rank
            return
        if world.watchdog.broken:  # a program that goes on after a RankError would never end: MPI
            world.comm.Abort(1)  # waits at its end for the rank that hangs
        world.watchdog.goodbye()

    sys.excepthook = end_job
    atexit.register(leave)
