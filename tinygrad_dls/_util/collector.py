"""Python's garbage collector, while very many objects are made that stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector in the block: it would search all new objects again and again.

    Afterwards they count as old, so that it does not begin with them. An import of Numba with all
    kernels takes 0.1 s less for it, and a first step as much again (2026-11-30).
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            if not gc.get_freeze_count():  # or what the program has frozen would be let go
                gc.freeze()  # all objects out of the young generations ...
                gc.unfreeze()  # ... and into the oldest
            gc.enable()
