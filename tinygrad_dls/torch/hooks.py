"""Handles of hooks: `remove()` takes the hook off."""

from __future__ import annotations

from collections.abc import Callable


class Handle:
    """The result of registering a hook on a tensor."""

    def __init__(self, remove: Callable[[], None]) -> None:
        self.remove = remove

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
