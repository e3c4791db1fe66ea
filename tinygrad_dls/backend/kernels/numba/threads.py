"""Number of threads of a kernel: `threads_for(work)`.

TINYGRAD_DLS_NUM_THREADS says how many at most; without it, as many as this process has cores.
Work below a measured size is done by the calling thread alone. So is all work in a forked child,
where the threads of libgomp do not exist, and, with Numba's own work queue, which only one thread
may use, all work of other Python threads than the one that started it.
"""

import os
import threading
from typing import Any

import numba
from numba.np.ufunc import parallel

from ....errors import DeviceError
from .tuning import SHARED_WORK

VARIABLE = "TINYGRAD_DLS_NUM_THREADS"

_numba: Any = numba  # parts of it have no types


def _wanted() -> int:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return int(min(cores or 1, _numba.config.NUMBA_NUM_THREADS))
    if not text.isdecimal() or int(text) < 1:
        raise DeviceError(f"{VARIABLE} is {text!r}: it is a number of threads, from 1")
    return int(min(int(text), _numba.config.NUMBA_NUM_THREADS))


def _start() -> None:
    """Load Numba's threading layer, whose functions compiled kernels are linked to."""
    launch: Any = parallel._launch_threads
    launch()


class _Team:
    """The threads of this process."""

    def __init__(self) -> None:
        self.size = _wanted()
        # Numba's own work queue serves one Python thread only: the one that asked first.
        self.owner = threading.get_ident() if _numba.threading_layer() == "workqueue" else None


_start()
_team = _Team()


def _in_child() -> None:
    _team.size = 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def team() -> int:
    """Return how many threads large work gets, here and now."""
    return threads_for(float("inf"))


def threads_for(work: float) -> int:
    """Return how many threads split `work`, counted in multiplications (or work that takes as
    long).
    """
    if work < SHARED_WORK or _team.size == 1:
        return 1
    if _team.owner is not None and _team.owner != threading.get_ident():
        return 1
    return _team.size
