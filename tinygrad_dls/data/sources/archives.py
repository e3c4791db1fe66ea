"""Named members of wheels, sdists and npm packages, read in place: nothing is unpacked."""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ...errors import FormatError
from .checks import reason


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """The member as a binary stream; FormatError where the archive lacks it or is broken."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped, zipped.open(member) as stream:
                yield stream
        else:
            with tarfile.open(archive) as tarred:
                extracted = tarred.extractfile(member)
                if extracted is None:
                    raise KeyError(member)
                with extracted:
                    yield extracted
    except KeyError:
        raise FormatError(f"{archive.name} has no member {member}") from None
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError,
            NotImplementedError, struct.error) as error:
        raise FormatError(f"{archive.name} is truncated or corrupt: {reason(error)}") from None
    except OSError as error:
        if error.errno is not None:  # of the system, not of a decompressor
            raise
        raise FormatError(f"{archive.name} is truncated or corrupt: {reason(error)}") from None


def read_member(archive: Path, member: str) -> bytes:
    """The whole member."""
    with open_member(archive, member) as stream:
        return stream.read()


def members_below(archive: Path, folder: str, ending: str) -> list[str]:
    """Names of the members of a zip in this folder, sorted; FormatError where there are none."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            names = [n for n in zipped.namelist() if n.startswith(folder) and n.endswith(ending)]
    except (OSError, zipfile.BadZipFile) as error:
        raise FormatError(f"{archive.name} is truncated or corrupt: {reason(error)}") from None
    if not names:
        raise FormatError(f"{archive.name} has no {ending} files in {folder}")
    return sorted(names)
