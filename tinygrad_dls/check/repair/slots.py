"""Running an edit: compiled alone where it is an expression, as functions take much longer."""

import ast
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import CodeType
from typing import Any

from .edit import Edit, placed
from .places import Place

SLOT = "__edit_of_the_check__"
SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Slots:
    """Functions compiled with an empty place, which many edits are put into."""

    def __init__(self) -> None:
        self._codes: dict[Place, CodeType] = {}

    @contextmanager
    def running(self, edit: Edit) -> Iterator[None]:
        """Let the function of an edit run with it."""
        if edit.also is not None or not isinstance(edit.at, Place) or _is_scope(edit.at) or any(
                isinstance(node, SCOPES) for node in ast.walk(edit.new)):
            with edit.source.running(edit.code()):
                yield
            return
        place, names = edit.at, edit.source.function.__globals__
        new = placed(edit.new, place.node)
        code = compile(ast.Expression(new), "<edit>", "eval")

        def value(local: dict[str, Any]) -> Any:
            return eval(code, names, local)

        names[SLOT] = value
        try:
            with edit.source.running(self._code(place)):
                yield
        finally:
            names.pop(SLOT, None)

    def _code(self, place: Place) -> CodeType:
        if place not in self._codes:
            here = ast.Call(ast.Name("locals", ast.Load()), [], [])
            slot = ast.Call(ast.Name(SLOT, ast.Load()), [here], [])
            with place.holding(placed(slot, place.node)):
                self._codes[place] = place.source.compiled()
        return self._codes[place]


def _is_scope(place: Place) -> bool:
    """Return whether a place is inside of a comprehension or a lambda, which have own names."""
    above = place.above
    while above is not None:
        if isinstance(above.node, SCOPES):
            return True
        above = above.above
    return False


@contextmanager
def together(edits: Sequence[Edit]) -> Iterator[None]:
    """Let functions run with several edits at once."""
    with ExitStack() as stack:
        for edit in edits:
            stack.enter_context(edit.applied())
        for source in {id(edit.source): edit.source for edit in edits}.values():
            stack.enter_context(source.running(source.compiled()))
        yield
