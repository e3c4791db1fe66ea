"""Number of threads of a kernel: `threads_for(work)`.

TINYGRAD_DLS_NUM_THREADS says how many at most; without it, as many as this process may use cores:
those that it is bound to, and no more than its control group is given time for (a container with
1.5 cores of 64 gets two). Work below a measured size is done by the calling thread alone, and so
is all work in a forked child, which has no other threads.

The number says how work is cut, not who does it: `pool.py` leaves that to whoever has a core at
the moment. So results do not depend on what else the machine does.
"""

import atexit
import math
import os
from pathlib import Path
from typing import Any

import numba

from ....errors import DeviceError
from .atomics import FUTEX
from .tuning import SHARED_WORK

VARIABLE = "TINYGRAD_DLS_NUM_THREADS"
GROUPS = Path("/sys/fs/cgroup")

_numba: Any = numba  # parts of it have no types


def wanted() -> int:
    """Return how many threads this process should have, by the variable and its cores."""
    most = int(_numba.config.NUMBA_NUM_THREADS)
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return math.ceil(min(cores or 1, cores_of_group(), most))
    if not text.isdecimal() or int(text) < 1:
        raise DeviceError(f"{VARIABLE} is {text!r}: it is a number of threads, from 1")
    return min(int(text), most)


def cores_of_group(groups: Path = GROUPS, own: Path = Path("/proc/self/cgroup")) -> float:
    """Return for how many cores' time this process's control groups allow; infinity if they do not
    say.
    """
    least = math.inf
    try:
        lines = own.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return least
    for line in lines:
        _, _, names = line.partition(":")
        kinds, _, path = names.partition(":")
        top = groups / kinds if kinds else groups
        if kinds and "cpu" not in kinds.split(","):
            continue
        here = top / path.strip("/")
        for folder in (here, *here.parents):
            least = min(least, _quota(folder))
            if folder == top:
                break
    return least


def _quota(folder: Path) -> float:
    """The cores of one group: its time in a period by the period (versions 2 and 1)."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            time, period = " ".join((folder / n).read_text("ascii") for n in names).split()
            if time.isdecimal() and int(time) and int(period):  # "max" and -1: no limit
                return int(time) / int(period)
        except (OSError, ValueError):
            continue
    return math.inf


class _Team:
    """The threads of this process."""

    def __init__(self) -> None:
        self.size = wanted()
        if FUTEX:
            from .pool import Pool  # one of the two is loaded

            self.pool: Any = Pool(self.size)
            self.chooses = False
        else:
            from .numba_pool import NumbaPool

            self.pool = NumbaPool()
            self.chooses = True  # which Python threads may hand out work


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
