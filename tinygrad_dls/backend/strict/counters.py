"""Counting what costs on a GPU: waiting for it, and copying to and from it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_HERE = str(Path(__file__).parent)


@dataclass
class Counters:
    """Waits and copies since the last reset; `places` names the lines that caused them."""

    syncs: int = 0  # the host waited: float(), bool(), int(), .item(), .get(), a boolean index
    host_to_device: int = 0  # arrays copied to the device
    device_to_host: int = 0  # whole arrays copied back; a single number counts as a wait only
    places: list[str] = field(default_factory=list)

    def reset(self) -> None:
        """Everything to zero."""
        self.syncs = self.host_to_device = self.device_to_host = 0
        self.places.clear()

    def __str__(self) -> str:
        totals = (
            f"{self.syncs} syncs, {self.host_to_device} copies to the device, "
            f"{self.device_to_host} copies to the host"
        )
        return "\n  ".join([totals, *self.places])


#: Counts from the start of the process (without places, so that it does not grow).
counters = Counters()
_watching: list[Counters] = []


@contextmanager
def count() -> Iterator[Counters]:
    """Counters of the block: `with count() as c: step()`, then `assert c.syncs == 0, c`."""
    mine = Counters()
    _watching.append(mine)
    try:
        yield mine
    finally:
        # By identity: two counters with the same figures are equal.
        _watching[:] = [watcher for watcher in _watching if watcher is not mine]


def record_sync(what: str) -> None:
    """The host waited for the device to read something."""
    counters.syncs += 1
    for watcher in _watching:
        watcher.syncs += 1
        watcher.places.append(f"sync: {what} at {_caller()}")


def record_host_to_device(what: str) -> None:
    """An array went to the device."""
    counters.host_to_device += 1
    for watcher in _watching:
        watcher.host_to_device += 1
        watcher.places.append(f"host to device: {what} at {_caller()}")


def record_device_to_host(what: str) -> None:
    """An array came back; the host waited for it."""
    record_sync(what)
    counters.device_to_host += 1
    for watcher in _watching:
        watcher.device_to_host += 1


def _caller() -> str:
    """File and line of the nearest frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
