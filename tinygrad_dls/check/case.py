"""One wrong gradient, with all that its mistake can be found by."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .compared import Compared
from .follow import Change, Follower, Site
from .numeric import Array, Measured
from .rules import Rule, Shares, Values

ENOUGH = 3  # elements that a hypothesis must explain: one number proves nothing
MANY = 4_000_000  # numbers; what would take more is not tried


class Trial(NamedTuple):
    """One run of a rule with something changed."""

    exchange: Values | None = None
    dy: Array | None = None
    site: Site | None = None
    change: Change | None = None


@dataclass
class Case:
    """The gradient that `rule` gave input number `place`, which is wrong, and the right one."""

    rule: Rule
    place: int
    shares: Shares
    truth: Measured
    compared: Compared
    rng: np.random.Generator
    last: Trial | None = None  # that mended it

    @property
    def mine(self) -> Any:
        return self.shares[self.place]

    @property
    def fits(self) -> bool:
        """Return whether the shape is the input's, with enough elements to rule out chance."""
        return self.mine is not None and self.mine.shape == self.truth.shape and (
            len(self.truth.values) >= ENOUGH and self.truth.scale > 0)

    def mends(self, exchange: Values | None = None, dy: Array | None = None) -> bool:
        """Return whether the gradient is right when the rule gets other values."""
        return self._try(Trial(exchange, dy))

    def mends_at(self, site: Site, what: str, change: Change) -> bool:
        """Return whether it is right when one step of backward is changed as `what` says."""
        if not self.truth.is_close(self.at_site(site, what, change)):
            return False
        self.last = Trial(site=site, change=change)
        return True

    def at_site(self, site: Site, what: str, change: Change) -> Any:
        """The gradient when one step of backward is changed; None if backward fails."""
        tried = self.rule.tried
        if (site, what) not in tried:
            shares, problem = self.rule.gradients(follower=Follower(site, change))
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
        follower = None if trial.site is None else Follower(trial.site, trial.change)
        shares, problem = self.rule.gradients(trial.exchange, trial.dy, follower)
        return not problem and self.truth.is_close(shares[self.place])

    @cached_property
    def sites(self) -> dict[Site, Array]:
        """The places in backward's code that its values pass; empty where they cannot be seen."""
        follower = Follower()
        _, problem = self.rule.gradients(follower=follower)
        return {} if problem else follower.seen

    def at_places(self, exchange: Values | None = None, dy: Array | None = None) -> Array | None:
        """The rule's gradient with other values, where the truth is known; None without one."""
        shares, problem = self.rule.gradients(exchange, dy)
        share = None if problem else shares[self.place]
        if share is None or share.shape != self.truth.shape:
            return None
        return self.truth.of_candidate(share)

    @cached_property
    def contributions(self) -> Array | None:
        """(places, elements of y): what each element of the output adds to each gradient."""
        if self.rule.y.size * len(self.truth.places) > MANY:
            return None
        rows = [self.compared.slopes_of(int(place)).ravel() for place in self.truth.places]
        found = np.array(rows).reshape(len(rows), self.rule.y.size)
        return found if np.allclose(
            found.sum(axis=1), self.truth.values, rtol=1e-3, atol=1e-3 * self.truth.scale) else None

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
