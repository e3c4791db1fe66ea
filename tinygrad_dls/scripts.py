"""Running a user's script under trace, to look at what it computed."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path
from typing import Any

from .autograd import TensorBase
from .errors import DataError, Error
from .modes import tracing
from .tracing import Collector

NEWEST = 2000  # operations kept in memory, of all that a script runs


def run_script(script: str) -> dict[str, Any]:
    """The names a script leaves behind; every value of its graphs is kept (`dls.trace`)."""
    if not Path(script).is_file():
        raise DataError(f"there is no script {script!r}")
    try:
        with _as_main(script), tracing(Collector(NEWEST)):
            return run_path(script, run_name="__main__")
    except Error:
        raise
    except SystemExit as error:
        raise DataError(f"{script} left with sys.exit({error.code!r}) before its end") from error
    except Exception as error:
        raise DataError(f"{script} failed: {type(error).__name__}: {error}") from error


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
