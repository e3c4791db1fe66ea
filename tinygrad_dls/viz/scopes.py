"""The module call that made each node, from the marks that calls leave on their outputs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..engine.autograd import Node, Scope
from ..engine.collector import Call
from . import describe
from .groups import Path


def module_paths(
    nodes: Sequence[Node], marks: Mapping[Node, Scope] | None = None
) -> dict[Node, Path]:
    """The calls of modules around each node, outermost first; `nodes` are oldest first.

    marks: those of the nodes at an earlier time; None: those of now.

    A mark says: what leads here and is newer than `start` was made in this call. Calls nest and
    each has a start of its own, so of those around a node the one that started first is outermost.
    """
    active: dict[Node, set[Call]] = {}
    for node in reversed(nodes):
        calls = active.setdefault(node, set())
        if node.trace is not None:
            calls.update(node.trace.calls)
        mark = node.scope if marks is None else marks.get(node)
        while mark is not None:
            calls.add((mark.start, mark.module))
            mark = mark.outer
        for edge in node.edges if calls else ():
            if isinstance(edge, Node):
                inside = [call for call in calls if call[0] < edge.seq]
                active.setdefault(edge, set()).update(inside)
    nested = {node: tuple(sorted(calls, key=_start)) for node, calls in active.items()}
    paths = labels(nested[node] for node in nodes)
    return {node: paths[nested[node]] for node in nodes}


def _start(call: Call) -> int:
    return call[0]


def labels(paths: Iterable[tuple[Call, ...]]) -> dict[tuple[Call, ...], Path]:
    """Labels of paths; a second call of the same name in the same place is called "name (2)"."""
    found: dict[tuple[Call, ...], Path] = {(): ()}
    taken: set[Path] = set()
    said: dict[Any, str] = {}  # of modules that are called often
    for path in paths:
        for depth in range(1, len(path) + 1):
            if path[:depth] in found:
                continue
            outer, (_, module) = found[path[: depth - 1]], path[depth - 1]
            label = said.get(module) or said.setdefault(module, describe.module(module))
            name, number = label, 1
            while (*outer, name) in taken:
                number += 1
                name = f"{label} ({number})"
            found[path[:depth]] = (*outer, name)
            taken.add((*outer, name))
    return found
