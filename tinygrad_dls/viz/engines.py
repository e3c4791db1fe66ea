"""Layout programs: Graphviz's `dot`, or `graphviz-pure` from pip. Neither has to be there."""

import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import Error

SECONDS = 60.0  # before a program that does not answer is given up


class EngineError(Error, RuntimeError):
    """A layout program that was asked for is missing, or failed."""


def find(engine: str) -> str | None:
    """The program "dot" or "graphviz-pure": on PATH, the latter also beside the interpreter
    (pip puts it there, and the folder of a virtual environment need not be on PATH)."""
    program = shutil.which(engine)
    if program is None and engine == "graphviz-pure":
        program = shutil.which(engine, path=str(Path(sys.executable).parent))
    return program


def candidates(engine: str = "auto") -> list[str]:
    """Programs to try, best first; none for "built-in"."""
    if engine == "built-in":
        return []
    if engine == "auto":
        return [program for name in ("dot", "graphviz-pure") if (program := find(name))]
    program = find(engine)
    if program is None:
        raise EngineError(
            f"engine={engine!r}: no such program is installed. engine='auto' takes what there is; "
            "`pip install graphviz-pure` brings one."
        )
    return [program]


def run(dot: str, form: str, engine: str = "auto") -> bytes | None:
    """DOT drawn as "svg" or "png" by the first program that can; None: by none.

    A program that was asked for by name and fails raises EngineError.
    """
    for program in candidates(engine):
        resolution = ["-Gdpi=144"] if form == "png" else []
        reason = ""
        try:
            done = subprocess.run(
                [program, f"-T{form}", *resolution],
                input=dot.encode(), capture_output=True, timeout=SECONDS, check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = str(error)
        else:
            if done.returncode == 0 and done.stdout:
                return done.stdout
            reason = done.stderr.decode(errors="replace").strip()
        if engine != "auto":
            raise EngineError(f"{program} could not draw the graph: {reason or 'no output'}")
    return None
