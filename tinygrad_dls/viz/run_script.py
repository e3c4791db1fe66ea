"""Running a user's script under trace, to look at what it computed."""

import ast
import contextlib
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from runpy import run_path
from typing import Any

from ..engine.autograd import TensorBase
from ..engine.collector import Collector
from ..engine.modes import tracing
from ..errors import DataError, Error

NEWEST = 2000  # operations kept in memory, of all that a script runs


def run_script(script: str, collector: Collector | None = None) -> dict[str, Any]:
    """The names a script leaves behind; every value of its graphs is kept (`dls.trace`).

    `collector` has what ran last, also if the script fails.
    """
    if not Path(script).is_file():
        raise DataError(f"there is no script {script!r}")
    try:
        with _as_main(script), tracing(collector or Collector(NEWEST)):
            return run_path(script, run_name="__main__")
    except Error:
        raise
    except SystemExit as error:
        raise DataError(f"{script} left with sys.exit({error.code!r}) before its end") from error
    except Exception as error:
        raise DataError(f"{script} failed: {type(error).__name__}: {error}") from error


def check_name(script: str, name: str) -> None:
    """DataError if a script never gives `name` a value, before it runs."""
    try:
        tree = ast.parse(Path(script).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # running it will say what is wrong
    given, unknown = set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            given.add(node.id)
        elif isinstance(node, ast.alias):
            given.add((node.asname or node.name).partition(".")[0])
            unknown |= node.name == "*"
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            given.add(node.name)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            unknown |= node.func.id in ("exec", "globals")
    if name not in given and not unknown:
        near = get_close_matches(name, given, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise DataError(f"{script} gives nothing the name {name!r}.{hint} "
                        "Name its loss `loss`, or say --name NAME.")


def missing(script: str, name: str, found: dict[str, Any]) -> DataError:
    """The error for a script without a tensor of that name."""
    tensors = ", ".join(n for n, v in found.items() if isinstance(v, TensorBase)) or "none"
    return DataError(
        f"{script} has no {name!r}. Name its loss `loss`, or say --name NAME.\n"
        f"Tensors it has: {tensors}"
    )


@contextlib.contextmanager
def _as_main(script: str) -> Iterator[None]:
    """Arguments and search path as `python script` has them."""
    arguments, path = sys.argv, sys.path.copy()
    sys.argv = [script]
    sys.path.insert(0, str(Path(script).resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = arguments, path
