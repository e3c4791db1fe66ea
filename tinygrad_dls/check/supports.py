"""Mistakes of windows and masks: where the gradient of each element of the output goes.

The rule is asked for each element by itself, and what it gives the inputs is put beside the slopes.
"""

from typing import NamedTuple

import numpy as np

from .case import Case
from .numeric import Array
from .trials import special_numbers

ELEMENTS = 600  # of the output, at most
MOST = 0.8  # of the places, at which the slopes must be known


class Shares(NamedTuple):
    """(places, elements of y) for the elements whose gradient is wrong."""

    mine: Array
    true: Array
    close: float  # differences below it are none
    dy: Array  # of these elements

    @property
    def got(self) -> Array:
        """A mask of what the rule gives to."""
        return np.abs(self.mine) > 1e-3 * self.close

    @property
    def is_flat(self) -> bool:
        """Return whether what must arrive is dy itself, as behind a mask of zeros and ones."""
        slopes = np.abs(self.true).max(axis=0) / np.abs(self.dy)
        return bool(np.allclose(slopes, 1, atol=1e-3))

    @property
    def meant(self) -> Array:
        """A mask of what the output depends on."""
        return np.abs(self.true) > 1e-3 * self.close


def of_mask(case: Case) -> str:
    """Recognize windows whose gradient goes too far, or to a part of them that gets it all."""
    if not any(type(value) is int and value > 1 for value in case.rule.numbers.values()):
        return ""
    shares = _shares(case)
    if not shares:
        return ""
    return _too_many(shares) or (_too_few(shares) if _gets_too_much(shares) else "")


def of_supports(case: Case) -> str:
    """Name what is wrong with where gradients go: too far, nowhere, or to other elements."""
    shares = _shares(case)
    if not shares:
        return ""
    if not shares.got.any():
        nothing = (f"nothing arrives from {shares.got.shape[1]} of {case.rule.y.size} elements of "
                   "the output")
        if shares.is_flat:
            return f"{nothing}: a mask or condition holds at too few places"
        return f"{nothing}: backward's slope is 0 there, and that of forward is not"
    if text := _too_many(shares):
        return text
    if np.allclose(np.sort(shares.mine, axis=0), np.sort(shares.true, axis=0), atol=shares.close):
        return special_numbers(case) or (
            "the numbers are right, but go to other elements than those that the output is made "
            "of: an offset (stride, dilation, an index, the place of the largest) is another one")
    return ""


def of_small_windows(case: Case) -> str:
    """Recognize windows that are too small; a branch that is left out looks like one."""
    shares = _shares(case)
    return _too_few(shares) if shares else ""


def _too_few(shares: Shares) -> str:
    got, meant = shares.got, shares.meant
    if not got.any() or not (got <= meant).all() or not (
            got.sum(axis=0) < meant.sum(axis=0)).all():
        return ""
    more = ", and those get too much" if _gets_too_much(shares) else ""
    return (f"of the elements that an output depends on only some get its gradient{more}: a "
            "window, or a loop, is too small")


def _gets_too_much(shares: Shares) -> bool:
    return not np.allclose(
        shares.mine, np.where(shares.got, shares.true, 0), atol=shares.close)


def _too_many(shares: Shares) -> str:
    got, meant = shares.got, shares.meant
    if (meant <= got).all() and (got.sum(axis=0) > meant.sum(axis=0)).all():
        return ("elements get a gradient on which the output does not depend: a mask (where is the "
                "largest?) is missing, or the window is too large")
    return ""


def _shares(case: Case) -> Shares | None:
    """The share of each input in each element of the output; None if it cannot be told."""
    rule = case.rule
    if rule.outputs or not 2 <= rule.y.size <= ELEMENTS or not rule.dy.all() or (
            case.slopes is None or case.slopes[1].mean() < MOST):
        return None
    true, known = case.slopes
    columns: list[Array] = []
    for place in range(rule.y.size):
        dy = np.zeros(rule.y.size)
        dy[place] = rule.dy.flat[place]
        column = case.at_places(dy=dy.reshape(rule.y.shape).astype(rule.dy.dtype))
        if column is None:
            return None
        columns.append(column)
    mine = np.array(columns).T
    if not case.close(mine.sum(axis=1), case.truth.of_candidate(case.mine)):
        return None  # not linear in dy
    mine, true = mine[known], true[known]
    close = 1e-3 * float(np.abs(true).max())
    wrong = (np.abs(mine - true) > close).any(axis=0)
    found = Shares(mine[:, wrong], true[:, wrong], close, rule.dy.ravel()[wrong])
    depends = found.meant.sum(axis=0)
    if not wrong.any() or not depends.any() or depends.min() == len(true):
        return None
    return found
