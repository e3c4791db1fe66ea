"""The files that a kernel's file imports, and digests of their texts, kept between processes.

To read and parse the 70 files of all kernels takes 0.27 s, a third of what a program waited for
its first step (2026-11-30). So what was found is kept in `sources.json`, beside the kernels. An
entry counts as long as its file has the size and the time of change that it had then, and goes
with its file.
"""

import ast
import atexit
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ...._util.atomic_files import write_whole
from ...._util.user_folders import user_cache
from ....errors import DataError


class Source(NamedTuple):
    """The SHA-256 of a file's text, and the files that its relative imports may name."""

    digest: str
    named: frozenset[Path]


@cache
def source(file: Path) -> Source:
    """Read the file, or take what is kept of it."""
    state = file.stat()
    key, version = str(file), [state.st_mtime_ns, state.st_size]
    kept: Any = _kept().get(key)
    with suppress(KeyError, TypeError, ValueError, AttributeError):  # an entry of another form
        if kept["version"] == version:
            return Source(str(kept["digest"]), frozenset(map(Path, kept["named"])))
    text = file.read_text("utf-8")
    found = Source(hashlib.sha256(text.encode()).hexdigest(), frozenset(_named(file, text)))
    _new[key] = {
        "version": version, "digest": found.digest, "named": sorted(map(str, found.named))}
    return found


def _named(file: Path, text: str) -> set[Path]:
    """The files named by the relative imports of `file`, whether they exist or not; those inside
    of functions do not count.
    """
    found: set[Path] = set()
    for node in _at_import(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for place in (base, *(base / alias.name for alias in node.names)):
                found |= {place.with_suffix(".py"), place / "__init__.py"}
            found.add(base.parent / "__init__.py")
    return found


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a module's text that run when it is imported."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _at_import(child)


# --- between processes ---------------------------------------------------------------------------

_new: dict[str, Any] = {}  # those that this process has read


def _file() -> Path:
    return user_cache() / "kernels" / "sources.json"


@cache
def _kept() -> dict[str, Any]:
    """The sources that other processes have read; nothing if that file is missing or damaged."""
    try:
        found = json.loads(_file().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@atexit.register
def _keep() -> None:
    if _new:
        with suppress(DataError, OSError):  # a folder that cannot be written to
            _file().parent.mkdir(parents=True, exist_ok=True)
            there = {file: found for file, found in _kept().items() if Path(file).is_file()}
            write_whole(_file(), json.dumps(there | _new))
