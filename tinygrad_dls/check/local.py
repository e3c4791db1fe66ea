"""Each op's own rule, checked alone: random directions through forward against its backward.

A gradient of a whole network that is wrong does not say where. But backward is a chain of rules,
one for each op, and each can be checked by itself: with dy a random gradient of the output,
sum(dy * forward(x)) is a number whose gradient the rule claims to know.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.autograd import Node
from ..ops.op import Op
from .case import Case
from .compared import compared_at
from .diagnosis import name_mistakes
from .numeric import Verdict
from .report import Check
from .rules import OpRule, Rule


def check_node(
    node: Node, eps: float, tolerance: float, rng: np.random.Generator, uses: int = 1
) -> list[Check]:
    """The checks of one recorded op, one for each input that wants a gradient.

    `uses`: how often the same object ran.
    """
    trace = node.trace
    if trace is None:
        return []
    if not all(x is None or isinstance(x, _plain_types(node.device)) for x in trace.inputs):
        return [Check(node.op.label(), trace.source, "", "unknown",
                      "it runs a function of its own: only the whole function can be checked")]
    return check_op(
        node.op, trace.inputs, node.plan.needs, trace.source, eps, tolerance, rng, uses)


def _plain_types(device: Any) -> tuple[type, ...]:
    return (device.array_type, bool, int, float)


def check_op(
    op: Op, inputs: Sequence[Any], needs: Sequence[bool], source: str = "", eps: float = 1e-6,
    tolerance: float = 1e-6, rng: np.random.Generator | None = None, uses: int = 1,
) -> list[Check]:
    """Check the rule of `op`, bound to its device, at `inputs` (arrays of it and numbers).

    `uses`: how often the same object ran; one that keeps arrays of a call is then wrong.
    """
    rng = rng or np.random.default_rng([0, 1])
    label = op.label()
    if "\n" in label or len(label) > LONGEST:  # an array among its parameters
        label = op.name

    def check(place: int | None, verdict: Verdict, hint: str = "") -> Check:
        name = "" if place is None else rule.input_name(place)
        return Check(label, source, name, verdict, hint)

    with np.errstate(all="ignore"):
        rule = OpRule(op, needs, [_on_host(x, op.device) for x in inputs])
        y = rule.y
        if y.dtype.kind != "f" or y.dtype.itemsize < 4:
            return [check(None, "unknown", f"its result is {y.dtype}: too coarse for differences")]
        if not np.isfinite(y).all():
            kind = "NaN" if np.isnan(y).any() else "Inf"
            return [check(None, "unknown", f"forward made {kind} of its inputs")]
        rule.dy = np.asarray(rng.standard_normal(y.shape)).astype(y.dtype)
        if uses > 1 and rule.remembers(rng):
            return [check(None, "wrong", STALE)]
        wanted = [i for i, (need, x) in enumerate(zip(needs, rule.inputs))
                  if need and isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        verdicts = check_rule(rule, wanted, eps, tolerance, rng)
        return [check(*verdict) for verdict in verdicts]


LONGEST = 100  # characters of an op's label
STALE = ("its backward uses what the last call of forward left in the object (a stale cache): this "
         "object ran more than once. Keep arrays as extras of forward, not as self.name")


def check_rule(
    rule: Rule, places: Sequence[int], eps: float, tolerance: float, rng: np.random.Generator,
    names_of: Callable[[Sequence[Case]], list[str]] = name_mistakes,
) -> list[tuple[int | None, Verdict, str]]:
    """(place, verdict, hint) of the gradients of some inputs; (None, "wrong", why) of no use."""
    shares, problem = rule.gradients()
    if problem:
        return [(None, "wrong", problem)]
    found: dict[int, tuple[Verdict, str]] = {}
    cases: list[Case] = []
    for place in places:
        compared = compared_at(rule, place, shares[place], eps, tolerance, rng)
        verdict, measured = compared.verdict()
        kink = f"{rule.input_name(place)} lies on a kink"
        found[place] = verdict, kink * (verdict == "kink")
        if verdict == "wrong":
            cases.append(Case(rule, place, shares, measured, compared, rng))
    right = [place for place in places if found[place][0] == "right"]
    for case in cases:
        case.right = right
    for case, hint in zip(cases, names_of(cases)):
        found[case.place] = "wrong", hint
    return [(place, *found[place]) for place in places]


def _on_host(x: Any, device: Any) -> Any:
    if not isinstance(x, device.array_type):
        return x
    x = np.array(device.to_host(x))
    return x.astype(np.float64) if x.dtype.kind == "f" else x
