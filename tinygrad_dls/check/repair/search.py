"""The search for the smallest edit of a learner's source that makes all gradients right.

Each edit runs in the place of the function it edits, and its gradients are put beside the measured
ones. Which expressions the wrong gradients depend on, and the right ones do not, says where to
look. What is right at this point must hold at others, of other sizes, too.
"""

import ast
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ..case import Case
from ..layer_rule import LayerRule
from .additions import (
    is_product_root,
    is_sum_root,
    of_factors,
    of_longer_terms,
    of_own_terms,
    of_paths,
    of_scale,
    of_scaled_terms,
    of_terms,
    of_wrappers,
)
from .analogies import of_analogies
from .axes import of_axes
from .counts import of_counts
from .edit import Edit, Scope
from .idioms import of_idioms
from .lines import of_lines, of_names
from .pairs import exchanged, repeated
from .places import Place, blocks
from .points import Point, other_points
from .record import Record, differs, is_float, shaken
from .sides import of_factors_of_sides, of_overwritten, of_sides
from .slots import Slots, together
from .source import sources
from .tokens import of_tokens

SECONDS = 12.0  # of the processor, for one layer
POINTS = 8  # other inputs at which a repair is tried
FINALISTS = 60  # edits that are tried there
NEAR = 0.5  # what costs so much more than the smallest repair is not tried any more
CLOSE = 1e-5

Shares = Sequence[Any]


class Repair(NamedTuple):
    """Edits that, all made, mend the gradients of some inputs."""

    edits: list[Edit]
    places: list[int]


class Search:
    """The edits of one layer's backward, tried one after the other."""

    def __init__(self, rule: LayerRule, cases: Sequence[Case]) -> None:
        self.cases = list(cases)
        self.rule = rule
        self.shares = cases[0].shares
        self.wrong = {case.place: case.truth for case in cases}
        self.right = list(cases[0].right)
        self.end = time.process_time() + SECONDS
        found = sources(self._run, rule.back)
        self.forward = sources(lambda: rule.forward(rule.inputs), rule.function)
        shared = {s.function for s in self.forward}
        self.slots = Slots()
        self.sources = [s for s in found if s.function not in shared and not any(
            isinstance(node, ast.While) for node in ast.walk(s.tree))]
        self._points: list[Point] | None = None
        self.narrow: list[Edit] = []  # right with the numbers of the call, not with others

    def repairs(self) -> list[Repair]:
        """Edits, and the places of the gradients that each of them mends; none: []."""
        if not self.sources:
            return []
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return self._repairs()

    def _repairs(self) -> list[Repair]:
        record = Record(self.sources)
        shares = record.run(self._run)
        if any(differs(new, old) for new, old in zip(shares, self.shares)):
            return []
        self.record, self.scope = record, Scope(record, self.sources, self.forward)
        self.levels = self._levels()
        some: dict[tuple[int, ...], list[Edit]] = {}
        for tier in self._tiers():
            if full := self._tried(tier(), some):
                best = self._best(full, list(self.wrong))
                return [Repair([best], list(self.wrong))]
            found = self._cover(some)
            if (len(found) == 1 and len(found[0].edits) > 1) or self._late():
                break
        found = self._cover(some)
        if self.narrow and not any(len(r.edits) > 1 for r in found):
            return [Repair([self._best(self.narrow, list(self.wrong))], list(self.wrong))]
        return found

    def _tried(
        self, edits: Iterator[Edit], some: dict[tuple[int, ...], list[Edit]]
    ) -> list[Edit]:
        """The smallest edits that mend all; `some` gets those that mend a part, by what it is."""
        full: list[Edit] = []
        for number, edit in enumerate(sorted(edits, key=lambda edit: edit.cost)):
            if (number % 16 == 0 and self._late()) or (full and edit.cost > full[0].cost + NEAR):
                break
            mended = self._mended(edit)
            if len(mended) == len(self.wrong):
                if not self._fits_numbers(edit, mended):
                    if not self._loses_number(edit) and self._holds_anywhere(edit, mended):
                        self.narrow.append(edit)
                elif len(full) < FINALISTS and (full or self._holds_anywhere(edit, mended)):
                    full.append(edit)
            elif mended and len(some.setdefault(mended, [])) < 5:
                some[mended].append(edit)
        return full

    def _late(self) -> bool:
        return time.process_time() > self.end

    # --- one edit ------------------------------------------------------------------------------

    def _run(self) -> Shares:
        shares, problem = self.rule.gradients()
        return [] if problem else shares

    def _mended(self, edit: Edit | list[Edit]) -> tuple[int, ...]:
        """The places of the gradients that an edit mends; () if it spoils another one."""
        shares = self._with(edit, self.rule)
        if not shares:
            return ()
        mended = tuple(place for place, truth in self.wrong.items()
                       if truth.is_close(shares[place], CLOSE))
        spoiled = mended and any(
            shares[place] is None or shares[place].shape != self.shares[place].shape
            or np.abs(shares[place] - self.shares[place]).max(initial=0.0)
            > 1e-6 * np.abs(self.shares[place]).max(initial=0.0) for place in self.right)
        return () if spoiled else mended

    def _with(self, edit: Edit | list[Edit], rule: LayerRule) -> Shares:
        """The gradients of a rule with an edit, or several; [] if it fails."""
        try:
            with together(edit) if isinstance(edit, list) else self.slots.running(edit):
                return rule.shares()
        except Exception:  # code that cannot be, or inputs that forward does not take
            return []

    # --- other points --------------------------------------------------------------------------

    def _others(self) -> list[Point]:
        if self._points is None:
            floats = sorted([*self.wrong, *self.right])
            found = other_points(self.rule, floats, np.random.default_rng(3))
            self._points = list(islice(found, POINTS))
        return self._points

    def _hold(self, edit: Edit, mended: Sequence[int]) -> list[bool]:
        """Return for each of the other points whether an edit is right there."""
        found = []
        for point in self._others():
            shares = self._with(edit, point.rule)
            try:
                found.append(bool(shares) and point.holds(shares, mended))
            except Exception:
                found.append(False)
        return found

    def _holds_anywhere(self, edit: Edit, mended: Sequence[int]) -> bool:
        return not self._others() or any(self._hold(edit, mended))

    def _fits_numbers(self, edit: Edit, mended: Sequence[int]) -> bool:
        """Return whether an edit is right with other parameters of the layer, too: x * k is
        k * x ** (k - 1) at k = 2 alone.
        """
        for point in self._others():
            if point.number:
                shares = self._with(edit, point.rule)
                try:
                    if not shares or not point.holds(shares, mended):
                        return False
                except Exception:  # forward has no slope there
                    continue
        return True

    def _loses_number(self, edit: Edit) -> bool:
        """Return whether a parameter of the layer stands in what an edit replaces, and no more."""
        if not isinstance(edit.at, Place):
            return False
        old, new = (Counter(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
                    for tree in (edit.at.node, edit.new))
        return any(old[name] > new[name] for name in self.rule.numbers)

    def _best(self, edits: list[Edit], mended: Sequence[int]) -> Edit:
        """The edit that holds at most points; of those the smallest."""
        for edit in edits:
            hold = self._hold(edit, mended)
            edit.share = sum(hold) / len(hold) if hold else 1.0
        return min(edits, key=lambda edit: (-round(edit.share, 6), edit.cost, *_behind(edit)))

    def _cover(self, some: dict[tuple[int, ...], list[Edit]]) -> list[Repair]:
        """Edits that mend some of the gradients each: the ones that mend most first.

        If all together mend the rest, too, they are one repair of several lines.
        """
        found: list[Repair] = []
        left = set(self.wrong)
        for mended in sorted(some, key=lambda places: -len(places)):
            fresh = [place for place in mended if place in left]
            if not fresh:
                continue
            edits = [e for e in some[mended] if self._holds_anywhere(e, mended) and (
                not self._loses_number(e) or self._fits_numbers(e, mended))]
            if edits:
                found.append(Repair([self._best(edits, mended)], fresh))
                left -= set(fresh)
        if len(found) > 1:
            together = [repair.edits[0] for repair in found]
            if left and len(self._mended(together)) == len(self.wrong):
                return [Repair(together, list(self.wrong))]
        return found

    # --- where to look -------------------------------------------------------------------------

    def _levels(self) -> dict[Place, float]:
        """A rank of each expression: 0 for the most likely places, 9 for those it cannot be."""
        known: dict[Place, float] = {}
        for place in self.record.places:
            value = self.record.value(place)
            if is_float(value) or (isinstance(value, np.ndarray) and value.dtype.kind == "b"):
                if time.process_time() < self.end - 0.6 * SECONDS:
                    known[place] = self._level(place)
        for place in self.record.places:
            if place not in known:
                above = place.above
                while above is not None and above not in known:
                    above = above.above
                known[place] = 0.2 if above is None else known[above]
        return known

    def _level(self, place: Place) -> float:
        change = shaken(np.random.default_rng(5))
        try:
            shares = self.record.changed(place, change, self._run)
        except Exception:
            return 0.2
        if not shares:
            return 0.2
        moved = {p for p in (*self.wrong, *self.right) if differs(shares[p], self.shares[p])}
        wrong = moved & set(self.wrong)
        if not wrong:
            return 9.0
        if moved & set(self.right):
            return 0.3
        return 0.0 if len(wrong) == len(self.wrong) else 0.15

    # --- all edits -----------------------------------------------------------------------------

    def _tiers(self) -> Iterator[Callable[[], Iterator[Edit]]]:
        """Families of edits, those of one word first."""
        places = [p for p in self.record.places if self.levels[p] < 9]
        likely = sorted((p for p in places if self.levels[p] < 0.3), key=self.levels.__getitem__)
        yield partial(self._all, *(partial(self._of, family, places) for family in (
            of_tokens, of_counts, of_sides, of_factors_of_sides, of_axes)),
            self._of_lines, self._of_analogies)
        yield partial(exchanged, self.record, likely)
        yield partial(self._all, *(partial(self._of, family, likely) for family in (
            of_factors, of_terms, of_own_terms, of_paths, of_wrappers, of_idioms)),
            partial(self._of_scales, likely))
        yield self._repeated
        yield partial(self._of_scaled_terms, likely)
        yield partial(self._of, of_longer_terms, likely)
        yield self._of_names

    def _repeated(self) -> Iterator[Edit]:
        places = [p for p in self.record.places if self.levels[p] < 9]
        yield from repeated([*self._of(of_counts, places), *self._of(of_tokens, places),
                             *self._of(of_factors, places)])

    @staticmethod
    def _all(*families: Callable[[], Iterator[Edit]]) -> Iterator[Edit]:
        for family in families:
            yield from family()

    def _of(self, family: Callable[[Place, Scope], Iterator[Edit]], places: Sequence[Place]
            ) -> Iterator[Edit]:
        for place in places:
            if self._late():
                return
            for edit in family(place, self.scope):
                edit.cost += self.levels[place] + 0.4 * _unpacks(place.statement)
                edit.cost += 0.15 * _returns(place)
                if not _idle(edit):
                    yield edit

    def _of_lines(self) -> Iterator[Edit]:
        for source in self.sources:
            for block in blocks(source):
                yield from of_lines(block, self.scope)
                yield from of_overwritten(block, self.scope)

    def _of_names(self) -> Iterator[Edit]:
        for source in self.sources:
            for block in blocks(source):
                yield from of_names(block, self.scope, packed=True)

    def _of_analogies(self) -> Iterator[Edit]:
        for source in self.sources:
            yield from of_analogies(source)

    def _of_scales(self, places: Sequence[Place]) -> Iterator[Edit]:
        """Factors whose number follows from what twice the value does to the gradients."""
        for place in places:
            if is_product_root(place) and is_float(self.record.value(place)):
                c = self._scale(place)
                if c is not None:
                    for edit in of_scale(place, c, self.scope):
                        edit.cost += self.levels[place]
                        yield edit

    def _of_scaled_terms(self, places: Sequence[Place]) -> Iterator[Edit]:
        """Multiples of a variable, whose number follows from what the variable itself does."""
        for place in places:
            value = self.record.value(place)
            if not is_sum_root(place) or not is_float(value) or not np.ndim(value):
                continue
            for atom in self.scope.with_products(place):
                if np.shape(atom.value) == np.shape(value) and not self._late():
                    c = self._scale(place, partial(np.add, atom.value), -1)
                    if c is not None:
                        for edit in of_scaled_terms(place, atom, c, self.scope):
                            edit.cost += self.levels[place]
                            yield edit

    def _scale(self, place: Place, change: Callable[[Any], Any] = lambda x: 2 * x,
               start: int = 0) -> float | None:
        """The factor of an expression that makes a wrong gradient right, if it is linear in it.

        `change` adds once what the factor is of; `start` is -1 where it was not there before.
        """
        try:
            twice = self.record.changed(
                place, lambda x: change(x) if is_float(x) else x, self._run)
        except Exception:
            return None
        for p, truth in self.wrong.items() if twice else ():
            mine, other = self.shares[p], twice[p]
            if mine is None or other is None or mine.shape != truth.shape != other.shape:
                continue
            before = truth.of_candidate(mine)
            slope = truth.of_candidate(other) - before
            square = float(slope @ slope)
            if not square:
                continue
            c = 1 + float((truth.values - before) @ slope) / square
            gap = np.abs(before + (c - 1) * slope - truth.values).max()
            if abs(c) > 1e-9 and gap <= 1e-4 * truth.scale:
                return c + start
        return None


def _unpacks(statement: ast.stmt) -> bool:
    """Return whether a statement only gives names to parts of the cache."""
    return isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)


def _returns(place: Place) -> bool:
    """Return whether a variable is returned there: its own line is the better one to mend."""
    return isinstance(place.statement, ast.Return) and isinstance(place.node, ast.Name)


def _idle(edit: Edit) -> bool:
    """Return whether an edit makes x = x of a line."""
    s = edit.statement
    named = isinstance(edit.new, (ast.Name, ast.Subscript, ast.Attribute))
    return named and isinstance(s, ast.Assign) and edit.at.parent is s and (  # type: ignore[union-attr]
        ast.unparse(s.targets[0]) == ast.unparse(edit.new))


def _behind(edit: Edit) -> tuple[int, int]:
    """Order edits by their place, the last ones first: what is nearest to the gradients."""
    return -edit.statement.lineno, -getattr(getattr(edit.at, "node", None), "col_offset", 0)


def mend(rule: LayerRule, cases: Sequence[Case]) -> list[Repair]:
    """The repairs of a layer whose gradients `cases` are wrong."""
    return Search(rule, cases).repairs()
