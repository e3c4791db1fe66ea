"""Make the type stubs of functions and methods from the operations: `python tools/type_stubs.py`.

Operations are functions made at run time, so a type checker sees `Any`. Their signatures are known
all the same: this writes them down, with `Tensor` for what they return. tests/test_project.py
checks that the stubs are up to date.
"""

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

FUNCTIONS = "tinygrad_dls.tensors.functions"
METHODS = (("tinygrad_dls.tensors.operators", "Operators"),
           ("tinygrad_dls.tensors.shaping", "Shaping"))
SYNONYMS = "tinygrad_dls.tensors.torch_names"
TENSORS = "tinygrad_dls.tensors"

OPERANDS = {"x", "a", "b", "condition", "other"}
PARAMETERS = {"axis": "Axis", "axes": "Axes", "shape": "Axes", "keepdims": "bool"}
RESULTS = {
    "typing.Any": "Tensor", "list[typing.Any]": "list[Tensor]",
    "tuple[typing.Any, ...]": "tuple[Tensor, ...]",
    "tuple[typing.Any, typing.Any]": "tuple[Tensor, Tensor]", "bool": "bool",
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
    if wrapped is None:
        return
    known = import_module(SYNONYMS).keywords_of(wrapped)
    for name, ours in import_module(SYNONYMS)._NAMES.items():
        if ours in known[1:] and name not in known:
            yield name, PARAMETERS.get(ours, "Any")
    for name, functions in NUMPYS.items():
        if wrapped.__name__ in functions and name not in known:
            yield name, "Any"


def stub_of_functions() -> str:
    """The stub of the module of functions."""
    module = import_module(FUNCTIONS)
    lines = [f"def {name}{signature(value)}: ..." for name, value in sorted(vars(module).items())
             if not name.startswith("_") and inspect.isfunction(value) and name != "renamed"]
    return HEADER.format(tensors=TENSORS) + "\n" + "\n".join(map(qualified, lines)) + "\n"


def stub_of_methods(place: str, name: str) -> str:
    """The stub of a class of methods that `Tensor` inherits."""
    kind = getattr(import_module(place), name)
    lines = [f"class {name}:"]
    for method, value in vars(kind).items():
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
    made = {FUNCTIONS: stub_of_functions()}
    made |= {place: stub_of_methods(place, name) for place, name in METHODS}
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
