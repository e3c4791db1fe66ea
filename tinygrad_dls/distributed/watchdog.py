"""Waiting for other ranks, and no longer than makes sense.

A rank that raises or is killed ends the job at once: `start.py` and mpiexec see to that. What is
left are ranks that end early, because their data ran out, and ranks that hang. One that ends says
goodbye to the others, which look for that while they wait. Whoever waits longer than `patience`
asks who else waits, and for what, and names those that do not answer.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..errors import RankError
from .lanes import Request

GOODBYE, WAITING = 1, 2
LETTER = 256  # bytes of a message: the text, and blanks
SPIN = 2e-4  # seconds of looking again and again; then the core is left to others in between
LOOK = 0.5  # seconds between two looks for goodbyes
GRACE = 1.0  # seconds in which what a rank sent before its goodbye must have come
ANSWERS = 1.0  # seconds for the others to say what they wait for


class Watchdog:
    """Waits for requests of one rank; `control` is a communicator for its messages."""

    def __init__(self, control: Any, patience: float) -> None:
        self.control, self.patience = control, float(patience)
        self.rank, self.size = int(control.Get_rank()), int(control.Get_size())
        self.gone: dict[int, float] = {}  # ranks that said goodbye, and when we heard
        self.broken = ""  # why nothing can be done together any more
        self._sent: list[Any] = []

    def wait(self, request: Request, doing: str, all_take_part: bool = True) -> None:
        """Return when `request` is done; RankError, with the ranks to blame, if it never will be.

        all_take_part: it cannot end before each rank has come, so one that left never will.
        """
        if self.broken:
            raise RankError(f"rank {self.rank} cannot go on: {self.broken}")
        if request.Test():
            return
        start = time.perf_counter()
        looked = start
        while not request.Test():
            now = time.perf_counter()
            if now - start > SPIN:
                time.sleep(min(1e-3, (now - start) / 20))
            if now - looked > LOOK:
                looked = now
                self._look()
                gone = [r for r, heard in self.gone.items() if now - heard > GRACE]
                if gone and all_take_part:
                    self._fail(
                        f"{_names(gone)} ended while rank {self.rank} waits in {doing}. All ranks "
                        "take the same number of steps: give each as many batches "
                        "(DistributedSampler does)")
            if now - start > self.patience:
                self._fail(self._who_is_missing(doing, now - start))

    def _fail(self, why: str) -> None:
        self.broken = why
        raise RankError(why)

    def _who_is_missing(self, doing: str, waited: float) -> str:
        """Tell the others what we wait for, listen a moment, and say who is silent."""
        self._tell(WAITING, doing)
        heard: dict[int, str] = {}
        end = time.perf_counter() + ANSWERS
        while time.perf_counter() < end and len(heard) < self.size - 1:
            heard |= self._read(WAITING)
            time.sleep(0.01)
        text = f"rank {self.rank} has waited {waited:.0f} s in {doing}"
        if others := {r: d for r, d in heard.items() if d != doing}:
            text += "; " + "; ".join(f"rank {r} waits in {d}" for r, d in sorted(others.items()))
        silent = [r for r in range(self.size) if r != self.rank and r not in heard]
        if silent:
            text += f"; {_names(silent)} did not answer, and hangs or computes longer than that"
        return text + f". patience={self.patience:g} s is the limit: init(patience=...) sets it"

    # --- messages --------------------------------------------------------------------------------

    def goodbye(self) -> None:
        """Tell the others that this rank will take part in nothing more."""
        self._tell(GOODBYE, "")

    def _tell(self, tag: int, text: str) -> None:
        letter = np.frombuffer(text.encode()[:LETTER].ljust(LETTER), np.uint8)
        self._sent += [self.control.Isend(letter, dest=r, tag=tag)
                       for r in range(self.size) if r != self.rank]

    def _look(self) -> None:
        for r in self._read(GOODBYE):
            self.gone.setdefault(r, time.perf_counter())

    def _read(self, tag: int) -> dict[int, str]:
        """The messages of a kind that have come: rank -> text."""
        found = {}
        letter = np.empty(LETTER, np.uint8)
        for r in range(self.size):
            if r != self.rank and self.control.Iprobe(source=r, tag=tag):
                self.control.Recv(letter, source=r, tag=tag)
                found[r] = letter.tobytes().decode(errors="replace").rstrip()
        return found


def _names(ranks: list[int]) -> str:
    return f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, sorted(ranks)))}"
