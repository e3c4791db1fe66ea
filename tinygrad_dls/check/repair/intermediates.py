"""The first line of a backward that is wrong, where no edit mends it: dZ beside the slopes of Z.

Learners call the gradient of Z dZ. What forward makes of a Z that is moved a little shows whether
it is, and the first variable for which it is not stands in the line of the mistake, or just behind.
"""

import ast
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..layer_rule import LayerRule
from ..numeric import Array
from .places import Block, Place, blocks
from .record import Record, is_float
from .source import Source, sources
from .wording import statement_text

STEP = 2.0**-16
CLOSE = 1e-4
NAMES = ("d{}", "d_{}", "grad_{}", "{}_grad", "g{}")


def first_wrong(rule: LayerRule) -> str:
    """The sentence about the first wrong variable; "" if all that can be checked are right."""
    forward = sources(lambda: rule.forward(rule.inputs), rule.function)
    backward = sources(rule.shares, rule.back)
    if not forward or not backward:
        return ""
    try:
        made, record = _made(rule, forward[0])
        found = _final(rule, backward[0])
        for block, name, gradient, place in _pairs(backward[0], found, made):
            if _is_wrong(rule, record, place, gradient):
                of = ast.unparse(place.statement.targets[0])  # type: ignore[attr-defined]
                return (f"in {backward[0].function.__name__}, line {block.statement.lineno}: "
                        f"`{statement_text(backward[0], block.statement)}` is the first line whose "
                        f"result is wrong: {name} is not the gradient of {of}")
    except Exception:  # code that goes another way when its values move
        return ""
    return ""


def _made(rule: LayerRule, source: Source) -> tuple[dict[str, Place], Record]:
    """The expressions that forward gives a name, each name once."""
    record = Record([source])
    record.run(lambda: rule.forward(rule.inputs))
    found: dict[str, list[Place]] = {}
    for place in record.places:
        statement = place.statement
        if isinstance(statement, ast.Assign) and place.parent is statement and (
                isinstance(statement.targets[0], ast.Name)):
            found.setdefault(statement.targets[0].id, []).append(place)
    return {name: places[0] for name, places in found.items()
            if len(places) == 1 and record.times.get(places[0]) == 1
            and is_float(record.value(places[0]))}, record


def _final(rule: LayerRule, source: Source) -> dict[str, Any]:
    """The variables of backward where it returns."""
    record = Record([source])
    record.run(rule.shares)
    last = [block.statement for block in blocks(source)
            if isinstance(block.statement, ast.Return) and not block.around]
    return record.names.get(last[-1], {}) if last else {}


def _pairs(
    source: Source, found: dict[str, Any], made: dict[str, Place]
) -> Iterator[tuple[Block, str, Array, Place]]:
    """(line, dZ, its value, where forward makes Z), in the order of backward."""
    last = {}
    for block in blocks(source):
        statement = block.statement
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            last[statement.targets[0].id] = block
    for name, block in last.items():
        for variable, place in made.items():
            if block.loop is None and name in found and name in (
                    form.format(variable) for form in NAMES) and is_float(found[name]):
                yield block, name, np.asarray(found[name]), place


def _is_wrong(rule: LayerRule, record: Record, place: Place, gradient: Array) -> bool:
    """Return whether it is another gradient, and no plain multiple of it, as those of a sum are."""
    value = np.asarray(record.value(place))
    if gradient.shape != value.shape:
        return False
    rng = np.random.default_rng(11)
    h = STEP * (float(np.abs(value).max(initial=0.0)) or 1.0)
    mine, true = [], []
    for _ in range(3):
        direction = np.asarray(rng.standard_normal(value.shape))
        high, low = (record.changed(place, partial(np.add, sign * h * direction),
                                    lambda: rule.forward(rule.inputs)) for sign in (1, -1))
        true.append(float((rule.dy * (high - low)).sum()) / (2 * h))
        mine.append(float((gradient * direction).sum()))
    a, b = np.array(mine), np.array(true)
    square = float(a @ a)
    scaled = a * float(a @ b) / square if square else a
    return bool(np.abs(scaled - b).max() > CLOSE * np.abs(b).max())
