"""Small mistakes in a solution, one at a time: a sign, a factor, an axis, a transpose."""

import ast
import copy
from collections.abc import Iterator

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}
OTHERS = {
    "sum": "mean", "mean": "sum", "maximum": "minimum", "minimum": "maximum", "zeros": "ones",
    "ones": "zeros", "max": "min", "min": "max", "argmax": "argmin", "argmin": "argmax",
    "randn": "rand", "exp": "expm1", "sin": "cos", "cos": "sin", "sqrt": "square",
    "square": "abs", "abs": "square", "log": "log2",
}


def mutants(text: str, blocks: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, str]]:
    """(what was changed, the whole changed script) for each small change inside of the blocks."""
    tree = ast.parse(text)
    inside = [
        node for node in ast.walk(tree)
        if any(begin < getattr(node, "lineno", -1) < end for begin, end in blocks)
    ]
    for number, node in enumerate(inside):
        for change in range(len(list(_changes(node)))):
            changed = copy.deepcopy(tree)
            twin = [
                other for other in ast.walk(changed)
                if any(begin < getattr(other, "lineno", -1) < end for begin, end in blocks)
            ][number]
            before = ast.unparse(twin)
            new = list(_changes(twin))[change]
            _Replace(twin, new).visit(changed)
            what = f"line {node.lineno}: {before} -> {ast.unparse(new)}"
            yield what, ast.unparse(ast.fix_missing_locations(changed))


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in place of a node."""
    def other(**fields: object) -> ast.AST:
        twin = copy.deepcopy(node)
        for name, value in fields.items():
            setattr(twin, name, value)
        return twin

    match node:
        case ast.BinOp() | ast.AugAssign() if type(node.op) in OPERATORS:
            if not (isinstance(node.op, ast.Add) and _is_text(node)):
                yield other(op=OPERATORS[type(node.op)]())
        case ast.Compare(ops=[one]):
            for kind in COMPARISONS.get(type(one), ()):
                yield other(ops=[kind()])
        case ast.Constant(value=bool(value)):
            yield other(value=not value)
        case ast.Constant(value=int(value)) | ast.Constant(value=float(value)):
            yield other(value=2 * value + 1)
            if value == 1:
                yield other(value=0)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield copy.deepcopy(operand)
        case ast.Attribute(attr="T", value=value):
            yield copy.deepcopy(value)
        case ast.Attribute(attr=name) if name in OTHERS and not name == "square":
            yield other(attr=OTHERS[name])
        case ast.Attribute(attr="square"):
            yield other(attr="abs")
        case ast.If() | ast.IfExp():
            yield other(test=ast.UnaryOp(ast.Not(), node.test))
        case ast.Call(func=ast.Name(id="reversed"), args=[argument]):
            yield copy.deepcopy(argument)


def _is_text(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node))
