"""Writing files whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import DataError


def open_folder(folder: Path) -> Path:
    """Make the folder where it is missing and try to write there; returns it absolute.

    DataError that says why where it cannot be written to.
    """
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".try-") as file:
            file.write(b"x")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"the folder {folder} cannot be written to ({reason}): choose another with --out DIR"
        ) from None
    return folder


def check_parent(path: Path) -> None:
    """DataError if the folder a file is to be written to is not there; asked before the work."""
    folder = path.expanduser().absolute().parent
    if not folder.is_dir():
        raise DataError(f"{str(path)!r}: there is no folder {str(folder)!r}; make it first")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path`, of the same ending, that takes its place if the block ends well."""
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} cannot be written ({reason})") from error
    finally:
        with suppress(OSError, ValueError):  # a name that no file can have
            part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file: all of the content, or nothing."""
    check_parent(path)
    with whole_file(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
