"""An op's backward rule, called by itself, as often and on whatever values one likes."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any, Self

import numpy as np

from ..ops.op import Op
from .follow import Follower, plain
from .numeric import Array

Shares = Sequence[Any]  # the gradients of the inputs; None: the rule gave none
Values = Mapping[str, Array]


class Rule(ABC):
    """A way forward and a hand-written way back, at one point.

    Mistakes are named by trying: the rule runs on other saved values, on another dy, at another
    point, with another parameter, and what makes it right is what was wrong with it.
    """

    inputs: list[Any]  # arrays on the host, and whatever else forward takes
    y: Array  # the output; of several outputs all their elements, one after the other
    dy: Array
    edits_tried = False  # of its source, `+=` for `=` among them: none mends all

    @abstractmethod
    def gradients(
        self, exchange: Values | None = None, dy: Array | None = None,
        follower: Follower | None = None,
    ) -> tuple[list[Any], str]:
        """The gradients of the inputs, and what was wrong with the call itself, if anything.

        `exchange` gives other arrays to some of the values that backward uses; a `follower` sees
        what it does with them.
        """

    @abstractmethod
    def forward(self, inputs: Sequence[Any]) -> Array:
        """The output at other inputs."""

    def call_again(self, inputs: Sequence[Any]) -> None:
        """Run forward of the same object, as another use of it does."""
        self.forward(inputs)

    @abstractmethod
    def at(self, inputs: Sequence[Any], dy: Array | None = None) -> Self:
        """The same rule at other inputs, with what forward keeps there."""

    @abstractmethod
    def with_number(self, name: str, value: Any) -> Self:
        """The same op with another parameter, such as a stride of 1."""

    @abstractmethod
    def input_name(self, place: int) -> str:
        """The name of input number `place`."""

    @property
    @abstractmethod
    def used(self) -> dict[str, Array]:
        """The arrays that backward is given, beside dy, by name."""

    @property
    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """Parameters that are numbers: stride, pad, p ..."""

    @property
    def outputs(self) -> dict[str, slice]:
        """The part of y that each output takes, if there are several."""
        return {}

    @cached_property
    def tried(self) -> dict[Any, list[Any]]:
        """The gradients that backward gave with changes that were tried, by what they were."""
        return {}

    @cached_property
    def values(self) -> dict[str, Array]:
        """Everything that a rule may mean: inputs, the output y, and what backward is given."""
        found = {self.input_name(i): x for i, x in enumerate(self.inputs)
                 if isinstance(x, np.ndarray)}
        return {**found, "y": self.y, **self.used}

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Numbers that a wrong factor may come from: how many examples, how long the axes are."""
        found: dict[str, int] = {}
        for place, x in enumerate(self.inputs):
            name = self.input_name(place)
            for axis, n in enumerate(np.shape(x)):
                found.setdefault(f"{name}.shape[{axis}]", n)
            found.setdefault(f"{name}.size", int(np.size(x)))
        for place, x in enumerate(self.inputs):
            for axes in (axes for count in (2, 3)
                         for axes in combinations(range(min(np.ndim(x), 4)), count)):
                names = (f"{self.input_name(place)}.shape[{axis}]" for axis in axes)
                length = int(np.prod([np.shape(x)[axis] for axis in axes]))
                found.setdefault(" * ".join(names), length)
        return found

    def remembers(self, rng: np.random.Generator) -> bool:
        """Return whether another call of forward changes the gradients of this one."""
        before, problem = self.gradients()
        if problem:
            return False
        found = False
        for sign in (1, -1):  # a mask kept from another call has the same signs, or the other ones
            try:
                self.call_again([_moved(x, sign, rng) for x in self.inputs])
                after, problem = self.gradients()
                found |= bool(problem) or any(map(_differ, before, after))
            except Exception:  # a point that forward does not take
                continue
        self.call_again(self.inputs)  # leaves it as it was
        return found


def _moved(x: Any, sign: int, rng: np.random.Generator) -> Any:
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return np.asarray(sign * x * rng.uniform(0.5, 0.9, x.shape))
    return x


def _differ(old: Any, new: Any) -> bool:
    if old is None or new is None:
        return old is not new
    if old.shape != new.shape:
        return True
    scale = float(np.abs(old).max(initial=0.0, where=np.isfinite(old)))
    return not np.allclose(old, new, rtol=1e-6, atol=1e-6 * scale, equal_nan=True)


class OpRule(Rule):
    """The rule of a declared op, bound to its device."""

    def __init__(
        self, op: Op, needs: Sequence[bool], inputs: Sequence[Any], dy: Array | None = None
    ) -> None:
        # a copy: what an op may keep of a call (it should not) stays that of this rule
        self.op, self.device, self.needs = copy.copy(op), op.device, tuple(needs)
        self.inputs = list(inputs)
        self.y, *extras = self._forward(self.op, self.inputs)
        self.extras = tuple(extras)
        self.dy = np.ones_like(self.y) if dy is None else dy

    def _forward(self, op: Op, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The output, then the extras, on the host."""
        device = self.device
        arrays = [device.from_host(x.copy()) if isinstance(x, np.ndarray) else x for x in inputs]
        made = op.forward(*arrays)
        out, *extras = made if op.extras else (made,)
        return (np.asarray(device.to_host(device.asarray(out))), *extras)

    def forward(self, inputs: Sequence[Any]) -> Array:
        return np.asarray(self._forward(copy.copy(self.op), inputs)[0])

    def call_again(self, inputs: Sequence[Any]) -> None:
        self._forward(self.op, inputs)

    def at(self, inputs: Sequence[Any], dy: Array | None = None) -> Self:
        return type(self)(self.op, self.needs, inputs, self.dy if dy is None else dy)

    def with_number(self, name: str, value: Any) -> Self:
        op = copy.copy(self.op)
        setattr(op, name, value)
        rule = type(self)(op, self.needs, self.inputs)
        rule.dy = np.resize(self.dy, rule.y.shape).astype(rule.y.dtype)
        return rule

    def input_name(self, place: int) -> str:
        name = self.op.input_name(place)
        variadic = self.op.inputs[min(place, len(self.op.inputs) - 1)].startswith("*")
        return f"{name}[{place - len(self.op.inputs) + 1}]" if variadic else name

    @property
    def numbers(self) -> dict[str, Any]:
        return {name: value for name, value in self.op.parameters.items()
                if isinstance(value, (bool, int, float))}

    @property
    def used(self) -> dict[str, Array]:
        saved = dict(zip(self._plan.names, self._saved()))
        found = {name: self._host(value) for name, value in saved.items()
                 if isinstance(value, self.device.array_type)}
        kept = {f"self.{name}": np.asarray(self._host(value))
                for name, value in self.op.parameters.items()
                if isinstance(value, self.device.array_type) and value.dtype.kind == "f"}
        return found | kept

    @property
    def _plan(self) -> Any:
        return self.op.plan(self.needs)

    def _saved(self) -> tuple[Any, ...]:
        to_device = self.device.from_host
        arrays = [to_device(x.copy()) if isinstance(x, np.ndarray) else x for x in self.inputs]
        kept: tuple[Any, ...] = self._plan.keep(
            *arrays, to_device(self.y.copy()), *self.extras, self.needs)
        return kept

    def gradients(
        self, exchange: Values | None = None, dy: Array | None = None,
        follower: Follower | None = None,
    ) -> tuple[list[Any], str]:
        to_device, op = self.device.from_host, self.op
        own = {name[5:]: to_device(value.copy()) for name, value in (exchange or {}).items()
               if name.startswith("self.")}
        if own:
            op = copy.copy(op)
            vars(op).update(own)
        plan, saved = op.plan(self.needs), self._saved()
        if exchange:
            saved = tuple([to_device(exchange[n].copy()) if n in exchange else value
                           for n, value in zip(plan.names, saved)])
        if follower is not None:
            if self.device.array_type is not np.ndarray:
                return [], "arrays are followed on the host only"
            saved = tuple([follower.follow(value, n) if isinstance(value, np.ndarray) else value
                           for n, value in zip(plan.names, saved)])
        before = [self._host(value).copy() for value in saved]
        given = self.dy if dy is None else dy
        dy = to_device(given.copy())
        try:
            shares = plan.back(dy if follower is None else follower.follow(dy, "dy"), saved)
            shares = shares if follower is None else plain(shares)
        except Exception as error:  # a learner's rule may raise anything
            return [], f"its backward raised {type(error).__name__}: {error}"
        if not isinstance(shares, (tuple, list)) or len(shares) != len(self.needs):
            count = len(shares) if isinstance(shares, (tuple, list)) else 1
            return [], (f"its backward returned {count} gradient{'s' * (count != 1)} for "
                        f"{len(self.needs)} inputs (None for those that need none)")
        if not np.array_equal(self._host(dy), given):
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


class _Constant:
    """Something saved that is not an array and cannot be written into."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def copy(self) -> "_Constant":
        return self


def _same(old: Any, new: Any) -> bool:
    return isinstance(old, _Constant) or np.array_equal(old, new, equal_nan=old.dtype.kind == "f")
