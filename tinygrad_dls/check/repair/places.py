"""Expressions and statements of a function, each with the way to put another in its place."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .source import Source, statements


@dataclass(eq=False)
class Place:
    """The place of one expression: `getattr(parent, name)`, or `[index]` of that list."""

    source: Source
    statement: ast.stmt
    parent: ast.AST
    name: str
    index: int | None
    node: ast.expr
    above: "Place | None" = None  # the expression that it is a part of

    @contextmanager
    def holding(self, new: ast.expr) -> Iterator[None]:
        """Let another expression stand there."""
        self._put(new)
        try:
            yield
        finally:
            self._put(self.node)

    def _put(self, node: ast.expr) -> None:
        if self.index is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.index] = node


@dataclass(eq=False)
class Block:
    """The place of one statement in a list of them."""

    source: Source
    body: list[ast.stmt]
    index: int
    around: list[ast.stmt] = field(default_factory=list)  # loops and conditions, outermost first

    @property
    def statement(self) -> ast.stmt:
        return self.body[self.index]

    @property
    def loop(self) -> ast.stmt | None:
        """The innermost loop around it."""
        return next((s for s in reversed(self.around) if isinstance(s, (ast.For, ast.While))), None)


def blocks(source: Source) -> list[Block]:
    """All statements of a function, in order."""
    return [Block(source, body, index, around)
            for body, index, around in statements(source.tree.body)]


def places(source: Source) -> list[Place]:
    """All expressions that a function reads, in order; targets of assignments are not among them.
    """
    found: list[Place] = []
    for block in blocks(source):
        for name, index, node in _children(block.statement):
            if isinstance(node, ast.expr):
                _inside(source, block.statement, block.statement, name, index, node, None, found)
    return found


def _inside(
    source: Source, statement: ast.stmt, parent: ast.AST, name: str, index: int | None,
    node: Any, above: Place | None, found: list[Place],
) -> None:
    if isinstance(node, ast.JoinedStr):
        return
    here = above
    readable = not isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del))
    if isinstance(node, ast.expr) and readable and not isinstance(node, (ast.Starred, ast.Slice)):
        here = Place(source, statement, parent, name, index, node, above)
        found.append(here)
    for child_name, child_index, child in _children(node):
        if isinstance(child, (ast.expr, ast.comprehension, ast.keyword)):
            _inside(source, statement, node, child_name, child_index, child, here, found)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, Any]]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "type_comment"):
            continue
        if isinstance(value, list):
            yield from ((name, i, inner) for i, inner in enumerate(value))
        elif isinstance(value, ast.AST):
            yield name, None, value
