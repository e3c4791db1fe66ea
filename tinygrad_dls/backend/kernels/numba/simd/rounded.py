"""Arithmetic on vectors that rounds after each operation, as NumPy's does.

The operators let a product and a sum become one instruction, which rounds once and gives other
bits. A kernel that stands for operations done one by one takes these, and is compiled without
contraction: as a `rounding_task`.
"""

from typing import Any

from .types import intrinsic, joined, operand


def _arithmetic(instruction: str) -> Any:
    """An intrinsic for one instruction on two vectors; one of them may be a number."""

    def typed(typing: Any, a: Any, b: Any) -> Any:
        kind = joined(a, b)
        if kind is None:
            return None

        def generate(context: Any, builder: Any, s: Any, v: Any) -> Any:
            x, y = (operand(context, builder, one, of, kind) for one, of in zip(v, s.args))
            return getattr(builder, instruction)(x, y)

        return kind(a, b), generate

    return intrinsic(typed)


plus, minus, times, over = map(_arithmetic, ("fadd", "fsub", "fmul", "fdiv"))
