"""Make the type stubs of functions and methods from the operations: `python tools/type_stubs.py`.

Functions and methods are made at run time from the table in ops/names.py, so a type checker would
not see them. This writes down their names and signatures, with `Tensor` for what they return.
tests/test_project.py checks that the stubs are up to date.
"""

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

OPERATIONS = "tinygrad_dls.ops"
FUNCTIONS = "tinygrad_dls.tensors.functions"
METHODS = "tinygrad_dls.tensors.methods"
SYNONYMS = "tinygrad_dls.tensors.torch_names"
TENSORS = "tinygrad_dls.tensors"

OPERANDS = {"x", "a", "b", "condition", "other"}
PARAMETERS = {"axis": "Axis", "axes": "Axes", "shape": "Axes", "keepdims": "bool"}
RESULTS = {
    "typing.Any": "Tensor", "list[typing.Any]": "list[Tensor]",
    "tuple[typing.Any, ...]": "tuple[Tensor, ...]",
    "tuple[typing.Any, typing.Any]": "tuple[Tensor, Tensor]", "bool": "bool",
    "int": "builtins.int",
}
HEADER = '''"""Made by `python tools/type_stubs.py` from the operations."""

import builtins
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from {tensors} import Tensor

Operand: TypeAlias = Tensor | np.ndarray[Any, Any] | float | Sequence[Any]
Axis: TypeAlias = builtins.int | tuple[builtins.int, ...] | None
Axes: TypeAlias = Any
'''
NUMPYS = {  # keywords of NumPy's functions that ours take, too: see with_numpys_keywords
    "dtype": ("sum", "mean", "prod", "cumsum", "cumprod"), "where": ("sum", "mean", "prod"),
    "initial": ("sum", "prod"), "kind": ("sort", "argsort"),
}


def signature(function: Callable[..., Any], method: bool = False) -> str:
    """The parameters and result of an operation's function as a stub has them."""
    found = inspect.signature(function)
    parameters = list(found.parameters.values())
    if method:
        parameters = parameters[1:]
    texts = ["self"] if method else []
    starred = False
    for p in parameters:
        name = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "") + p.name
        if p.kind == p.KEYWORD_ONLY and not starred:
            texts.append("*")
        starred |= p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        default = "" if p.default is p.empty else " = ..."
        texts.append(f"{name}: {type_of(p)}{default}")
    others = list(synonyms_of(function))
    if others:
        texts += [] if starred else ["*"]
        texts += [f"{name}: {kind} = ..." for name, kind in others]
    result = RESULTS[text_of(found.return_annotation)]
    return f"({', '.join(texts)}) -> {result}"


def type_of(parameter: inspect.Parameter) -> str:
    """The type of a parameter: what its name says where its annotation says nothing."""
    if parameter.name in OPERANDS and parameter.annotation is Any:
        return "Operand"
    if parameter.annotation is Any:
        return PARAMETERS.get(parameter.name, "Any")
    return text_of(parameter.annotation).replace("typing.", "").replace("collections.abc.", "")


def text_of(annotation: Any) -> str:
    """An annotation as text, with full names."""
    text = str(annotation) if typing.get_origin(annotation) else getattr(
        annotation, "__name__", str(annotation))
    return "typing.Any" if annotation is Any else text


def synonyms_of(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """PyTorch's and NumPy's other names for the parameters of a renamed function."""
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is None or import_module(SYNONYMS).renamed(wrapped) is not function:
        return
    known = import_module(SYNONYMS).keywords_of(wrapped)
    for name, ours in import_module(SYNONYMS)._NAMES.items():
        if ours in known[1:] and name not in known:
            yield name, PARAMETERS.get(ours, "Any")
    for name, functions in NUMPYS.items():
        if wrapped.__name__ in functions and name not in known:
            yield name, "Any"


def stub_of_operations() -> str:
    """The stub of the package of operations: for the code of this package, which casts by itself.

    A function that a file of a family has keeps its type; one made of a class takes anything.
    """
    lines = []
    for name in sorted(import_module(f"{OPERATIONS}.names").NAMES, key=lambda name: name.inner):
        file, _, found = name.op.partition(".")
        made = getattr(name.build(), "__module__", "") == f"{OPERATIONS}.call"
        lines.append(f"{name.inner}: Callable[..., Any]" if made
                     else f"from .{file} import {found} as {name.inner}")
    lines.sort(key=lambda line: not line.startswith("from"))
    return (HEADER.partition("import builtins")[0]
            + "from collections.abc import Callable\nfrom typing import Any\n\n"
            + "".join(f"from . import {file} as {file}\n"
                      for file in ("indexing", "linalg", "shape"))
            + "\n".join(lines) + "\n")


def stub_of_functions() -> str:
    """The stub of the module of functions."""
    module = import_module(FUNCTIONS)
    names = sorted(module.__all__)
    lines = [qualified(f"def {name}{signature(getattr(module, name))}: ...") for name in names]
    listed = f"__all__ = {names}\n\n".replace("'", '"')
    return HEADER.format(tensors=TENSORS) + "\n" + listed + "\n".join(lines) + "\n"


def stub_of_methods() -> str:
    """The stub of the class of methods that `Tensor` inherits."""
    lines = ["class Methods:"]
    for method, value in vars(import_module(METHODS).Methods).items():
        if method == "__hash__":
            lines.append("    def __hash__(self) -> builtins.int: ...")
        elif isinstance(value, property):
            lines += ["    @property", f"    def {method}(self) -> Tensor: ..."]
        elif inspect.isfunction(value):
            override = "  # type: ignore[override]" if method in ("__eq__", "__ne__") else ""
            lines.append(f"    def {method}{signature(value, method=True)}: ...{override}")
    return HEADER.format(tensors=TENSORS) + "\n" + "\n".join(map(qualified, lines)) + "\n"


def qualified(line: str) -> str:
    """A line in which methods called `int` or `float` do not hide the built-in types."""
    start, _, end = line.partition("(")
    for word in ("int", "float", "bool"):
        end = re.sub(rf"(?<![\w.]){word}\b", f"builtins.{word}", end)
    return start + "(" + end if end else line


def stubs() -> dict[Path, str]:
    """Each stub's file and its text."""
    made = {OPERATIONS: stub_of_operations(), FUNCTIONS: stub_of_functions(),
            METHODS: stub_of_methods()}
    return {Path(str(import_module(place).__file__)).with_suffix(".pyi"): text
            for place, text in made.items()}


def main() -> int:
    """Write the stubs; with --check return 1 if one differs from what would be written."""
    if "--check" in sys.argv[1:]:
        return int(any(not path.exists() or path.read_text("utf-8") != text
                       for path, text in stubs().items()))
    for path, text in stubs().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
