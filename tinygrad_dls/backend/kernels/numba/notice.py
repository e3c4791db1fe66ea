"""The lines that say why the first steps of a fresh installation take seconds."""

import atexit
import os
import shutil
import sys
import time
from collections.abc import Callable

SLOW_SECONDS = 1.0
LINE = "compiling kernels, once: they are kept (tinygrad-dls warmup compiles all of them ahead)"
TOTAL = "compiled kernels for {:.0f} s: the next run finds them"


class CompilingNotice:
    """Adds up the time of compilations and, once it is more than a second, says so.

    One line in a process, on standard error. Where that is a file or a pipe nobody watches the
    screen, and somebody may read later why the run was slow: a second line says at the end of the
    process how long it took. `begin` and `end` are called under Numba's compiler lock.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.wanted = True
        self._clock = clock
        self._begun: float | None = None
        self._seconds = 0.0

    def begin(self) -> None:
        """Note that a compilation starts."""
        self._begun = self._clock()

    def end(self) -> None:
        """Note that it is done."""
        if self._begun is None:
            return
        self._seconds, self._begun = self._seconds + self._clock() - self._begun, None
        if self.wanted and self._seconds > SLOW_SECONDS:
            self.wanted = False
            if not _say(LINE):
                atexit.register(self._say_total, os.getpid())

    def _say_total(self, process: int) -> None:
        if os.getpid() == process:  # a forked child inherits what is to be done at exit
            _say(TOTAL.format(self._seconds))


notice = CompilingNotice()


def _say(line: str) -> bool:
    """Write a line of its own to standard error; returns whether that is a terminal.

    In a terminal it is written over what a progress bar has drawn there.
    """
    try:
        terminal = sys.stderr.isatty()
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{line.ljust(width)}\n" if terminal else f"{line}\n")
        sys.stderr.flush()
        return terminal
    except (AttributeError, OSError, ValueError):  # no standard error, or a closed one
        return True
