"""Each op's own rule, checked alone: random directions through forward against its backward.

A gradient of a whole network that is wrong does not say where. But backward is a chain of rules,
one for each op, and each can be checked by itself: with dy a random gradient of the output,
sum(dy * forward(x)) is a number whose gradient the rule claims to know.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..autograd import Node
from ..ops.op import Op
from .numeric import SURE, Array, Differences, Measured, Verdict, nudged
from .report import Check
from .rules import Rule, name_mistake

SAMPLED = 256  # elements of a wrong gradient that are looked at


def check_node(node: Node, eps: float, tolerance: float, rng: np.random.Generator) -> list[Check]:
    """The checks of one recorded op, one for each input that wants a gradient."""
    trace = node.trace
    if trace is None:
        return []
    if not all(x is None or isinstance(x, _plain_types(node.device)) for x in trace.inputs):
        return [Check(node.op.label(), trace.source, "", "unknown",
                      "it runs a function of its own: only the whole function can be checked")]
    return check_op(node.op, trace.inputs, node.plan.needs, trace.source, eps, tolerance, rng)


def _plain_types(device: Any) -> tuple[type, ...]:
    return (device.array_type, bool, int, float)


def check_op(
    op: Op, inputs: Sequence[Any], needs: Sequence[bool], source: str = "", eps: float = 1e-6,
    tolerance: float = 1e-6, rng: np.random.Generator | None = None,
) -> list[Check]:
    """Check the rule of `op`, bound to its device, at `inputs` (arrays of it and numbers)."""
    rng = rng or np.random.default_rng(0)
    run = _Run(op, inputs)

    def check(place: int | None, verdict: Verdict, hint: str = "") -> Check:
        return Check(op.label(), source, _input_name(op, place), verdict, hint)

    with np.errstate(all="ignore"):
        y, *extras = run.forward(run.host)
        coarse = y.dtype != np.float64
        if y.dtype.kind != "f" or y.dtype.itemsize < 4:
            return [check(None, "unknown", f"its result is {y.dtype}: too coarse for differences")]
        if not np.isfinite(y).all():
            kind = "NaN" if np.isnan(y).any() else "Inf"
            return [check(None, "unknown", f"forward made {kind} of its inputs")]
        dy: Array = np.asarray(rng.standard_normal(y.shape)).astype(y.dtype)
        rule = Rule(op, run.device, tuple(needs), run.host, y, tuple(extras), dy)
        shares, problem = rule.gradients()
        if problem:
            return [check(None, "wrong", problem)]
        checks = []
        for place, (need, x) in enumerate(zip(needs, run.host)):
            if not need or not isinstance(x, np.ndarray) or x.dtype.kind != "f":
                continue
            differences = Differences(
                run.of_input(place), x, y.astype(np.float64), dy.astype(np.float64),
                float(np.finfo(y.dtype).eps),
            )
            share = shares[place]
            step, close = (1e-2, 1e-3) if coarse else (eps, tolerance)

            def slack(place: int = place, rule: Rule = rule) -> Array:
                return run.slack(rule, place, rng)

            compared = _Compared(differences, share, step, close, rng, slack)
            verdict, measured = compared.verdict()
            hint = ""
            if verdict == "wrong":
                hint = name_mistake(rule, place, shares, measured, compared.slopes_of)
            elif verdict == "kink":
                hint = f"{_input_name(op, place) or 'an input'} lies on a kink"
            checks.append(check(place, verdict, hint))
    return checks


def _input_name(op: Op, place: int | None) -> str:
    if place is None:
        return ""
    name = op.input_name(place)
    variadic = op.inputs[min(place, len(op.inputs) - 1)].startswith("*")
    return f"{name}[{place - len(op.inputs) + 1}]" if variadic else name


class _Run:
    """Forward of one op in float64, on host copies of its inputs."""

    def __init__(self, op: Op, inputs: Sequence[Any]) -> None:
        self.op, self.device = op, op.device
        self.host = [self._to_host(x) for x in inputs]

    def _to_host(self, x: Any) -> Any:
        if not isinstance(x, self.device.array_type):
            return x
        x = np.array(self.device.to_host(x))
        return x.astype(np.float64) if x.dtype.kind == "f" else x

    def forward(self, inputs: Sequence[Any]) -> tuple[Array, ...]:
        """The output, then the extras, on the host."""
        device = self.device
        arrays = [device.from_host(x.copy()) if isinstance(x, np.ndarray) else x for x in inputs]
        made = self.op.forward(*arrays)
        out, *extras = made if self.op.extras else (made,)
        y = device.asarray(out)
        return (np.asarray(device.to_host(y)), *extras)

    def slack(self, rule: Rule, place: int, rng: np.random.Generator) -> Array:
        """Return how much the gradient of an input changes if everything it is made of changes a
        little.
        """
        gradient = rule.gradients()[0][place]
        slack = np.zeros(np.shape(rule.inputs[place]))
        if gradient is None:
            return slack
        for _ in range(3):
            inputs = [nudged(x, rng) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
                      for x in self.host]
            y, *extras = self.forward(inputs)
            dy = nudged(rule.dy, rng, float(np.finfo(rule.dy.dtype).eps)).astype(rule.dy.dtype)
            other = replace(rule, inputs=inputs, y=y, extras=tuple(extras), dy=dy)
            shares, problem = other.gradients()
            if not problem and shares[place] is not None:
                slack = np.maximum(slack, np.abs(shares[place] - gradient))
        return slack

    def of_input(self, place: int) -> Callable[[Array], Array]:
        """y as a function of one input, the others held."""

        def f(x: Array) -> Array:
            inputs = list(self.host)
            inputs[place] = x
            return self.forward(inputs)[0].astype(np.float64)

        return f


@dataclass
class _Compared:
    """One gradient that a rule gave, against differences."""

    differences: Differences
    share: Any
    step: float
    tolerance: float
    rng: np.random.Generator
    slack: Callable[[], Array]  # how much the gradient changes where the inputs hardly do

    def verdict(self) -> tuple[Verdict, Measured]:
        """Right, wrong or at a kink; and the numeric gradient, at some elements, if wrong."""
        x, share = self.differences.x, self.share
        nothing = Measured(x.shape, np.zeros(0, int), np.zeros(0))
        comparable = share is not None and share.shape == x.shape
        gradient = share if comparable else np.zeros(x.shape)
        if comparable or share is None:
            finite = bool(np.isfinite(gradient).all())
            directions = np.asarray(self.rng.standard_normal((2, *x.shape)))
            if finite and all(self._is_right(gradient, v) for v in directions):
                return "right", nothing
        return self._by_element(gradient, comparable or share is None)

    def _is_right(self, gradient: Array, direction: Array) -> bool:
        return self._judge(gradient, direction) == "right"

    def _judge(self, gradient: Array, direction: Array) -> Verdict:
        slope = float((gradient * direction).sum())
        return self.differences.judge(direction, slope, self.step, self.tolerance)[0]

    def _by_element(self, gradient: Array, comparable: bool) -> tuple[Verdict, Measured]:
        """Look closer: element by element, at a sample of them and at one that is wrong."""
        size = gradient.size
        places = np.sort(self.rng.choice(size, min(size, SAMPLED), replace=False))
        if comparable and size > SAMPLED and (one := self._search(gradient)) is not None:
            places = np.unique(np.append(places, one))
        verdicts: list[Verdict] = []
        values = []
        for place in places:
            verdict, value = self.differences.judge(
                self.differences.unit(place), float(gradient.flat[place]), self.step,
                max(self.tolerance, 1e-5),
            )
            verdicts.append(verdict)
            values.append(float(gradient.flat[place]) if verdict == "right" else value)
        if comparable and "wrong" in verdicts:
            gaps = np.abs(gradient.flat[places] - values)
            for i in np.flatnonzero(gaps <= SURE * self.slack().flat[places]):
                verdicts[i], values[i] = "right", float(gradient.flat[places[i]])
        smooth = np.array([verdict != "kink" for verdict in verdicts], bool)
        measured = Measured(gradient.shape, places[smooth], np.array(values)[smooth])
        wrong = not comparable or self._stands_out(gradient, measured, verdicts)
        if not wrong:
            return ("right" if smooth.all() else "kink"), measured
        return ("wrong" if smooth.any() or not comparable else "kink"), measured

    def _stands_out(self, gradient: Array, measured: Measured, verdicts: list[Verdict]) -> bool:
        """Return whether an error exceeds what differences of small beside large elements show."""
        if "wrong" not in verdicts:
            return False
        gap = np.abs(measured.of_candidate(gradient) - measured.values)
        return not bool((gap <= self.tolerance * measured.scale).all())

    def _search(self, gradient: Array) -> int | None:
        """The place of one wrong element, by halving; None if the halves are right or at kinks."""
        places = np.arange(gradient.size)
        while len(places) > 1:
            for half in np.array_split(places, 2):
                direction = np.zeros(gradient.shape)
                direction.flat[half] = self.rng.standard_normal(len(half))
                if self._judge(gradient, direction) == "wrong":
                    places = half
                    break
            else:
                return None
        return int(places[0])

    def slopes_of(self, place: int) -> Array:
        """The contributions to one element of the gradient: one for each element of y."""
        d = self.differences
        step = self.step * (float(np.abs(d.x).max(initial=0.0)) or 1.0)
        h = step * d.unit(place)
        change: Array = d.dy * (d.f(d.x + h) - d.f(d.x - h)) / (2 * step)
        return change
