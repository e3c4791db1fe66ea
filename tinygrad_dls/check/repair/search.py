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
from functools import cached_property, partial
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
from .attempts import Attempts
from .axes import of_axes, of_broadcasts
from .brackets import of_brackets
from .cached import FUNCTION, of_cache
from .counts import of_counts
from .edit import Edit, Scope
from .guard import guarded
from .idioms import of_idioms
from .jacobians import of_jacobians
from .lines import of_lines, of_names
from .own_slopes import of_own_slopes
from .pairs import exchanged, repeated
from .picks import of_steps_before
from .places import Block, Place, blocks
from .record import Record, differs, is_float, shaken
from .sides import of_factors_of_sides, of_overwritten, of_sides, of_signs
from .source import sources
from .tokens import of_tokens
from .variables import Variables

SECONDS = 12.0  # of the processor, for one layer
FINALISTS = 60  # edits that are tried there
NEAR = 0.5  # what costs so much more than the smallest repair is not tried any more
LONGER = 3.0  # seconds for an earlier line than the one of a mend that leaves variables wrong


class Repair(NamedTuple):
    """Edits that, all made, mend the gradients of some inputs."""

    edits: list[Edit]
    places: list[int]
    everywhere: bool = True  # not at the sizes of these inputs alone


class Search(Attempts):
    """The edits of one layer's backward, tried one after the other."""

    def __init__(self, rule: LayerRule, cases: Sequence[Case]) -> None:
        super().__init__(rule, cases)
        self.end = time.process_time() + SECONDS
        found = sources(self._run, rule.back)
        shared = {s.function for s in self.forward}
        self.sources = [s for s in found if s.function not in shared and not any(
            isinstance(node, ast.While) for node in ast.walk(s.tree))]
        self.only: set[ast.stmt] = set()  # the lines that are searched; empty: all
        self._left: dict[Edit, set[str]] = {}
        self.narrow: list[Edit] = []  # right with the numbers of the call, not with others

    def repairs(self) -> list[Repair]:
        """Edits, and the places of the gradients that each of them mends; none: []."""
        if not self.sources:
            return []
        with warnings.catch_warnings(), np.errstate(all="ignore"), guarded(
                [*self.sources, *self.forward], self._whole):
            warnings.simplefilter("ignore")
            return self._repairs()

    def _whole(self) -> None:
        self.rule.forward(self.rule.inputs)
        self.rule.shares()

    def _repairs(self) -> list[Repair]:
        record = Record(self.sources)
        shares = record.run(self._run)
        if any(differs(new, old) for new, old in zip(shares, self.shares)):
            return []
        self.record, self.scope = record, Scope(record, self.sources, self.forward)
        self.levels = self._levels()
        some: dict[tuple[int, ...], list[Edit]] = {}
        doubtful: list[Edit] = []
        for tier in self._tiers():
            if full := self._tried(tier(), some):
                best = self._at_first(self._best([*doubtful, *full], list(self.wrong)))
                if not self._fails(best):
                    return [Repair([best], list(self.wrong))]
                doubtful = [best]
            found = self._cover(some)
            if (len(found) == 1 and len(found[0].edits) > 1) or self._late():
                break
        if doubtful:
            return [Repair(doubtful, list(self.wrong), False)]
        found = self._cover(some)
        if self.narrow and not any(len(r.edits) > 1 for r in found):
            return [Repair([self._best(self.narrow, list(self.wrong))], list(self.wrong))]
        return found

    def _tried(
        self, edits: Iterator[Edit], some: dict[tuple[int, ...], list[Edit]]
    ) -> list[Edit]:
        """The smallest edits that mend all; `some` gets those that mend a part, by what it is."""
        full: list[Edit] = []
        near = NEAR
        for number, edit in enumerate(sorted(edits, key=lambda edit: edit.cost)):
            if (number % 16 == 0 and self._late()) or (full and edit.cost > full[0].cost + near):
                break
            mended = self._mended(edit)
            if len(mended) == len(self.wrong):
                if not self._fits_numbers(edit, mended):
                    if not self._loses_number(edit) and self._holds_anywhere(edit, mended):
                        self.narrow.append(edit)
                elif len(full) < FINALISTS and (full or self._holds_anywhere(edit, mended)):
                    full.append(edit)
                    near = NEAR if near == NEAR and not self._is_sure(edit, mended) else 0.0
            elif mended and len(some.setdefault(mended, [])) < 5:
                some[mended].append(edit)
        return full

    def _late(self) -> bool:
        return time.process_time() > self.end

    # --- the best of several ---------------------------------------------------------------------

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
        most = max(round(edit.share, 6) for edit in edits)
        edits = [edit for edit in edits if round(edit.share, 6) == most]
        left = {edit: len(self.left(edit)) if len(edits) > 1 else 0 for edit in edits}
        return min(edits, key=lambda edit: (left[edit], edit.cost, *_behind(edit)))

    def _fails(self, edit: Edit) -> bool:
        """Return whether an edit is wrong at several points, not at one beside a kink alone."""
        return self._hold(edit, list(self.wrong)).count(False) > 1

    # --- variables on the way ------------------------------------------------------------------

    @cached_property
    def variables(self) -> Variables | None:
        """The variables of backward whose gradients can be measured; None: there is none."""
        try:
            found = Variables(self.rule, self.forward[0], self.sources[0])
        except Exception:  # a forward that does not run in pieces
            return None
        return found if found.variables else None

    def left(self, edit: Edit) -> set[str]:
        """The variables that are wrong after an edit, too."""
        if self.variables is None:
            return set()
        if edit not in self._left:
            self._left[edit] = self.variables.wrong_of(lambda: self._with(edit, self.rule))
        return self._left[edit]

    def _is_sure(self, edit: Edit, mended: Sequence[int]) -> bool:
        """Return whether an edit is right at all points, and makes wrong variables right."""
        return all(self._hold(edit, mended)) and self.variables is not None and (
            self.left(edit) < self.variables.wrong)

    def _at_first(self, mend: Edit) -> Edit:
        """A mend, or a better one of a line before, where it only makes up for a variable that is
        wrong before; or of its own line, where it does not hold at all points.
        """
        left = self.left(mend) if mend.source is self.sources[0] else set()
        if left and self.variables is not None:
            self.only = self.variables.suspects(mend.statement, left)
            if left - self.variables.wrong:  # it spoils a variable that was right
                self.only |= self.variables.suspects(None, self.variables.wrong)
        if mend.share < 1:
            self.only = {*self.only, mend.statement}
        before, self.end = self.end, min(self.end, time.process_time() + LONGER)
        best = mend
        for tier in self._tiers() if self.only else ():
            best = self._best([mend, *self._tried(tier(), {})], list(self.wrong))
            if best is not mend or self._late():
                break
        self.only, self.end = set(), before
        return best

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
        places = [p for p in self.record.places if self.levels[p] < 9 and self._is_asked(p)]
        likely = sorted((p for p in places if self.levels[p] < 0.3), key=self.levels.__getitem__)
        yield partial(self._all, *(partial(self._of, family, places) for family in (
            of_tokens, of_counts, of_sides, of_factors_of_sides, of_axes, of_signs,
            of_broadcasts, of_brackets, of_jacobians)),
            self._of_lines, self._of_analogies, partial(self._of_cache, False))
        yield partial(exchanged, self.record, likely)
        yield partial(self._all, *(partial(self._of, family, likely) for family in (
            of_factors, of_terms, of_own_terms, of_paths, of_wrappers, of_idioms, of_steps_before)),
            partial(self._of_own_slopes, likely), partial(self._of_scales, likely))
        yield self._repeated
        yield partial(self._of_scaled_terms, likely)
        yield partial(self._of, of_longer_terms, likely)
        yield partial(self._all, self._of_names, partial(self._of_cache, True))

    def _is_asked(self, at: Place | Block) -> bool:
        return not self.only or at.statement in self.only

    def _repeated(self) -> Iterator[Edit]:
        places = [p for p in self.record.places if self.levels[p] < 9 and self._is_asked(p)]
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
            for block in filter(self._is_asked, blocks(source)):
                yield from of_lines(block, self.scope)
                yield from of_overwritten(block, self.scope)

    def _of_names(self) -> Iterator[Edit]:
        for source in self.sources:
            for block in filter(self._is_asked, blocks(source)):
                yield from of_names(block, self.scope, packed=True)

    def _of_analogies(self) -> Iterator[Edit]:
        for source in self.sources:
            yield from filter(lambda edit: self._is_asked(edit.at), of_analogies(source))

    def _of_cache(self, functions: bool) -> Iterator[Edit]:
        """Edits of forward's cache: another variable, or a function of the one that it holds."""
        if self.forward and not self.only:
            record = Record(self.forward[:1])
            record.run(lambda: self.rule.forward(self.rule.inputs))
            yield from (edit for edit in of_cache(record, self.sources[0])
                        if (edit.cost >= FUNCTION) == functions)

    def _of_own_slopes(self, places: Sequence[Place]) -> Iterator[Edit]:
        if self.forward:
            yield from self._of(partial(of_own_slopes, forward=self.forward[0]), places)

    def _of_scales(self, places: Sequence[Place]) -> Iterator[Edit]:
        """Factors whose number follows from what twice the value does to the gradients."""
        for place in places:
            if is_product_root(place) and is_float(self.record.value(place)):
                c = self._scale(place)
                if c is not None:
                    for edit in of_scale(place, c, self.scope):
                        edit.cost += self.levels[place] + 0.15 * _returns(place)
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
                            edit.cost += self.levels[place] + 0.15 * _returns(place)
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
    search = Search(rule, cases)
    rule.edits_tried = bool(search.sources)
    return search.repairs()
