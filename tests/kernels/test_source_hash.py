"""Keys of compiled kernels: they see every file whose code becomes part of a kernel."""

import ast
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("numba")

from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("kernels are not compiled in this configuration", allow_module_level=True)

from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic

from tinygrad_dls.backend import kernels
from tinygrad_dls.backend.kernels.numba import compile as compiling
from tinygrad_dls.backend.kernels.numba.compile import helpers, source_hash
from tinygrad_dls.backend.kernels.numba.sources import imports
from tinygrad_dls.capturing.emit import exact

PACKAGE = Path(kernels.__file__).parent


def modules():
    """The modules of kernels that Numba compiles, and the words of fused chains."""
    for found in pkgutil.walk_packages(kernels.__path__, f"{kernels.__name__}."):
        if not found.ispkg and not {"reference", "cuda"} & set(found.name.split(".")):
            yield importlib.import_module(found.name)
    yield exact


def sources(value):
    """The files of the functions that `value` is compiled from."""
    if isinstance(value, Dispatcher):
        return {Path(value.py_func.__code__.co_filename)}
    if isinstance(value, _Intrinsic):
        return {Path(value._defn.__code__.co_filename)}
    if isinstance(value, ModuleType) and value.__name__.startswith(kernels.__name__):
        return {Path(value.__file__)}
    return set()


@pytest.mark.parametrize("module", [*modules()], ids=lambda m: m.__name__.partition(".")[2])
def test_all_that_kernels_call_is_part_of_their_key(module):
    """Compared with what is really there once the module is imported."""
    called = set().union(*map(sources, vars(module).values()))
    called = {file for file in called if "reference" not in file.parts
              and "site-packages" not in file.parts}  # Numba's version is part of the key, too
    assert called <= helpers(Path(module.__file__))


FORMS = {
    "beside": "from .other import f",
    "module beside": "from . import other",
    "renamed": "from . import other as o",
    "one up": "from ..up import f",
    "two up": "from ...top import f",
    "module two up": "from ... import top",
    "package": "from ..side import f",
    "module of a package": "from ..side.far import f",
    "over lines": "from ..side import (\n    far,\n    f,\n)",
    "under a condition": "if True:\n    from ..side import far",
}
FOUND = {
    "beside": {"other.py"}, "module beside": {"other.py"}, "renamed": {"other.py"},
    "one up": {"up.py", "top.py"}, "two up": {"top.py"}, "module two up": {"top.py"},
    "package": {"side/__init__.py", "near.py"},
    "module of a package": {"side/__init__.py", "near.py", "far.py"},
    "over lines": {"side/__init__.py", "near.py", "far.py"},
    "under a condition": {"side/__init__.py", "near.py", "far.py"},
}


@pytest.fixture
def tree(tmp_path):
    files = {
        "__init__.py": "raise SystemExit", "top.py": "", "a/__init__.py": "raise SystemExit",
        "a/up.py": "from ..top import f", "a/b/__init__.py": "raise SystemExit",
        "a/b/other.py": "", "a/side/__init__.py": "from .near import f", "a/side/near.py": "",
        "a/side/far.py": "", "a/reference/f.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("form", FORMS)
def test_imports_of_every_form_are_followed(tree, form):
    file = tree / "a/b/kernel.py"
    file.write_text("from ..reference import f\n" + FORMS[form])
    found = {str(f.relative_to(f.parents[1])) if f.stem == "__init__" else f.name
             for f in helpers(file)}
    assert found == {"kernel.py"} | FOUND[form]


def test_imports_inside_of_functions_are_of_python_alone(tree):
    file = tree / "a/b/kernel.py"
    file.write_text("def f():\n    from .other import f")
    assert helpers(file) == {file}


def test_a_file_at_another_place_has_another_key(tree, monkeypatch):
    """Machine code names the module it came from: it is not served to another."""
    monkeypatch.setattr(compiling, "PACKAGE", f"{tree}/")
    for name in ("a/kernel.py", "a/b/kernel.py"):
        (tree / name).write_text("x = 1")
    assert source_hash(tree / "a/kernel.py") != source_hash(tree / "a/b/kernel.py")
    monkeypatch.setattr(compiling, "PACKAGE", f"{tree / 'a'}/")  # installed elsewhere, the same
    assert compiling._place(tree / "a/b/kernel.py") == "b/kernel.py"


def parsed(node):
    """What `imports` finds, by Python's parser."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom) and child.level:
            yield child.level, child.module or "", [alias.name for alias in child.names]
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from parsed(child)


@pytest.mark.parametrize("text", [
    "if a:\n    from .b import c", "def f(\n    a,\n):\n    from .b import c",
    "class A:\n    x = 1\n    from .b import c, d", "async def f():\n    from .b import c",
    "from .b import (  # of b\n    c,  # and c\n    d as e,\n)\nfrom ... import f  # f",
    "class A:\n    def f(self):\n        if a:\n            from .b import c\nfrom . import d"])
def test_imports_are_those_that_python_finds(text):
    assert [*imports(text)] == [*parsed(ast.parse(text))]


def test_imports_are_those_that_python_finds_in_this_package():
    for file in PACKAGE.parents[1].rglob("*.py"):
        text = file.read_text("utf-8")
        assert [*imports(text)] == [*parsed(ast.parse(text))], file
