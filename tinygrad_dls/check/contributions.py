"""Mistakes of adding up: what each element, or slice, of the output adds to a gradient.

dL/dx[i] is a sum over all elements of the output, of dy[j] * dy[j]/dx[i]. Measured one by one,
they show which of them a rule leaves out, doubles, or takes for the others.
"""

from collections.abc import Iterator

import numpy as np

from .case import ENOUGH, Case
from .hypotheses import factor
from .numeric import Array, index_of

OVERWRITTEN = ", the rest is overwritten: `=` where `+=` is meant?"
SLICES = 16  # of an axis of dy that are tried one by one


def of_jacobian(case: Case) -> str:
    """Recognize a Jacobian that is taken as diagonal, or not transposed."""
    rule, places, all_ = case.rule, case.truth.places, case.contributions
    if all_ is None or rule.y.size != case.mine.size or rule.y.size < ENOUGH:
        return ""
    mine = case.truth.of_candidate(case.mine)
    diagonal = all_[np.arange(len(places)), places]
    if case.close(diagonal, mine):
        return ("only the diagonal of dy/dx is used: each output depends on other inputs too, "
                "and their gradients must be added (for softmax: y * (dy - (dy * y).sum()))")
    dy = rule.dy.ravel()
    if len(places) == rule.y.size and dy.all() and case.close((all_ / dy).T @ dy, mine):
        return ("dy/dx is not transposed: backward must multiply by the transpose of what forward "
                "multiplies by (it must go the other way)")
    return ""


def of_outputs(case: Case) -> str:
    """Name the output, of several, whose gradient is left out."""
    return of_slices(case) if case.rule.outputs else ""


def of_one(case: Case) -> str:
    """Recognize a sum in which only one element of the output is counted."""
    all_ = case.contributions
    if all_ is None or len(all_) < ENOUGH or all_.shape[1] < 2:
        return ""
    mine = case.truth.of_candidate(case.mine)
    same = np.abs(all_ - mine[:, np.newaxis]).max(axis=0) <= 1e-4 * np.abs(mine).max()
    if not same.any():
        return ""
    place = index_of(int(same.argmax()), case.rule.y.shape)
    return f"only what comes from the element {place} of the output arrives" + (
        "" if case.rule.edits_tried else ": `=` where `+=` is meant in a loop")


def of_slices(case: Case, sure: bool = True) -> str:
    """Name the slices of dy that the rule leaves out, or counts with a wrong factor.

    Not sure: say also where the mistake is, without its name.
    """
    rule, all_ = case.rule, case.contributions
    if all_ is None:
        return ""
    for where, masks in _slices(case):
        found = [case.at_places(dy=np.where(mask, rule.dy, 0).astype(rule.dy.dtype))
                 for _, mask in masks]
        if any(share is None for share in found):
            continue
        mine = np.array(found)
        truth = np.array([all_[:, mask.ravel()].sum(axis=1) for _, mask in masks])
        if text := _said(where, [name for name, _ in masks], mine, truth, sure):
            return text.replace(OVERWRITTEN, "") if rule.edits_tried else text
    return ""


def _slices(case: Case) -> Iterator[tuple[str, list[tuple[str, Array]]]]:
    """(what is cut, [(name of the slice, where it is)])."""
    y = case.rule.y
    if case.rule.outputs:
        masks = []
        for name, span in case.rule.outputs.items():
            mask = np.zeros(y.shape, bool)
            mask[span] = True
            masks.append((f"d{name}", mask))
        yield "", masks
        return
    for axis in range(y.ndim):
        if 2 <= y.shape[axis] <= SLICES:
            index = np.arange(y.shape[axis]).reshape([-1 if a == axis else 1
                                                      for a in range(y.ndim)])
            yield f" along axis {axis}", [
                (str(i), np.broadcast_to(index == i, y.shape)) for i in range(y.shape[axis])]


def _said(where: str, names: list[str], mine: Array, truth: Array, sure: bool) -> str:
    scale = float(np.abs(truth).max())
    right = [bool(np.abs(m - t).max() <= 1e-4 * scale) for m, t in zip(mine, truth)]
    lost = [name for name, m, t, ok in zip(names, mine, truth, right)
            if not ok and np.abs(m).max() <= 1e-9 * scale]
    wrong = [name for name, ok in zip(names, right) if not ok]
    dy = "" if not where else f"dy at index {{}}{where}"

    def of(some: list[str]) -> str:
        return dy.format(", ".join(some)) if where else " and ".join(some)

    if not wrong or (len(wrong) == len(names) and not lost):
        return ""
    if where and lost == wrong and len(lost) == len(names) - 1 > 1:
        kept = next(name for name in names if name not in lost)
        return f"only what comes from {of([kept])} arrives{OVERWRITTEN}"
    if lost == wrong:
        return (f"what comes from {of(lost)} is left out (a branch that is not added, or a loop "
                "that ends too early)")
    factors = {factor(m, t) for m, t, ok in zip(mine, truth, right) if not ok}
    if len(factors) == 1 and (c := factors.pop()) is not None:
        times = "has the wrong sign" if c == -1 else f"counts {c} times"
        return f"what comes from {of(wrong)} {times}"
    if len(wrong) < len(names) and not sure:
        return f"only what comes from {of(wrong)} is wrong, the rest is right"
    return ""
