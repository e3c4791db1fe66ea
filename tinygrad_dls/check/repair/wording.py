"""A repair in words: the line as the learner wrote it, and as it must be."""

import ast
import textwrap

from ..layer_rule import LayerRule
from .edit import Edit
from .places import Block, Place
from .source import Source, sources
from .tidy import tidied


def sentence(edit: Edit) -> str:
    """The line to mend, and how.

    in backward, line 12: `dZ = dA` must be `dZ = dA * (Z > 0)` (the factor (Z > 0) is missing)
    """
    edit = tidied(edit)
    if edit.also is not None and edit.also.statement is edit.statement:
        with edit.applied():
            new = _head(edit.statement)
        return (f"in {edit.source.function.__name__}, line {edit.statement.lineno}: "
                f"`{_written(edit, edit.statement)}` must be `{new}` ({_both(edit, edit.also)})")
    also = "" if edit.also is None else f", and {sentence(edit.also)}"
    old, new = lines(edit)
    where = f"in {edit.source.function.__name__}, line {edit.statement.lineno}"
    if isinstance(edit.at, Block) and edit.over == 2 and edit.new[-1] is edit.statement:
        next_line = edit.new[0]
        return (f"{where}: `{old}` must stand behind line {next_line.lineno}, "
                f"`{_written(edit, next_line)}` ({edit.why}){also}")
    if not new:
        return f"{where}: `{old}` must go ({edit.why}){also}"
    return f"{where}: `{old}` must be `{new}` ({edit.why}){also}"


def _both(one: Edit, other: Edit) -> str:
    """The reasons of two edits of a line, each once."""
    return ", and ".join(dict.fromkeys((one.why, other.why)))


def lines(edit: Edit) -> tuple[str, str]:
    """The statement before and after the edit."""
    statement = edit.statement
    old = _written(edit, statement)
    with edit.alone():
        if isinstance(edit.at, Place):
            return old, _spliced(edit, edit.at) or _head(edit.statement)
        new = edit.at.body[edit.at.index:edit.at.index + len(edit.new)]
        return old, "; ".join(_written(edit, s) if s is statement else _head(s) for s in new)


def _head(statement: ast.stmt) -> str:
    """One line of a statement: of a loop, or a condition, its head."""
    return ast.unparse(statement).splitlines()[0]


def _segment(edit: Edit, node: ast.stmt) -> str:
    return ast.get_source_segment("".join(edit.source.lines), node) or ""


def _written(edit: Edit, statement: ast.stmt) -> str:
    return statement_text(edit.source, statement)


def statement_text(source: Source, statement: ast.stmt) -> str:
    """A statement as the learner wrote it, in one line."""
    text = ast.get_source_segment("".join(source.lines), statement) or ""
    if not text or hasattr(statement, "body"):
        return _head(statement)
    return " ".join(line.strip() for line in text.splitlines())


def _spliced(edit: Edit, place: Place) -> str:
    """The learner's own line with the new expression in it; "" if it does not fit."""
    statement, node = place.statement, place.node
    if hasattr(statement, "body") or not _segment(edit, statement):
        return ""
    rows = [line.encode() for line in edit.source.lines]
    first, last = statement.lineno - 1, (statement.end_lineno or statement.lineno) - 1
    before = [rows[first][statement.col_offset:], *rows[first + 1:node.lineno]]
    if node.lineno - 1 == first:
        head = rows[first][statement.col_offset:node.col_offset]
    else:
        before = [rows[first][statement.col_offset:], *rows[first + 1:node.lineno - 1]]
        head = b"".join([*before, rows[node.lineno - 1][:node.col_offset]])
    end_line, end = (node.end_lineno or 1) - 1, node.end_col_offset or 0
    tail = b"".join([rows[end_line][end:], *rows[end_line + 1:last + 1]])
    if end_line == last:
        tail = rows[last][end:statement.end_col_offset]
    else:
        tail = b"".join([rows[end_line][end:], *rows[end_line + 1:last],
                         rows[last][:statement.end_col_offset]])
    wanted = ast.dump(ast.parse(ast.unparse(statement)))
    inner = ast.unparse(edit.new)
    start, stop = head.decode(), tail.decode()
    tries = [start + inner + stop, f"{start}({inner}){stop}"]
    if start.endswith("(") and stop.startswith(")"):
        tries.insert(0, start[:-1] + inner + stop[1:])
    for made in map(textwrap.dedent, tries):
        try:
            if ast.dump(ast.parse(made)) == wanted:
                return " ".join(line.strip() for line in made.splitlines())
        except SyntaxError:
            continue
    return ""


DRAWS = ("rand", "randn", "random", "random_sample", "uniform", "normal", "standard_normal",
         "binomial", "integers", "randint", "choice", "permutation", "shuffle")


def drawn_again(rule: LayerRule) -> str:
    """Say which line of backward draws random numbers."""
    found = sources(rule.shares, rule.back)
    for source in found:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.stmt) and not hasattr(node, "body") and any(
                    isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
                    and call.func.attr in DRAWS for call in ast.walk(node)):
                return (f"in {source.function.__name__}, line {node.lineno}: "
                        f"`{ast.unparse(node)}` draws new random numbers, and these are not those "
                        "of forward. Keep what forward drew (the mask) in the cache, and use it "
                        "here")
    return ("backward gives another gradient each time: it draws new random numbers. Keep those of "
            "forward in the cache")
