"""Number of threads of a kernel: `threads_for(work)`.

As many as cores.py finds. Work below a measured size is done by the calling thread alone, and so is
all work in a forked child, which has no other threads.

The number says how work is cut, not who does it: `pool.py` leaves that to whoever has a core at
the moment. So results do not depend on what else the machine does.
"""

import atexit
import ctypes
import os
from typing import Any

import llvmlite.binding as llvm
import numba

from .atomics import FUTEX
from .cores import wanted
from .parallel import SYMBOL
from .tuning import SHARED_WORK

_numba: Any = numba  # parts of it have no types


class Alone:
    """No other threads: nothing to compile and to start."""

    def __init__(self) -> None:
        number = ctypes.c_int64
        self._enter = ctypes.CFUNCTYPE(None, number, number, number)(self._run)
        llvm.add_symbol(SYMBOL, ctypes.cast(self._enter, ctypes.c_void_p).value)

    @staticmethod
    def _run(work: int, data: int, count: int) -> None:
        run_chunk = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(work)
        for chunk in range(count):
            run_chunk(chunk, data)

    def stop(self) -> None:
        """Nothing."""


class _Team:
    """The threads of this process."""

    def __init__(self) -> None:
        self.size = min(wanted(), int(_numba.config.NUMBA_NUM_THREADS))
        self.chooses = self.size > 1 and not FUTEX  # which Python threads may hand out work
        if self.size == 1:
            self.pool: Any = Alone()
        elif FUTEX:
            from .pool import Pool  # one of the two is loaded

            self.pool = Pool(self.size)
        else:
            from .numba_pool import NumbaPool

            self.pool = NumbaPool()


_team = _Team()
atexit.register(_team.pool.stop)


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
    if work < SHARED_WORK or _team.size == 1 or (_team.chooses and not _team.pool.serves()):
        return 1
    return _team.size
