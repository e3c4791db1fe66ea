"""Hooks on leaves that run as soon as `.grad` has its sum, while backward still goes on.

A gradient is complete when the last node has run that the leaf is an input of. Which node that is
is looked for once for each backward(), and only where such hooks are.
"""

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref


class AfterAdding:
    """A hook of a leaf that runs when `.grad` has its sum: it gets the leaf.

    It counts itself as long as it lives, so a leaf that is dropped takes its hooks along.
    """

    def __init__(self, hook: Callable[[Any], Any]) -> None:
        self.hook = hook
        completions.hooks += 1

    def __del__(self) -> None:
        completions.hooks -= 1

    def __call__(self, leaf: Any) -> None:
        self.hook(leaf)


class _Completions:
    """The number of these hooks: without any, backward looks for none."""

    hooks = 0


completions = _Completions()


def add_completion_hook(leaf: Any, hook: Callable[[Any], Any]) -> Callable[[], None]:
    """Run `hook(leaf)` in backward as soon as `leaf.grad` is complete; returns its remover."""
    leaf._hooks = [*(leaf._hooks or ()), AfterAdding(hook)]
    added, of = ref(leaf._hooks[-1]), ref(leaf)

    def forget() -> None:
        hooks = getattr(of(), "_hooks", None) or []
        if added() in hooks:
            hooks.remove(added())

    return forget


def after_adding(leaf: Any) -> None:
    """Tell the hooks that wait for the sum in `leaf.grad`."""
    for hook in tuple(leaf._hooks):
        if hook.__class__ is AfterAdding:
            hook(leaf)


def last_uses(order: Sequence[Any], node_type: type) -> dict[Any, list[Any]]:
    """For the last node of `order` that adds to leaves with such hooks: these leaves."""
    last: dict[Any, Any] = {}
    for node in order:
        for edge in node.edges:
            if edge.__class__ is not node_type and getattr(edge, "_hooks", None):
                last[edge] = node
    found: dict[Any, list[Any]] = {}
    for leaf, node in last.items():
        if any(hook.__class__ is AfterAdding for hook in leaf._hooks):
            found.setdefault(node, []).append(leaf)
    return found
