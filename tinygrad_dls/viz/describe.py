"""Numbers and arrays in few characters, as they stand on the nodes of a picture."""

import math
from collections.abc import Sequence

from .record import Gradient, NodeRecord, Number, Summary

WHOLE = 6  # arrays of so few elements are written out
LONGEST = 40  # characters of a title or a line


def number(value: Number | None) -> str:
    """Four significant digits: 0.6931, 12, -3.2e-08, nan."""
    if value is None:
        return "none"
    if isinstance(value, (bool, int)) and abs(value) < 1_000_000:
        return str(value)
    if not math.isfinite(value):
        return str(float(value))
    return f"{value + 0.0:.4g}"  # + 0.0 takes the sign off -0.0


def array(summary: Summary, shape: Sequence[int] | None, dtype: str = "float32") -> str:
    """All elements of a small array, `mean ± std` of a larger one, `min..max` of integers."""
    if summary.size == 0:
        return "empty"
    if summary.size <= WHOLE and summary.whole:
        return _nested([number(value) for value in summary.sample], shape or ())
    if summary.mean is None:
        return "no finite element"
    if summary.nan or summary.inf:
        return f"{number(summary.min)}..{number(summary.max)} where finite"
    if dtype.startswith(("int", "uint", "bool")):
        return f"{number(_whole(summary.min))}..{number(_whole(summary.max))}"
    if summary.min == summary.max:
        return f"{number(summary.min)} everywhere"
    return f"{number(summary.mean)} ± {number(summary.std)}"


def gradient(node: NodeRecord, backward_ran: bool) -> str | None:
    """The line on a node's gradient; None where there is nothing to say.

    "not computed" before backward; "none" after it, where it was reset or never came.
    """
    found: Gradient | None = node.gradient
    if found is None:
        return None
    if not found.computed:
        return "grad: none" if backward_ran else "grad: not computed"
    if found.values is None:
        return None
    return f"grad {array(found.values, node.shape, node.dtype)}"


def trouble(summary: Summary | None) -> str:
    """ "NaN", "Inf" or both, with how many of how many; "" where all is finite."""
    if summary is None or not (summary.nan or summary.inf):
        return ""
    found = " and ".join(
        word if summary.size == 1 else f"{word} {count:,}"
        for word, count in (("NaN", summary.nan), ("Inf", summary.inf)) if count
    )
    return found if summary.size == 1 else f"{found} of {summary.size:,}"


def shape(node: NodeRecord) -> str:
    """The shape, and the dtype where it is not float32; "" for a float32 number."""
    dtype = "" if node.dtype == "float32" else node.dtype
    if not node.shape:
        return dtype if node.shape == () else "not kept"
    return f"{node.shape} {dtype}".rstrip()


def shorten(text: str, longest: int = LONGEST) -> str:
    """One printable line of at most `longest` characters."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _nested(items: list[str], lengths: Sequence[int]) -> str:
    for length in reversed(lengths):
        items = [
            f"[{' '.join(items[i : i + length])}]" for i in range(0, len(items), length)
        ]
    return " ".join(items)
