"""Examples of docstrings: all of them run, and every public name of these rooms has one."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tinygrad_dls as dls
from tinygrad_dls import audio, models, nn, text, vision
from tinygrad_dls.vision import transforms

RUN = [nn, vision, text, audio, models]
WHOLE = [vision, transforms, text, audio]  # rooms of which every public name has an example
BASES = {transforms.Transform}  # say what to define, and cannot be called themselves


def modules(room: Any) -> Iterator[str]:
    """The names of a package and of all modules below it."""
    yield room.__name__
    for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        yield found.name


def public(room: Any) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a package or module gives its users."""
    for name in dir(room):
        thing = getattr(room, name)
        if not name.startswith("_") and (inspect.isclass(thing) or inspect.isroutine(thing)):
            if thing.__module__.startswith(room.__name__):
                yield name, thing


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples write files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    dls.manual_seed(0)


@pytest.mark.parametrize("name", [name for room in RUN for name in modules(room)])
def test_examples_run(name: str) -> None:
    if name.startswith(vision.__name__):
        pytest.importorskip("matplotlib").use("Agg")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("room", WHOLE, ids=lambda room: room.__name__)
def test_every_public_name_has_an_example(room: Any) -> None:
    found = dict(public(room))
    assert found
    lacking = [name for name, thing in found.items()
               if thing not in BASES and ">>>" not in (thing.__doc__ or "")]
    assert lacking == []
