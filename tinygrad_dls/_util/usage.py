"""Wrong usage of a command: it was asked for what does not exist, and ends with 2, not with 1."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Error


@contextmanager
def usage() -> Iterator[None]:
    """An error of ours inside means that the command was called wrongly."""
    try:
        yield
    except Error as error:
        error.wrong_usage = True
        raise
