"""Random numbers that a function draws, made to come again the same."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..random import Generator


class Randomness:
    """The state of NumPy's generators that a function sees, as it is now."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._legacy = np.random.get_state()  # noqa: NPY002 (learners draw from it)
        self._states: list[tuple[Any, Any]] = []
        for value in _seen_by(function):
            if isinstance(value, np.random.Generator):
                self._states.append((value.bit_generator, value.bit_generator.state))
            elif isinstance(value, np.random.RandomState):
                self._states.append((value, value.get_state()))

    def reset(self) -> None:
        """Let the next numbers be those that came first."""
        np.random.set_state(self._legacy)  # noqa: NPY002
        for generator, state in self._states:
            if isinstance(generator, np.random.RandomState):
                generator.set_state(state)
            else:
                generator.state = state


def _seen_by(function: Callable[..., Any]) -> list[Any]:
    """The values that a function reaches by a name, its closure or its object."""
    found: list[Any] = []
    owner = getattr(function, "__self__", None)
    found += list(getattr(owner, "__dict__", {}).values())
    inner = getattr(function, "__func__", function)
    found += list(getattr(inner, "__globals__", {}).values())
    for cell in getattr(inner, "__closure__", None) or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not set yet
            continue
    return [value for value in found if not isinstance(value, Generator)]
