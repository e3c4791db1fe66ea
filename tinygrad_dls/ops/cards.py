"""Error cards: what was asked, the shapes with the clash marked, who made them, what would work.

Fixes are not guessed but tried: a candidate is shown only if the operation accepts it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import Leaf
from ..errors import DtypeError, Error, ShapeError

if TYPE_CHECKING:
    from .op import Op

Shape = tuple[int, ...]


def explain(op: "Op", operands: tuple[Any, ...], error: Exception) -> Exception:
    """The error to raise for `error`, met when `op` ran forward on `operands`."""
    if isinstance(error, Error):
        return error
    shapes = [_shape(x) for x in operands]
    names = [op.input_name(i) for i in range(len(operands))]
    if isinstance(error, TypeError):
        kinds = ", ".join(f"{n} is {_dtype(x)}" for n, x in zip(names, operands))
        return DtypeError(f"'{op.label()}' has no meaning here: {kinds}\n({error})")
    rule = op.rule(shapes) if hasattr(op, "rule") else str(error)
    lines = [f"'{op.label()}' cannot take these shapes:"]
    width = max(map(len, names))
    for name, shape, x in zip(names, shapes, operands):
        lines.append(f"  {name:<{width}}  {shape}")
    if op.broadcasts and len(shapes) == 2 and (clash := _clash(*shapes)):
        lines.append(f"  they clash in {clash}")
        rule = "axes are matched from the last one; each pair must be equal, or one of them 1"
    makers = [f"{n}: {maker}" for n, x in zip(names, operands) if (maker := _maker(x))]
    if makers:
        lines.append("made by:  " + ";  ".join(makers))
    lines.append(f"rule:     {rule}")
    fixes = _fixes(op, operands, names) if len(operands) == 2 else []
    if fixes:
        lines.append("would work: " + "   or   ".join(fixes))
    return ShapeError("\n".join(lines))


def _clash(a: Shape, b: Shape) -> str:
    """Which axes, counted from the end, cannot be matched."""
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
            return f"axis -{i}: {a[-i]} against {b[-i]}"
    return ""


def _maker(x: Any) -> str:
    node = getattr(x, "_node", None)
    if node is not None:
        return f"'{node.op.label()}'" + (f" at {node.trace.source}" if node.trace else "")
    return repr(x.name) if getattr(x, "name", None) else ""


def _shape(x: Any) -> Shape:
    return tuple(x.shape) if isinstance(x, (Leaf, np.ndarray)) else np.shape(x)  # type: ignore


def _dtype(x: Any) -> str:
    return f"a tensor of {x.dtype}" if hasattr(x, "dtype") else f"a {type(x).__name__}"


def _fixes(op: "Op", operands: tuple[Any, ...], names: list[str]) -> list[str]:
    """Small edits of one operand that make the operation go through; at most three."""
    a, b = (_shadow(x) for x in operands)
    edits: list[tuple[str, Callable[[Any], Any]]] = [
        ("{}.T", lambda x: x.T),
        ("{}[:, None]", lambda x: x[:, None]),
        ("{}[None, :]", lambda x: x[None, :]),
        ("{}.reshape(-1, 1)", lambda x: x.reshape(-1, 1)),
    ]
    found: list[str] = []
    trials: list[tuple[str, Callable[[], tuple[Any, Any]]]] = [
        ("the operands swapped", lambda: (b, a))
    ]
    for text, edit in edits:
        trials.append((f"{names[1]} = {text.format(names[1])}", lambda e=edit: (a, e(b))))
        trials.append((f"{names[0]} = {text.format(names[0])}", lambda e=edit: (e(a), b)))
    for text, trial in trials:
        try:
            x, y = trial()
            if (x.shape, y.shape) == (a.shape, b.shape) and "swapped" not in text:
                continue
            np.matmul(x, y) if op.name == "matmul" else np.broadcast_shapes(x.shape, y.shape)
        except (ValueError, IndexError):
            continue
        found.append(text)
    return found[:3]


def _shadow(x: Any) -> Any:
    """An array of the operand's shape that takes no memory."""
    return np.broadcast_to(np.zeros(()), _shape(x))
