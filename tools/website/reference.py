"""API pages, made of the docstrings of what a module gives its users."""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from .pages import fenced, plain, toctree

MODULES = {  # module -> its page; further public modules of the package follow them
    "tinygrad_dls": "dls",
    "tinygrad_dls.nn": "nn",
    "tinygrad_dls.nn.functional": "functional",
    "tinygrad_dls.nn.init": "init",
    "tinygrad_dls.nn.utils": "utils",
    "tinygrad_dls.optim": "optim",
    "tinygrad_dls.optim.lr_scheduler": "lr_scheduler",
    "tinygrad_dls.optim.swa_utils": "swa_utils",
    "tinygrad_dls.data": "data",
    "tinygrad_dls.data.sources": "sources",
    "tinygrad_dls.train": "train",
    "tinygrad_dls.distributed": "distributed",
    "tinygrad_dls.io": "io",
    "tinygrad_dls.models": "models",
    "tinygrad_dls.vision": "vision",
    "tinygrad_dls.vision.transforms": "transforms",
    "tinygrad_dls.text": "text",
    "tinygrad_dls.audio": "audio",
    "tinygrad_dls.check": "check",
    "tinygrad_dls.viz": "viz",
}
_ARGUMENT = re.compile(r"\*{0,2}`?\w+`?(, \*{0,2}`?\w+`?)*( \([^)]*\))?: ")
_READABLE = re.compile(r"[-+.\w\"' ()\[\],]*")


def modules() -> dict[str, str]:
    """All modules with a page: those of MODULES, then what else `dir(tinygrad_dls)` has."""
    package = importlib.import_module("tinygrad_dls")
    found = dict(MODULES)
    for name in dir(package):
        value = getattr(package, name)
        if inspect.ismodule(value) and name != "bench":
            found.setdefault(value.__name__, name)
    return found


def names_of(module: ModuleType) -> list[str]:
    """The public names of a module, from `__all__` or its `dir`, in alphabetical order."""
    names = getattr(module, "__all__", None) or dir(module)
    return sorted((name for name in names
                   if not name.startswith("_") and _is_documented(getattr(module, name), module)),
                  key=lambda name: (name.lower(), name))


def _is_documented(thing: Any, module: ModuleType) -> bool:
    """Return whether it is a class or function of ours (or of this module, if that is a file)."""
    ours = module.__name__.split(".")[0] if hasattr(module, "__path__") else module.__name__
    return ((inspect.isclass(thing) or inspect.isroutine(thing))
            and (getattr(thing, "__module__", None) or "").split(".")[0] == ours.split(".")[0]
            and (hasattr(module, "__path__") or thing.__module__ == module.__name__))


# --- pages ---------------------------------------------------------------------------------------


def write_reference(source: Path) -> None:
    """Write a page for each module, and the page that lists them."""
    folder = source / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["# The API", "", "| module | what it has |", "|---|---|"]
    pages = modules()
    for name, page in pages.items():
        module = importlib.import_module(name)
        (folder / f"{page}.md").write_text(module_page(module), "utf-8")
        rows.append(f"| [`{name}`]({page}.md) | {plain(first_line(module))} |")
    rows.append("| [operations](operations.md) | the formula and second derivative of each |")
    text = "\n".join(rows) + "\n\n" + toctree([*pages.values(), "operations"])
    (folder / "index.md").write_text(text, "utf-8")


def module_page(module: ModuleType) -> str:
    """The page of a module: a table of its names, then each with its docstring."""
    names = names_of(module)
    if module.__name__ not in MODULES:
        names = [name for name in names if not _is_elsewhere(name, getattr(module, name))]
    table = [f"| {{py:obj}}`{name} <{module.__name__}.{name}>` | "
             f"{plain(first_line(getattr(module, name)))} |" for name in names]
    parts = [f"# {module.__name__}", docstring(module),
             "\n".join(["| name | what it is |", "|---|---|", *table])]
    kinds = (("Classes", inspect.isclass), ("Functions", inspect.isroutine))
    for title, kind in kinds:
        if of_kind := [name for name in names if kind(getattr(module, name))]:
            parts.append(f"## {title}")
            parts += [entry(f"{module.__name__}.{name}", getattr(module, name))
                      for name in of_kind]
    return "\n\n".join(parts) + "\n"


def _is_elsewhere(name: str, thing: Any) -> bool:
    """Return whether a page of MODULES has the same thing under the same name."""
    return any(getattr(sys.modules.get(other), name, None) is thing for other in MODULES)


def entry(name: str, thing: Any) -> str:
    """The directive of a class, with its methods, or of a function."""
    if not inspect.isclass(thing):
        return directive("py:function", name, signature(thing), docstring(thing))
    methods = [directive("py:property", method, "", docstring(value), 5)
               if isinstance(value, property) else
               directive("py:method", method, signature(value, bound=True), docstring(value), 5)
               for method, value in members(thing)]
    call = "" if issubclass(thing, BaseException) else signature(thing)
    return directive("py:class", name, call, "\n\n".join([docstring(thing), *methods]), 7)


def directive(kind: str, name: str, call: str, inside: str, colons: int = 3) -> str:
    """A directive of MyST for a name, with its module if it has one; inner ones have fewer colons.
    """
    fence = ":" * colons
    module, _, short = name.rpartition(".")
    option = f":module: {module}\n" if module else ""
    return f"{fence}{{{kind}}} {short}{call}\n{option}\n{inside}\n{fence}"


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The methods and properties of a class that have a docstring; of Tensor all it inherits.

    What a base that is public itself defines is on that base's entry.
    """
    seen: set[str] = set()
    bases = kind.__mro__ if kind.__name__ == "Tensor" else kind.__mro__[:1]
    for base in bases:
        if base.__module__.split(".")[0] != "tinygrad_dls":
            continue
        for name, value in vars(base).items():
            value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if (not name.startswith("_") and name not in seen and getattr(value, "__doc__", None)
                    and (inspect.isfunction(value) or isinstance(value, property))):
                seen.add(name)
                yield name, value


# --- texts ---------------------------------------------------------------------------------------


def first_line(thing: Any) -> str:
    """The first sentence or line of a docstring."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def signature(function: Callable[..., Any], bound: bool = False) -> str:
    """Parameters and their defaults; a default that is not a plain value is "..."."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return "(...)"
    shown = []
    for p in parameters:
        default = p.empty
        if p.default is not p.empty:
            text = repr(p.default)
            default = _Text(text if _READABLE.fullmatch(text) else "...")
        shown.append(p.replace(annotation=p.empty, default=default))
    return str(inspect.Signature(shown[1:] if bound else shown))


class _Text(str):
    """A default as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def docstring(thing: Any) -> str:
    """A docstring in Markdown: paragraphs, lists of arguments, examples, blocks of code."""
    text = inspect.getdoc(thing) or ""
    return "\n\n".join(block(lines.split("\n")) for lines in re.split(r"\n\s*\n", text) if lines)


def block(lines: list[str]) -> str:
    """One block of a docstring in Markdown."""
    if lines[0].lstrip().startswith(">>>"):
        indent = len(lines[0]) - len(lines[0].lstrip())
        return fenced("\n".join(line[indent:] for line in lines), "pycon")
    if all(line.startswith("    ") for line in lines):
        return fenced(inspect.cleandoc("\n".join(lines)), "text")
    heads = [i for i, line in enumerate(lines) if not line.startswith(" ")]
    if lines[0].startswith("- ") and all(lines[i].startswith("- ") for i in heads):
        items = " ".join(line.strip() if line.startswith(" ") else f"\n{line}" for line in lines)
        return "\n".join(f"- {plain(item.strip())}" for item in items.split("\n- ")[1:])
    if all(_ARGUMENT.match(lines[i]) for i in heads) and heads[0] == 0:
        ends = [*heads[1:], len(lines)]
        return "\n".join(_argument(lines[start:end]) for start, end in zip(heads, ends))
    first = next((i for i, line in enumerate(lines) if line.startswith("    ")), None)
    if first is None:
        return plain(" ".join(line.strip() for line in lines))
    last = max(i for i, line in enumerate(lines) if line.startswith("    ")) + 1
    parts = [block(lines[:first]),
             fenced(inspect.cleandoc("\n" + "\n".join(lines[first:last])), "text")]
    return "\n\n".join(parts + ([block(lines[last:])] if lines[last:] else []))


def _argument(lines: list[str]) -> str:
    """An item for the line "name: what it is", and for those that go on with it."""
    names, _, says = " ".join(line.strip() for line in lines).partition(": ")
    return f"- **{plain(names)}**: {plain(says)}"
