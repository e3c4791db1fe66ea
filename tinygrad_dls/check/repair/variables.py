"""The variables of a backward beside measured gradients: dZ beside the slopes of forward's Z.

Learners call the gradient of Z dZ. What forward makes of a Z that is moved a little shows whether
it is. Of edits that all make every gradient right, the one after which the variables on the way
are right, too, is the one that mends the mistake; others make up for it later.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import FrameType
from typing import Any

import numpy as np

from ..layer_rule import LayerRule
from ..numeric import Array
from .places import Block, Place, blocks
from .record import Record, is_float
from .source import Source

NAMES = ("d{}", "d_{}", "grad_{}", "{}_grad", "g{}", "g_{}", "dL_d{}", "{}_bar")
STEP = 2.0**-16
CLOSE = 1e-4
DIRECTIONS = 2
TURNS = 4  # of a loop, that are measured
LARGEST = 100_000  # elements of a variable that is followed

Slopes = list[tuple[Array, float]]  # (direction, slope along it)


@dataclass(eq=False)
class Variable:
    """A variable of backward, the lines that write it, and forward's that it is the gradient of."""

    name: str
    writes: list[Block]
    of: Place
    turns: int  # how often forward makes it
    loop: ast.For | None  # that all its lines stand in

    @property
    def line(self) -> int:
        """The line after which it is complete."""
        return max(block.statement.lineno for block in self.writes)


class Variables:
    """The variables of one backward whose gradients can be measured."""

    def __init__(self, rule: LayerRule, forward: Source, backward: Source) -> None:
        self.rule, self.backward = rule, backward
        self.record = Record([forward])
        self.record.run(lambda: rule.forward(rule.inputs))
        self.variables = list(self._paired(forward))
        self._slopes: dict[tuple[Place, int], Slopes | None] = {}

    def _paired(self, forward: Source) -> Iterator[Variable]:
        made = {name: place for name, place in self._made(forward).items()
                if is_float(self.record.value(place))
                and 0 < np.size(self.record.value(place)) <= LARGEST}
        written: dict[str, list[Block]] = {}
        for block in blocks(self.backward):
            for name in written_by(block.statement):
                written.setdefault(name, []).append(block)
        for name, writes in written.items():
            of = _namesake(name, made)
            if of is not None and all(_loops(block) <= 1 for block in writes):
                yield Variable(name, writes, made[of], self.record.times[made[of]],
                               _common_loop(writes))

    def _made(self, forward: Source) -> dict[str, Place]:
        """The last expressions that forward gives a name; no name that is written into."""
        by_node = {place.node: place for place in self.record.places}
        found: dict[str, list[Any]] = {}
        for block in blocks(forward):
            for name in written_by(block.statement):
                found.setdefault(name, []).append(None)
            if isinstance(block.statement, ast.Assign):
                for name, node in _named(block.statement.targets[0], block.statement.value):
                    found[name][-1] = by_node.get(node)
        loops = {block.statement: block.loop for block in blocks(forward)}
        return {name: places[-1] for name, places in found.items()
                if all(place is not None and place in self.record.times for place in places)
                and all(loops[place.statement] is None for place in places[:-1])}

    # --- one backward --------------------------------------------------------------------------

    @cached_property
    def wrong(self) -> set[str]:
        """The variables that are wrong in the learner's own backward."""
        return self.wrong_of(self.rule.shares)

    def wrong_of(self, run: Callable[[], Any]) -> set[str]:
        """The variables that are wrong in a run of backward, edited or not."""
        values = _Follower(self.backward, self.variables).values(run)
        return {v.name for v in self.variables if self._is_wrong(v, values.get(v.name, []))}

    def _is_wrong(self, variable: Variable, values: list[Any]) -> bool:
        turns = variable.turns
        if len(values) != turns:
            return False
        backwards = variable.loop is not None and _goes_back(variable.loop)
        places = range(turns) if turns <= TURNS else (0, 1, turns - 2, turns - 1)
        for k in places:
            slopes = self._measured(variable.of, turns - 1 - k if backwards else k)
            for direction, slope in slopes or ():
                if np.shape(values[k]) != direction.shape:
                    return False
                found = float((values[k] * direction).sum())
                size = max(abs(s) for _, s in slopes or ()) or 1.0
                if not abs(found - slope) <= CLOSE * size:
                    return True
        return False

    def _measured(self, place: Place, turn: int) -> Slopes | None:
        if (place, turn) not in self._slopes:
            try:
                self._slopes[place, turn] = self._measure(place, turn)
            except Exception:  # a forward that goes another way when its values move
                self._slopes[place, turn] = None
        return self._slopes[place, turn]

    def _measure(self, place: Place, turn: int) -> Slopes:
        rule, rng, found = self.rule, np.random.default_rng(11), []
        for _ in range(DIRECTIONS):
            direction = np.asarray(rng.standard_normal(np.shape(self.record.value(place))))
            high, low, h = 0.0, 0.0, 1.0
            for sign in (1, -1):
                seen = [0]

                def moved(x: Any, sign: int = sign, seen: list[int] = seen,
                          direction: Array = direction) -> Any:
                    nonlocal h
                    seen[0] += 1
                    if seen[0] - 1 != turn:
                        return x
                    h = STEP * (float(np.abs(x).max(initial=0.0)) or 1.0)
                    return x + sign * h * direction

                y = self.record.changed(place, moved, lambda: rule.forward(rule.inputs))
                high, low = (y, low) if sign > 0 else (high, y)
            found.append((direction, float((rule.dy * (high - low)).sum()) / (2 * h)))
        return found

    # --- where a wrong variable comes from -------------------------------------------------------

    def suspects(self, after: ast.stmt | None, wrong: set[str]) -> set[ast.stmt]:
        """The lines where wrong variables that a line depends on may come from; None: any of them.

        These are wrong though all variables that they are made of are right.
        """
        written: dict[str, list[ast.stmt]] = {}
        known = {v.name: v for v in self.variables}
        for block in blocks(self.backward):
            for name in written_by(block.statement):
                written.setdefault(name, []).append(block.statement)

        def back(names: set[str], seen: set[str]) -> set[str]:
            """The variables that these are made of, up to right ones."""
            for name in names - seen:
                seen.add(name)
                if name in known and name not in wrong:
                    continue
                for statement in written.get(name, []):
                    back(read_by(statement) - {name}, seen)
            return seen

        found: set[ast.stmt] = set()
        for name in wrong if after is None else back(read_by(after), set()) & wrong:
            above = back(set().union(*(read_by(s) for s in written[name])) - {name}, set())
            if above & wrong <= {name}:
                right = set(known) - wrong
                found |= {s for n in {name, *above} - right for s in written.get(n, [])}
        return found


class _Follower:
    """Notes the values of variables in a run: each where it is complete, in each turn of a loop."""

    def __init__(self, source: Source, variables: list[Variable]) -> None:
        self.source, self.variables = source, variables
        self.lines = {block.statement.lineno: block.statement for block in blocks(source)}
        self.found: dict[str, list[Any]] = {}
        self.writers: dict[int, list[Variable]] = {}
        for variable in variables:
            for block in variable.writes:
                self.writers.setdefault(block.statement.lineno, []).append(variable)
        self.heads = {v.loop.lineno for v in variables if v.loop is not None}

    def values(self, run: Callable[[], Any]) -> dict[str, list[Any]]:
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            run()
        except Exception:  # of an edit that does not run
            return {}
        finally:
            sys.settrace(before)
        return self.found

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        code = self.source.function.__code__
        if frame.f_code is not code:
            return None
        self.found = {}
        pending: dict[str, Any] = {}
        last = [0]

        def stepped(frame: FrameType, event: str, _: Any) -> Any:
            if event not in ("line", "return"):
                return stepped
            line = frame.f_lineno
            if event == "line" and line not in self.lines:
                return stepped
            for variable in self.writers.get(last[0], ()):
                value = frame.f_locals.get(variable.name)
                if is_float(value):
                    pending[variable.name] = np.array(value)
            if event == "return" or line in self.heads:
                for variable in self.variables:
                    ends = event == "return" or (
                        variable.loop is not None and variable.loop.lineno == line)
                    if ends and variable.name in pending:
                        self.found.setdefault(variable.name, []).append(
                            pending.pop(variable.name))
            last[0] = line
            return stepped

        return stepped


def written_by(statement: ast.stmt) -> list[str]:
    """The variables that a statement writes, or writes into."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AugAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.For):
        targets = [statement.target]
    else:
        return []
    return list(dict.fromkeys(
        node.id for target in targets for node in _bases(target)))


def _bases(target: ast.expr) -> Iterator[ast.Name]:
    if isinstance(target, ast.Name):
        yield target
    elif isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        yield from _bases(target.value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for inner in target.elts:
            yield from _bases(inner)


def _named(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """(name, expression) of x = f(), and of x, y = f(), g()."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and (
            len(target.elts) == len(value.elts)):
        for one, other in zip(target.elts, value.elts):
            yield from _named(one, other)


def read_by(statement: ast.stmt) -> set[str]:
    """The variables that a statement reads; of a loop's or a condition's, those of its head."""
    whole = [statement.iter] if isinstance(statement, ast.For) else (
        [statement.test] if isinstance(statement, (ast.If, ast.While)) else [statement])
    return {node.id for part in whole for node in ast.walk(part)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _namesake(name: str, made: dict[str, Place]) -> str | None:
    """The variable of forward that one of backward is the gradient of by its name."""
    found = [of for of in made for form in NAMES if form.format(of) == name]
    if not found:
        found = [of for of in made for form in NAMES if form.format(of).lower() == name.lower()]
    return found[0] if len(found) == 1 else None


def _common_loop(writes: list[Block]) -> ast.For | None:
    """The loop that all lines stand in, if it is the innermost one of each."""
    loops = {block.loop for block in writes}
    one = loops.pop() if len(loops) == 1 else None
    return one if isinstance(one, ast.For) else None


def _loops(block: Block) -> int:
    return sum(isinstance(s, (ast.For, ast.While)) for s in block.around)


def _goes_back(loop: ast.For) -> bool:
    text = ast.unparse(loop.iter)
    return "reversed" in text or ", -1)" in text or "::-1" in text
