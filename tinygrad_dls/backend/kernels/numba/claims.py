"""Claims: what another process compiles at the moment is waited for, not compiled twice.

A claim is a lock on one byte of a file, at a place that the kernel's path says. The system lifts
it when the process that holds it ends, however that happens. Where there are no such locks (on
Windows, in a folder that cannot be written to) everybody compiles for themselves.
"""

import hashlib
import os
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ...._util.user_folders import user_cache

try:
    import fcntl as _locks
except ImportError:  # Windows
    fcntl: Any = None
else:
    fcntl = _locks

PATIENCE = 3.0  # seconds, as long as a large kernel takes; a process may have been stopped
PAUSE = 0.003


def claim(kernel: Path) -> None:
    """Claim a kernel's file, once nobody else does; after PATIENCE go on without."""
    place = _place(kernel)
    until = time.monotonic() + PATIENCE
    while not _locked(place) and time.monotonic() < until:
        time.sleep(PAUSE)


def give_up(kernel: Path) -> None:
    """Give up the claim, if it is held."""
    file = _file(user_cache())
    if file is not None:
        with suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_UN, 1, _place(kernel))


def _locked(place: int) -> bool:
    """Lock a byte; False if another process has it. True, too, where there are no locks."""
    file = _file(user_cache())
    if file is not None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            pass
    return True


def _place(kernel: Path) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(kernel)).digest()[:7], "big")


@cache
def _file(cache_folder: Path) -> int | None:
    """Open the file, for as long as the process lives: to close it would lift all its locks."""
    if fcntl is None:
        return None
    file = cache_folder / "kernels" / "claims.lock"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
