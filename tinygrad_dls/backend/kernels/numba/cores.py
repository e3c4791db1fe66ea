"""The number of cores that this process may use: `wanted()`.

TINYGRAD_DLS_NUM_THREADS says how many at most; without it, those that the process is bound to, and
no more than its control group is given time for (a container with 1.5 cores of 64 gets two).
"""

import math
import os
from pathlib import Path

from ....errors import DeviceError

VARIABLE = "TINYGRAD_DLS_NUM_THREADS"
GROUPS = Path("/sys/fs/cgroup")


def wanted() -> int:
    """Return how many cores this process should use, by the variable and those that it has."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return math.ceil(min(cores or 1, cores_of_group()))
    if not text.isdecimal() or int(text) < 1:
        raise DeviceError(f"{VARIABLE} is {text!r}: it is a number of threads, from 1")
    return int(text)


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
