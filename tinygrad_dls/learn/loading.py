"""A learner's file without its training: imports, functions, classes and plain constants only.

Cells that load data, train or draw are not run, so an unfinished lesson does no harm, and a check
takes no longer than the functions it calls.
"""

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DataError, FormatError
from .notebooks import SUFFIX, code_of

_TAKEN = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Source:
    """The lines of a script or a notebook, and where in the file each of them stands."""

    lines: Sequence[str]
    places: Sequence[str]

    def place(self, number: int) -> str:
        """Return the position of line `number`: "line 3", in a notebook "cell 2, line 3"."""
        return self.places[min(number, len(self.places)) - 1] if self.places else "line 1"


class Definitions(ModuleType):
    """The definitions of a file, as attributes; a missing name gives a plain message.

    Its functions see these attributes as their globals.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AssertionError(f"the file defines no {name!r}: {self.problems.get(name, HOW)}")

    problems: dict[str, str]


TAKEN = "only imports, functions, classes and constants such as EPS = 1e-8 are taken from the file"
HOW = f"give it back its name, at the left margin ({TAKEN})"


def definitions(file: Path) -> Definitions:
    """Run the imports, functions, classes and constants of a script; nothing else of it.

    DataError if it cannot be read, FormatError with the line if it is not Python.
    """
    module = Definitions(file.stem)
    module.__file__ = str(file)
    module.problems = {}
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.append(folder)  # modules of the learner's own; behind all others
    source = read(file)
    for node in _tree(source, file).body:
        if isinstance(node, _TAKEN) or _is_constant(node):
            _run(node, module, file, source)
    return module


def read(file: Path) -> Source:
    """The code of a script, or of the code cells of a notebook.

    DataError if it cannot be read, FormatError if it is not text or not a notebook.
    """
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{file}: {error}: this is not Python yet") from None
    if file.suffix == SUFFIX:
        return Source(*code_of(text, file))
    lines = text.split("\n")
    return Source(lines, [f"line {number}" for number in range(1, len(lines) + 1)])


def parse(file: Path) -> ast.Module:
    """The syntax tree of a script or a notebook."""
    return _tree(read(file), file)


def _tree(source: Source, file: Path) -> ast.Module:
    try:
        return ast.parse("\n".join(source.lines), str(file))
    except SyntaxError as error:
        where, why = f", {source.place(error.lineno or 1)}", error.msg
    except ValueError as error:
        where, why = "", str(error)
    raise FormatError(f"{file}{where}: {why}: this is not Python yet")


def _is_constant(node: ast.stmt) -> bool:
    """NAME = a literal: a number, a text, a list or dict of such."""
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets, value = [node.target], node.value
    else:
        return False
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return False
    return all(isinstance(target, ast.Name) for target in targets)


def _run(node: ast.stmt, module: Definitions, file: Path, source: Source) -> None:
    """One statement; what fails is noted for whoever asks for its name."""
    try:
        exec(compile(ast.Module([node], []), str(file), "exec"), module.__dict__)
    except Exception as error:
        names = [a.asname or a.name for a in getattr(node, "names", [])]
        for name in names or [getattr(node, "name", "")]:
            module.problems[name] = (
                f"{source.place(node.lineno)}: {type(error).__name__}: {error}")
