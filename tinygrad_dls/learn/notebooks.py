"""Notebooks in place of scripts: a copy to fill in, and the code of one that is checked.

Writing one takes jupytext; reading one takes only its JSON.
"""

import ast
import json
import re
from pathlib import Path

from ..errors import DataError, FormatError

SUFFIX = ".ipynb"
_COMMAND = re.compile(r"^(\s*)((%%?\w|[!?]).*|[\w.]+\?+)$")  # %matplotlib inline, !ls, np.exp?
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(script: str) -> str:
    """A script in the percent format as the text of a notebook.

    DataError without jupytext.
    """
    try:
        import jupytext
    except ImportError:
        raise DataError("notebooks are written with jupytext: pip install jupytext") from None
    written = jupytext.reads(script, fmt="py:percent")
    written.metadata["kernelspec"] = _KERNEL
    return str(jupytext.writes(written, fmt="ipynb"))


def code_of(text: str, file: Path) -> tuple[list[str], list[str]]:
    """(lines, places): the code of a notebook, and "cell 3, line 2" for each of its lines.

    Cells are counted with those of text. Commands of IPython and the shell become `pass`; a cell
    in another language (%%bash) is left out.
    FormatError if the file is not a notebook.
    """
    lines, places = [], []
    for number, cell in enumerate(_cells(text, file), 1):
        if cell["cell_type"] == "code":
            for place, line in enumerate(_python("".join(cell["source"])), 1):
                lines.append(line)
                places.append(f"cell {number}, line {place}")
    return lines, places


def _cells(text: str, file: Path) -> list[dict[str, str | list[str]]]:
    """The cells, each with a cell_type and a source."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{file} is not a notebook: {error}") from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise FormatError(f"{file} is not a notebook: it has no list of cells "
                          "(one of an old format: open it in Jupyter and save it)")
    return cells


def _is_cell(cell: object) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return False
    source = cell.get("source")
    return isinstance(source, str) or (
        isinstance(source, list) and all(isinstance(line, str) for line in source))


def _python(source: str) -> list[str]:
    """The lines of a cell, without what only IPython understands."""
    lines = source.replace("\r\n", "\n").split("\n")
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        if source.startswith("%%") and not source.startswith(("%%time", "%%capture")):
            return []
        return [_COMMAND.sub(r"\1pass", line) for line in lines]
    return lines
