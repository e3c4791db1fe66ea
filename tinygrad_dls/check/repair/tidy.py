"""The plainest way to write an edit: x for 1 * x, -pad for pad + -2 * pad."""

import ast
import copy
from dataclasses import replace

from .edit import Edit, expression


def tidied(edit: Edit) -> Edit:
    """The same edit with its new expressions as a person would write them."""
    new = edit.new
    if isinstance(new, ast.expr):
        new = tidy(new)
    else:
        new = [s if s is edit.statement or hasattr(s, "body") or hasattr(s, "lineno")
               else _Tidying().visit(copy.deepcopy(s)) for s in new]
    return replace(edit, new=new)


def tidy(node: ast.expr) -> ast.expr:
    """An equal expression without factors 1, and with the multiples of a name added up."""
    made = _Tidying().visit(copy.deepcopy(node))
    assert isinstance(made, ast.expr)
    return made


class _Tidying(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if isinstance(node.op, (ast.Add, ast.Sub)) and (short := _added_up(node)) is not None:
            return short
        self.generic_visit(node)
        left, op, right = node.left, node.op, node.right
        if isinstance(op, ast.Mult) and _is_one(left):
            return right
        if isinstance(op, (ast.Mult, ast.Div)) and _is_one(right):
            return left
        if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
            if isinstance(op, ast.Add):
                return ast.BinOp(left, ast.Sub(), right.operand)
            if isinstance(op, ast.Sub):
                return ast.BinOp(left, ast.Add(), right.operand)
        return node


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == 1


def _added_up(node: ast.expr) -> ast.expr | None:
    """A sum of whole multiples of names with each name once; None if each comes once already."""
    terms = _terms(node, 1)
    if terms is None or len({name for name, _ in terms}) == len(terms):
        return None
    sums: dict[str, int] = {}
    for name, k in terms:
        sums[name] = sums.get(name, 0) + k
    text = ""
    for name, k in sorted(sums.items(), key=lambda item: item[1] < 0):
        if k:
            sign = "-" if k < 0 else "+" if text else ""
            size = f"{abs(k)}" if name == "1" else name if abs(k) == 1 else f"{abs(k)} * {name}"
            text += f" {sign} {size}" if text else f"{sign}{size}"
    return copy.deepcopy(expression(text or "0"))


def _terms(node: ast.expr, sign: int) -> list[tuple[str, int]] | None:
    """(name, whole multiple) of each term of a sum; None where it has others. Numbers are of 1."""
    if isinstance(node, ast.Name):
        return [(node.id, sign)]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return [("1", sign * node.value)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _terms(node.operand, -sign)
    if not isinstance(node, ast.BinOp):
        return None
    left, right = _terms(node.left, sign), _terms(node.right, 1)
    if left is None or right is None:
        return None
    if isinstance(node.op, (ast.Add, ast.Sub)):
        return left + [(name, k * (sign if isinstance(node.op, ast.Add) else -sign))
                       for name, k in right]
    if isinstance(node.op, ast.Mult) and len(left) == len(right) == 1:
        (a, m), (b, n) = left[0], right[0]
        if "1" in (a, b):
            return [(b if a == "1" else a, m * n)]
    return None
