"""A run of a backward, observed: the value of each expression, and what depends on it."""

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ..numeric import Array
from .places import Place, places
from .source import Source

SEEN, HERE = "__seen_by_the_check__", "__here_by_the_check__"
LARGE = 100_000  # elements of an array of which no copy is kept
Change = Callable[[Any], Any]


class Record:
    """One run of the learner's functions, with the values that were seen.

    `values[place]` is the first value of an expression, `times[place]` how often it was computed,
    `names[statement]` the local variables before a statement.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = list(sources)
        self.places = [place for source in sources for place in places(source)]
        self.values: dict[Place, Any] = {}
        self.times: dict[Place, int] = {}
        self.names: dict[ast.stmt, dict[str, Any]] = {}
        self._target: Place | None = None
        self._change: Change = lambda value: value
        self._statements: list[ast.stmt] = []
        self._codes = [(source, source.compiled(self._told(source))) for source in sources]

    def value(self, place: Place | None) -> Any:
        """The first value of an expression; None if it was not computed."""
        return None if place is None else self.values.get(place)

    # --- runs ----------------------------------------------------------------------------------

    def run(self, backward: Callable[[], Any]) -> Any:
        """Run it and note all values."""
        with self._watched(self._note, self._names_at):
            return backward()

    def changed(self, place: Place, change: Change, backward: Callable[[], Any]) -> Any:
        """Run it with another value of one expression, each time that it is computed."""
        self._target, self._change = place, change
        with self._watched(self._alter, lambda number, names: None):
            return backward()

    @contextmanager
    def _watched(self, seen: Any, here: Any) -> Iterator[None]:
        with ExitStack() as stack:
            for source, code in self._codes:
                names = source.function.__globals__
                names[SEEN], names[HERE] = seen, here
                stack.callback(names.pop, SEEN, None)
                stack.callback(names.pop, HERE, None)
                stack.enter_context(source.running(code))
            yield

    def _note(self, number: int, value: Any) -> Any:
        place = self.places[number]
        self.times[place] = self.times.get(place, 0) + 1
        if place not in self.values:
            self.values[place] = _kept(value)
        return value

    def _alter(self, number: int, value: Any) -> Any:
        return self._change(value) if self.places[number] is self._target else value

    def _names_at(self, number: int, names: dict[str, Any]) -> None:
        known = self.names.setdefault(self._statements[number], {})
        for name, value in names.items():
            if name not in known and not name.startswith("."):
                known[name] = _kept(value)

    # --- the tree that tells ---------------------------------------------------------------------

    def _told(self, source: Source) -> ast.FunctionDef:
        """The tree with each expression, and each statement, telling its value."""
        for number, place in enumerate(self.places):
            if place.source is source:
                place.node.told = number  # type: ignore[attr-defined]
        for node in ast.walk(source.tree):
            if isinstance(node, ast.stmt):
                node.number = len(self._statements)  # type: ignore[attr-defined]
                self._statements.append(node)
        told = _Telling().visit(copy.deepcopy(source.tree))
        assert isinstance(told, ast.FunctionDef)
        return told


class _Telling(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        inner = super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(inner, name, None)
            if isinstance(block, list) and isinstance(inner, (ast.stmt, ast.excepthandler)):
                setattr(inner, name, [x for s in block for x in self._with_names(s)])
        number = getattr(node, "told", None)
        if number is None or not isinstance(inner, ast.expr):
            return inner
        call = ast.Call(ast.Name(SEEN, ast.Load()), [ast.Constant(number), inner], [])
        return ast.copy_location(call, inner)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if hasattr(node.func, "told"):
            del node.func.told
        return self.generic_visit(node)

    @staticmethod
    def _with_names(statement: ast.stmt) -> list[ast.stmt]:
        names = ast.Call(ast.Name("locals", ast.Load()), [], [])
        tell = ast.Expr(ast.Call(ast.Name(HERE, ast.Load()), [
            ast.Constant(getattr(statement, "number", 0)), names], []))
        return [ast.copy_location(tell, statement), statement]


def _kept(value: Any) -> Any:
    """A value as it is now: arrays are copied, as later lines may write into them."""
    if isinstance(value, np.ndarray):
        return value.copy() if value.size <= LARGE else value
    if isinstance(value, (list, dict)):
        return copy.copy(value)
    return value


def is_number(value: Any) -> bool:
    """Return whether a value is a number, of Python or NumPy."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def is_float(value: Any) -> bool:
    """Return whether a value holds floats: an array or one of them."""
    return isinstance(value, (float, np.floating)) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f")


def shaken(rng: np.random.Generator) -> Change:
    """A change that shows what depends on a value: floats move, conditions turn."""
    def change(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind == "b":
            return ~value
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
            size = float(np.abs(value).max()) or 1.0
            return value + size * rng.uniform(0.1, 0.3, value.shape)
        if isinstance(value, (float, np.floating)):
            return value + (abs(float(value)) or 1.0) * rng.uniform(0.1, 0.3)
        return value
    return change


def differs(new: Array | None, old: Array | None) -> bool:
    """Return whether a gradient is another one, beyond rounding."""
    if new is None or old is None or new.shape != old.shape:
        return new is not old
    size = float(np.abs(old).max(initial=0.0))
    return not bool(np.all(np.abs(new - old) <= 1e-9 * size))
