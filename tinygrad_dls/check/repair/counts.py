"""Edits of numbers that count: an exponent less by one, a loop's variable for a constant index,
an index that runs the other way.
"""

import ast
from collections.abc import Iterator

import numpy as np

from .edit import Atom, Edit, Scope, expression
from .places import Place, blocks
from .record import is_float, is_number


def of_counts(place: Place, scope: Scope) -> Iterator[Edit]:
    """Every edit of an exponent or an index at this place."""
    yield from _exponents(place, scope)
    if _indexes(place):
        if _is_constant(place.node):
            yield from _turns(place, scope)
        yield from _other_way(place, scope)


def _exponents(place: Place, scope: Scope) -> Iterator[Edit]:
    """x ** k as x ** (k - 1), and x as x ** (k - 1) of a number k of the layer."""
    node, value, parent = place.node, scope.record.value(place), place.parent
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow):
        if parent.right is node and isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)):
            for op, sign in ((ast.Sub(), "-"), (ast.Add(), "+")):
                yield Edit(place, ast.BinOp(node, op, ast.Constant(1)), 0.95,
                           f"the exponent is {ast.unparse(node)} {sign} 1")
    elif isinstance(node, ast.Name) and is_float(value) and np.ndim(value) and not isinstance(
            parent, (ast.Attribute, ast.Subscript)):
        for k in scope.numbers(place):
            if _is_parameter(k, place):
                for power in (f"({k.text} - 1)", k.text, f"({k.text} + 1)"):
                    yield Edit(place, expression(f"{node.id} ** {power}"), 1.6,
                               f"the exponent {power.strip('()')} is missing")


def _is_parameter(atom: Atom, place: Place) -> bool:
    return is_number(atom.value) and not isinstance(atom.value, bool) and (
        atom.text not in loop_variables(place))


def _indexes(place: Place) -> bool:
    """Return whether the expression is an index, alone or beside others."""
    parent, above = place.parent, place.above
    if isinstance(parent, ast.Subscript):
        return parent.slice is place.node
    return isinstance(parent, ast.Tuple) and above is not None and isinstance(
        above.parent, ast.Subscript) and above.parent.slice is parent


def _is_constant(node: ast.expr) -> bool:
    """Return whether an index is a number, such as 0 or -1."""
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


def loop_variables(place: Place) -> list[str]:
    """The variables of the loops around a place, the innermost first."""
    around = next((b.around for b in blocks(place.source) if b.statement is place.statement), [])
    return [node.id for loop in reversed(around) if isinstance(loop, ast.For)
            for node in ast.walk(loop.target) if isinstance(node, ast.Name)]


def _turns(place: Place, scope: Scope) -> Iterator[Edit]:
    """caches[0] as caches[t], [t - 1], [t + 1], [T - 1 - t]."""
    variables = loop_variables(place)
    whole = [a.text for a in scope.numbers(place) if isinstance(a.value, (int, np.integer))]
    old = ast.unparse(place.node)
    for t in variables:
        if t in whole:
            lengths = [f"{n} - 1 - {t}" for n in whole if n not in variables]
            for cost, text in ((1.05, t), (1.2, f"{t} - 1"), (1.2, f"{t} + 1"),
                               *((1.5, text) for text in lengths)):
                yield Edit(place, expression(text), cost, f"{text} is meant, not {old}")


def _other_way(place: Place, scope: Scope) -> Iterator[Edit]:
    """w[a] as w[k - 1 - a], and the reverse."""
    node = place.node
    why = "the index must run the other way"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and (
            isinstance(node.right, ast.Name)):
        yield Edit(place, node.right, 1.0, why)
    if isinstance(node, ast.Name) and node.id in loop_variables(place):
        own = loop_variables(place)
        for n in scope.numbers(place):
            if n.plain and isinstance(n.value, (int, np.integer)) and n.text not in own:
                yield Edit(place, expression(f"{n.text} - 1 - {node.id}"), 1.4,
                           f"{why}, from {n.text} - 1")
        subscript = place.parent if isinstance(place.parent, ast.Subscript) else (
            place.above.parent if place.above is not None else None)
        if isinstance(subscript, ast.Subscript) and isinstance(subscript.value, ast.Name):
            text = f"{subscript.value.id}.shape[{place.index or 0}] - 1 - {node.id}"
            yield Edit(place, expression(text), 1.5, f"{why}, from the last")
