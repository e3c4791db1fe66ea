"""The text of a program: lines, and the deletion of each name after its last use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from ..record.operands import Named, Slot
from ..record.recorder import Instruction


class Line(NamedTuple):
    """A line of a program."""

    text: str
    names: Sequence[Named] = ()  # that are in the text, in this order
    comment: str = ""


def said(i: Instruction) -> str:
    """The comment beside an operation, with the shape of its result, or beside a gradient rule."""
    if i.kind == "backward":
        return f"backward of {i.subject.op.label()}"
    return f"{i.subject.label()} {i.detail.shapes[0]}"


def function_text(
    name: str, takes: Iterable[Named], lines: Sequence[Line], answer: Line, fixed: Set[Named]
) -> str:
    """A function of `takes` that returns `answer`; names in `fixed` stay alive."""
    last: dict[Named, int] = {}
    for number, line in enumerate([*lines, answer]):
        last.update(dict.fromkeys(line.names, number))
    text = [f"def {name}({', '.join(map(str, takes))}):"]
    for number, line in enumerate(lines):
        text.append(f"    {line.text}" + (f"  # {line.comment}" if line.comment else ""))
        over = [n for n in dict.fromkeys(line.names)
                if last[n] == number and isinstance(n, Slot) and n not in fixed]
        if over:
            text.append(f"    del {', '.join(map(str, over))}")
    return "\n".join([*text, f"    return {answer.text}", ""])
