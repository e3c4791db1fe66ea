"""Edits of a softmax's Jacobian of which only the diagonal is used: s * (1 - s) * ds."""

import ast
import copy
from collections.abc import Iterator
from functools import reduce

import numpy as np

from .additions import times
from .edit import Edit, Scope, expression
from .places import Place
from .record import is_float

WHY = "the softmax's sum is missing: each output depends on all inputs"


def of_jacobians(place: Place, scope: Scope) -> Iterator[Edit]:
    """The product s * (1 - s) * ds as s * (ds - sum(ds * s)), of arrays or of their elements."""
    value = scope.record.value(place)
    if not isinstance(place.node, ast.BinOp) or not is_float(value):
        return
    found = factors(place.node)
    for s in found:
        rest = _without_slope(found, s)
        if not rest or not isinstance(s, (ast.Name, ast.Subscript)):
            continue
        g = ast.unparse(reduce(times, rest))
        for cost, total in _sums(place, s, g, scope):
            inner = f"({g})" if isinstance(reduce(times, rest), ast.BinOp) else g
            yield Edit(place, expression(f"{ast.unparse(s)} * ({inner} - {total})"), cost, WHY)


def factors(node: ast.expr) -> list[ast.expr]:
    """The factors of a product."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*factors(node.left), *factors(node.right)]
    return [node]


def _without_slope(found: list[ast.expr], s: ast.expr) -> list[ast.expr]:
    """The factors but s and 1 - s, or s - s ** 2; [] if these are not there, or nothing is left."""
    own = ast.unparse(s)
    texts = [ast.unparse(node) for node in found]
    for slope in ((own, f"1 - {own}"), (own, f"1.0 - {own}")):
        if all(text in texts for text in slope):
            gone = [texts.index(text) for text in slope]
            return [node for i, node in enumerate(found) if i not in gone]
    return []


def _sums(place: Place, s: ast.expr, g: str, scope: Scope) -> Iterator[tuple[float, str]]:
    """(cost, formula) of the sum of ds * s that each input gets a part of."""
    name = scope.numpy(place.source)
    value = scope.record.value(next((p for p in scope.record.places if p.node is s), None))
    shape = np.shape(scope.record.value(place))
    if isinstance(value, np.ndarray) and value.ndim:
        for axis in range(value.ndim):
            if value.shape == shape and (value >= 0).all() and np.allclose(value.sum(axis), 1):
                along = f", axis={axis}, keepdims=True" if value.ndim > 1 else ""
                yield 1.1, f"{name}.sum({g} * {ast.unparse(s)}{along})"
        return
    for atom in scope.numbers(place):
        if atom.plain and isinstance(atom.value, (float, np.floating)):
            yield 1.1, atom.text
    if isinstance(s, ast.Subscript):
        last = ast.unparse(_last(s))
        rows = [ast.unparse(_Rows(last).visit(copy.deepcopy(x))) for x in (s, expression(g))]
        yield 1.2, f"{name}.sum({rows[1]} * {rows[0]})"


def _last(node: ast.Subscript) -> ast.expr:
    """The last index."""
    return node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice


class _Rows(ast.NodeTransformer):
    """x[i] for x[i, t], and x for x[t]: whole rows for elements."""

    def __init__(self, last: str) -> None:
        self.last = last

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if ast.unparse(_last(node)) != self.last:
            return node
        if not isinstance(node.slice, ast.Tuple):
            return node.value
        rest = node.slice.elts[:-1]
        inner = rest[0] if len(rest) == 1 else ast.Tuple(rest, ast.Load())
        return ast.Subscript(node.value, inner, node.ctx)
