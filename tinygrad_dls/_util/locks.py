"""Locks, and what becomes of them when the process forks.

A child has only the thread that forked. A lock that another thread held at that moment would stay
locked there for ever. So the child starts with the locks of this package open; and where a half
done work would be of no use to it, an import or a compilation, the fork waits for its end.
"""

import functools
import logging  # noqa: F401  (see below)
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Lock = TypeVar("Lock")
_renewed: "weakref.WeakSet[Any]" = weakref.WeakSet()
_waited_for: list[Any] = []
_held: list[Any] = []  # of these, by the thread that forks
PATIENCE = 60.0  # seconds for each, so that no fork waits for ever


def new_lock() -> threading.Lock:
    """A `threading.Lock` that is open in a forked child."""
    return _renew(threading.Lock())


def new_rlock() -> Any:
    """A `threading.RLock` that is open in a forked child."""
    return _renew(threading.RLock())


class cached_property(functools.cached_property[T]):
    """`functools.cached_property`; up to Python 3.11 it has a lock, one for all objects."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        super().__init__(function)
        if hasattr(self, "lock"):
            _renew(self.lock)


def fork_waits_for(lock: Lock) -> Lock:
    """A re-entrant lock that nobody else holds when the process forks."""
    _waited_for.append(lock)
    return lock


def _renew(lock: Lock) -> Lock:
    _renewed.add(lock)
    return lock


def _before() -> None:
    _held[:] = [lock for lock in _waited_for if lock.acquire(timeout=PATIENCE)]


def _in_parent() -> None:
    for lock in reversed(_held):
        lock.release()


def _in_child() -> None:
    for lock in (*_renewed, *_waited_for):
        lock._at_fork_reinit()  # as the standard library does with its own


# What registers first runs last before a fork. `logging` holds a lock of its own over the fork,
# which an import may need to come to its end: it is imported above so that ours are taken first.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
