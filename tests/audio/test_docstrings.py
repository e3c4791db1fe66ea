"""Every public function of the room shows a call that runs."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

from tinygrad_dls import audio

MODULES = [m.name for m in pkgutil.walk_packages(audio.__path__, f"{audio.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_name_has_an_example() -> None:
    lacking = [name for name, thing in vars(audio).items()
               if not name.startswith("_") and not inspect.ismodule(thing)
               and ">>>" not in (thing.__doc__ or "")]
    assert lacking == []
