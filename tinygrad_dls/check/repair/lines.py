"""Edits of whole statements: `=` for `+=`, a line too much, a line in the wrong place."""

import ast
from collections.abc import Iterator
from itertools import combinations

from .edit import Edit, Scope
from .picks import of_picks
from .places import Block, blocks
from .slices import other_slices


def of_lines(block: Block, scope: Scope) -> Iterator[Edit]:
    """Every edit of one statement as a whole."""
    statement = block.statement
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        yield from _assigned(block, statement)
        yield from of_names(block, scope)
    yield from _written_into(block, scope)
    if isinstance(statement, ast.AugAssign):
        target, value = statement.target, statement.value
        plain = ast.Assign([target], value)
        yield Edit(block, [plain], 1.2, "`=` is meant: it adds to what is there already")
        for op, sign in ((ast.Add(), "+"), (ast.Sub(), "-"), (ast.Mult(), "*"), (ast.Div(), "/")):
            if type(op) is not type(statement.op):
                yield Edit(block, [ast.AugAssign(target, op, value)], 1.0, f"`{sign}=` is meant")
        yield from _at(block, statement, scope)
    if isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr)):
        yield Edit(block, [], 1.5, "this line is too much")
        yield from _moved(block, statement)
    if isinstance(statement, ast.If) and not statement.orelse:
        yield Edit(block, statement.body, 1.6, "the condition is too much")


def _written_into(block: Block, scope: Scope) -> Iterator[Edit]:
    """Another part of the array that a line writes into: dx[:, :-1] for dx[:, 1:]."""
    statement = block.statement
    if not isinstance(statement, (ast.Assign, ast.AugAssign)):
        return
    target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
    if not isinstance(target, ast.Subscript):
        return
    counts = [a.text for a in scope.numbers(block) if isinstance(a.value, int)]
    for cost, new, why in (*other_slices(target, counts), *of_picks(target, block, scope)):
        made = ast.AugAssign(new, statement.op, statement.value) if isinstance(  # type: ignore[arg-type]
            statement, ast.AugAssign) else ast.Assign([new], statement.value)
        yield Edit(block, [made], cost, why)


def _assigned(block: Block, statement: ast.Assign) -> Iterator[Edit]:
    target = statement.targets[0]
    if isinstance(target, (ast.Name, ast.Subscript)):
        for cost, op, sign in ((0.9, ast.Add(), "+"), (1.3, ast.Sub(), "-"),
                               (1.3, ast.Mult(), "*")):
            yield Edit(block, [ast.AugAssign(target, op, statement.value)], cost,
                       f"`{sign}=` is meant: `=` overwrites what is there already")
        if isinstance(target, ast.Name):
            # The variable from before the line, which no `+=` may write into.
            added = ast.BinOp(ast.Name(target.id, ast.Load()), ast.Add(), statement.value)
            yield Edit(block, [ast.Assign([target], added)], 1.1,
                       f"what {target.id} holds already must be added, not overwritten")


def of_names(block: Block, scope: Scope, packed: bool = False) -> Iterator[Edit]:
    """Two names of an unpacking exchanged; `packed`: one that is as forward packs them."""
    statement = block.statement
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return
    target = statement.targets[0]
    if isinstance(target, ast.Tuple) and (scope.packs(target) == packed):
        for i, j in combinations(range(len(target.elts)), 2):
            names = list(target.elts)
            names[i], names[j] = names[j], names[i]
            one, two = ast.unparse(target.elts[i]), ast.unparse(target.elts[j])
            yield Edit(block, [ast.Assign([ast.Tuple(names, ast.Store())], statement.value)], 1.1,
                       f"{one} and {two} are swapped")


def _at(block: Block, statement: ast.AugAssign, scope: Scope) -> Iterator[Edit]:
    """np.add.at, where places come more than once."""
    target = statement.target
    if isinstance(target, ast.Subscript) and isinstance(statement.op, (ast.Add, ast.Sub)):
        name = scope.numpy(block.source)
        verb = "add" if isinstance(statement.op, ast.Add) else "subtract"
        place = ast.unparse(target.slice)
        place = f"({place})" if isinstance(target.slice, ast.Tuple) else place
        if ":" in place:
            return
        text = f"{name}.{verb}.at({ast.unparse(target.value)}, {place}, " \
               f"{ast.unparse(statement.value)})"
        yield Edit(block, ast.parse(text).body, 1.3, "`+=` counts an index that comes several "
                   "times once only")


def _moved(block: Block, statement: ast.stmt) -> Iterator[Edit]:
    """The statement before or behind its neighbour, its loop, or inside of the loop before it."""
    body, i = block.body, block.index
    if i + 1 < len(body) and isinstance(body[i + 1], (ast.Assign, ast.AugAssign, ast.Expr)):
        yield exchange(block, body[i + 1])
    if i and isinstance(body[i - 1], ast.For):
        loop = body[i - 1]
        assert isinstance(loop, ast.For)
        inside = ast.For(loop.target, loop.iter, [*loop.body, statement], loop.orelse)
        before = Block(block.source, body, i - 1, block.around)
        yield Edit(before, [inside], 1.6, "it must be inside of the loop", 2)
    loop_ = block.loop
    if isinstance(loop_, ast.For) and loop_.body is body and len(body) > 1:
        rest = [*body[:i], *body[i + 1:]]
        outer = ast.For(loop_.target, loop_.iter, rest, loop_.orelse)
        holder = _holder(block, loop_)
        if holder is not None:
            yield Edit(holder, [statement, outer], 1.6, "it must be before the loop")
            yield Edit(holder, [outer, statement], 1.6, "it must be behind the loop")


def exchange(block: Block, following: ast.stmt) -> Edit:
    """A statement and the one that follows it, in the other order."""
    return Edit(block, [following, block.statement], 1.6, "these two lines are in the wrong order",
                2)


def _holder(block: Block, loop: ast.stmt) -> Block | None:
    """The place of a loop."""
    return next((b for b in blocks(block.source) if b.statement is loop), None)
