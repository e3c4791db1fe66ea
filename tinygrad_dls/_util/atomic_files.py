"""Writing files whole or not at all."""

import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import DataError

_numbers = itertools.count()
_under_way: set[str] = set()  # names of the parts that threads of this process write now


def open_folder(folder: Path, remedy: str = "choose another with --out DIR") -> Path:
    """Make the folder where it is missing and try to write there; returns it absolute.

    DataError that says why where it cannot be written to.
    """
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:  # without a name: nothing can stay
            file.write(b"x")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"the folder {folder} cannot be written to ({reason}): {remedy}"
        ) from None
    return folder


def check_parent(path: Path) -> None:
    """DataError if the folder a file is to be written to is not there; asked before the work."""
    folder = path.expanduser().absolute().parent
    if not folder.is_dir():
        raise DataError(f"{str(path)!r}: there is no folder {str(folder)!r}; make it first")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path`, of the same ending, that takes its place if the block ends well.

    Each call has a part of its own, so that threads and processes can write the same `path`: the
    last one to finish stays. What a killed process left behind is removed by the next that writes
    `path`.
    """
    clear_parts(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}-{next(_numbers)}{path.suffix}")
    _under_way.add(part.name)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} cannot be written ({reason})") from error
    finally:
        with suppress(OSError, ValueError):  # a name that no file can have
            part.unlink(missing_ok=True)
        _under_way.discard(part.name)


def clear_parts(path: Path, stem: str | None = None) -> None:
    """Remove the parts of `path` (or of files of another stem beside it) whose writers are gone.

    `stem` is a regular expression.
    """
    own = re.escape(path.stem) if stem is None else stem
    name = re.compile(rf"\.{own}\.(\d+)-\d+{re.escape(path.suffix)}")
    with suppress(OSError, ValueError):
        for entry in os.scandir(path.parent):
            found = name.fullmatch(entry.name)
            if found and not _writes(int(found[1]), entry.name):
                with suppress(OSError):
                    os.unlink(entry.path)


def _writes(process: int, part: str) -> bool:
    """Return whether the process may still be writing the part.

    In a container each run can have the same number, so a part of that number is not always ours.
    """
    if process == os.getpid():
        return part in _under_way
    if os.name == "nt":  # an open file cannot be removed there, so nothing is lost by trying
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file: all of the content, or nothing."""
    check_parent(path)
    if isinstance(content, str):
        content = content.encode(errors="backslashreplace")  # half a surrogate pair has no UTF-8
    with whole_file(path) as part:
        part.write_bytes(content)
