"""Chains of element-wise operations in a recorded step, each fused into one instruction.

Operations on large arrays cost what their memory traffic costs: each reads its operands and writes
its result. A chain reads the operands once and writes what is needed outside of it; what is not
never leaves the registers. `fuse_chains` takes a list of instructions and gives one in which
chains have become instructions of kind "chain".

An instruction may join others where all that it takes is there and nothing that takes what they
make lies between; it never passes a call, such as an optimizer's step, which may write. Two
things are not traded for speed: the bits (`rules.py` has the operations for which both
ways are the same), and the program's largest need of memory. Only NumPy's warnings, of a division
by 0 and the like, are not given by chains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...backend.kernels.numba.tuning import CHAIN_NUMBERS, CHAIN_SPARED
from ...backend.kernels.table import wants_compiled
from ..record.operands import (
    ByOperand,
    Constant,
    External,
    Input,
    Literal,
    Named,
    Operand,
    listed,
    named,
)
from ..record.recorder import ArrayInfo, Instruction
from .rules import SUM, TRUTHS, rules_of

WORD = re.compile(r"\b[a-z]\w*\b")
FLOATS = (np.dtype("float32"), np.dtype("float64"))
LONGEST = 64  # instructions in a chain: the time to compile it grows
BARRIERS = ("call", "wrote")
SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
WHOLE_EXACTLY = 1 << 24  # integers up to here are floats


class Step(NamedTuple):
    """One value that a chain computes: `made` = an expression of `operands`."""

    made: Named
    expression: str
    operands: dict[str, Operand | float]  # by their names in the expression


class Common(NamedTuple):
    """The properties that all whole arrays of a chain share (except truth values, which are bools).
    """

    shape: tuple[int, ...]
    dtype: Any
    order: str


class ElementwiseChain(NamedTuple):
    """The subject of an instruction of kind "chain"."""

    members: tuple[Instruction, ...]
    steps: tuple[Step, ...]
    common: Common
    infos: ByOperand[ArrayInfo]  # of all names in it

    def said(self) -> str:
        """The chain on one line, for a comment."""
        return "; ".join(map(_said, self.members))


class _Item:
    """One place in the new list: an instruction, or those of a chain."""

    def __init__(
        self, members: list[int], takes: Iterable[Operand], makes: Iterable[Operand | None],
        common: Common | None = None,
    ) -> None:
        self.members, self.common = members, common
        self.takes, self.makes = set(named(takes)), set(named(makes))
        self.needed = list(self.makes)  # what others take of it: of a chain not all

    def with_(self, other: _Item) -> _Item:
        """Both as one."""
        makes = self.makes | other.makes
        takes = (self.takes | other.takes) - makes
        return _Item(sorted(self.members + other.members), takes, makes, self.common)


def fuse_chains(
    instructions: Sequence[Instruction], outside: Iterable[Named], infos: ByOperand[ArrayInfo],
    constants: ByOperand[Any],
) -> list[Instruction]:
    """The same step with its chains fused; `outside`: names that the step's result is made of."""
    whole = list(instructions)
    if not wants_compiled():
        return whole
    finder = _Finder(whole, set(outside), infos, constants)
    while True:  # what is not worth it stays where it was
        items = finder.arrange()
        idle = [i for i in items if len(i.members) > 1 and finder.spared(i) < CHAIN_SPARED]
        if not idle:
            return [finder.instruction(item) for item in items]
        for item in idle:
            for number in item.members:
                finder.steps.pop(number)


class _Finder:
    """Looks for chains in one list of instructions."""

    def __init__(
        self, instructions: list[Instruction], outside: set[Named], infos: ByOperand[ArrayInfo],
        constants: ByOperand[Any],
    ) -> None:
        self.instructions, self.outside = instructions, outside
        self.infos, self.constants = infos, constants
        self.written = {n for i in instructions if i.kind == "wrote" for n in named(i.takes)}
        self.steps: dict[int, tuple[Common, list[Step]]] = {}
        self.users: dict[Named, set[int]] = {}
        for number, one in enumerate(instructions):
            for name in named(one.takes):
                self.users.setdefault(name, set()).add(number)
            found = self._fusible(one)
            if found is not None:
                self.steps[number] = found
        self.last = {name: max(numbers) for name, numbers in self.users.items()}
        held = {k.owner for n, k in infos.items() if isinstance(n, (Input, External, Constant))}
        self.bytes = {n: (k.owner, k.bytes) for n, k in infos.items() if k.owner not in held}
        self.plain = [_Item([i], one.takes, one.makes) for i, one in enumerate(instructions)]
        self.limit = self._peak(self.plain, self.outside)

    # --- which instructions can be part of a chain -----------------------------------------------

    def _fusible(self, one: Instruction) -> tuple[Common, list[Step]] | None:
        """Return what an instruction computes, if it works element by element on large arrays."""
        made = named(one.makes)
        first = self.infos.get(made[0]) if made else None
        if first is None or int(np.prod(first.shape)) < CHAIN_NUMBERS:
            return None
        found = self._expressions(one)
        if found is None or self.written.intersection(named(one.takes)):
            return None
        expressions, values = found
        steps = []
        for name, expression in expressions:
            steps.append(Step(name, expression, {
                w: values[w] for w in dict.fromkeys(WORD.findall(expression)) if w in values}))
        common = self._common(first, steps)
        return None if common is None else (common, steps)

    def _expressions(
        self, one: Instruction
    ) -> tuple[list[tuple[Named, str]], dict[str, Operand | float]] | None:
        """Pairs (operand made, expression), and what the expressions' names stand for."""
        made = named(one.makes)
        if one.kind == "add":
            return [(made[0], SUM)], dict(zip("ab", one.takes))
        if one.kind not in ("forward", "backward"):
            return None
        op = one.subject if one.kind == "forward" else one.subject.op
        rules = rules_of(op) if _compiled(op) else None
        if rules is None:
            return None
        values: dict[str, Operand | float] = dict(op.parameters)
        if one.kind == "forward":
            values |= zip(op.inputs, one.takes)
            return None if rules.forward is None else ([(made[0], rules.forward)], values)
        values |= zip(("dy", *one.subject.names), one.takes)
        pairs = [(m, rules.backward.get(i, "")) for i, m in zip(op.inputs, one.makes) if m]
        return (pairs, values) if all(e for _, e in pairs) else None

    def _common(self, first: ArrayInfo, steps: list[Step]) -> Common | None:
        """Shape, dtype and order of the arrays of these steps; None if they do not agree."""
        floats = [k.dtype for s in steps for n in (s.made, *s.operands.values())
                  if isinstance(n, Named) and (k := self.infos.get(n)) and k.dtype in FLOATS]
        if not floats or first.order not in ("rows", "channels last"):
            return None
        common = Common(first.shape, floats[0], first.order)
        for step in steps:
            arrays = 0
            for word, value in step.operands.items():
                role = self.role(value, common, word in TRUTHS)
                if role is None:
                    return None
                if role == "number" and not (isinstance(value, Named) and value in self.infos):
                    step.operands[word] = self._number(value)
                arrays += role == "array"
            made = self.infos.get(step.made)
            if not arrays or made is None or made[:1] != common[:1] or made.order != common.order:
                return None
            if made.dtype not in (common.dtype, np.dtype(bool)):
                return None
        return common

    def role(self, value: Operand | float, common: Common, truth: bool = False) -> str | None:
        """Classify an operand of a chain: array, truths, broadcast, number; None: it cannot be part
        of one.
        """
        kind = self.infos.get(value) if isinstance(value, Named) else None
        if kind is None:
            try:
                number = self._number(value)
                with np.errstate(over="ignore"):
                    fits = np.isfinite(common.dtype.type(number)) == np.isfinite(number)
            except (TypeError, ValueError):
                return None
            return "number" if fits and not truth and number == number else None
        if kind.shape == common.shape and kind.order == common.order:
            wanted = np.dtype(bool) if truth else common.dtype
            return ("truths" if truth else "array") if kind.dtype == wanted else None
        if kind.dtype != common.dtype or truth:
            return None
        if kind.shape == common.shape:
            return "broadcast" if kind.order == "broadcast" else None
        alone = all(n == 1 for n in kind.shape) and len(kind.shape) <= len(common.shape)
        return "number" if alone else None

    def _number(self, value: Operand | float) -> float:
        """A Python number that is an operand, a parameter or a constant; else ValueError."""
        found: Any = value
        if isinstance(value, Named):
            found = self.constants.get(value)
        elif isinstance(value, Literal):
            found = value.value
        if type(found) not in (int, float) or (
                type(found) is int and abs(found) > WHOLE_EXACTLY):
            raise ValueError(value)
        return float(found)

    # --- which of them belong together -----------------------------------------------------------

    def arrange(self) -> list[_Item]:
        """The instructions in their order, but for those that have joined others."""
        items: list[_Item] = []
        begin = 0  # nothing joins across a barrier
        for number, one in enumerate(self.instructions):
            known = self.steps.get(number)
            items.append(_Item([number], one.takes, one.makes, known and known[0]))
            if one.kind in BARRIERS:
                begin = len(items)
            place = len(items) - 1 if known else -1
            while place >= 0:
                place = self._join(items, begin, place, number + 1)
        return items

    def _join(self, items: list[_Item], begin: int, place: int, number: int) -> int:
        """Let the item at `place` join an earlier one; where both are now, or -1.

        `items` are made of the first `number` instructions.
        """
        new = items[place]
        for earlier in range(place - 1, begin - 1, -1):
            old = items[earlier]
            if old.common is None or old.common != new.common:
                continue
            if len(old.members) + len(new.members) > LONGEST:
                continue
            feeds = bool(old.makes & new.takes)
            if not feeds and (earlier < place - 1 or not self._large(old.takes & new.takes)):
                continue
            between = items[earlier + 1:place]
            if not any(old.makes & item.takes for item in between):
                order = [*between, None]
            elif not any(new.takes & item.makes for item in between):
                order = [None, *between]
            else:
                continue
            both = old.with_(new)
            both.needed = self._needed(both)
            tried = [item or both for item in order]
            then = [*items[:earlier], *tried, *items[place + 1:]]
            taken = {n for item in then[place:] for n in item.takes}
            stays = {n for item in tried for n in item.takes | item.makes
                     if n in taken or n in self.outside or self.last.get(n, -1) >= number}
            now = items[earlier:place + 1]
            if self._peak(tried, stays) > self._peak(now, stays) and self._peak(
                    [*then, *self.plain[number:]], self.outside) > self.limit:
                continue
            items[earlier:place + 1] = tried
            return earlier + tried.index(both)
        return -1

    def _large(self, names: Iterable[Operand | float]) -> int:
        """Count the bytes read, or written, of the large arrays among these."""
        known = [self.infos[n] for n in names if isinstance(n, Named) and n in self.infos]
        sizes = [(int(np.prod(k.shape)), k.dtype.itemsize) for k in known if k.order != "broadcast"]
        return sum(count * size for count, size in sizes if count >= CHAIN_NUMBERS)

    def _needed(self, item: _Item) -> list[Named]:
        """Find the results of an item that other items use."""
        members = set(item.members)
        made = [n for i in item.members for n in named(self.instructions[i].makes)]
        return [n for n in made if n in self.outside or self.users.get(n, members) - members]

    def _peak(self, items: list[_Item], stays: set[Named]) -> int:
        """The most bytes that what these take and make takes up at once, without kernels' own."""
        makes = [item.needed for item in items]
        last = {name: place for place, item in enumerate(items)
                for name in (*item.takes, *makes[place]) if name in self.bytes}
        made = {name for names in makes for name in names}
        live: dict[int, set[Named]] = {}
        total = most = 0
        for place, item in enumerate(items):
            for name in (*(last.keys() - made if place == 0 else ()), *makes[place]):
                if name in last:
                    owner, size = self.bytes[name]
                    holders = live.setdefault(owner, set())
                    total += 0 if holders else size
                    holders.add(name)
            most = max(most, total)
            for name in {*item.takes, *makes[place]}:
                if last.get(name) == place and name not in stays:
                    owner, size = self.bytes[name]
                    live[owner].discard(name)
                    total -= 0 if live[owner] else size
        return most

    # --- what becomes of them --------------------------------------------------------------------

    def spared(self, item: _Item) -> int:
        """Count the bytes that a chain does not read or write although its operations would."""
        steps = [s for number in item.members for s in self.steps[number][1]]
        before = [n for s in steps if s.expression != "dy"
                  for n in (s.made, *s.operands.values())]
        aliases = {s.made for s in steps if s.expression == "dy"}
        after = {*item.takes, *item.needed} - aliases
        return self._large(before) - self._large(after)

    def instruction(self, item: _Item) -> Instruction:
        """The instruction of an item; of a chain a new one."""
        members = tuple(self.instructions[number] for number in item.members)
        if len(members) == 1:
            return members[0]
        steps = tuple(s for number in item.members for s in self.steps[number][1])
        used = [v for s in steps for v in s.operands.values() if isinstance(v, Named)]
        made = {s.made for s in steps}
        used += [n for m in members for n in named(m.takes) if not isinstance(n, Constant)]
        taken = tuple(n for n in dict.fromkeys(used) if n not in made)
        names = dict.fromkeys([*used, *made])
        chain = ElementwiseChain(members, steps, self.steps[item.members[0]][0],
                                 {n: self.infos[n] for n in names})
        return Instruction("chain", taken, tuple(item.needed), chain)


def _said(one: Instruction) -> str:
    made = listed(named(one.makes))
    if one.kind == "backward":
        return f"{made} = backward of {one.subject.op.name}({listed(one.takes)})"
    sign = "+" if one.kind == "add" else SIGNS.get(one.subject.name)
    if sign:
        return f"{made} = {one.takes[0]} {sign} {one.takes[1]}"
    return f"{made} = {one.subject.name}({listed(one.takes)})"


def _compiled(op: Any) -> bool:
    """Return whether the op is bound to the CPU's compiled kernels, with which expressions are
    compared.
    """
    from ...backend.kernels.numba.table import (
        CompiledKernels,  # needs Numba, which is there: see fuse_chains
    )

    return isinstance(op.kernels, CompiledKernels)
