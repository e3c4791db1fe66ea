"""An op's backward rule, called by itself, and the mistakes that only such a rule can have."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ops.op import Op
from .hypotheses import elements, factor, named
from .numeric import Array, Measured

Shares = Sequence[Any]  # the gradients of the inputs; None: the rule gave none


@dataclass(frozen=True)
class Rule:
    """The backward rule of an op at one point, with all that the rule may be given."""

    op: Op
    device: Any
    needs: tuple[bool, ...]
    inputs: Sequence[Any]  # on the host
    y: Array
    extras: tuple[Any, ...]
    dy: Array

    def gradients(self, exchange: dict[str, Array] | None = None) -> tuple[list[Any], str]:
        """The gradients on the host, and what was wrong with the call itself, if anything.

        `exchange` gives other arrays to some of the saved names.
        """
        to_device = self.device.from_host
        arrays = [to_device(x.copy()) if isinstance(x, np.ndarray) else x for x in self.inputs]
        plan = self.op.plan(self.needs)
        saved = plan.keep(*arrays, to_device(self.y.copy()), *self.extras, self.needs)
        if exchange:
            saved = tuple([to_device(exchange[n].copy()) if n in exchange else value
                           for n, value in zip(plan.names, saved)])
        before = [self._host(value).copy() for value in saved]
        dy = to_device(self.dy.copy())
        try:
            shares = plan.back(dy, saved)
        except Exception as error:  # a learner's rule may raise anything
            return [], f"its backward raised {type(error).__name__}: {error}"
        if not isinstance(shares, (tuple, list)) or len(shares) != len(self.needs):
            count = len(shares) if isinstance(shares, (tuple, list)) else 1
            return [], (f"its backward returned {count} gradient{'s' * (count != 1)} for "
                        f"{len(self.needs)} inputs (None for those that need none)")
        if not np.array_equal(self._host(dy), self.dy):
            return [], "its backward writes into dy, which others use too: work on a copy"
        if any(not _same(old, self._host(new)) for old, new in zip(before, saved)):
            return [], "its backward writes into a value it saved: work on a copy"
        return self._checked(shares)

    def _checked(self, shares: Shares) -> tuple[list[Any], str]:
        found: list[Any] = []
        for share, x in zip(shares, self.inputs):
            if share is not None and not isinstance(share, (self.device.array_type, np.generic)):
                kind = type(share).__name__
                return [], f"its backward returned a {kind} where a gradient is an array"
            found.append(None if share is None else self._fitted(self._host(share), x))
        return found, ""

    def _fitted(self, share: Array, x: Any) -> Array:
        """The gradient with broadcasting undone, where the engine does it for the op."""
        shape = np.shape(x)
        if share.shape == shape or not self.op.broadcasts or share.shape != self.y.shape:
            return share
        lead = share.ndim - len(shape)
        if lead < 0:
            return share
        stretched = [lead + i for i, n in enumerate(shape) if n != share.shape[lead + i]]
        summed: Array = share.sum(axis=(*range(lead), *stretched), keepdims=True)
        return summed.reshape(shape) if summed.size == np.prod(shape, dtype=int) else share

    def _host(self, value: Any) -> Any:
        if not isinstance(value, self.device.array_type):
            return np.asarray(value) if isinstance(value, np.generic) else _Constant(value)
        return np.asarray(self.device.to_host(value))

    @property
    def lengths(self) -> dict[str, int]:
        """Numbers that a wrong factor may come from: how many examples, how long the axes are."""
        found: dict[str, int] = {}
        for place, x in enumerate(self.inputs):
            name = self.op.input_name(place)
            for axis, n in enumerate(np.shape(x)):
                found.setdefault(f"{name}.shape[{axis}]", n)
            found.setdefault(f"{name}.size", int(np.size(x)))
        return found


class _Constant:
    """Something saved that is not an array and cannot be written into."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def copy(self) -> "_Constant":
        return self


def _same(old: Any, new: Any) -> bool:
    return isinstance(old, _Constant) or np.array_equal(old, new, equal_nan=old.dtype.kind == "f")


def name_mistake(
    rule: Rule, place: int, shares: Shares, truth: Measured, slopes_of: Callable[[int], Array]
) -> str:
    """Name the mistake in the gradient that `rule` gave input number `place`."""
    mine = shares[place]
    if mine is None:
        return "backward returned None, but the output does depend on it"
    dy = rule.dy
    if mine.shape == truth.shape == dy.shape and np.array_equal(mine, dy):
        c = factor(truth.of_candidate(mine), truth.values)
        if c is None:
            return "analytic = dy: the derivative of the op itself is forgotten"
    return (
        named(mine, truth, rule.lengths)
        or _without_dy(rule, mine, truth)
        or _of_another_input(rule, place, shares, truth)
        or _other_value(rule, place, truth)
        or _not_added(mine, truth, slopes_of)
        or elements(mine, truth)
    )


def _without_dy(rule: Rule, mine: Array, truth: Measured) -> str:
    dy = rule.dy
    if mine.shape == dy.shape and truth.is_close(mine * dy):
        return "dy is forgotten: this is dy/dx, which must be multiplied by dy"
    return ""


def _of_another_input(rule: Rule, place: int, shares: Shares, truth: Measured) -> str:
    for other, share in enumerate(shares):
        if other != place and truth.is_close(share):
            return f"this is the gradient of {rule.op.input_name(other)}: is the order wrong?"
    return ""


def _other_value(rule: Rule, place: int, truth: Measured) -> str:
    """Name the operand that makes the rule right: x in place of y, a in place of b, and so on."""
    values = {"y": rule.y} | {
        name: x for name, x in zip(rule.op.inputs, rule.inputs) if isinstance(x, np.ndarray)
    }
    used = [name for name in rule.op.plan(rule.needs).names if name in values]
    for name in used:
        x = values[name]
        if x.ndim >= 2 and x.shape[-1] == x.shape[-2]:
            shares, problem = rule.gradients({name: x.swapaxes(-1, -2)})
            if not problem and truth.is_close(shares[place]):
                return f"the rule uses {name} where it means {name}.T"
    for name, other in itertools.product(used, values):
        if name == other or values[name].shape != values[other].shape:
            continue
        shares, problem = rule.gradients({name: values[other]})
        if not problem and truth.is_close(shares[place]):
            return f"the rule uses {_role(name, other)} where it means {_role(other, name)}"
    return ""


def _role(name: str, beside: str) -> str:
    if name == "y":
        return "the output y"
    return f"the input {name}" if beside == "y" else name


def _not_added(mine: Array, truth: Measured, slopes_of: Callable[[int], Array]) -> str:
    """Return whether each wrong element is one of the contributions that should have been added up.
    """
    at = truth.of_candidate(mine)
    wrong = np.flatnonzero(np.abs(at - truth.values) > 1e-5 * truth.scale)[:8]
    if not len(wrong):
        return ""
    for i in wrong:
        shares = slopes_of(int(truth.places[i]))
        shares = shares[np.abs(shares) > 1e-9 * max(truth.scale, 1e-300)]
        if shares.size < 2 or not np.isclose(shares, at[i], rtol=1e-4).any():
            return ""
    return ("only one contribution of a value that is used several times has arrived: "
            "`=` where `+=` is meant (np.add.at for places)")
