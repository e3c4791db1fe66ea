"""Trials of edits: the gradients that each gives, at the point of the call and at others."""

from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from ..case import Case
from ..layer_rule import LayerRule
from ..numeric import Measured
from .edit import Edit
from .points import Point, other_points
from .slots import Slots, together
from .source import Source, sources

POINTS = 10  # other inputs at which a repair is tried
CLOSE = 1e-5
MOST_AT_KINKS = 0.25  # of the elements of a measured gradient
TINY_STEPS = (2.0**-26, 2.0**-30)  # relative to the size of the input

Shares = Sequence[Any]


class Attempts:
    """The gradients of one layer under edits of its source, beside the measured ones."""

    def __init__(self, rule: LayerRule, cases: Sequence[Case]) -> None:
        self.rule = rule
        self.shares = cases[0].shares
        self.wrong = {case.place: case.truth for case in cases}
        self.right = list(cases[0].right)
        self.forward: list[Source] = sources(lambda: rule.forward(rule.inputs), rule.function)
        self.slots = Slots()
        self._points: list[Point] | None = None

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
        if mended or len(self.wrong) == 1:
            mended = tuple(place for place, truth in self.wrong.items() if place in mended
                           or self._is_right_beside_kinks(place, truth, shares[place]))
        spoiled = mended and any(
            shares[place] is None or shares[place].shape != self.shares[place].shape
            or np.abs(shares[place] - self.shares[place]).max(initial=0.0)
            > 1e-6 * np.abs(self.shares[place]).max(initial=0.0) for place in self.right)
        return () if spoiled else mended

    def _is_right_beside_kinks(self, place: int, truth: Measured, share: Any) -> bool:
        """Return whether most of a gradient is as measured, and all of it with much smaller steps:
        a kink that is nearer than the step of the measurement spoils some elements of it.
        """
        if share is None or share.shape != truth.shape:
            return False
        gap = np.abs(truth.of_candidate(share) - truth.values)
        few = (gap > CLOSE * truth.scale).mean() <= MOST_AT_KINKS
        return bool(few and self._here.holds([share] * (place + 1), [place]))

    @cached_property
    def _here(self) -> Point:
        """The point of the call, measured with tiny steps."""
        return Point(self.rule, list(self.wrong), np.random.default_rng(4), steps=TINY_STEPS)

    def _with(self, edit: Edit | list[Edit], rule: LayerRule) -> Shares:
        """The gradients of a rule with an edit, or several; [] if it fails."""
        try:
            with together(edit) if isinstance(edit, list) else self.slots.running(edit):
                return self._anew(rule) if self._is_of_forward(edit) else rule.shares()
        except Exception:  # code that cannot be, or inputs that forward does not take
            return []

    def _is_of_forward(self, edit: Edit | list[Edit]) -> bool:
        return any(e.source in self.forward for e in (edit if isinstance(edit, list) else [edit]))

    @staticmethod
    def _anew(rule: LayerRule) -> Shares:
        """The gradients with the cache that forward makes now; [] if its output is another one."""
        other = rule.at(rule.inputs, rule.dy)
        return other.shares() if np.array_equal(other.y, rule.y) else []

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
