"""pytest on one file of a learner, in a process of its own.

    python -m tinygrad_dls.learn.session FILE CHECKS REPORT

REPORT gets a line of JSON when a check begins, and one when it ends. Nothing else of the machine
counts: no configuration, no other plugin, no conftest.py.
"""

import json
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .loading import TAKEN, Definitions, definitions, read
from .run import DONE, NOT_YET, WRONG

_HOLE = re.compile(r"(\w+): exercise \d+")


class Session:
    """The plugin: the fixture `lesson`, and the report."""

    def __init__(self, file: Path, report: Path) -> None:
        self.file = file
        self.report = report

    @pytest.fixture
    def lesson(self) -> Iterator[Definitions]:
        """The definitions of the learner's file, loaded afresh for each check."""
        yield definitions(self.file)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write(begin=_name(nodeid))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Any:
        report = yield
        failed = call.excinfo is not None
        if call.when == "call" or failed:
            verdict, hint = self._judge(item, call.excinfo.value) if failed else (DONE, "")
            self._write(name=_name(item.nodeid), verdict=verdict, hint=hint)
        return report

    def _judge(self, item: pytest.Item, error: BaseException) -> tuple[str, str]:
        said = str(error)
        if isinstance(error, NotImplementedError):
            hole = _HOLE.fullmatch(said)
            other = hole is not None and hole[1] != _name(item.nodeid)
            return NOT_YET, f"waits for {hole[1]}" if hole and other else ""
        if isinstance(error, AssertionError | pytest.fail.Exception) and said:
            own = said.partition("\nassert ")[0]
            return WRONG, " ".join(own.split())
        if type(error) is NameError:
            said += f" ({TAKEN})"
        return WRONG, f"{type(error).__name__}: {said}{self._line(error)}"

    def _line(self, error: BaseException) -> str:
        """Return the line of the learner's file where it happened."""
        frames = traceback.extract_tb(error.__traceback__)
        for frame in reversed(frames):
            if Path(frame.filename) == self.file:
                source, number = read(self.file), frame.lineno or 1
                return f" ({source.place(number)}: {source.lines[number - 1].strip()})"
        return ""

    def _write(self, **entry: str) -> None:
        with self.report.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _name(nodeid: str) -> str:
    """The exercise of a check: sigmoid for c1w2.py::test_sigmoid[some-case]."""
    return nodeid.rpartition("::")[2].partition("[")[0].removeprefix("test_")


def main(file: Path, checks: Path, report: Path) -> int:
    """Run the checks on the file; pytest's exit code."""
    empty = report.with_name("pytest.ini")
    empty.write_text("[pytest]\n", "utf-8")
    options = ["-q", "-c", str(empty), "--rootdir", str(checks.parent), "--noconftest",
               "-p", "no:cacheprovider", "-W", "ignore"]
    return int(pytest.main([*options, str(checks)], plugins=[Session(file, report)]))


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
