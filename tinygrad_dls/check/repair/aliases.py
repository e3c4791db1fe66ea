"""A backward that writes into an array of others: the line, where its other name was made, a mend.

`dH = dout` gives the array another name; `dH *= T` then changes dout, which later lines read.
"""

import ast
import inspect
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from ..case import Case
from ..layer_rule import LayerRule
from ..numeric import Array
from .attempts import CLOSE, Attempts
from .edit import Edit, expression
from .places import Block, Place, blocks, places
from .source import Source, sources
from .wording import sentence, statement_text

VIEWS = ("reshape", "ravel", "transpose", "swapaxes", "squeeze", "view", "asarray")


class Write(NamedTuple):
    """The first statement that changes an array that backward was given."""

    statement: ast.stmt
    name: str  # of the array, in backward
    others: list[str]  # names that it has, too, or a view of it


def written_into(rule: LayerRule, cases: Sequence[Case]) -> str:
    """The sentence about the line that writes into dy, or the cache; "" if it cannot be seen.

    A mend is told only if with it all gradients are right, and no array of others is changed.
    """
    found = sources(rule.shares, rule.back)
    if not found or found[0].function is not getattr(rule.back, "__func__", rule.back):
        return ""
    source = found[0]
    write = _Watch(source).first(rule)
    if write is None:
        return ""
    where = f"in {source.function.__name__}, line {write.statement.lineno}"
    text = f"{where}: `{statement_text(source, write.statement)}` writes into {write.name}"
    edits = list(_copies(source, write))
    made = [e for e in edits if isinstance(e.at, Place)]
    if made:
        line = made[-1].statement
        other = ast.unparse(line.targets[0])  # type: ignore[attr-defined]
        text += (f", as line {line.lineno}, `{statement_text(source, line)}`, only gives that "
                 f"array the name {other}, too")
    attempts = Attempts(rule, cases) if cases else None
    for edit in reversed(edits):
        if attempts is not None and _mends(attempts, edit):
            return f"{text}; {sentence(edit)}; then all gradients are right"
    return f"{text}: work on a copy" if made else f"{text}, which others use too: work on a copy"


def _mends(attempts: Attempts, edit: Edit) -> bool:
    try:
        with attempts.slots.running(edit):
            shares, problem = attempts.rule.gradients()
    except Exception:  # code that cannot be
        return False
    asked = {place: truth for place, truth in attempts.wrong.items()
             if not problem and shares[place] is not None}
    return bool(asked) and all(truth.is_close(shares[p], CLOSE) for p, truth in asked.items())


def _copies(source: Source, write: Write) -> list[Edit]:
    """Edits that make a copy: the line that writes as one that does not; where the name is made."""
    found: list[Edit] = []
    statement = write.statement
    for block in blocks(source):
        if block.statement is statement and isinstance(statement, ast.AugAssign) and isinstance(
                statement.target, ast.Name):
            target = statement.target
            value = ast.BinOp(ast.Name(target.id, ast.Load()), statement.op, statement.value)
            found.append(Edit(Block(source, block.body, block.index), [
                ast.Assign([ast.Name(target.id, ast.Store())], value)], 1.0,
                f"`{target.id} =` makes an array of its own"))
    for place in places(source):
        line = place.statement
        if isinstance(line, ast.Assign) and place.parent is line and place.name == "value" and (
                line.lineno < statement.lineno and isinstance(line.targets[0], ast.Name)
                and line.targets[0].id in write.others and _is_alias(place.node)):
            text = ast.unparse(place.node)
            found.append(Edit(place, expression(f"{text}.copy()"), 1.0,
                              "a copy is an array of its own"))
    return found


def _is_alias(node: ast.expr) -> bool:
    """Return whether an expression is an array itself, or a view of it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in VIEWS
    return isinstance(node, (ast.Name, ast.Subscript)) or (
        isinstance(node, ast.Attribute) and node.attr == "T")


class _Watch:
    """Looks after each line of backward whether an array that it was given is another one."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.parameters = list(inspect.signature(source.function).parameters)
        self.lines = {block.statement.lineno: block.statement for block in blocks(source)}
        self.given: list[tuple[Array, Array, str]] = []  # (array, as it was, name)
        self.found: Write | None = None

    def first(self, rule: LayerRule) -> Write | None:
        """The first line that writes into one."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            rule.shares()
        except Exception:  # backward's own, after a write or before it
            pass
        finally:
            sys.settrace(before)
        return self.found

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not self.source.function.__code__:
            return None
        for name in self.parameters:
            for path, array in _arrays(frame.f_locals.get(name)):
                self.given.append((array, array.copy(), name + path))
        last = [0]

        def stepped(frame: FrameType, event: str, _: Any) -> Any:
            if event in ("line", "return"):
                for array, old, name in self.given if self.found is None else ():
                    if last[0] and not np.array_equal(array, old, equal_nan=True):
                        own = self._name(frame, array, name)
                        others = [other for other, value in frame.f_locals.items()
                                  if other != own and isinstance(value, np.ndarray)
                                  and np.may_share_memory(value, array)]
                        self.found = Write(self.lines[last[0]], own, others)
                        break
                if frame.f_lineno in self.lines:
                    last[0] = frame.f_lineno
            return stepped

        return stepped

    def _name(self, frame: FrameType, array: Array, name: str) -> str:
        """The first name of an array in backward: that of the parameter, or of the unpacking."""
        return name if name in self.parameters else next(
            (other for other, value in frame.f_locals.items() if value is array), name)


def _arrays(value: Any, path: str = "") -> list[tuple[str, Array]]:
    """(index, array) of the arrays in nested tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        return [(path, value)] if value.dtype.kind in "fiub" else []
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(
        value, (tuple, list)) else ()
    return [found for key, inner in items for found in _arrays(inner, f"{path}[{key!r}]")]
