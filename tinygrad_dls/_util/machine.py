"""This machine's memory, and sizes that it cannot hold: refused before the memory is asked for."""

import os
from functools import cache

from ..errors import DataError

SHARE = 4  # of the memory: what one call may take for arrays whose length is one number of the user


@cache
def memory() -> int:
    """The bytes of this machine's memory; 64 GiB where it cannot be asked."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**36


def refuse_beyond_memory(size: int, what: str) -> None:
    """DataError if `what` takes more than a quarter of this machine's memory: `size` is in bytes.

    A longer array is a mistake (samples for seconds, a number too many), and to make it could stop
    the machine.
    """
    if size > memory() // SHARE:
        raise DataError(f"{what} takes {size / 2**30:,.1f} GiB; a quarter of this machine's memory "
                        f"is {memory() / SHARE / 2**30:,.1f} GiB. Is the number right?")
