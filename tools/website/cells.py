"""The cells of a lesson, a script in the percent format."""

import re
from dataclasses import dataclass

_START = re.compile(r"# %%(?P<text> \[markdown\])?\s*")
_MARKER = re.compile(r"\s*# (BEGIN|END) SOLUTION\s*")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: text in Markdown, or code; the line of the script that it begins at, from 1."""

    kind: str
    source: str
    line: int

    @property
    def shown(self) -> str:
        """The source as a page shows it: without the marks around solutions."""
        lines = [line for line in self.source.split("\n") if not _MARKER.fullmatch(line)]
        return "\n".join(lines).strip("\n")


def cells(script: str) -> list[Cell]:
    """The cells of a script in the percent format; those without any source are left out."""
    found: list[Cell] = []
    kind, first, lines = "code", 1, []  # of the cell that is read
    for number, line in enumerate([*script.splitlines(), "# %%"], 1):
        start = _START.fullmatch(line)
        if not start:
            lines.append(line)
            continue
        if kind == "markdown":
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        if any(line.strip() for line in lines):
            found.append(Cell(kind, "\n".join(lines), first))
        kind, first, lines = "markdown" if start["text"] else "code", number + 1, []
    return found
