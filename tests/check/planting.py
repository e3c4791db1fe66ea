"""Layers with a planted mistake, written out as a learner would have them in a file.

The layers of the tests are functions of `wrong`, with an `if` at each mistake. `written_out`
decides these, so that what is checked has the mistake in its line and nothing else.
"""

import ast
import inspect
import itertools
import linecache
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

_numbers = itertools.count()


class _Decided(ast.NodeTransformer):
    """A factory of layers with what depends on constants alone worked out."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self.known:
            return ast.Constant(self.known[node.id])
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        return _worked_out(node, [node.left, *node.comparators])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return _worked_out(node, [node.operand] if isinstance(node.op, ast.Not) else [None])

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        ends = isinstance(node.op, ast.Or)
        values = [v for v in node.values if not _is(v, not ends)]
        if any(_is(v, ends) for v in values):
            return ast.Constant(ends)
        node.values = values
        return values[0] if len(values) == 1 else node if values else ast.Constant(not ends)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A line that the next one makes pointless would give the mistake away."""
        self.generic_visit(node)
        node.body = _without_dead(node.body)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body = _without_dead(node.body)
        return node

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.right, ast.Constant) and isinstance(node.right.value, bool):
            if not node.right.value:
                return node.left
            node.right = ast.Constant(1)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs = [test for test in node.ifs if not _is(test, True)]
        return node


def _without_dead(body: list[ast.stmt]) -> list[ast.stmt]:
    def is_dead(one: ast.stmt, following: ast.stmt) -> bool:
        if not isinstance(one, ast.Assign) or not isinstance(following, ast.Assign):
            return False
        names = {node.id for node in ast.walk(following.value) if isinstance(node, ast.Name)}
        target = one.targets[0]
        return isinstance(target, ast.Name) and target.id not in names and (
            ast.unparse(target) == ast.unparse(following.targets[0]))

    return [one for one, following in zip(body, [*body[1:], ast.Pass()])
            if not is_dead(one, following)]


def _is(node: ast.AST, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _worked_out(node: ast.expr, parts: list[Any]) -> ast.expr:
    if not all(isinstance(part, (ast.Constant, ast.Tuple)) for part in parts):
        return node
    try:
        return ast.Constant(eval(ast.unparse(node)))
    except NameError:
        return node


def written_out(factory: Callable[..., Any], *options: Any, wrong: str = "") -> Any:
    """The (forward, backward) of a factory, compiled from a source without `wrong` and options."""
    names = list(inspect.signature(factory).parameters)
    known = dict(zip(names, options)) | {"wrong": wrong}
    tree = ast.parse(textwrap.dedent(inspect.getsource(factory)))
    tree = ast.fix_missing_locations(_Decided(known).visit(tree))
    found = as_a_file(ast.unparse(tree) + "\n", dict(vars(inspect.getmodule(factory))))
    return found[factory.__name__](*options, **{"wrong": wrong} if "wrong" in names else {})


def as_a_file(source: str, found: dict[str, Any]) -> dict[str, Any]:
    """The names `found`, and those that a source makes, whose lines can be read as a file's."""
    file = f"<layer {next(_numbers)}>"
    linecache.cache[file] = len(source), None, source.splitlines(True), file
    exec(compile(source, file, "exec"), found)
    return found


def layer_of(source: str) -> tuple[Any, Any]:
    """The functions `forward` and `backward` of a source."""
    found = as_a_file(source, {"np": np})
    return found["forward"], found["backward"]
