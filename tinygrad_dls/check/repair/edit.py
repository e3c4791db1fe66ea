"""One edit of the learner's source, and the variables that an edit may use."""

import ast
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations_with_replacement
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from .places import Block, Place
from .record import Record, is_number
from .source import Source

LONGEST = 60  # characters of an expression that is used again
ITEMS = 12  # of a tuple, list or dict that are looked into


@dataclass(eq=False)
class Edit:
    """Another expression in a place, or other statements in a block; `cost`: how large it is."""

    at: Place | Block
    new: Any  # an expression; or a list of statements
    cost: float
    why: str  # "the factor m is missing"
    over: int = 1  # so many statements it takes the place of
    share: float = field(default=0.0)  # of the points at which it holds
    also: "Edit | None" = None  # another one that is made with it

    @property
    def source(self) -> Source:
        return self.at.source

    @property
    def statement(self) -> ast.stmt:
        return self.at.statement

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the tree be as edited, with what is edited along with it."""
        with self.alone(), nullcontext() if self.also is None else self.also.applied():
            yield

    def alone(self) -> AbstractContextManager[None]:
        """Let the tree be as edited here."""
        if isinstance(self.at, Place):
            return self.at.holding(placed(self.new, self.at.node))
        return _rewritten(self.at, self.new, self.over)

    def code(self) -> CodeType:
        """The code of the function with this edit. SyntaxError where it cannot be."""
        with self.applied():
            return self.source.compiled()


@contextmanager
def _rewritten(block: Block, new: list[ast.stmt], over: int) -> Iterator[None]:
    before = block.body[:]
    block.body[block.index:block.index + over] = [placed(s, block.statement) for s in new] or [
        placed(ast.Pass(), block.statement)]
    try:
        yield
    finally:
        block.body[:] = before


def placed(new: Any, old: ast.AST) -> Any:
    """New nodes with the line of the old one."""
    for node in ast.walk(new):
        if "lineno" in node._attributes and not hasattr(node, "lineno"):
            ast.copy_location(node, old)
    return new


class Atom(NamedTuple):
    """A variable, or an element of one, that is known before a statement."""

    text: str
    value: Any

    @property
    def node(self) -> ast.expr:
        return expression(self.text)

    @property
    def plain(self) -> bool:
        """Return whether it is a name."""
        return self.text.isidentifier()


@lru_cache(100_000)
def expression(text: str) -> ast.expr:
    """The tree of a formula: one for all edits that put it in, as none of them changes it."""
    return ast.parse(text, mode="eval").body


class Scope:
    """Ingredients of an edit at a place: arrays, numbers, constants, functions, words."""

    def __init__(
        self, record: Record, all_sources: list[Source], forward: list[Source]
    ) -> None:
        self.record, self.sources = record, [*all_sources, *forward]
        self._atoms: dict[ast.stmt, list[Atom]] = {}
        self._harvests: dict[ast.stmt, list[Atom]] = {}
        self._by_node = {place.node: place for place in record.places}
        trees = [node for source in self.sources for node in ast.walk(source.tree)]
        self._packed = {ast.unparse(node).lower() for source in forward
                        for node in ast.walk(source.tree) if isinstance(node, ast.Tuple)}
        self._counted = dict.fromkeys(
            ast.unparse(node) for source in forward for node in ast.walk(source.tree)
            if isinstance(node, ast.BinOp) and all(
                isinstance(n, (ast.BinOp, ast.operator, ast.Name, ast.Constant, ast.Load))
                for n in ast.walk(node)) and any(isinstance(n, ast.Name) for n in ast.walk(node)))
        values = [node.value for node in trees if isinstance(node, ast.Constant)]
        self.constants = list(dict.fromkeys(
            v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)))
        self.words = list(dict.fromkeys(
            v for v in values if isinstance(v, str) and v.isidentifier()))

    def packs(self, names: ast.Tuple) -> bool:
        """Return whether forward puts these names together, in this order, but for their case."""
        return ast.unparse(names).lower() in self._packed

    def atoms(self, at: Place | Block) -> list[Atom]:
        """Arrays and numbers before a statement, names first."""
        statement = at.statement
        if statement not in self._atoms:
            names = self._outside(at.source) | self.record.names.get(statement, {})
            found = [atom for name, value in names.items() for atom in _atoms(name, value)]
            found.sort(key=lambda atom: not atom.plain)
            known = [a for a in found if a.plain]
            found = known + [a for a in found if not a.plain and not any(
                _equal(a.value, other.value) for other in known)]
            self._atoms[statement] = found
        return self._atoms[statement]

    def arrays(self, at: Place | Block) -> list[Atom]:
        return [a for a in self.atoms(at) if isinstance(a.value, np.ndarray) and a.value.size
                and a.value.dtype.kind in "fbiu"]

    def wide(self, at: Place | Block, shape: tuple[int, ...]) -> list[Atom]:
        """The arrays that go into a shape, some as a column: v[:, None], mask[:, :, None]."""
        found = []
        for atom in self.arrays(at):
            here = np.shape(atom.value)
            if goes(here, shape):
                found.append(atom)
            if len(here) == 1 and len(shape) == 2 and here[0] > 1:
                found += [Atom(f"{atom.text}{index}", atom.value[slices])
                          for index, slices, axis in (("[:, None]", np.s_[:, None], 0),
                                                      ("[None, :]", np.s_[None, :], 1))
                          if shape[axis] in (here[0], 1) and (axis == 0 or not goes(here, shape))]
            elif 1 < len(here) == len(shape) - 1 and here == shape[:-1]:
                index = ", ".join([":"] * len(here) + ["None"])
                found.append(Atom(f"{atom.text}[{index}]", atom.value[..., None]))
        return found

    def with_products(self, at: Place | Block) -> list[Atom]:
        """The arrays, and the products of two of them that have a name."""
        arrays = self.arrays(at)
        named = [a for a in arrays if a.plain and a.value.dtype.kind == "f"]
        return arrays + [Atom(f"{a.text} * {b.text}", a.value * b.value)
                         for a, b in combinations_with_replacement(named, 2)
                         if a.value.shape == b.value.shape]

    def harvest(self, at: Place | Block) -> list[Atom]:
        """Arrays that the learner's own expressions make, of names that are known there."""
        statement = at.statement
        if statement not in self._harvests:
            known = {*self.record.names.get(statement, {}), *self._names(at.source)}
            found: dict[str, Any] = {}
            for place in self.record.places:
                value = self.record.value(place)
                node = place.node
                if place.source is at.source and isinstance(value, np.ndarray) and value.size and (
                        value.dtype.kind == "f") and isinstance(
                            node, (ast.BinOp, ast.Call, ast.Subscript, ast.Attribute)):
                    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                    text = ast.unparse(node)
                    if names <= known and len(text) <= LONGEST:
                        found.setdefault(text, value)
                        for other, part in _other_part(node, self.record.values, self._by_node):
                            found.setdefault(other, part)
            own = {atom.text for atom in self.atoms(at)}
            self._harvests[statement] = [
                Atom(text, value) for text, value in found.items() if text not in own]
        return self._harvests[statement]

    def numbers(self, at: Place | Block) -> list[Atom]:
        return [a for a in self.atoms(at) if is_number(a.value) or (
            isinstance(a.value, np.ndarray) and a.value.size == 1 and a.value.dtype.kind == "f")]

    def counts(self, at: Place | Block) -> list[Atom]:
        """Whole numbers that forward's own formulas make, such as C // G, of names known here."""
        names = {**self._outside(at.source), **self.record.names.get(at.statement, {})}
        found = {}
        for text in self._counted:
            tree = expression(text)
            if all(type(names.get(n.id)) is int for n in ast.walk(tree) if isinstance(n, ast.Name)):
                try:
                    found[text] = eval(compile(ast.Expression(placed(tree, tree)), "<count>",
                                               "eval"), {}, names)
                except ArithmeticError:
                    continue
        return [Atom(text, value) for text, value in found.items() if type(value) is int]

    def functions(self, source: Source) -> list[str]:
        """The names of the learner's own functions that it sees."""
        seen = self._names(source)
        own = {s.function.__code__.co_filename for s in self.sources}
        return [name for name, value in seen.items()
                if getattr(getattr(value, "__code__", None), "co_filename", None) in own]

    def numpy(self, source: Source) -> str:
        """The name that the learner has for NumPy."""
        names = source.function.__globals__
        return next((name for name, value in names.items() if value is np), "np")

    def _names(self, source: Source) -> dict[str, Any]:
        function = source.function
        cells = zip(function.__code__.co_freevars, function.__closure__ or ())
        return {**function.__globals__, **{name: _inside(cell) for name, cell in cells}}

    def _outside(self, source: Source) -> dict[str, Any]:
        """Numbers and arrays around the functions, of which any of them makes use."""
        asked = {name for s in self.sources for name in (
            *s.function.__code__.co_names, *s.function.__code__.co_freevars)}
        return {name: value for name, value in self._names(source).items()
                if name in asked and (is_number(value) or isinstance(value, np.ndarray))}


def goes(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    """Return whether an array of one shape can be a factor of another one."""
    try:
        return np.broadcast_shapes(shape, into) == into
    except ValueError:
        return False


def _inside(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return None


def _atoms(name: str, value: Any) -> Iterator[Atom]:
    if isinstance(value, np.ndarray) or is_number(value):
        yield Atom(name, value)
        return
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        items = [(f"{name}[{key!r}]", x) for key, x in value.items() if isinstance(key, str)]
    elif isinstance(value, (tuple, list)):
        items = [(f"{name}[{i}]", x) for i, x in enumerate(value)]
    elif hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        items = [(f"{name}.{key}", x) for key, x in vars(value).items()]
    for text, inner in items[:ITEMS] if len(items) <= 4 * ITEMS else ():
        if isinstance(inner, np.ndarray) or is_number(inner):
            yield Atom(text, inner)


def _other_part(node: ast.expr, values: Any, places: Any) -> Iterator[tuple[str, Any]]:
    """x[:, :n] beside x[:, n:]: the part of an array that a slice leaves."""
    if not isinstance(node, ast.Subscript):
        return
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    whole = values.get(places.get(node.value))
    for i, part in enumerate(parts):
        if isinstance(part, ast.Slice) and part.step is None and (
                (part.lower is None) != (part.upper is None)) and isinstance(whole, np.ndarray):
            other = ast.Slice(part.upper, part.lower, None)
            new: list[ast.expr] = [*parts[:i], other, *parts[i + 1:]]
            inner = ast.Tuple(new, ast.Load()) if len(new) > 1 else new[0]
            n = values.get(places.get(part.lower or part.upper))
            if isinstance(n, int) and i < whole.ndim:
                kept = slice(n) if part.upper is None else slice(n, None)
                taken = np.arange(whole.shape[i])[kept]
                yield ast.unparse(ast.Subscript(node.value, inner, ast.Load())), np.take(
                    whole, taken, i)


def _equal(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape and (
        np.array_equal(a, b))
