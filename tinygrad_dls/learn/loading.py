"""A learner's file without its training: imports, functions, classes and plain constants only.

Cells that load data, train or draw are not run, so an unfinished lesson does no harm, and a check
takes no longer than the functions it calls.
"""

import ast
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DataError, FormatError

_TAKEN = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Definitions(ModuleType):
    """What a file defines, as attributes; a name that it has not is said plainly.

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

    DataError if it cannot be read, FormatError with the line if it is no Python.
    """
    module = Definitions(file.stem)
    module.__file__ = str(file)
    module.problems = {}
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.append(folder)  # modules of the learner's own; behind all others
    for node in parse(file).body:
        if isinstance(node, _TAKEN) or _is_constant(node):
            _run(node, module, file)
    return module


def parse(file: Path) -> ast.Module:
    """The syntax tree of a script."""
    try:
        return ast.parse(file.read_text("utf-8"), str(file))
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or error})") from None
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        raise FormatError(f"{file}{line}: {why}: this is no Python yet") from None


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


def _run(node: ast.stmt, module: Definitions, file: Path) -> None:
    """One statement; what fails is noted for whoever asks for its name."""
    try:
        exec(compile(ast.Module([node], []), str(file), "exec"), module.__dict__)
    except Exception as error:
        names = [a.asname or a.name for a in getattr(node, "names", [])]
        for name in names or [getattr(node, "name", "")]:
            module.problems[name] = f"line {node.lineno}: {type(error).__name__}: {error}"
