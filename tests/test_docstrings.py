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
from tinygrad_dls import audio, capturing, data, io, models, nn, ops, optim, text, train, vision
from tinygrad_dls.nn import functional, init, packing, utils
from tinygrad_dls.nn.utils import parametrizations
from tinygrad_dls.optim import lr_scheduler, swa_utils
from tinygrad_dls.vision import transforms

RUN = [ops, nn, optim, data, train, io, capturing, vision, text, audio, models]
# Rooms of which every public name has an example:
WHOLE = [nn, functional, init, utils, parametrizations, packing, optim, lr_scheduler, swa_utils,
         data, train, io, vision, transforms, text, audio]
NEEDS = {"tinygrad_dls.io.keras_files": "h5py", "tinygrad_dls.io.torch_files": "torch"}
BASES = {transforms.Transform}  # say what to define, and cannot be called themselves


def modules(room: Any) -> Iterator[Any]:
    """The names of a package and of all modules below it, as parameters of a test."""
    below = pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
    for name in (room.__name__, *(found.name for found in below)):
        yield pytest.param(name, marks=[pytest.mark.torch] * (NEEDS.get(name) == "torch"))


def public(room: Any) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a package, or a module that defines them, gives its users."""
    ours = dls.__name__ if hasattr(room, "__path__") else room.__name__
    for name in dir(room):
        thing = getattr(room, name)
        if not name.startswith("_") and (inspect.isclass(thing) or inspect.isroutine(thing)):
            if thing.__module__.startswith(ours):
                yield name, thing


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples write files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    dls.manual_seed(0)


@pytest.mark.parametrize("name", [name for room in RUN for name in modules(room)])
def test_examples_run(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
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
