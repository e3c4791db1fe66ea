"""Comparison of two recordings of one step: the same program, or not.

A step is recorded twice, on two calls. Any difference between the two, in an operation, a number
or an array from outside, would be frozen by a replay: such a step is not captured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops.op import BackwardRule, Op
from .operands import Literal, Named, Operand, listed
from .recorder import Instruction, Recorder

CHANGES = "a number or an array that it uses changes from step to step: make it an argument"


def difference(a: Recorder, b: Recorder) -> str | None:
    """Why two runs of one step were not the same program; None if they were."""
    if len(a.instructions) != len(b.instructions):
        return (f"it does not do the same each time: {len(a.instructions)} steps once, then "
                f"{len(b.instructions)}")
    for one, two in zip(a.instructions, b.instructions):
        if one.kind == two.kind and listed(one.makes) == listed(two.makes) and _numbers_differ(
                one.takes, two.takes):
            return CHANGES
        if _line(one) != _line(two) or not _alike(one.subject, two.subject) or not same(
                one.detail, two.detail):
            return (f"it does not do the same each time: once {_said(one)}, then {_said(two)}")
    if len(a.held) != len(b.held):
        return "it does not use the same tensors each time"
    for mine, other in zip(a.held, b.held):
        if mine.tensor is not other.tensor:
            return (f"a value of shape {mine.array.shape} in it is made again each time by other "
                    f"than operations, for {_user(b, mine.name)}")
    if not same([*a.constants.values()], [*b.constants.values()]):
        return CHANGES
    if [(id(m), t) for m, t in a.modules] != [(id(m), t) for m, t in b.modules]:
        return "it does not call the same modules each time"
    return None


def _line(instruction: Instruction) -> tuple[str, str, str]:
    """Give the instruction with its operands by name, which two recordings can have in common."""
    return instruction.kind, listed(instruction.takes), listed(instruction.makes)


def _numbers_differ(some: Sequence[Operand], others: Sequence[Operand]) -> bool:
    """Return whether two lists of operands are the same but for numbers."""
    differ = [(p, q) for p, q in zip(some, others) if str(p) != str(q)]
    return bool(differ) and all(_is_number(p) and _is_number(q) for p, q in differ)


def _is_number(operand: Operand) -> bool:
    return isinstance(operand, Literal) and type(operand.value) is int


def _alike(a: Any, b: Any) -> bool:
    """The same op with the same parameters, the same leaf, function ..."""
    if isinstance(a, BackwardRule) and isinstance(b, BackwardRule):
        return a.needs == b.needs and type(a.op) is type(b.op)
    if isinstance(a, Op) and type(a) is type(b):
        mine, other = a.parameters, b.parameters
        seeds = {k for k, v in mine.items() if k == "seed"}  # compared by name, in the detail
        return mine.keys() == other.keys() and all(
            same(mine[k], other[k]) for k in mine if k not in seeds)
    return same(a, b)


def same(a: Any, b: Any) -> bool:
    """Return whether they are equal: numbers, arrays, names, or containers of them."""
    if a is b:
        return True
    if isinstance(a, Named) and isinstance(b, Named):
        return str(a) == str(b)
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return (a.shape == b.shape and a.dtype == b.dtype
                and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f")))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    try:
        return bool(a == b) or (a != a and b != b)
    except (ValueError, TypeError):
        return False


def _said(instruction: Instruction) -> str:
    subject = instruction.subject
    op = getattr(subject, "op", subject)
    label = op.label() if hasattr(op, "label") else getattr(op, "__name__", "")
    return f"{instruction.kind} {label}".strip()


def _user(recorder: Recorder, name: Named) -> str:
    for instruction in recorder.instructions:
        if name in instruction.takes:
            return _said(instruction)
    return "its result"
