"""A second process that compiles, too, while nothing is kept yet.

    this process        compiles what a step needs first
    the other process   compiles what most steps need, the longest first, into the same folder

LLVM has one lock in a process, so a thread would only wait. It starts with the first kernel that is
not kept; where none is, with the package: both import Numba then at the same time. What one of the
two compiles the other waits for (claims.py), and a kernel's file appears whole or not at all
(kernel_cache.py).

The other process is silent. It ends with its list or with the process that started it; if that was
killed, a kernel later. TINYGRAD_DLS_COMPILE_AHEAD=0 switches it off.
"""

import atexit
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...._util.user_folders import user_cache
from ....errors import DeviceError
from . import cores

VARIABLE = "TINYGRAD_DLS_COMPILE_AHEAD"
COMMAND = ("import gc, sys; gc.disable(); sys.path[:] = {path!r}; "
           "from {module} import run; run({parent})")

_importer = os.getpid()
_started: list[Any] = []  # None, once it was tried; the process


def start_if_nothing_is_kept() -> None:
    """Start the other process, if this seems to be the first program that runs here."""
    folder = user_cache() / "kernels"
    if not any(folder.glob("*/*.nbc")) and _can_be_made(folder):
        start()


def _can_be_made(folder: Path) -> bool:
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK)


def start() -> None:
    """Start the other process, if that was not tried yet and helps."""
    if _started:
        return
    _started.append(None)
    if not _helps():
        return
    import subprocess  # rarely needed

    command = COMMAND.format(path=sys.path, module=__name__, parent=os.getpid())
    own = {VARIABLE: "0", cores.VARIABLE: "1"}  # a team of threads would have to be compiled
    with suppress(OSError):
        process = subprocess.Popen(
            [sys.executable, "-c", command], env={**os.environ, **own},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _started.append(process)
        atexit.register(_end, process)


def _end(process: Any) -> None:
    if os.getpid() == _importer:  # a forked child inherits what is to be done at exit
        process.terminate()
        process.wait()


def _helps() -> bool:
    """Return whether there is a core for it, and this is a program of its own: not one of many
    workers, a test, or an application that has Python inside.
    """
    workers = sys.modules.get("multiprocessing")
    if (os.environ.get(VARIABLE, "1") == "0" or os.name != "posix" or os.getpid() != _importer
            or (workers is not None and workers.parent_process() is not None)
            or any(name.startswith("PYTEST_") for name in os.environ)
            or "python" not in os.path.basename(sys.executable or "")):
        return False
    try:
        return cores.wanted() > 1
    except DeviceError:  # told where it matters
        return False


def run(parent: int) -> None:
    """Compile the list, as long as the parent lives; one process does so for each folder."""
    import fcntl

    from ..table import kernels_for

    sys.modules["scipy"] = None  # type: ignore[assignment]  # Numba imports it, for np.dot alone
    folder = user_cache() / "kernels"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "ahead.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            import numpy as np

            for kernel_call in longest_first(kernels_for("cpu", np)):
                if os.getppid() != parent:
                    break
                kernel_call()


def longest_first(kernels: Any) -> Iterator[Callable[[], Any]]:
    """Yield what almost every network's step calls: what takes longest, and from the optimizer
    back to the first layer, where the other process begins.
    """
    import numpy as np

    def zeros(*shape: int) -> Any:
        return np.zeros(shape, "float32")

    some, rows, weight, labels = [zeros(64)], zeros(16, 8), zeros(8, 8), np.zeros(16, "int64")
    large = zeros(256, 256)
    yield lambda: kernels.linear_backward(rows, rows, weight, (True, True, True))
    yield lambda: kernels.adam(
        some, some, some, some, None, 0.01, 0.9, 0.999, 1e-8, 0.0, False, False, 0.1, 0.1)
    yield lambda: kernels.relu_backward(large, large)
    yield lambda: kernels.cross_entropy_backward(
        zeros(1), rows, labels, zeros(16), zeros(16) + 1, 0.0, 1.0)
    yield lambda: kernels.total(zeros(16), 1.0)
    yield lambda: kernels.cross_entropy(rows, labels, 0.0)
    yield lambda: kernels.linear(rows, weight, zeros(8))
    yield lambda: kernels.relu(large)
    yield lambda: kernels.sgd(some, some, None, 0.01, 0.0, 0.0, 0.0, False, False, True)
    yield lambda: kernels.binary_cross_entropy_backward(zeros(1), rows, rows, 1.0)
    yield lambda: kernels.binary_cross_entropy(rows, rows)
