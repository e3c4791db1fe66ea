"""Reading what einsum is told: "bij,bjk->bik", "...ij->...ji"."""

import string
from collections import Counter
from collections.abc import Sequence

from ..errors import DtypeError, ShapeError

Shape = tuple[int, ...]


def read(subscripts: str, shapes: Sequence[Shape]) -> tuple[list[str], str, str]:
    """A letter for each axis of each operand; those of the result; and those that "..." stands for.

    Without "->" the result has the axes of "...", then the letters met once, in order.
    """
    if not isinstance(subscripts, str):
        raise DtypeError(f"einsum takes a text such as 'ij,jk->ik' first, not {subscripts!r}")
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    given = [named.partition("...") for named in left.split(",")]
    letters = "".join(head + tail for head, _, tail in given)
    if len(given) != len(shapes) or not (letters + "a").isalpha() or not letters.isascii():
        raise _refusal(subscripts, shapes)
    counts = [len(shape) - len(head + tail) for (head, _, tail), shape in zip(given, shapes)]
    if any(count < 0 or (count and not dots) for count, (_, dots, _) in zip(counts, given)):
        raise _refusal(subscripts, shapes)
    unused = [letter for letter in string.ascii_letters if letter not in letters]
    spread = "".join(unused[: max(counts)])
    labels = [
        head + spread[len(spread) - count :] + tail
        for count, (head, _, tail) in zip(counts, given)
    ]
    if arrow:
        head, dots, tail = right.partition("...")
        fits = set(head + tail) <= set(letters) and (dots or not spread)
        out = head + spread + tail
    else:
        fits = True
        out = spread + "".join(sorted(label for label, n in Counter(letters).items() if n == 1))
    if not fits or len(set(out)) != len(out):
        raise _refusal(subscripts, shapes)
    return labels, out, spread


def _refusal(subscripts: str, shapes: Sequence[Shape]) -> ShapeError:
    lines = "".join(f"\n  {shape}" for shape in shapes)
    return ShapeError(
        f"einsum({subscripts!r}) names one letter for each axis of each operand, or '...' for those"
        " without; in the result some of the letters, each once, and '...' where an operand has it."
        f" The operands have the shapes{lines}"
    )
