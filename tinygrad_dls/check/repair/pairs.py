"""Edits of two places at once: two variables exchanged, the same slip in neighbouring lines."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from .edit import Edit
from .places import Place
from .record import Record

NEAR = 3  # lines between two slips that belong together
MOST = 3000  # pairs that are tried


def exchanged(record: Record, places: Sequence[Place]) -> Iterator[Edit]:
    """Two variables of one shape in lines beside each other, each in the place of the other."""
    uses = [p for p in places if isinstance(p.node, ast.Name)
            and isinstance(record.value(p), np.ndarray)]
    for one, other in combinations(uses, 2):
        x, y = record.value(one), record.value(other)
        if one.source is not other.source or not _near(one, other) or x.shape != y.shape or (
                ast.unparse(one.node) == ast.unparse(other.node)):
            continue
        names = ast.unparse(one.node), ast.unparse(other.node)
        why = f"{names[0]} and {names[1]} are exchanged"
        yield Edit(one, ast.Name(names[1], ast.Load()), 1.6, why,
                   also=Edit(other, ast.Name(names[0], ast.Load()), 0.0, why))


def repeated(edits: Sequence[Edit]) -> Iterator[Edit]:
    """The same edit in two places, in one line or in neighbouring ones."""
    groups: dict[str, list[Edit]] = {}
    for edit in edits:
        if isinstance(edit.at, Place):
            groups.setdefault(_kind(edit), []).append(edit)
    found = 0
    for group in groups.values():
        for one, other in combinations(group, 2) if len(group) <= 40 else ():
            apart = _apart(one, other)
            if apart and found < MOST:
                found += 1
                yield replace(one, cost=one.cost + 0.5, also=other)


def _kind(edit: Edit) -> str:
    """The kind of an edit, without the name of what it changes."""
    return edit.why if "is meant, not" not in edit.why else edit.why.partition(" is meant")[0]


def _apart(one: Edit, other: Edit) -> bool:
    """Return whether two edits are near, and of places of which none is inside the other."""
    a, b = one.at, other.at
    if not isinstance(a, Place) or not isinstance(b, Place) or a.source is not b.source:
        return False
    return _near(a, b) and a.node is not b.node and not any(
        inner is b.node for inner in ast.walk(a.node)) and not any(
            inner is a.node for inner in ast.walk(b.node))


def _near(one: Place, other: Place) -> bool:
    return abs(one.statement.lineno - other.statement.lineno) <= NEAR
