"""Error cards: what was asked, the shapes with the clash marked, who made them, what would work.

Fixes are not guessed but tried: an edit of an operand is shown only if the operation would accept
the shape that it gives.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..engine.autograd import TensorBase
from ..engine.modes import mode
from ..errors import DataError, DtypeError, Error, LinAlgError, ShapeError

if TYPE_CHECKING:
    from .op import Op

ErrorT = TypeVar("ErrorT", bound=Exception)
Shape = tuple[int, ...]
Axes = list[tuple[int, int]]  # (operand, axis counted from its end)

SHOWN = 6  # operands of an op that takes any number of them
ABOUT_SHAPES = ("shape", "broadcast", "dimension", "axis", "axes", "size", "aligned", "length",
                "assign")


def explain(op: "Op", operands: Sequence[Any], error: Exception) -> Exception:
    """The error to raise for `error`, met when `op` ran forward on `operands`."""
    return _noted(op, operands, _explained(op, operands, error))


def _noted(op: "Op", operands: Sequence[Any], raised: ErrorT) -> ErrorT:
    """Tell a trace which operation raises this."""
    if mode.trace is not None:
        mode.trace.failed(op, operands, raised)
    return raised


def _explained(op: "Op", operands: Sequence[Any], error: Exception) -> Exception:
    if isinstance(error, Error):
        return error
    what = str(error)
    if isinstance(error, IndexError) and "integer" not in what:
        kind = DataError if "out of bounds" in what else ShapeError
        return kind(f"'{op.label()}' cannot take this index:\n{_shapes(op, operands)}\n{what}")
    if isinstance(error, ValueError) and any(word in what for word in ABOUT_SHAPES):
        return shape_error(op, operands, what)
    if isinstance(error, np.linalg.LinAlgError):
        return LinAlgError(_values(op, operands, what))
    of_values = isinstance(error, ValueError) and _has_floats(operands)
    return (DataError if of_values else DtypeError)(_values(op, operands, what))


# --- a card of shapes ----------------------------------------------------------------------------


def shape_error(op: "Op", operands: Sequence[Any], reason: str = "") -> ShapeError:
    """The card for operands whose shapes do not fit; `reason` stands in for an unknown rule."""
    shapes = [_shape(x) for x in operands]
    lines = [f"'{op.label()}' cannot take these shapes:", _shapes(op, operands)]
    if makers := _makers(op, operands):
        lines.append(f"made by:    {makers}")
    lines.append(f"rule:       {_rule(op, shapes) or reason}")
    if fixes := _fixes(op, [s for s, x in zip(shapes, operands) if x is not None]):
        lines.append("would work: " + "   or   ".join(fixes))
    return _noted(op, operands, ShapeError("\n".join(lines)))


def _shapes(op: "Op", operands: Sequence[Any]) -> str:
    """One line for each operand, and a mark under the axes that clash."""
    shapes = [_shape(x) for x in operands]
    clash = _clash(op, shapes)
    shown = [i for i, x in enumerate(operands) if x is not None]
    if len(shown) > SHOWN:
        shown = sorted({0, *(i for i, _ in clash)}) if clash else shown[:SHOWN]
    flush = op.broadcasts and op.name != "matmul"  # axes are matched from the last one
    if clash and not flush:  # what does not fit stands right above the marks
        pair = [i for i, _ in clash]
        shown = [i for i in shown if i not in pair] + pair
    names = [_name(op, i) for i in shown]
    width = max(map(len, names))
    ends = {i: _column(shapes[i], -1) for i in shown}
    start = {i: max(ends.values()) - ends[i] if flush else 0 for i in shown}
    lines = [
        f"  {name:<{width}}  {' ' * start[i]}{shapes[i]}" for name, i in zip(names, shown)
    ]
    if left_out := sum(x is not None for x in operands) - len(shown):
        lines.insert(0, f"  {left_out} more, and")
    if clash:
        marks = {width + 4 + start[i] + _column(shapes[i], axis) for i, axis in clash}
        line = "".join("^" if column in marks else " " for column in range(max(marks) + 1))
        sizes = " against ".join(str(shapes[i][axis]) for i, axis in clash)
        lines.append(f"{line}  {sizes}")
    return "\n".join(lines)


def _column(shape: Shape, axis: int) -> int:
    """Return where the length of axis number `axis` ends in str(shape)."""
    if not shape:
        return 0
    before = str(shape[: len(shape) + axis + 1])
    return len(before) - (3 if before.endswith(",)") else 2)


def _clash(op: "Op", shapes: Sequence[Shape], axis: int | None = None) -> Axes:
    """The two axes that do not fit, as far as the op is known."""
    if op.name == "matmul" and all(shapes):
        a, b = shapes
        inner = -2 if len(b) > 1 else -1
        if a[-1] != b[inner]:
            return [(0, -1), (1, inner)]
        batch = _unequal(a, b, -3)
        return [(0, batch), (1, batch)] if batch else []
    if op.name == "linear" and shapes[0] and len(shapes[1]) == 2:
        if shapes[0][-1] != shapes[1][1]:
            return [(0, -1), (1, -1)]
        return [(1, -2), (2, -1)] if shapes[2] and shapes[2][-1] != shapes[1][0] else []
    if op.name in ("concatenate", "stack"):
        along = getattr(op, "axis", 0) if axis is None else axis
        for i, shape in enumerate(shapes):
            for k in range(-len(shape), 0) if len(shape) == len(shapes[0]) else ():
                free = op.name == "concatenate" and k + len(shape) == along
                if shape[k] != shapes[0][k] and not free:
                    return [(0, k), (i, k)]
        return []
    if op.broadcasts:
        for i, j in itertools.combinations(range(len(shapes)), 2):
            if clash := _unequal(shapes[i], shapes[j], -1):
                return [(i, clash), (j, clash)]
    return []


def _unequal(a: Shape, b: Shape, last: int) -> int:
    """The last axis, up to `last`, along which these cannot be broadcast; 0: there is none."""
    for i in range(last, -1 - min(len(a), len(b)), -1):
        if a[i] != b[i] and 1 not in (a[i], b[i]):
            return i
    return 0


def _rule(op: "Op", shapes: Sequence[Shape]) -> str:
    if op.name == "matmul" and (clash := _clash(op, shapes)) and clash[0][1] < -1:
        return "the axes before the last two are batches: each pair must be equal, or one of them 1"
    if hasattr(op, "rule"):
        return str(op.rule(shapes))
    if op.broadcasts:
        return "axes are matched from the last one; each pair must be equal, or one of them 1"
    return ""


def _makers(op: "Op", operands: Sequence[Any]) -> str:
    """Describe the origin of the operands, as far as it is known."""
    made = [(_name(op, i), _maker(x)) for i, x in enumerate(operands)]
    known = [f"{name}: {maker}" for name, maker in made if maker]
    return ";  ".join(known[:SHOWN])


def _maker(x: Any) -> str:
    """'matmul' at train.py:12, or the name that a tensor was given."""
    node = getattr(x, "_node", None)
    if node is None:
        return repr(x.name) if getattr(x, "name", None) else ""
    return f"'{node.op.label()}'" + (f" at {node.trace.source}" if node.trace else "")


# --- fixes ---------------------------------------------------------------------------------------

EDITS: list[tuple[str, Callable[[Shape], Shape | None]]] = [
    ("{}.reshape(-1, 1)", lambda s: (math.prod(s), 1) if _is_vector(s) else None),
    ("{}.reshape(1, -1)", lambda s: (1, math.prod(s)) if _is_vector(s) else None),
    ("{}.T", lambda s: s[::-1]),
    ("{}.reshape(-1)", lambda s: (math.prod(s),) if _is_vector(s) else None),
    ("{}[..., None]", lambda s: (*s, 1)),
]


def _is_vector(shape: Shape) -> bool:
    """Return whether at most one of its axes is longer than 1."""
    return sum(n != 1 for n in shape) <= 1


def _fixes(op: "Op", shapes: Sequence[Shape]) -> list[str]:
    """Small edits with which the operation would go through; at most three."""
    if op.name == "reshape":
        return _other_shapes(getattr(op, "shape", ()), math.prod(shapes[0]))
    found = []
    if op.name == "matmul" and _fits(op, shapes[::-1]):
        found.append("b @ a")
    if op.name == "concatenate":
        found += [f"axis={i}" for i in range(len(shapes[0])) if _fits(op, shapes, axis=i)]
    known = {tuple(shapes)}
    edits = EDITS if op.name not in ("matmul", "linear") else sorted(EDITS, key=_transposed_first)
    for text, edit in edits if len(shapes) <= SHOWN else ():
        for i in reversed(range(len(shapes))):
            shape = edit(shapes[i])
            edited = (*shapes[:i], shape, *shapes[i + 1 :])
            if shape is not None and edited not in known and _fits(op, edited):  # type: ignore
                known.add(edited)  # type: ignore[arg-type]
                found.append(f"{text.format(_name(op, i))} instead of {_name(op, i)}")
    return found[:3]


def _transposed_first(edit: tuple[str, Any]) -> bool:
    return not edit[0].endswith(".T")


def _fits(op: "Op", shapes: Sequence[Shape], axis: int | None = None) -> bool:
    """Would `op` take these shapes (along `axis` instead)? False where that is not known."""
    try:
        if op.name == "matmul":
            a, b = shapes
            np.broadcast_shapes(a[:-2], b[:-2])
            return bool(a and b) and a[-1] == (b[-2] if len(b) > 1 else b[-1])
        if op.name == "linear":
            x, weight, *bias = shapes
            whole = len(weight) == 2 and bias in ([], [weight[:1]])
            return whole and bool(x) and x[-1] == weight[1]
        if op.name in ("concatenate", "stack"):
            same = len({len(shape) for shape in shapes}) == 1 and bool(shapes[0])
            return same and not _clash(op, shapes, axis)
        if op.name == "broadcast_to":
            wanted = getattr(op, "shape", ())
            return np.broadcast_shapes(*shapes, wanted) == wanted
        if op.broadcasts:
            np.broadcast_shapes(*shapes)
            return True
    except ValueError:
        pass
    return False


def _other_shapes(wanted: Shape, size: int) -> list[str]:
    """The shape asked for, with one length left to be found, where that comes out whole."""
    found = []
    for i in range(len(wanted)):
        others = math.prod(n for j, n in enumerate(wanted) if j != i and n != -1)
        if -1 not in (*wanted[:i], *wanted[i + 1 :]) and others and size % others == 0:
            shape = ", ".join("-1" if i == j else str(n) for j, n in enumerate(wanted))
            found.append(f"x.reshape({shape})")
    return found[:2]


# --- what is not about shapes --------------------------------------------------------------------


def _values(op: "Op", operands: Sequence[Any], what: str) -> str:
    """The card of a dtype or of values that the operation has no meaning for."""
    kinds = ", ".join(f"{_name(op, i)} is {_kind(x)}" for i, x in enumerate(operands))
    lines = [f"'{op.label()}' has no meaning here: {kinds}", f"({what})"]
    whole = [_name(op, i) for i, x in enumerate(operands) if _dtype_kind(x) in "iub"]
    if whole and "negative" in what:
        lines.append(f"would work: {whole[0]}.astype('float32') instead of {whole[0]}")
    return "\n".join(lines)


def _kind(x: Any) -> str:
    return f"a tensor of {x.dtype}" if hasattr(x, "dtype") else f"a {type(x).__name__}"


def _dtype_kind(x: Any) -> str:
    return str(x.dtype.kind) if hasattr(x, "dtype") else "O"


def _has_floats(operands: Sequence[Any]) -> bool:
    return any(_dtype_kind(x) == "f" for x in operands)


def _name(op: "Op", place: int) -> str:
    """The declared name of operand number `place`."""
    last = len(op.inputs) - 1
    many = op.inputs[min(place, last)].startswith("*")
    return f"{op.input_name(place)}[{place - last}]" if many else op.input_name(place)


def _shape(x: Any) -> Shape:
    if isinstance(x, (TensorBase, np.ndarray)):
        return tuple(x.shape)  # type: ignore[union-attr]
    return () if x is None else tuple(np.shape(x))
