"""The threads that work off a kernel's chunks: whoever is free takes the next one.

    the calling thread                            the others
    posts the work: TICKET = (n, 4 chunks left)   wait for a ticket with chunks left
    takes chunks until none is left               take chunks until none is left
    waits until all are done                      wait for the next ticket

Nobody is given a chunk: on a busy machine a thread may have lost its core to another program for
milliseconds, and the others do its part. A thread that waits looks at the number for a while, since
the next kernel mostly comes within microseconds, and then sleeps: it takes no time from others.

A ticket holds the number of the work in its upper half, so that a thread that was late cannot take
a chunk of the next work for one of the last. What a chunk needs (WORK, DATA, CHUNKS) stays as it is
until all chunks are done, so who has taken one may read it.

Two Python threads may have work at once: the second does its own alone.
"""

import ctypes
import threading
from typing import Any

from numba import types

from .atomics import (
    add,
    call,
    nanoseconds,
    pause,
    read,
    replace,
    shared_numbers,
    sleep_on,
    wake,
    write,
)
from .compile import export, inlined
from .parallel import SYMBOL

# Bytes from the beginning of the shared numbers; those that are changed at the same time by
# different threads are on different lines of the cache.
TICKET, DONE, WORK, DATA, CHUNKS, WAITING = 0, 128, 256, 264, 272, 280
POSTED, ASLEEP, BUSY, STOPPED = 384, 392, 512, 520
LEFT = (1 << 32) - 1

# A thread looks for so long before it sleeps: as long as most gaps between kernels of a step, and
# little beside the turn of 3 ms that the system gives it. Waking one takes up to 50 us. 2026-11-30.
PATIENCE_NS = 100_000


@inlined
def take(team):  # type: ignore[no-untyped-def]
    """Take a chunk: return how many were left with it, 0 if none was."""
    while True:
        ticket = read(team + TICKET)
        left = ticket & LEFT
        if left == 0 or replace(team + TICKET, ticket, ticket - 1):
            return left


@inlined
def work_off(team):  # type: ignore[no-untyped-def]
    """Take chunks until none is left."""
    left = take(team)
    while left:
        count = read(team + CHUNKS)
        call(read(team + WORK), count - left, read(team + DATA))
        if add(team + DONE, 1) + 1 == count and read(team + WAITING):
            wake(team + DONE, 1)
        left = take(team)


@inlined
def post(team, work, data, count):  # type: ignore[no-untyped-def]
    """Hand out the chunks, help, and wait for the end."""
    if not replace(team + BUSY, 0, 1):
        for chunk in range(count):
            call(work, chunk, data)
        return
    write(team + WORK, work)
    write(team + DATA, data)
    write(team + CHUNKS, count)
    write(team + DONE, 0)
    write(team + TICKET, (((read(team + TICKET) >> 32) + 1) << 32) + count)
    add(team + POSTED, 1)
    if read(team + ASLEEP):
        wake(team + POSTED, count - 1)
    work_off(team)
    until = nanoseconds() + PATIENCE_NS
    while read(team + DONE) < count:
        pause()
        if nanoseconds() > until:
            write(team + WAITING, 1)
            done = read(team + DONE)
            if done < count:
                sleep_on(team + DONE, done)
    write(team + WAITING, 0)
    write(team + BUSY, 0)


@inlined
def serve(team):  # type: ignore[no-untyped-def]
    """Work off whatever is posted, until the team is stopped."""
    until = nanoseconds() + PATIENCE_NS
    while not read(team + STOPPED):
        if read(team + TICKET) & LEFT:
            work_off(team)
            until = nanoseconds() + PATIENCE_NS
        elif nanoseconds() < until:
            for _ in range(8):
                pause()
        else:
            add(team + ASLEEP, 1)
            posted = read(team + POSTED)
            if not (read(team + TICKET) & LEFT or read(team + STOPPED)):
                sleep_on(team + POSTED, posted)
            add(team + ASLEEP, -1)
            until = nanoseconds() + PATIENCE_NS


def team_of_threads(work, data, count):  # type: ignore[no-untyped-def]
    """Run `count` chunks; with 0 serve until the team is stopped; with -1 stop it.

    One function, since the numbers that all threads share belong to it.
    """
    team = shared_numbers()
    if count > 0:
        post(team, work, data, count)
    elif count == 0:
        serve(team)
    else:
        write(team + STOPPED, 1)
        add(team + POSTED, 1)
        wake(team + POSTED, 1 << 20)


class Pool:
    """The threads of this process beside the calling one."""

    def __init__(self, size: int) -> None:
        kind = types.void(types.int64, types.int64, types.int64)
        address = export(team_of_threads, kind, SYMBOL)
        enter = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
        self._enter: Any = enter(address)  # ctypes leaves the interpreter's lock to others
        self._threads = [
            threading.Thread(target=self._enter, args=(0, 0, 0), daemon=True, name="kernels")
            for _ in range(size - 1)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads: before the process ends, and their code is gone."""
        self._enter(0, 0, -1)
        for thread in self._threads:
            thread.join()
