"""Edits that put the slope of forward's own line in: np.where(z > 0, 1, 0.1) of a leaky ReLU."""

import ast
from collections.abc import Iterator

import numpy as np

from .additions import is_product_root, times
from .edit import Edit, Scope, expression
from .places import Place
from .record import is_float, is_number
from .source import Source
from .tidy import tidy


def of_own_slopes(place: Place, scope: Scope, forward: Source) -> Iterator[Edit]:
    """The expression times the slope of an elementwise line of forward, in backward's names."""
    value = scope.record.value(place)
    if not is_product_root(place) or not is_float(value) or not np.ndim(value):
        return
    known = {atom.text: atom.value for atom in scope.atoms(place)}
    outer = forward.function.__globals__
    for variable, slope in slopes_of(forward):
        if variable not in known or np.shape(known[variable]) != np.shape(value):
            continue
        text = _in_names(slope, known, outer)
        if text:
            yield Edit(place, times(place.node, expression(text)), 2.25,
                       f"the factor {text} is missing: the slope of forward's line")


def slopes_of(forward: Source) -> Iterator[tuple[str, ast.expr]]:
    """(variable, slope) of each line of forward that is elementwise in one variable."""
    for node in ast.walk(forward.tree):
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Name):
            for name in sorted({n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}):
                try:
                    slope = tidy(_slope(node.value, name))
                except ValueError:
                    continue
                if not isinstance(slope, ast.Constant) and any(
                        isinstance(n, ast.Name) and n.id == name for n in ast.walk(slope)):
                    yield name, slope


def _in_names(slope: ast.expr, known: dict[str, object], outer: dict[str, object]) -> str:
    """The formula with numbers that backward has no name for; "" if it has none for an array."""
    text = ast.unparse(slope)
    for name in {n.id for n in ast.walk(slope) if isinstance(n, ast.Name)}:
        if name in known or outer.get(name) is np:
            continue
        if not is_number(outer.get(name)):
            return ""
        slope = _Filled(name, outer[name]).visit(expression(text))
        text = ast.unparse(slope)
    return text


class _Filled(ast.NodeTransformer):
    """Puts a number in the place of a name, in a copy."""

    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(self.value) if node.id == self.name else node  # type: ignore[arg-type]


def _slope(node: ast.expr, name: str) -> ast.expr:
    """The derivative of an elementwise formula. ValueError if it is none, or of another kind."""
    if not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node)) or isinstance(
            node, ast.Compare):
        return ast.Constant(0)
    if isinstance(node, ast.Name):
        return ast.Constant(1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        left, right = _slope(node.left, name), _slope(node.right, name)
        return left if _is(right, 0) else ast.BinOp(left, node.op, right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _slope(node.left, name), _slope(node.right, name)
        if _is(right, 0):
            return ast.BinOp(left, ast.Mult(), node.right)
        if _is(left, 0):
            return ast.BinOp(node.left, ast.Mult(), right)
        return ast.BinOp(ast.BinOp(left, ast.Mult(), node.right), ast.Add(),
                         ast.BinOp(node.left, ast.Mult(), right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
        verb, arguments = node.func.attr, node.args
        if verb == "where" and len(arguments) == 3:
            return ast.Call(node.func, [arguments[0], *(
                tidy(_slope(side, name)) for side in arguments[1:])], [])
        if verb in ("maximum", "minimum") and len(arguments) == 2:
            test = ast.Compare(arguments[0], [ast.Gt() if verb == "maximum" else ast.Lt()],
                               [arguments[1]])
            where = ast.Attribute(node.func.value, "where", ast.Load())
            return ast.Call(where, [test, *(tidy(_slope(side, name)) for side in arguments)], [])
        if verb == "tanh" and isinstance(arguments[0], ast.Name):
            return ast.BinOp(ast.Constant(1), ast.Sub(), ast.BinOp(node, ast.Pow(),
                                                                   ast.Constant(2)))
    raise ValueError("no formula with a known slope")


def _is(node: ast.expr, c: int) -> bool:
    return isinstance(node, ast.Constant) and node.value == c
