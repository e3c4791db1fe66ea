"""The planned instructions of a program as lines: calls of kernels, on arrays made once or here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...backend.kernels.numba.threads import team as team
from ..plan.lifetimes import place, roots
from ..plan.stand_ins import Launch, LaunchPlan, StandIn, plan_of
from ..record.operands import Literal, Named, Operand, Scratch
from ..record.recorder import Instruction, Recorder
from .text import Line, said

SIMPLE = (bool, int, str, type(None))


class Launches:
    """Plans those of the instructions that can be planned.

    `lines[number]` are the lines of instruction `number`, if it is planned; `namespace` holds what
    they refer to, and `fixed` the names of arrays made once. The plans are for `team` threads.
    """

    def __init__(
        self, instructions: Sequence[Instruction], recorder: Recorder, outside: Iterable[Named]
    ) -> None:
        self.team = team()
        self.lines: dict[int, list[Line]] = {}
        self.namespace: dict[str, Any] = {"empty": np.empty}
        self.fixed: set[Named] = set()
        self._recorder = recorder
        self._known: dict[Operand, StandIn] = {}
        plans = [self._plan(i) for i in instructions]
        self._arrays = place(instructions, plans, recorder.infos, outside)
        self._names: dict[StandIn, Named] = {}  # of what plans make
        self._constants = 0
        self._scratches = 0
        for number, (i, plan) in enumerate(zip(instructions, plans)):
            if plan is not None:
                self.lines[number] = self._written(i, plan)

    # --- planning --------------------------------------------------------------------------------

    def _plan(self, i: Instruction) -> LaunchPlan | None:
        if i.kind not in ("forward", "backward"):
            return None
        given = [self._given(name) for name in i.takes]
        if any(g is NotImplemented for g in given):
            return None
        plan = plan_of(i, given, self._recorder.infos)
        if plan is not None:
            self._known.update(
                (n, r) for n, r in zip(i.makes, plan.results) if n is not None and r is not None)
        return plan

    def _given(self, name: Operand) -> Any:
        """Return an instruction's operand: a stand-in for an array; NotImplemented: it cannot be
        planned.
        """
        if isinstance(name, Literal):
            return name.value
        if name in self._known:
            return self._known[name]
        value = self._recorder.constants.get(name)
        kind = self._recorder.infos.get(name)
        if kind is not None and isinstance(name, Named):
            if kind.order != "rows" or not kind.dtype.isnative:
                return NotImplemented
            if value is not None and value.flags.writeable:  # its numbers may change
                value = None
            self._known[name] = StandIn(kind.shape, kind.dtype, name=name, value=value)
            return self._known[name]
        return value if name in self._recorder.constants else NotImplemented

    # --- writing ---------------------------------------------------------------------------------

    def _written(self, i: Instruction, plan: LaunchPlan) -> list[Line]:
        wanted = [(n, r) for n, r in zip(i.makes, plan.results) if n is not None and r is not None]
        whole = {r.root: n for n, r in wanted if r.shape == r.root.shape}
        lines: list[Line] = []
        for root in roots(plan):
            if root in self._names:
                continue
            name = self._names[root] = whole.get(root) or self._scratch()
            if root in self._arrays:
                self.fixed.add(name)
                self.namespace[str(name)] = self._arrays[root]
            else:
                self.namespace[str(root.dtype)] = root.dtype
                lines.append(Line(f"{name} = empty({root.shape}, {root.dtype})", [name]))
        first, *others = plan.launches
        lines += [self._call(first)._replace(comment=said(i)), *map(self._call, others)]
        for name, result in wanted:
            if result.shape == result.root.shape:
                continue
            if result.root in self._arrays:
                self.fixed.add(name)
                self.namespace[str(name)] = self._arrays[result.root].reshape(result.shape)
            else:
                taken: list[Named] = [name]
                lines.append(Line(f"{name} = {self._expression(result, taken)}", taken))
        return lines

    def _call(self, launch: Launch) -> Line:
        name = launch.kernel.__name__
        while self.namespace.setdefault(name, launch.kernel) is not launch.kernel:
            name += "_"
        names: list[Named] = []
        given = [self._expression(a, names) for a in launch.arguments]
        given += [f"{n}={self._expression(a, names)}" for n, a in launch.named.items()]
        return Line(f"{name}({', '.join(given)})", names)

    def _expression(self, value: Any, names: list[Named]) -> str:
        """A value as text, and in `names` what is in it."""
        if not isinstance(value, StandIn):
            return self._constant(value)
        root = value.root
        name = self._names.get(root) or root.name
        assert name is not None  # made by a plan, or given to it
        if value.shape == root.shape:
            names.append(name)
            return str(name)
        array = self._arrays.get(root, root.value)
        if array is None:  # it is another one at each replay
            names.append(name)
            return f"{name}.ravel()" if value.ndim == 1 else f"{name}.reshape({value.shape})"
        view = f"{name}_{'x'.join(map(str, value.shape))}"
        self.namespace[view] = array.reshape(value.shape)
        return view

    def _constant(self, value: Any) -> str:
        if isinstance(value, SIMPLE) or (type(value) is float and np.isfinite(value)):
            return repr(value)
        for name, known in self.namespace.items():
            if known is value:
                return name
        text = f"N{self._constants}"
        self._constants += 1
        self.namespace[text] = value
        return text

    def _scratch(self) -> Scratch:
        self._scratches += 1
        return Scratch(self._scratches - 1)
