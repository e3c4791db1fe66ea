"""The operands of a recorded program: what its instructions take and make.

Passes compare and look up these objects; what a program calls them, "t3", is read off them when its
text is written. A named operand is one object, made once by the recorder, and equal to no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, TypeVar


@dataclass(frozen=True, eq=False)
class Named:
    """A value that the program has under a name: a letter and a number."""

    number: int
    letter: ClassVar[str]

    def __str__(self) -> str:
        return f"{self.letter}{self.number}"


class Input(Named):
    """The array of a tensor that the step is given."""

    letter = "x"


class External(Named):
    """The array of a tensor from outside of the step: a parameter, a buffer, data."""

    letter = "w"


class Constant(Named):
    """A value that is the same at each replay."""

    letter = "c"


class Slot(Named):
    """A value that an instruction makes, deleted after its last use."""


class Value(Slot):
    """The result of an operation."""

    letter = "t"


class Gradient(Slot):
    """A gradient, or a share of one."""

    letter = "g"


class Seed(Slot):
    """A number for dropout, drawn at each replay."""

    letter = "s"


class Scratch(Slot):
    """Memory that a kernel needs while it runs."""

    letter = "b"


@dataclass(frozen=True)
class Literal:
    """A Python value that is written out."""

    value: bool | int | None

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class AsTensor:
    """An array that a function takes as a tensor."""

    array: Named

    def __str__(self) -> str:
        return f"tensor({self.array})"


Operand: TypeAlias = Named | Literal | AsTensor
Made: TypeAlias = Named | None  # None: a gradient that nothing takes
T = TypeVar("T")
ByOperand: TypeAlias = dict[Operand | None, T]  # any operand may be looked up


def named(operands: Iterable[Operand | None]) -> list[Named]:
    """The named ones among operands, and those taken as tensors."""
    inside = (o.array if isinstance(o, AsTensor) else o for o in operands)
    return [o for o in inside if isinstance(o, Named)]


def listed(operands: Iterable[Operand | None]) -> str:
    """Operands as a program has them, with commas."""
    return ", ".join("_" if o is None else str(o) for o in operands)
