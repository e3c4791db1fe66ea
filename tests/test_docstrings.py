"""Examples of docstrings: all of them run, and every public name of these rooms has one.

Examples of operations and tensors, which `dls` itself gives its users, take
`import tinygrad_dls as dls` for granted; all others import what they use.
"""

import doctest
import importlib
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tinygrad_dls as dls
from tinygrad_dls import audio, data, distributions, io, nn, optim, text, train, vision
from tinygrad_dls.nn import functional, init, packing, utils
from tinygrad_dls.nn.utils import parametrizations
from tinygrad_dls.optim import lr_scheduler, swa_utils
from tinygrad_dls.vision import transforms

PACKAGE = Path(dls.__file__).parent
# Rooms of which every public name has an example:
WHOLE = [nn, functional, init, utils, parametrizations, packing, optim, lr_scheduler, swa_utils,
         data, distributions, train, io, vision, transforms, text, audio]
# Packages whose names are shown elsewhere: by `dls.*`, by a command, by lessons, or not public.
OTHERS = {"tinygrad_dls", "_util", "backend", "bench", "capturing", "check", "distributed",
          "engine", "learn", "models", "ops", "tensors", "torch", "viz", "data.sources"}
# Rooms whose examples take `import tinygrad_dls as dls` for granted:
GIVEN = {"backend", "check", "engine", "errors", "ops", "random", "tensors", "viz"}
NEEDS = {"tinygrad_dls.io.keras_files": "h5py", "tinygrad_dls.io.torch_files": "torch",
         "tinygrad_dls.vision.drawing": "matplotlib", "tinygrad_dls.vision.images": "skimage",
         "tinygrad_dls.audio.resampling": "scipy", "tinygrad_dls.audio.midi": "mido"}
BASES = {transforms.Transform}  # say what to define, and cannot be called themselves


def modules_with_examples() -> dict[str, list[str]]:
    """The names of all modules that hold an example, by room."""
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in path.read_text("utf-8"):
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            name = ".".join(("tinygrad_dls", *(p for p in parts if p != "__init__")))
            found.setdefault(parts[0], []).append(name)
    return found


EXAMPLES = modules_with_examples()


def public(room: Any) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a package, or a module that defines them, gives its users."""
    ours = dls.__name__ if hasattr(room, "__path__") else room.__name__
    for name in dir(room):
        thing = getattr(room, name)
        if not name.startswith("_") and (inspect.isclass(thing) or inspect.isroutine(thing)):
            if thing.__module__.startswith(ours):
                yield name, thing


def failures(name: str, folder: Path) -> str:
    """The examples of a module that fail, as text; "" if all pass."""
    os.chdir(folder)  # examples write files
    dls.manual_seed(0)
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    given = {"dls": dls} if name.split(".")[1:2] and name.split(".")[1] in GIVEN else {}
    module = importlib.import_module(name)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=given):
        runner.run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("room", [
    *EXAMPLES, pytest.param("needs PyTorch", marks=pytest.mark.torch)])
def test_examples_run(
    room: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(PACKAGE)  # undone afterwards, wherever the examples went
    torch = [name for name, needed in NEEDS.items() if needed == "torch"]
    names = torch if room == "needs PyTorch" else [n for n in EXAMPLES[room] if n not in torch]
    wrong = ""
    for name in names:
        if name in NEEDS:
            try:
                importlib.import_module(NEEDS[name])
            except ImportError:
                continue
        wrong += failures(name, tmp_path_factory.mktemp("examples"))
    assert not wrong, wrong


def test_an_example_that_fails_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong_example.py").write_text('"""\n>>> 1 + 1\n3\n"""\n', "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert "Expected:\n    3\nGot:\n    2" in failures("wrong_example", tmp_path)


def lacking(room: Any) -> list[str]:
    """The public names of a room without an example."""
    return [name for name, thing in public(room)
            if thing not in BASES and ">>>" not in (thing.__doc__ or "")]


@pytest.mark.parametrize("room", WHOLE, ids=lambda room: room.__name__)
def test_every_public_name_has_an_example(room: Any) -> None:
    assert dict(public(room))
    assert lacking(room) == []


def test_every_function_and_every_method_of_a_tensor_has_an_example() -> None:
    names = {f"dls.{name}": thing for name in dir(dls) if callable(thing := getattr(dls, name))}
    names |= {f"x.{name}": getattr(dls.Tensor, name) for name in dir(dls.Tensor)}
    errors = [name for name, thing in names.items()
              if inspect.isclass(thing) and issubclass(thing, dls.Error) and thing is not dls.Error]
    found = [name for name, thing in names.items()
             if not name.split(".")[1].startswith("_") and callable(thing)
             and not inspect.ismodule(thing) and name not in errors]
    assert len(found) > 350
    silent = [name for name in found if ">>>" not in (names[name].__doc__ or "")]
    # x.exp_() writes x.exp() into x, and its docstring says so.
    assert [name for name in silent if name.removesuffix("_") not in {*found} - {*silent}] == []


def test_every_package_is_looked_at_or_named_as_another() -> None:
    packages = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py")}
    names = {".".join(path.parts) or "tinygrad_dls" for path in packages}
    looked_at = {room.__name__.removeprefix("tinygrad_dls.") for room in WHOLE}
    others = {name for name in names - looked_at
              if name not in OTHERS and name.partition(".")[0] not in OTHERS}
    assert others == set(), "add these to WHOLE"


def test_a_name_without_an_example_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Linear, "__doc__", "Linear layer.")
    assert lacking(nn) == ["Linear"]


def paragraphs(thing: Any) -> str:
    """The text of a docstring above its example."""
    return (thing.__doc__ or "").partition(">>>")[0]


CONTAINERS = {nn.Module, nn.Parameter, nn.Sequential, nn.ModuleList, nn.ModuleDict,
              nn.ParameterList, nn.ParameterDict, nn.UninitializedParameter}


@pytest.mark.parametrize("room", [nn, functional], ids=["layers", "functions"])
def test_layers_and_functions_say_their_shapes(room: Any) -> None:
    silent = [name for name, thing in public(room)
              if thing not in CONTAINERS and "Shape" not in paragraphs(thing)]
    assert silent == []


def test_functions_that_raise_say_so() -> None:
    silent = []
    for name, thing in public(functional):
        body = inspect.getsource(inspect.unwrap(thing))
        if "raise " in body and "Raises:" not in paragraphs(thing):
            silent.append(name)
    assert silent == []
