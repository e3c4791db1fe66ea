"""Checks of lessons, called in this process."""

import importlib.util
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tinygrad_dls.learn.exercises import checks_of
from tinygrad_dls.learn.loading import definitions
from tinygrad_dls.train.catalog import Entry, lessons


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "entry" in metafunc.fixturenames:
        metafunc.parametrize("entry", lessons(), ids=lambda entry: entry.name)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Progress goes to a folder of the test's own; the working folder is another."""
    monkeypatch.setenv("TINYGRAD_DLS_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def check_functions(entry: Entry) -> dict[str, Callable[[Any], None]]:
    """{exercise: its check} of a lesson, in the order of the file."""
    path = checks_of(entry.script)
    assert path.is_file(), f"{entry.name} has no checks: write {path}"
    spec = importlib.util.spec_from_file_location(f"checks_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name.removeprefix("test_"): function for name, function in vars(module).items()
            if name.startswith("test_") and not isinstance(function, ModuleType)}


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(function: Callable[[Any], None], file: Path) -> BaseException | None:
    """What a check raises on a file; None if it passes."""
    try:
        with _at_most(10):
            function(definitions(file))
    except (Exception, pytest.fail.Exception) as error:
        return error
    return None
