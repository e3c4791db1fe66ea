"""Handles of hooks: what takes a hook off again."""

from __future__ import annotations

from collections.abc import Callable


class Handle:
    """The result of registering a hook: `remove()`, a call or the end of `with` takes it off.

    >>> import tinygrad_dls as dls
    >>> x = dls.tensor([1.0], requires_grad=True)
    >>> with x.register_hook(print):
    ...     (3 * x).sum().backward()
    Tensor([3.])
    """

    def __init__(self, remove: Callable[[], None]) -> None:
        self.remove = remove

    def __call__(self) -> None:
        self.remove()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
