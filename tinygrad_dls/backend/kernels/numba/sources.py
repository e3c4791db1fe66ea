"""The files that a kernel's file imports, and digests of their texts.

Read by a regular expression: to parse the 70 files of all kernels takes 0.2 s, a tenth of what a
program waits for its first step, and this 0.01 s (2026-11-30). A test compares it with Python's
own parser.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

IMPORT = re.compile(r"^( *)from (\.+)([\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)
COMMENT = re.compile(r"#.*")


class Source(NamedTuple):
    """The SHA-256 of a file's text, and the files that its relative imports may name."""

    digest: str
    named: frozenset[Path]


@cache
def source(file: Path) -> Source:
    """Read the file."""
    text = file.read_text("utf-8")
    return Source(hashlib.sha256(text.encode()).hexdigest(), frozenset(_named(file, text)))


def _named(file: Path, text: str) -> set[Path]:
    """The files named by the relative imports of `file`, whether they exist or not; those inside
    of functions do not count.
    """
    found: set[Path] = set()
    for level, module, names in imports(text):
        base = file.parents[level - 1].joinpath(*module.split("."))
        for place in (base, *(base / name for name in names)):
            found |= {place.with_suffix(".py"), place / "__init__.py"}
        found.add(base.parent / "__init__.py")
    return found


def imports(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """(dots, module, names) of each relative import that runs when the module is imported."""
    for found in IMPORT.finditer(text):
        indent, dots, module, names = found.groups()
        if not _in_function(text[: found.start()], len(indent)):
            listed = COMMENT.sub("", names).strip("() \n").split(",")
            yield len(dots), module, [name.split()[0] for name in listed if name.strip()]


def _in_function(before: str, indent: int) -> bool:
    """Return whether a line so far indented, after this text, is part of a function."""
    if not indent:
        return False
    for line in reversed(before.splitlines()):
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth < indent:
            if line.lstrip().startswith(("def ", "async def ", ")")):  # ") -> None:" ends a head
                return True
            indent = depth
    return False
