"""Running the checks of a lesson on a file, and reading what they say."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, Error

DONE, NOT_YET, WRONG = "done", "not yet", "wrong"
LIMIT = 60.0  # seconds for one exercise
ENDLESS = "it took more than {:.0f} s: a loop that does not end?"


class ChecksFailed(Error, RuntimeError):
    """The checks themselves could not be run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one exercise."""

    name: str
    verdict: str
    hint: str = ""


def verdicts(file: Path, checks: Path, limit: float = LIMIT) -> Iterator[Verdict]:
    """Run `checks` on `file`: one verdict for each exercise, as soon as it is known.

    limit: seconds that one exercise may take; the next ones are then not tested.
    ChecksFailed where pytest is missing or finds no check.
    """
    if importlib.util.find_spec("pytest") is None:
        raise ChecksFailed("checks run with pytest, which is not installed: pip install pytest")
    if not checks.is_file():
        raise DataError(f"there are no checks for this lesson ({checks} is missing)")
    with tempfile.TemporaryDirectory(prefix="tinygrad-dls-") as folder:
        yield from _merge(_entries(file.resolve(), checks, Path(folder), limit))


def _entries(file: Path, checks: Path, folder: Path, limit: float) -> Iterator[dict[str, str]]:
    """The lines of the report as they are written."""
    report, said = folder / "report.jsonl", folder / "output.txt"
    report.touch()
    command = [sys.executable, "-P", "-m", "tinygrad_dls.learn.session",
               str(file), str(checks), str(report)]
    with said.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env=_environment(),
        )
    try:
        count, begun, since = 0, "", time.monotonic()
        running = True
        while running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.03)
                running = False
            lines = report.read_text("utf-8").split("\n")[:-1]
            for line in lines[count:]:
                entry = json.loads(line)
                begun, since = entry.get("begin", begun), time.monotonic()
                yield entry
            count = len(lines)
            if running and time.monotonic() - since > limit:
                yield {"name": begun, "verdict": WRONG, "hint": ENDLESS.format(limit)}
                return
        if not count:
            raise ChecksFailed(f"{checks.name} did not run:\n{said.read_text('utf-8').strip()}")
    finally:
        process.kill()
        process.wait()


def _merge(entries: Iterator[dict[str, str]]) -> Iterator[Verdict]:
    """One verdict for each check, of which there may be several cases: the first that failed."""
    current: Verdict | None = None
    for entry in entries:
        if "verdict" not in entry:
            continue
        new = Verdict(entry["name"], entry["verdict"], entry["hint"])
        if current is not None and current.name == new.name:
            current = new if current.verdict == DONE else current
            continue
        if current is not None:
            yield current
        current = new
    if current is not None:
        yield current


def _environment() -> dict[str, str]:
    """Ours is found wherever it runs from; pictures need no screen; no one's plugins."""
    package = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH", "")
    kept = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
    return {"TINYGRAD_DLS_NUM_THREADS": "1"} | kept | {
        "PYTHONPATH": package + (os.pathsep + known if known else ""),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8",
    }
