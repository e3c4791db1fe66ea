"""The evening's reading: the rows of its table in ARCHITECTURE.md, and the lines that they name."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tinygrad_dls"
ARCHITECTURE = PACKAGE / "ARCHITECTURE.md"
ROW = re.compile(r"^\| (`[^|]+\.(?:py|md)`) \| ([^|]+) \|", re.M)


def evening() -> Iterator[tuple[Path, str, list[str]]]:
    """(file, how much of it, names) of each row: "all", the "text" at its head, or names alone."""
    text = ARCHITECTURE.read_text("utf-8").partition("### One evening")[2].partition("\n### ")[0]
    for files, what in ROW.findall(text):
        for file in re.findall(r"`([^`]+)`", files):
            path = ROOT / file if (ROOT / file).is_file() else PACKAGE / file
            words = re.match(r"all|text", what)
            yield path, words[0] if words else "", re.findall(r"`([^`]+)`", what)


@cache
def definitions(path: Path) -> dict[str, tuple[int, int]]:
    """First and last line of each function and class in a file, under dotted names."""
    found: dict[str, tuple[int, int]] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
                assert child.end_lineno is not None
                found[prefix + child.name] = first, child.end_lineno
                if isinstance(child, ast.ClassDef):
                    walk(child, f"{prefix}{child.name}.")
            else:
                walk(child, prefix)

    walk(ast.parse(path.read_text("utf-8")), "")
    return found


def lines(path: Path, whole: str, names: list[str]) -> set[int]:
    """The numbers of the lines to read; KeyError for a name that the file does not have."""
    text = path.read_text("utf-8")
    if whole == "all":
        return set(range(1, len(text.splitlines()) + 1))
    read: set[int] = set()
    if whole == "text":
        head = ast.parse(text).body[0]
        assert head.end_lineno is not None
        read |= set(range(1, head.end_lineno + 1))
    for name in names:
        first, last = definitions(path)[name]
        read |= set(range(first, last + 1))
    return read
