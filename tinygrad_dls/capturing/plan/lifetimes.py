"""Arrays that a program allocates once, and their lifetimes.

The result of a planned operation is allocated once and overwritten by each replay, unless something
may still reference it after the replay: the caller, who gets the step's results; gradients of
parameters; a call's arguments (it may keep them); or a user's operation. All names of one piece of
memory, such as an array and its transpose, live as long as the last of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...ops.convolution import ConvolutionRelu
from ...ops.matmul import LinearRelu
from ...ops.normalization import BatchNormActivation, FrozenBatchNorm, FrozenBatchNormActivation
from ...ops.op import is_built_in
from ..record.operands import ByOperand, Named, named
from ..record.recorder import ArrayInfo, Instruction
from .memory import Stay, arrays
from .stand_ins import LaunchPlan, StandIn

FUSED = (  # may give back what they were given
    BatchNormActivation, FrozenBatchNorm, FrozenBatchNormActivation, ConvolutionRelu, LinearRelu)


class Aliases:
    """Names that may stand for the same memory."""

    def __init__(self, infos: ByOperand[ArrayInfo]) -> None:
        self.above: dict[Named, Named] = {}
        owners: dict[int, Named] = {}
        for name in named(infos):
            self.join(name, owners.setdefault(infos[name].owner, name))

    def of(self, name: Named) -> Named:
        """One name that stands for all those of its memory."""
        while (above := self.above.get(name, name)) != name:
            name = above
        return name

    def join(self, one: Named, other: Named) -> None:
        """They may be the same memory."""
        self.above[self.of(one)] = self.of(other)


def place(
    instructions: Sequence[Instruction], plans: Sequence[LaunchPlan | None],
    infos: ByOperand[ArrayInfo], outside: Iterable[Named],
) -> dict[StandIn, Any]:
    """The arrays for those stand-ins that can be made once; the rest is made by each replay."""
    aliases = Aliases(infos)
    leaves = set(outside)
    for i, plan in zip(instructions, plans):
        if i.kind in ("gradient", "call", "wrote") or not _ours(i):
            leaves.update(named(i.takes))
        if plan is None and i.kind in ("forward", "backward") and type(_op(i)) in FUSED:
            for name in named(i.makes):
                for taken in named(i.takes):
                    aliases.join(name, taken)
    leaving = {aliases.of(name) for name in leaves}
    last: dict[Named, int] = {}
    for number, i in enumerate(instructions):
        for name in named([*i.takes, *i.makes]):
            last[aliases.of(name)] = number
    stays: dict[StandIn, Stay] = {}
    made: set[StandIn] = set()
    for number, (i, plan) in enumerate(zip(instructions, plans)):
        if plan is None:
            continue
        pairs = zip(i.makes, plan.results)
        names = {r.root: n for n, r in pairs if n is not None and r is not None}
        for root in roots(plan):
            if root in made:
                continue
            made.add(root)
            known = names.get(root)
            if known is None:  # scratch
                stays[root] = Stay(root.shape, root.dtype, number, number)
            elif aliases.of(known) not in leaving:
                stays[root] = Stay(root.shape, root.dtype, number, last[aliases.of(known)])
    return dict(zip(stays, arrays(list(stays.values()))))


def roots(plan: LaunchPlan) -> list[StandIn]:
    """The arrays that a plan makes, or takes from other plans, in the order they are met."""
    found = {a.root: None for launch in plan.launches
             for a in (*launch.arguments, *launch.named.values())
             if isinstance(a, StandIn) and not a.root.name}
    found.update({r.root: None for r in plan.results if r is not None})
    return list(found)


def _op(i: Instruction) -> Any:
    return i.subject if i.kind == "forward" else i.subject.op


def _ours(i: Instruction) -> bool:
    """Return whether the operation is one of this package, not a user's."""
    return i.kind not in ("forward", "backward") or is_built_in(_op(i))
