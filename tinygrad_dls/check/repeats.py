"""Neighbours that repeat in a sequence: blocks of a network, steps of time."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

WIDEST = 60  # steps in one repeated block, at most
FEWEST = 3  # times that a block comes one after the other


class Run(NamedTuple):
    """`length` neighbours from `start` on, which come `times` times in a row."""

    start: int
    length: int
    times: int


def runs(items: Sequence[Hashable]) -> list[Run]:
    """The sequence as runs: those that save the most first seen from the left, the rest alone."""
    found, i = [], 0
    while i < len(items):
        best = Run(i, 1, 1)
        for length in range(1, min(WIDEST, (len(items) - i) // FEWEST) + 1):
            times = 1
            while items[i + times * length : i + (times + 1) * length] == items[i : i + length]:
                times += 1
            if times >= FEWEST and (times - 1) * length > (best.times - 1) * best.length:
                best = Run(i, length, times)
        found.append(best)
        i += best.length * best.times
    return found
