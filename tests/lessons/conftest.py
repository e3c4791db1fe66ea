"""Running a lesson as a learner does: the script, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tinygrad_dls.data.sources import course_folder
from tinygrad_dls.train.catalog import find_lesson, lessons
from tinygrad_dls.train.options import VARIABLE

# A lesson misses the packages that the tests are to do without.
PATH = [str(Path(__file__).parent / "hiding"), *filter(None, [os.environ.get("PYTHONPATH")])]


@dataclass
class Run:
    """What a lesson left behind."""

    out: Path
    result: dict[str, Any]
    said: str

    @property
    def figures(self) -> dict[str, Any]:
        return self.result["figures"]


@pytest.fixture
def run_lesson(tmp_path) -> Callable[..., Run]:
    """run_lesson("c1w2-...", "--fast") -> Run; fails with what the lesson said."""

    def run(name: str, *options: str, timeout: float = 600) -> Run:
        out = tmp_path / "out"
        done = subprocess.run(
            [sys.executable, str(find_lesson(name).script), "--out", str(out), *options],
            capture_output=True, text=True, timeout=timeout, cwd=tmp_path, check=False,
            env={"TINYGRAD_DLS_NUM_THREADS": "1",  # tests run side by side
                 **os.environ, "PYTHONPATH": os.pathsep.join(PATH), VARIABLE: "",
                 "PYTHONIOENCODING": "utf-8"},
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        result = json.loads((out / "result.json").read_text())
        assert list(tmp_path.iterdir()) == [out], "files outside of its folder"
        return Run(out, result, done.stdout)

    return run


@pytest.fixture
def course() -> None:
    """For tests that need the course's own files."""
    if course_folder() is None:
        pytest.skip("TINYGRAD_DLS_DATA is not set")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "entry" in metafunc.fixturenames:
        metafunc.parametrize("entry", lessons(), ids=lambda entry: entry.name)


