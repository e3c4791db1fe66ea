"""The line that says why the first steps of a fresh installation take seconds."""

import shutil
import sys
import time
from collections.abc import Callable

SLOW_SECONDS = 1.0
LINE = "compiling kernels, once: they are kept (tinygrad-dls warmup compiles all of them ahead)"


class CompilingNotice:
    """Adds up the time of compilations and, once it is more than a second, says so in a terminal.

    One line in a process, on standard error; nothing is written to files and pipes. `begin` and
    `end` are called under Numba's compiler lock.
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
            _say(LINE)


notice = CompilingNotice()


def _say(line: str) -> None:
    """Write a line of its own in a terminal, over what a progress bar has drawn there."""
    try:
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r{line.ljust(width)}\n")
            sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # no standard error, or a closed one
        pass
