"""Checks that a file is what it claims to be: checksums, and the ways in which copies go wrong."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from ...errors import DataError, FormatError

LFS_HEAD = b"version https://git-lfs"
BLOCK = 1 << 20


def sha256(path: Path, report: Callable[[int], None] | None = None) -> str:
    """The file's SHA-256 in hexadecimal; `report` hears how many bytes each block had."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            if report is not None:
                report(len(block))
    return digest.hexdigest()


def check_sha256(path: Path, expected: str, mend: str, what: str = "") -> None:
    """FormatError where the file is not the one expected.

    mend: what to do about it; what: how to call the file, if not by its path.
    """
    found = sha256(path)
    if found != expected:
        raise FormatError(
            f"{what or path} is not the file it should be: {describe(path)} "
            f"(SHA-256 {found[:12]}..., expected {expected[:12]}...). {mend}"
        )


def check_readable(path: Path, mend: str) -> None:
    """DataError for a file that cannot be opened, FormatError for an empty one or a pointer."""
    try:
        with path.open("rb") as file:
            head = file.read(len(LFS_HEAD))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {mend}") from None
    if not head or head == LFS_HEAD:
        raise FormatError(f"{path} holds no data: {describe(path)}. {mend}")


def describe(path: Path) -> str:
    """Name, in a few words, what a wrong file most likely is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
    if size == 0:
        return "it is empty"
    if head.startswith(LFS_HEAD):
        return "it is a Git LFS pointer, not the file (`git lfs pull` gets the file itself)"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page"
    return f"{size:,} bytes that are truncated, corrupt or of another version"


def reason(error: object) -> str:
    """Return an error's message on one line, cut to a sentence or two."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
