"""Ctrl-C between two steps, never inside one: nothing is left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupt:
    """`with Interrupt() as stop:` after Ctrl-C `stop.asked` is True; a second one ends at once.

    Elsewhere than in the main thread, where no signals arrive, it does nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def interrupts_put_off() -> Iterator[None]:
    """Let Ctrl-C in the block take effect at its end; a second one ends it at once."""
    with Interrupt() as stop:
        yield
    if stop.asked:
        signal.raise_signal(signal.SIGINT)  # to whom it would have gone
