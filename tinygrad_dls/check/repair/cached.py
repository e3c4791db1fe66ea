"""Edits of what forward keeps: its output is right, but the cache holds another value than backward
means, such as Z where A is meant, or an array that a later line has written into.
"""

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from .edit import Edit, expression
from .lines import exchange
from .places import Block, Place, blocks
from .record import Record, is_float
from .source import Source

FUNCTIONS = ("exp", "log", "sqrt", "square", "tanh")
NAMESAKE, OTHER = 0.75, 1.45  # costs, where backward calls the entry so, and where it does not
FUNCTION = 2.0  # of a variable; no more than a guess where backward's name is forward's


def of_cache(record: Record, backward: Source) -> Iterator[Edit]:
    """Every edit of one entry of the cache, and of the order of two lines; `record` is a run of
    forward.
    """
    source = record.sources[0]
    by_node = {place.node: place for place in record.places}
    for holder in _holders(source):
        for place, called in _entries(holder, by_node, backward):
            yield from _others(place, called, record, source)
            yield from _overwritten(place, source, by_node)
    for block in blocks(source):
        if block.index + 1 < len(block.body):
            following = block.body[block.index + 1]
            if all(isinstance(s, (ast.Assign, ast.AugAssign, ast.Expr))
                   for s in (block.statement, following)):
                yield exchange(block, following)


def _holders(source: Source) -> Iterator[ast.expr]:
    """The tuples, lists and dicts that forward returns last, or appends to a list."""
    names = set()
    for block in blocks(source):
        statement = block.statement
        if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Tuple):
            last = statement.value.elts[-1]
            if isinstance(last, ast.Name):
                names.add(last.id)
            yield last
    for block in blocks(source):
        statement = block.statement
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and (
                statement.targets[0].id in names):
            yield statement.value
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and (
                call.func.attr == "append" and len(call.args) == 1):
            yield call.args[0]


def _entries(
    holder: ast.expr, by_node: dict[ast.expr, Place], backward: Source
) -> Iterator[tuple[Place, str]]:
    """(place, what backward calls it) of each entry."""
    if isinstance(holder, ast.Dict):
        for key, value in zip(holder.keys, holder.values):
            if isinstance(key, ast.Constant) and value in by_node:
                yield by_node[value], str(key.value)
    elif isinstance(holder, ast.Call) and ast.unparse(holder.func) == "dict":
        for keyword in holder.keywords:
            if keyword.arg and keyword.value in by_node:
                yield by_node[keyword.value], keyword.arg
    elif isinstance(holder, (ast.Tuple, ast.List)):
        called = _unpacked(holder, backward)
        for i, node in enumerate(holder.elts):
            if isinstance(node, (ast.Tuple, ast.List, ast.Dict)):
                yield from _entries(node, by_node, backward)
            elif node in by_node:
                yield by_node[node], called[i] if called else ""
    elif holder in by_node and not isinstance(holder, ast.Name):
        yield by_node[holder], ""


def _unpacked(holder: ast.Tuple | ast.List, backward: Source) -> list[str]:
    """The names that backward gives to the entries: those that are most like forward's."""
    packed = [ast.unparse(node) for node in holder.elts]
    found = [[ast.unparse(name) for name in target.elts] for node in ast.walk(backward.tree)
             if isinstance(node, (ast.Assign, ast.For))
             for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
             if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(packed)]
    alike = [sum(a == b for a, b in zip(names, packed)) for names in found]
    return found[int(np.argmax(alike))] if found else []


def _others(place: Place, called: str, record: Record, source: Source) -> Iterator[Edit]:
    """Another variable of forward, or a function of this one."""
    own, value = ast.unparse(place.node), record.value(place)
    known = record.names.get(place.statement, {})
    for name, other in known.items():
        if name == own or not isinstance(other, np.ndarray) or not other.size:
            continue
        meant = name.lower() == called.lower()
        alike = isinstance(value, np.ndarray) and value.shape == other.shape
        if meant or (own != called and alike):
            yield Edit(place, ast.Name(name, ast.Load()), NAMESAKE if meant else OTHER,
                       f"the cache holds {own} where backward means {name}")
    if not is_float(value) or not np.ndim(value):
        return
    np_name = next((k for k, v in source.function.__globals__.items() if v is np), "np")
    inner = [node for node in ast.walk(place.node) if isinstance(node, ast.expr)
             and node is not place.node and isinstance(getattr(node, "ctx", None), ast.Load)
             and isinstance(known.get(ast.unparse(node)), np.ndarray)
             and known[ast.unparse(node)].shape == np.shape(value)]
    for node in inner:
        text = ast.unparse(node)
        yield Edit(place, node, NAMESAKE if text == called else OTHER,
                   f"the cache holds {own} where backward means {text}")
    for function in FUNCTIONS:
        text = f"{np_name}.{function}({own})"
        yield Edit(place, expression(text), FUNCTION,
                   f"the cache holds {own} where backward means {text}")


def _overwritten(place: Place, source: Source, by_node: dict[ast.expr, Place]) -> Iterator[Edit]:
    """Try what a variable held before a line changed it, or an array that shares its memory."""
    node = place.node
    if not isinstance(node, ast.Name):
        return
    name = node.id
    for block in blocks(source):
        statement = block.statement
        if statement is place.statement or statement.lineno > place.statement.lineno:
            continue
        if _changes(statement, name):
            before = f"{name}_before"
            kept = ast.parse(f"{before} = {name}.copy()").body[0]
            why = f"the cache holds {name} after line {statement.lineno} has changed it"
            yield Edit(Block(block.source, block.body, block.index), [kept, statement], 1.2,
                       f"backward means {name} as it was before",
                       also=Edit(place, ast.Name(before, ast.Load()), 0.0, why))
        value: Any = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign) and isinstance(value, ast.Name) and (
                value in by_node and name in (value.id, ast.unparse(statement.targets[0]))):
            other = ast.unparse(statement.targets[0])
            yield Edit(by_node[value], expression(f"{value.id}.copy()"), 1.0,
                       f"{other} is the array {value.id} itself: what is written into one changes "
                       "the other, which the cache holds")


def _changes(statement: ast.stmt, name: str) -> bool:
    """Return whether a statement makes another value of a variable from the one it has."""
    targets: list[ast.expr]
    if isinstance(statement, ast.AugAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        return False
    for target in targets:
        if isinstance(target, ast.Subscript) and ast.unparse(target.value) == name:
            return True
        if isinstance(target, ast.Name) and target.id == name:
            return isinstance(statement, ast.AugAssign) or any(
                isinstance(node, ast.Name) and node.id == name
                for node in ast.walk(statement.value))
    return False
