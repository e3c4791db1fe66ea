"""Deep copies of networks, however deep their modules are nested.

`copy.deepcopy` takes four Python frames for each level, more than calling the network does: it
would stop at networks that run.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any


class Copied:
    """The part of a module that `copy.deepcopy` calls."""

    def children(self) -> Iterator[Copied]:
        """The modules held by this one itself."""
        raise NotImplementedError

    def modules(self) -> Iterator[Copied]:
        """This module and all inside it, each once."""
        raise NotImplementedError

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if not all(id(child) in memo for child in self.children()):
            for module in reversed([*self.modules()][1:]):  # the innermost first
                copy.deepcopy(module, memo)
        reduced: Any = self.__reduce_ex__(4)  # as pickle asks for it
        make, arguments, state = reduced[:3]
        made = make(*copy.deepcopy(arguments, memo))
        memo[id(self)] = made  # a hook may lead back to it
        _restore(made, copy.deepcopy(state, memo))
        return made


def _restore(made: Any, state: Any) -> None:
    """Restore a state as pickle does: attributes, or (attributes, slots), or `__setstate__`."""
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    vars(made).update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(made, name, value)
