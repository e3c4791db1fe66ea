"""A rule tried on other values: another dy, other saved arrays, other parameters, other points.

What makes a wrong rule right is what was wrong with it: if it is right when it gets W.T, then it
lacks a transposition; if it is right only where the stride is 1, then it forgets the stride.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np

from .case import Case
from .compared import compared_at
from .ingredients import SLOPES, forms, spread
from .numeric import Array
from .patterns import moves
from .rules import Rule

OVERWRITTEN = "the others are overwritten: `=` where `+=` is meant?"
LEFT_OUT = "what the others add is left out, or wrong"
SMALL = 20_000  # elements of a value that is tried in other orders


def other_dy(case: Case) -> str:
    """Name the change of dy, such as an activation's derivative, that makes the rule right."""
    rule = case.rule
    for name, value in case.known():
        here = spread(value, rule.y.shape)
        if here is None or rule.outputs:
            continue
        for text, form in forms(name, here, SLOPES):
            if case.mends(dy=rule.dy * form):
                what = "this factor" if text == name else "the derivative of the activation"
                return (f"dy must first be multiplied by {text}: {what} is missing")
            with np.errstate(all="ignore"):
                before = rule.dy / form
            if np.isfinite(before).all() and case.mends(dy=before):
                return f"dy is multiplied by {text} where it must not be, or once too often"
    for what, turned in _of_dy(rule.dy) if not rule.outputs and rule.y.ndim else ():
        if case.mends(dy=turned):
            why = ""
            if what == ".T":
                why = ": it is summed over the wrong axis, or .T is missing"
            elif "shifted" in what:
                why = ": an index or the padding is off by one"
            return f"the rule is right for dy {what}{why}"
    return _through_sums(case)


def _of_dy(dy: Array) -> Iterator[tuple[str, Array]]:
    yield from ((what, x) for what, x in moves(dy) if dy.size <= SMALL)
    for axis in range(dy.ndim):
        total = dy.sum(axis=axis, keepdims=True)
        yield f"minus its mean over axis {axis}", dy - total / dy.shape[axis]
        yield f"minus its sum over axis {axis}", dy - total
        yield f"summed over axis {axis}", np.broadcast_to(total, dy.shape).copy()
        yield f"averaged over axis {axis}", np.broadcast_to(
            total / dy.shape[axis], dy.shape).copy()
        yield f"summed up along axis {axis} (cumsum)", dy.cumsum(axis=axis)
        yield (f"summed up from the end of axis {axis} (cumsum)",
               np.flip(np.flip(dy, axis).cumsum(axis=axis), axis))


def _through_sums(case: Case) -> str:
    """Recognize that a softmax, whose derivative sums over an axis, is missing before the rule."""
    rule = case.rule
    if rule.outputs:
        return ""
    for name, value in case.known():
        here = spread(value, rule.y.shape)
        if here is None:
            continue
        for axis in range(rule.y.ndim):
            if np.allclose(here.sum(axis=axis), 1) and (here >= 0).all():
                through = here * (rule.dy - (rule.dy * here).sum(axis=axis, keepdims=True))
                if case.mends(dy=through):
                    return (f"dy must first go through the softmax: {name} * (dy - "
                            f"(dy * {name}).sum(axis={axis}, keepdims=True))")
    return ""


def other_values(case: Case) -> str:
    """Name another array that makes the rule right in place of one that it uses."""
    rule = case.rule
    known = [(name, value) for name, value in rule.values.items() if value.dtype.kind in "fb"]
    for name, old in rule.used.items():
        if old.dtype.kind != "f":
            continue
        if name.startswith("self."):
            continue
        for what, value in moves(old, blocks=False) if old.size <= SMALL else ():
            if what != "reshaped" and case.mends({name: value}):
                return _of_move(name, what)
        for other, value in known:
            if _can_stand(value, old) and case.mends({name: value.astype(old.dtype)}):
                return f"the rule uses {_role(name, other)} where it means {_role(other, name)}"
    for name, old in rule.used.items():  # what an object keeps of a call: is it an old one?
        for other, value in known if name.startswith("self.") else ():
            if _can_stand(value, old) and case.mends({name: value}):
                return (f"{name} is not {other} of this call (a stale cache): the rule is right "
                        f"with {other} in its place")
    for (a, x), (b, y) in combinations(rule.used.items(), 2):
        if x.shape == y.shape and x.dtype == y.dtype and case.mends({a: y, b: x}):
            return f"{a} and {b} are swapped"
    return _of_functions(case) or _of_parts(case)


def _of_functions(case: Case) -> str:
    """Name a function of a value that makes the rule right in its place."""
    for name, old in case.rule.used.items():
        if old.dtype.kind != "f":
            continue
        if not np.array_equal(old, -old) and case.mends({name: -old}):
            return f"the rule uses {name} where it means -{name}"
        for text, form in forms(name, old.astype(np.float64)):
            if text != name and case.mends({name: form.astype(old.dtype)}):
                return f"the rule uses {name} where it means {text}"
    return ""


def _of_parts(case: Case) -> str:
    for name, old in case.rule.used.items():
        if old.dtype.kind == "f" and old.ndim and old.size <= SMALL:
            for what, value in moves(old):
                if ("parts" in what) and case.mends({name: value}):
                    return f"the rule is right with {name}'s {what}: are gates swapped?"
    return ""


def _can_stand(value: Array, old: Array) -> bool:
    return value.shape == old.shape and old.dtype.kind == "f" and not np.array_equal(value, old)


def _of_move(name: str, what: str) -> str:
    if what == ".T":
        return f"the rule uses {name} where it means {name}.T"
    if "flipped" in what:
        return (f"the rule is right with {name} {what}: the kernel (or time) is flipped once too "
                "often, or once too little")
    if "shifted" in what:
        return f"the rule is right with {name} {what}: an index is off by one"
    return f"the rule is right with {name} {what}: its axes are in the wrong order"


def _role(name: str, beside: str) -> str:
    if name == "y":
        return "the output y"
    return f"the input {name}" if beside == "y" else name


# --- other points ------------------------------------------------------------------------------


def special_numbers(case: Case) -> str:
    """Name a parameter at whose values 1 or 0 alone the rule is right."""
    for name, value in case.rule.numbers.items():
        others: tuple[Any, ...] = (not value,) if isinstance(value, bool) else (1, 0)
        for other in others:
            if other != value and _right_at(case, partial(_with, case, name, other)):
                if apart := _overlap(case):
                    return apart
                only = f"the rule is right only where {name} = {other}"
                if _carried(case, value):
                    return (f"{only}: an axis of {name} (here {value}) elements is at another "
                            "place than in forward (does a reshape lack its transpose?)")
                return f"{only}: backward forgets {name} (here {value})"
    return ""


def _carried(case: Case, value: Any) -> bool:
    """Return whether the shapes of the cache tell a number to backward: that of attention's heads.
    """
    made = [x for x in case.rule.used.values() if x.ndim >= 4
            and not any(x.shape == y.shape for y in (*case.rule.inputs, case.rule.y))]
    return type(value) is int and value > 1 and any(value in x.shape for x in made)


def penalty(case: Case) -> str:
    """Recognize a multiple of the input that is missing: what a penalty adds to its gradient."""
    x, dy = case.truth.of_candidate(case.rule.inputs[case.place]), case.rule.dy
    rest = case.truth.values - case.truth.of_candidate(case.mine)
    if dy.size != 1 or not dy.item() or np.count_nonzero(x) < 4:
        return ""
    c = float((rest * x).sum() / (x * x).sum())
    if not case.close(c * x, rest):
        return ""
    if np.abs(rest - c * x).max() > 1e-3 * np.abs(rest).max():
        return ""
    name, much = case.rule.input_name(case.place), abs(c / dy.item())
    return special_numbers(case) or f"the term {much:.6g} * {name} is " + (
        f"missing: what an L2 penalty of {name} adds" if c / dy.item() > 0 else "too much")


def _overlap(case: Case) -> str:
    """Recognize windows that overwrite each other: right where each begins as the last one ends."""
    sizes = {name: n for name, n in case.rule.numbers.items() if type(n) is int and n > 0}
    for (step, here), (size, wide) in permutations(sizes.items(), 2):
        if here < wide and _right_at(case, partial(_with, case, step, wide)):
            return (f"the rule is right only where {step} = {size}, so that windows do not "
                    "overlap: they overwrite each other, `=` where `+=` is meant")
    return ""


def _with(case: Case, name: str, value: Any) -> Rule:
    kind = type(case.rule.numbers[name])
    return case.rule.with_number(name, kind(value))


def special_points(case: Case) -> str:
    """Name special inputs at which alone the rule is right: what it forgets disappears there."""
    rule = case.rule
    points = [(rule.input_name(place), place, point)
              for place, x in enumerate(rule.inputs) if isinstance(x, np.ndarray) and x.size
              for point in _points(rule.input_name(place), x)]
    for name, place, (what, value, why) in points:
        why = LEFT_OUT if rule.edits_tried and why == OVERWRITTEN else why
        if _right_at(case, partial(rule.at, _put(rule.inputs, place, value))):
            return f"the rule is right only where {name} is {what}: {why}"
    if not rule.outputs:
        for axis in range(rule.dy.ndim):
            dy = np.broadcast_to(rule.dy.take([0], axis), rule.dy.shape).copy()
            if rule.dy.shape[axis] > 1 and _right_at(case, partial(rule.at, rule.inputs, dy)):
                return (f"the rule is right only where dy is the same along axis {axis}: it adds "
                        "up, or repeats, along the wrong axis")
    return ""


def nothing_there(case: Case) -> str:
    """Name an input at whose value 0 it is right; of several another than its own, and of those the
    one that leaves the most.
    """
    rule = case.rule
    found: list[tuple[bool, float, str]] = []
    for place, x in enumerate(rule.inputs):
        if isinstance(x, np.ndarray) and x.dtype.kind in "fiub":
            inputs = _put(rule.inputs, place, np.zeros_like(x))
            if other := _right_at(case, partial(rule.at, inputs)):
                found.append((place != case.place, other, rule.input_name(place)))
    if not found:
        return ""
    others = [name for is_other, _, name in found if is_other]
    if len(others) > 1 and all(_is_weight(case, name) for name in others):
        return (f"the rule is right where {' or '.join(others)} is 0: a term in which all of them "
                "meet is left out, or wrong")
    name = max(found)[2]
    return (f"the rule is right only where {name} is 0: what comes through {name} is left out, or "
            "wrong")


def _is_weight(case: Case, name: str) -> bool:
    """Return whether an input is a matrix or more, of floats, as weights are."""
    return any(case.rule.input_name(place) == name and x.ndim >= 2 and x.dtype.kind == "f"
               for place, x in enumerate(case.rule.inputs))


def _put(inputs: list[Any], place: int, value: Array) -> list[Any]:
    return [value if i == place else old for i, old in enumerate(inputs)]


def _points(name: str, x: Array) -> Iterator[tuple[str, Array, str]]:
    if x.dtype.kind == "b":
        yield "True everywhere", np.ones_like(x), f"is the mask {name} missing in backward?"
    if x.dtype.kind != "f":
        return
    if x.ndim >= 2 and x.shape[-1] == x.shape[-2]:
        half = (x + x.swapaxes(-1, -2)) / 2
        yield "symmetric", half, f"it means {name} transposed"
    for axes in ((-2, -1), (-1,), (0,)):
        if x.ndim >= len(axes) and all(x.shape[a] > 1 for a in axes) and x.ndim > 1:
            yield (f"the same when flipped along {axes}", (x + np.flip(x, axes)) / 2,
                   f"it means {name} flipped")
    yield "1 everywhere", np.ones_like(x), f"backward forgets {name} (or a power of it)"
    for axis, n in enumerate(x.shape):
        for where, index in (("first", 0), ("last", n - 1)) if n > 1 else ():
            one = np.arange(n).reshape([-1 if a == axis else 1 for a in range(x.ndim)]) == index
            yield (f"0 at the {where} index along axis {axis}", np.where(one, 0, x),
                   "that index is left out: does a loop begin or end one step off?")
            yield (f"0 but at the {where} index along axis {axis}", np.where(one, x, 0),
                   OVERWRITTEN)
    if np.unique(x).size > 2:
        small = np.abs(x).mean() / 100
        yield "positive", np.abs(x) + small, f"backward is wrong where {name} is negative"
        yield "negative", -np.abs(x) - small, f"backward is wrong where {name} is positive"
    for axis in range(x.ndim):
        if x.shape[axis] > 1:
            yield (f"the same along axis {axis}",
                   np.broadcast_to(x.take([0], axis), x.shape).copy(),
                   f"it sums or broadcasts {name} along the wrong axis")


def _right_at(case: Case, make: Callable[[], Rule]) -> float:
    """Return the size of its gradient if the rule of `make()` is right; 0 if it is wrong, or 0."""
    case.tick()
    try:
        rule = make()
        shares, problem = rule.gradients()
        share = None if problem else shares[case.place]
        if share is None or share.shape != rule.inputs[case.place].shape:
            return 0.0
        size = float(np.abs(share).max(initial=0.0))
        if not size > 1e-9 * np.abs(case.mine).max(initial=0.0) or not np.isfinite(size):
            return 0.0
        compared = compared_at(rule, case.place, share, 1e-6, 1e-6, case.rng)
        step = 2.0**-20 * (float(np.abs(compared.differences.x).max(initial=0.0)) or 1.0)
        for _ in range(3):
            direction = np.asarray(case.rng.standard_normal(share.shape))
            slope = compared.differences.at(direction, step).value
            if not abs(slope - float((share * direction).sum())) <= 1e-4 * abs(slope):
                return 0.0
    except Exception:  # a point that forward does not take
        return 0.0
    return size
