"""Code that all readers of files share: their result, and their error messages."""

from __future__ import annotations

import json
import os
import reprlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np

from ..errors import DataError, DtypeError, FormatError

Array: TypeAlias = np.ndarray[Any, Any]
MOST_AXES = 64  # what a NumPy array can have
_repr = reprlib.Repr()
_repr.maxstring, _repr.maxlevel = 78, 3


class Arrays(dict[str, Array]):
    """Arrays by name, as a file holds them, and `metadata`: what else it says."""

    def __init__(self, arrays: Any = (), metadata: dict[str, Any] | None = None) -> None:
        super().__init__(arrays)
        self.metadata: dict[str, Any] = {} if metadata is None else metadata


def as_path(path: Any) -> Path:
    """`path` as a Path; DtypeError if it is none."""
    try:
        return Path(path)
    except TypeError as error:
        raise DtypeError(f"a path is a string or a Path, not a {type(path).__name__}") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Errors of the block with the name of the file: DataError where it cannot be opened."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{path} cannot be read: {error}") from error
    except RecursionError as error:
        raise FormatError(f"{path} cannot be read: it is nested too deeply") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        if "null" not in str(error) or isinstance(error, (DataError, UnicodeError)):
            raise
        raise DataError(f"{str(path)!r} is not a name of a file ({error})") from error


def check_regular(path: Path) -> Path:
    """`path` itself; FormatError for a device or a pipe, which may have no end."""
    kind = path.stat().st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # a folder cannot be opened anyway
        raise FormatError("it is a device or a pipe, not a file")
    return path


def parse_json(text: bytes, what: str) -> Any:
    """The JSON in `text`; FormatError if it is none, or names something twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise FormatError(f"{what} has a name twice")
        return found

    def refused(number: str) -> NoReturn:
        raise FormatError(f"{what} holds {number}, which is not JSON")

    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_constant=refused)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is not JSON ({short(error)})") from error


def is_count(value: Any) -> bool:
    """A whole number that a file can have."""
    return type(value) is int and 0 <= value < 2**63


def is_amount(value: Any) -> bool:
    """A finite number, as JSON has it."""
    return type(value) in (int, float) and abs(value) < 1e300


def is_shape(value: Any) -> bool:
    """A list or tuple of lengths that an array can have."""
    return isinstance(value, (list, tuple)) and len(value) <= MOST_AXES and all(
        map(is_count, value))


def short(value: Any) -> str:
    """A value for a message, cut where it is long, deep or repeats itself."""
    text = str(value) if isinstance(value, BaseException) else _repr.repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def widened(bits: Array) -> Array:
    """bfloat16, given as uint16, as float32, which holds each of its values."""
    result: Array = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return result


def size_of(file: Any) -> int:
    """The number of bytes of an open file."""
    return os.fstat(file.fileno()).st_size
