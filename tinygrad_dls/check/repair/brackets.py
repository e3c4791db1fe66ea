"""Edits of where a bracket ends: np.sqrt(v + eps) for np.sqrt(v) + eps, x / (s + e) for x / s + e.
"""

import ast
from collections.abc import Iterator

from .edit import Edit, Scope
from .places import Place
from .record import is_float
from .slices import Alternatives

SUMS = (ast.Add, ast.Sub)
PRODUCTS = (ast.Mult, ast.Div)


def of_brackets(place: Place, scope: Scope) -> Iterator[Edit]:
    """The last term, or factor, of a sum put into the brackets before it, or taken out of them."""
    if not is_float(scope.record.value(place)):
        return
    for cost, new, why in (*_into(place.node), *_out_of(place.node)):
        yield Edit(place, new, cost, why)


def _into(node: ast.expr) -> Alternatives:
    """f(a) + b as f(a + b), a / b + c as a / (b + c), a ** n + b as (a + b) ** n."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (*SUMS, *PRODUCTS)):
        return
    inner, op, last = node.left, node.op, node.right
    text = ast.unparse(last)
    if isinstance(inner, ast.Call) and inner.args:
        first = ast.BinOp(inner.args[0], op, last)
        call = ast.Call(inner.func, [first, *inner.args[1:]], inner.keywords)
        yield 1.3, call, f"{text} belongs inside of {ast.unparse(inner.func)}"
    if isinstance(inner, ast.BinOp) and isinstance(op, SUMS):
        if isinstance(inner.op, (*PRODUCTS, ast.Pow)):
            why = f"{text} belongs inside of the brackets"
            yield 1.3, ast.BinOp(inner.left, inner.op, ast.BinOp(inner.right, op, last)), why
            yield 1.4, ast.BinOp(ast.BinOp(inner.left, op, last), inner.op, inner.right), why
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, SUMS) and isinstance(op, SUMS):
        # z + a / b + c is (z + a / b) + c
        for cost, made, why in _into(ast.BinOp(inner.right, op, last)):
            yield cost, ast.BinOp(inner.left, inner.op, made), why
    if isinstance(op, ast.Add):  # b + f(a)
        yield from ((cost, new, why) for cost, new, why in _into_right(node))


def _into_right(node: ast.BinOp) -> Alternatives:
    """b + f(a) as f(b + a)."""
    inner, first = node.right, node.left
    if isinstance(inner, ast.Call) and inner.args:
        whole = ast.BinOp(first, node.op, inner.args[0])
        yield 1.4, ast.Call(inner.func, [whole, *inner.args[1:]], inner.keywords), (
            f"{ast.unparse(first)} belongs inside of {ast.unparse(inner.func)}")


def _out_of(node: ast.expr) -> Alternatives:
    """f(a + b) as f(a) + b, a / (b + c) as a / b + c, (a + b) ** n as a ** n + b."""
    if isinstance(node, ast.Call) and node.args and isinstance(inner := node.args[0], ast.BinOp):
        if isinstance(inner.op, (*SUMS, *PRODUCTS)):
            call = ast.Call(node.func, [inner.left, *node.args[1:]], node.keywords)
            yield 1.3, ast.BinOp(call, inner.op, inner.right), (
                f"{ast.unparse(inner.right)} belongs outside of {ast.unparse(node.func)}")
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (*PRODUCTS, ast.Pow)):
        return
    for side, other in ((node.right, node.left), (node.left, node.right)):
        if isinstance(side, ast.BinOp) and isinstance(side.op, SUMS):
            rest = ast.BinOp(other, node.op, side.left) if side is node.right else ast.BinOp(
                side.left, node.op, other)
            yield 1.3, ast.BinOp(rest, side.op, side.right), (
                f"{ast.unparse(side.right)} belongs outside of the brackets")
