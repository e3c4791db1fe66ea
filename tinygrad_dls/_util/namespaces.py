"""The names of a package: what `dir` and the tab key show, and what a wrong name is answered."""

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from .spellings import ELSEWHERE

OURS = __name__.partition(".")[0]
ROOMS = {  # where users look for a name: the module, and how they write it
    "": "dls", ".nn": "nn", ".nn.functional": "F", ".nn.init": "nn.init", ".nn.utils": "nn.utils",
    ".optim": "optim", ".optim.lr_scheduler": "optim.lr_scheduler", ".data": "data", ".io": "io",
    ".train": "train", ".vision": "vision", ".vision.transforms": "vision.transforms",
    ".text": "text", ".audio": "audio", ".models": "models",
}


class NoSuchName(AttributeError):
    """A name that is not there. The nearest ones are looked for when the message is read.

    `hasattr` asks for many names that are not there, and reads no message.
    """

    def __init__(
        self, owner: str, wanted: str, names: Iterable[str], anywhere: bool = True
    ) -> None:
        super().__init__(owner, wanted)
        self.owner, self.wanted, self.names, self.anywhere = owner, wanted, names, anywhere

    def __str__(self) -> str:
        hint = _hint(self.wanted, self.names, self.anywhere)
        return f"{self.owner} has no attribute {self.wanted!r}" + (f"; {hint}" if hint else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return AttributeError, (str(self),)


def is_ours(kind: type) -> bool:
    """Return whether a class is of this package, and not a user's."""
    return kind.__module__.partition(".")[0] == OURS


def public_names(namespace: Mapping[str, Any], *others: str) -> list[str]:
    """The functions and classes of our own in a package's `namespace`, sorted, and `others`.

    Hides the modules in which they are defined and what the package imports for itself.
    """
    names = {
        name for name, value in namespace.items()
        if name.startswith("__") or (
            not name.startswith("_") and not isinstance(value, ModuleType)
            and str(getattr(value, "__module__", "")).startswith(OURS))
    }
    return sorted(names.union(others))


def answer_wrong_names(namespace: dict[str, Any]) -> None:
    """Let a module answer a name that it has not with the nearest one: `nn.Lineer`.

    Set here, unseen by type checkers: they would take any name for one of a module that has
    `__getattr__`. Its public names become `__all__`, what `import *` takes, unless it has one.
    """
    module = namespace["__name__"]
    found = namespace["__dir__"]() if "__dir__" in namespace else _names_of(sys.modules[module])
    namespace.setdefault("__all__", [name for name in found if not name.startswith("_") and (
        "__path__" in namespace or callable(namespace[name]))])

    def __getattr__(name: str) -> Any:
        raise missing(module, name)

    namespace["__getattr__"] = __getattr__
    answer_calls_of_modules(namespace)


def answer_calls_of_modules(namespace: dict[str, Any]) -> None:
    """Let the modules in a package's namespace answer a call: `optim.adam(...)`."""
    for value in namespace.values():
        if type(value) is ModuleType and value.__name__.startswith(namespace["__name__"]):
            value.__class__ = _Uncallable


class _Uncallable(ModuleType):
    """A module whose name users take for that of a function or class in it."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        package, name = self.__name__.rsplit(".", 1)
        hint = _hint(name, _names_of(sys.modules[package]), True)
        raise TypeError(f"{self.__name__} is a module" + (f"; {hint}" if hint else ""))


def missing(module: str, name: str) -> NoSuchName:
    """The error for a name that a module has not."""
    names = () if name.startswith("__") else _names_of(sys.modules[module])
    return NoSuchName(f"module {module!r}", name, names)


def _names_of(module: ModuleType) -> list[str]:
    if "__dir__" in vars(module) or not hasattr(module, "__path__"):
        return [name for name in dir(module) if _is_own(module, name)]
    return public_names(vars(module))


def _is_own(module: ModuleType, name: str) -> bool:
    """Return whether a module defines a name, or, as a package, gathers it from others."""
    made = getattr(vars(module).get(name), "__module__", module.__name__)
    return hasattr(module, "__path__") or made == module.__name__


def _hint(wanted: str, names: Iterable[str], anywhere: bool) -> str:
    """Say where `wanted` is, if `anywhere` else, or what may be meant; empty if nothing is near."""
    if wanted.startswith("__"):
        return ""
    lower = {name.lower() for name in names if not name.startswith("_")}
    if wanted.lower() not in lower:
        if anywhere and wanted in ELSEWHERE:
            said = ELSEWHERE[wanted].replace("`", "")
            return said if said.startswith(("there is", "nothing is")) else f"here it is {said}"
        for room, spelled in ROOMS.items() if anywhere else ():
            if wanted in _names_of(import_module(OURS + room)):
                return f"it is {spelled}.{wanted}"
    near = difflib.get_close_matches(wanted.lower(), lower, n=1, cutoff=0.6)
    if not near:
        return ""
    alike = [name for name in names if name.lower() == near[0]]
    return f"did you mean {max(alike, key=_likeness(wanted))!r}?"


def _likeness(wanted: str) -> Callable[[str], float]:
    return lambda name: difflib.SequenceMatcher(None, wanted, name).ratio()
