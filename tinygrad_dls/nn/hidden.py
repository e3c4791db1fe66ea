"""Layers and parameters in plain lists and dicts, which a module does not find: a warning.

They are legal: a model may keep its layers in a list and give each an optimizer of its own. So
nothing is said when they are assigned, but when the parameters of the model are asked for.
"""

from __future__ import annotations

import sys
import weakref
from itertools import islice
from typing import TYPE_CHECKING, Any

from .._util.callers import users_frame, warn_at
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module

MANY = 100  # items of a list that are looked at: a history of losses may have millions

_told: weakref.WeakKeyDictionary[Module, set[str]] = weakref.WeakKeyDictionary()


def warn_of_hidden(model: Module, kind: type) -> None:
    """Warn, once, of each attribute that hides parameters or modules, `kind`, from `model`."""
    suspects = [
        (module, name, parts)
        for _, module in model._walk("")
        for name, value in vars(module).items()
        if isinstance(value, (list, dict)) and (parts := _parts_in(value, kind))
    ]
    if not suspects:
        return
    found = {id(part) for _, module in model._walk("")
             for part in (module, *vars(module).values())}
    for module, name, parts in suspects:
        hidden = next((part for part in parts if id(part) not in found), None)
        told = _told.setdefault(module, set())
        if hidden is None or name in told:
            continue
        told.add(name)
        value = vars(module)[name]
        better = "Module" if isinstance(hidden, kind) else "Parameter"
        better += "Dict" if isinstance(value, dict) else "List"
        message = (
            f"{type(module).__name__}.{name} is a plain {type(value).__name__}: parameters() does "
            f"not find what is in it, so that an optimizer does not train it. Write "
            f"nn.{better}(...), unless it has an optimizer of its own"
        )
        warn_at(users_frame(sys._getframe(1)), message, UserWarning)


def _parts_in(value: list[Any] | dict[Any, Any], kind: type) -> list[Any]:
    items = islice(value.values() if isinstance(value, dict) else value, MANY)
    return [item for item in items if isinstance(item, (kind, Parameter))]
