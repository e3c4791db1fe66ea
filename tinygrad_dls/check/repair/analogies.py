"""Edits after the model of another line: dv = ... with v for u, where du = ... is wrong."""

import ast
import copy
from collections.abc import Iterator

from .edit import Edit
from .places import blocks, places
from .source import Source


def of_analogies(source: Source) -> Iterator[Edit]:
    """Each assignment written as the one of a sister: of the other gate, layer or input."""
    assigned = [block.statement for block in blocks(source)
                if isinstance(block.statement, ast.Assign) and len(block.statement.targets) == 1]
    values = {id(place.node): place for place in places(source)}
    for mine in assigned:
        for sister in assigned:
            one, other = (ast.unparse(s.targets[0]) for s in (mine, sister))
            if (pair := _difference(one, other)) is None:
                continue
            new = _Renamed(*pair).visit(copy.deepcopy(sister.value))
            place = values.get(id(mine.value))
            if place is not None and ast.unparse(new) != ast.unparse(mine.value):
                yield Edit(place, new, 1.9, f"as in the line of {other}")


def _difference(mine: str, sister: str) -> tuple[str, str] | None:
    """The difference of two names: (u, v) of du and dv; None if they are not alike."""
    if mine == sister:
        return None
    start = next((i for i, (a, b) in enumerate(zip(mine, sister)) if a != b),
                 min(len(mine), len(sister)))
    end = 0
    while end < min(len(mine), len(sister)) - start and mine[-1 - end] == sister[-1 - end]:
        end += 1
    one, other = mine[start:len(mine) - end], sister[start:len(sister) - end]
    alike = one and other and one.isalnum() and other.isalnum() and start + end > 0
    return (one, other) if alike and len(one) <= 8 and len(other) <= 8 else None


class _Renamed(ast.NodeTransformer):
    """Names with one part in place of another: u and norm_u for v and norm_v, and v for u."""

    def __init__(self, mine: str, sister: str) -> None:
        self.pair = mine, sister

    def _other(self, name: str) -> str:
        mine, sister = self.pair
        for old, new in ((sister, mine), (mine, sister)):
            if name == old or name.endswith((f"_{old}", f"d{old}")) or (
                    old.isdigit() and name.endswith(old)) or (
                        len(name) == len(old) + 1 and name.endswith(old)):
                return name.removesuffix(old) + new
            if name.startswith((f"{old}_", f"d{old}_")) or (
                    len(old) == 1 and len(name) <= 3 and name.startswith((old, f"d{old}"))):
                head = "d" if name.startswith("d") and old != "d" else ""
                return head + new + name[len(head) + len(old):]
        return name

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(self._other(node.id), node.ctx), node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            return ast.copy_location(ast.Constant(self._other(node.value)), node)
        return node
