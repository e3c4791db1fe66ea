"""Every public function of the room shows a call that runs."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

from tinygrad_dls import vision
from tinygrad_dls.vision import transforms

pytest.importorskip("matplotlib").use("Agg")
MODULES = [m.name for m in pkgutil.walk_packages(vision.__path__, f"{vision.__name__}.")
           if not m.ispkg]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("room", [vision, transforms], ids=lambda m: m.__name__)
def test_every_public_name_has_an_example(room) -> None:
    lacking = [name for name, thing in vars(room).items()
               if not name.startswith("_") and not inspect.ismodule(thing)
               and ">>>" not in (thing.__doc__ or "") and name != "Transform"]
    assert lacking == []
