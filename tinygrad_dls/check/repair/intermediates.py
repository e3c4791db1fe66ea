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
from .record import Record, is_float, is_number
from .source import Source, sources
from .variables import read_by, written_by
from .wording import statement_text

STEP = 2.0**-16
CLOSE = 1e-4
MOST = 40  # expressions of forward that one gradient is put beside
NAMES = ("d{}", "d_{}", "grad_{}", "{}_grad", "g{}")


def first_wrong(rule: LayerRule) -> str:
    """The sentence about the first wrong variable; "" if all that can be checked are right."""
    forward = sources(lambda: rule.forward(rule.inputs), rule.function)
    backward = sources(rule.shares, rule.back)
    if not forward or not backward:
        return ""
    try:
        made, record = _made(rule, forward[0])
        back = Record([backward[0]])
        back.run(rule.shares)
        found = _last_names(back, backward[0])
        known = dict(_helpers(backward[0], found, _last_names(record, forward[0]), made))
        for block, name, gradient, place in _pairs(backward[0], found, made):
            right = _is_right(rule, record, place, gradient)
            if right is False:
                before = list(_before(back, backward[0], name))
                right = _as_another(rule, record, place, gradient, before)
            if right is False:
                of = ast.unparse(place.statement.targets[0])  # type: ignore[attr-defined]
                return _told(backward[0], block, name, of, known)
            if right:
                known[name] = True
        return _of_helper(backward[0], [name for name, right in known.items() if not right])
    except Exception:  # code that goes another way when its values move
        return ""


def _told(
    source: Source, block: Block, name: str, of: str, known: dict[str, bool]
) -> str:
    """The sentence about a wrong variable, with the lines before that may be wrong in its stead:
    those that make what it is made of, as far as nothing says that it is right.
    """
    writes: dict[str, list[ast.stmt]] = {}
    for b in blocks(source):
        for variable in written_by(b.statement):
            if not _unpacks(b.statement):
                writes.setdefault(variable, []).append(b.statement)
    lines: set[int] = set()
    asked, seen = [name], {name}
    while asked:
        for statement in writes.get(asked.pop(), []):
            if statement.lineno <= block.statement.lineno:
                lines.add(statement.lineno)
                more = {v for v in read_by(statement) - seen if not known.get(v)}
                seen |= more
                asked += more
    if text := _of_helper(source, [v for v, right in known.items() if not right and v in seen]):
        return text
    lines.discard(block.statement.lineno)
    text = (f"in {source.function.__name__}, line {block.statement.lineno}: "
            f"`{statement_text(source, block.statement)}`")
    if not lines:
        return f"{text} is the first line whose result is wrong: {name} is not the gradient of {of}"
    others = ", ".join(map(str, sorted(lines)))
    return (f"{text}: {name} is not the gradient of {of}; the mistake is in this line or before, "
            f"in what it is made of (line{'s' * (len(lines) > 1)} {others})")


def _helpers(
    source: Source, found: dict[str, Any], theirs: dict[str, Any], made: dict[str, Place]
) -> Iterator[tuple[str, bool]]:
    """(name, whether it has forward's value) of variables that both functions make.

    Another value is told of arrays that forward makes once: other names come and go.
    """
    for block in blocks(source):
        for name in written_by(block.statement) if isinstance(block.statement, ast.Assign) else ():
            if not all(is_float(x) or is_number(x) for x in (found.get(name), theirs.get(name))):
                continue
            mine, value = np.asarray(found[name]), np.asarray(theirs[name])
            same = mine.shape == value.shape and np.allclose(mine, value, 1e-9, 1e-12)
            if same or (name in made and mine.size == value.size > 1
                        and not _unpacks(block.statement)):
                yield name, same


def _of_helper(source: Source, wrong: list[str]) -> str:
    """The sentence about the first of the variables that are not forward's; "" if there is none."""
    for block in blocks(source):
        for name in written_by(block.statement):
            if name in wrong:
                return (f"in {source.function.__name__}, line {block.statement.lineno}: "
                        f"`{statement_text(source, block.statement)}`: {name} is not forward's "
                        f"{name}: it has another value")
    return ""


def _unpacks(statement: ast.stmt) -> bool:
    """Return whether a statement gives names to parts of the cache, or to lengths."""
    return isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple) and (
        not isinstance(statement.value, ast.Tuple))


def _made(rule: LayerRule, source: Source) -> tuple[dict[str, Place], Record]:
    """The expressions that forward gives a name, each name once."""
    record = Record([source])
    record.run(lambda: rule.forward(rule.inputs))
    found: dict[str, list[Place]] = {}
    changed = set(_written_into(source))
    for place in record.places:
        statement = place.statement
        if isinstance(statement, ast.Assign) and place.parent is statement and (
                isinstance(statement.targets[0], ast.Name)):
            found.setdefault(statement.targets[0].id, []).append(place)
    return {name: places[0] for name, places in found.items()
            if len(places) == 1 and name not in changed and record.times.get(places[0]) == 1
            and is_float(record.value(places[0]))}, record


def _written_into(source: Source) -> Iterator[str]:
    """The variables that keep no value that they are given: loops, z += b and z[:, t] = a."""
    for block in blocks(source):
        statement = block.statement
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        named = {node.id for target in targets for node in ast.walk(target)
                 if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        yield from (name for name in written_by(statement) if name not in named)


def _before(record: Record, source: Source, name: str) -> Iterator[Array]:
    """The values of a variable before each line that makes it of itself, as d = d / n does."""
    for block in blocks(source):
        statement = block.statement
        value = record.names.get(statement, {}).get(name)
        adds = isinstance(statement, ast.AugAssign) and isinstance(statement.op, (ast.Add, ast.Sub))
        of_itself = isinstance(statement, ast.AugAssign) or name in read_by(statement)
        if is_float(value) and name in written_by(statement) and of_itself and not adds:
            yield np.asarray(value)


def _as_another(
    rule: LayerRule, record: Record, place: Place, gradient: Array, before: list[Array]
) -> bool | None:
    """Return whether a dZ that is not the gradient of Z is that of another value; None: it may be.

    d = d / n of a Z = sum / n is the gradient of the sum, which has no name of its own.
    """
    own = ast.unparse(place.statement.targets[0])  # type: ignore[attr-defined]
    inside = set(ast.walk(place.node)) - {place.node}
    alike = [p for p in record.places if record.times.get(p) == 1 and is_float(record.value(p))
             and np.shape(record.value(p)) == gradient.shape and ast.unparse(p.node) != own
             and (before or p.node in inside)][:MOST]
    if any(_is_right(rule, record, p, gradient) for p in alike):
        return True if before else None
    return None if any(_is_right(rule, record, place, x) for x in before) else False


def _last_names(record: Record, source: Source) -> dict[str, Any]:
    """The variables of a function where it returns."""
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


def _is_right(rule: LayerRule, record: Record, place: Place, gradient: Array) -> bool | None:
    """Return whether an array is the gradient of an expression of forward; None: it may be one, as
    a multiple of it, such as those of a sum for a mean.
    """
    value = np.asarray(record.value(place))
    if gradient.shape != value.shape:
        return None
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
    square, size = float(a @ a) or 1.0, float(np.abs(b).max())
    if np.abs(a - b).max() <= CLOSE * size:
        return True
    c = float(a @ b) / square
    return None if not size or np.abs(c * a - b).max() <= CLOSE * size else False
