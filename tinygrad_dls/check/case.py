"""One wrong gradient, with all that its mistake can be found by."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .compared import Compared
from .follow import Change, Follower, Site
from .numeric import Array, Measured
from .rules import Rule, Shares, Values

ENOUGH = 3  # elements that a hypothesis must explain: one number proves nothing
MANY = 4_000_000  # numbers; what would take more is not tried


class OutOfTime(Exception):
    """The time for naming mistakes is over."""


class Trial(NamedTuple):
    """One run of a rule with something changed."""

    exchange: Values | None = None
    dy: Array | None = None
    changes: tuple[tuple[Site, Change], ...] = ()


@dataclass
class Case:
    """The gradient that `rule` gave input number `place`, which is wrong, and the right one."""

    rule: Rule
    place: int
    shares: Shares
    truth: Measured
    compared: Compared
    rng: np.random.Generator
    right: Sequence[int] = ()  # the inputs whose gradients are right
    last: Trial | None = None  # that mended it
    end: float = math.inf  # of the time for trials, by time.process_time()

    @property
    def mine(self) -> Any:
        return self.shares[self.place]

    @property
    def fits(self) -> bool:
        """Return whether the shape is the input's, with enough elements to rule out chance."""
        return self.mine is not None and self.mine.shape == self.truth.shape and (
            len(self.truth.values) >= ENOUGH and self.truth.scale > 0)

    def tick(self) -> None:
        """OutOfTime if there is no time for another trial."""
        if time.process_time() > self.end:
            raise OutOfTime

    def mends(self, exchange: Values | None = None, dy: Array | None = None) -> bool:
        """Return whether the gradient is right when the rule gets other values."""
        return self._try(Trial(exchange, dy))

    def mends_at(self, site: Site, what: str, change: Change) -> bool:
        """Return whether it is right when one step of backward is changed as `what` says."""
        if not self.truth.is_close(self.at_site(site, what, change)):
            return False
        self.last = Trial(changes=((site, change),))
        return True

    def mends_by(self, *changes: tuple[Site, Change]) -> bool:
        """Return whether it is right when several steps are changed."""
        return self._try(Trial(changes=changes))

    def spoils(self, site: Site, change: Change) -> bool:
        """Return whether a change of one step alters a gradient that is right: it is not there
        that the mistake is.
        """
        self.at_site(site, "spoiled", change)
        shares = self.rule.tried[site, "spoiled"]
        return any(not np.array_equal(shares[place], self.shares[place])
                   for place in self.right if shares)

    def at_site(self, site: Site, what: str, change: Change) -> Any:
        """The gradient when one step of backward is changed; None if backward fails."""
        self.tick()
        tried = self.rule.tried
        if (site, what) not in tried:
            shares, problem = self.rule.gradients(follower=Follower((site, change)))
            tried[site, what] = [] if problem else shares
        shares = tried[site, what]
        return shares[self.place] if shares else None

    def _try(self, trial: Trial) -> bool:
        if self.repeat(trial):
            self.last = trial
            return True
        return False

    def repeat(self, trial: Trial) -> bool:
        """Return whether the change that mended another gradient mends this one."""
        self.tick()
        follower = Follower(*trial.changes) if trial.changes else None
        shares, problem = self.rule.gradients(trial.exchange, trial.dy, follower)
        return not problem and self.truth.is_close(shares[self.place])

    @cached_property
    def sites(self) -> dict[Site, Array]:
        """The places in backward's code that its values pass; empty where they cannot be seen."""
        return {site: values[0] for site, values in self.passes.items()}

    @cached_property
    def passes(self) -> dict[Site, list[Array]]:
        """The values that pass each of these places, one after the other where it is in a loop."""
        follower = Follower()
        _, problem = self.rule.gradients(follower=follower)
        return {} if problem else follower.passes

    def at_places(self, exchange: Values | None = None, dy: Array | None = None) -> Array | None:
        """The rule's gradient with other values, where the truth is known; None without one."""
        self.tick()
        shares, problem = self.rule.gradients(exchange, dy)
        share = None if problem else shares[self.place]
        if share is None or share.shape != self.truth.shape:
            return None
        return self.truth.of_candidate(share)

    @cached_property
    def contributions(self) -> Array | None:
        """(places, elements of y): what each element of the output adds to each gradient."""
        return self.slopes[0] if self.slopes is not None and self.slopes[1].all() else None

    @cached_property
    def slopes(self) -> tuple[Array, Array] | None:
        """The same, and of each place whether its sum is the measured gradient.

        Where a wrong gradient is that of another, larger step, as beside the largest of a window,
        it is taken for right there.
        """
        if self.rule.y.size * len(self.truth.places) > MANY:
            return None
        rows = [self.compared.slopes_of(int(place)).ravel() for place in self.truth.places]
        found = np.array(rows).reshape(len(rows), self.rule.y.size)
        return found, np.isclose(
            found.sum(axis=1), self.truth.values, rtol=1e-3, atol=1e-3 * self.truth.scale)

    def close(self, candidate: Array, truth: Array | None = None) -> bool:
        """Return whether a candidate equals the gradient (or `truth`) where it is known."""
        wanted = self.truth.values if truth is None else truth
        scale = max(self.truth.scale, float(np.abs(wanted).max(initial=0.0)))
        return bool((np.abs(candidate - wanted) <= 1e-4 * scale).all())

    def known(self) -> Iterator[tuple[str, Array]]:
        """The values around the rule that could be factors, each array once."""
        seen: set[int] = set()
        for name, value in self.rule.values.items():
            if id(value) not in seen and value.dtype.kind in "fb" and value.size > 1:
                seen.add(id(value))
                yield name, value.astype(np.float64)
        yield from self._picked()

    def _picked(self) -> Iterator[tuple[str, Array]]:
        """A value for each class, as labels pick it: weights[labels], also as a column."""
        values = self.rule.values.items()
        for (labels, places), (name, value) in product(values, values):
            if (places.dtype.kind == "i" and places.size and value.dtype.kind == "f"
                    and value.ndim == places.ndim == 1
                    and 0 <= places.min() <= places.max() < value.size):
                picked = value[places].astype(np.float64)
                yield f"{name}[{labels}]", picked
                yield f"{name}[{labels}][:, np.newaxis]", picked[:, np.newaxis]
