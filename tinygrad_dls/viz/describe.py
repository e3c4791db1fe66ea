"""Numbers and arrays in few characters, as they stand on the nodes of a picture."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..nn.cost import count_text
from ..nn.summary import size_of
from ..ops.op import Op
from .record import Gradient, NodeRecord, Record
from .summary import Number, Summary

USUAL = {  # parameters of operations, and the values that nobody needs to be told of
    "reduction": ("mean",), "smoothing": (0.0,), "eps": (1e-5, 1e-6, 1e-8, 1e-12),
    "momentum": (0.1,), "stride": (1,), "dilation": (1,), "groups": (1,), "padding": (0,),
    "negative_slope": (0.01,), "alpha": (1.0,), "beta": (1.0,), "ignore_index": (-100,),
}
SQUARE = ("kernel_size", "stride", "padding", "dilation", "output_size")  # the same on all axes
WHOLE = 6  # arrays of so few elements are written out
LONGEST = 40  # characters of a title or a line


def operation(op: Any) -> str:
    """The name of an operation with those of its parameters that are not as usual."""
    if type(op).label is not Op.label:  # it has words of its own
        return f"{op.label()}{_index(getattr(op, 'index', ()))}"
    given = {k: v for k, v in op.parameters.items() if v is not None and v is not False}
    shown = {
        name: _plain(value) if name in SQUARE else value for name, value in given.items()
        if not _is_usual(name, value)
        and not (name == "stride" and value == given.get("kernel_size"))  # of a pool
    }
    inside = ", ".join(f"{name}={value}" for name, value in shown.items())
    return f"{op.name}({inside})" if inside else str(op.name)


def _index(index: Any) -> str:
    """[:, 1] for an index of integers and slices; "" for any other."""
    parts = index if isinstance(index, tuple) else (index,)
    if not parts or not all(isinstance(part, (int, slice, type(...))) for part in parts):
        return ""
    return f"[{', '.join(_index_part(part) for part in parts)}]"


def _index_part(part: Any) -> str:
    if not isinstance(part, slice):
        return "..." if part is ... else str(part)
    ends = ("" if end is None else str(end) for end in (part.start, part.stop))
    return ":".join(ends) + ("" if part.step is None else f":{part.step}")


def _is_usual(name: str, value: Any) -> bool:
    items = value if isinstance(value, (tuple, list)) else [value]
    usual = USUAL.get(name, ())
    return bool(items) and all(isinstance(x, (int, float, str)) and x in usual for x in items)


def _plain(value: Any) -> str:
    """(2, 2) as 2, all else as it is written."""
    square = isinstance(value, tuple) and len(value) > 1 and value == value[:1] * len(value)
    return f"{value[0]}" if square and isinstance(value[0], int) else str(value)


def module(part: Any) -> str:
    """Describe a module in a few words: "Conv2d 3 -> 8, 3 x 3", "Linear 400 -> 120"."""
    words = type(part).__name__
    for kind in ("features", "channels"):
        sizes = [_attribute(part, f"{end}_{kind}") for end in ("in", "out")]
        if None not in sizes:
            words += f" {sizes[0]} -> {sizes[1]}"
    for kind in ("num_features", "normalized_shape", "num_embeddings"):
        if _attribute(part, kind) is not None:
            words += f" {getattr(part, kind)}"
    if _attribute(part, "input_size") and _attribute(part, "hidden_size"):
        words += f" {part.input_size} -> {part.hidden_size}"
    kernel = _attribute(part, "kernel_size")
    if kernel is not None:
        lengths = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        words += f"{',' if '->' in words else ''} {' x '.join(map(str, lengths))}"
    stride = _attribute(part, "stride")
    if stride not in (None, kernel) and not _is_usual("stride", stride):
        words += f", stride {_plain(stride)}"
    rate = _attribute(part, "p")
    if isinstance(rate, float) and "Dropout" in words:
        words += f" {rate:g}"
    name = getattr(part, "_name", "")
    return f"{name}: {words}" if name else words


def _attribute(part: Any, name: str) -> Any:
    """An attribute, or None: a module would look for near names before it says that it has none."""
    return getattr(part, name) if name in vars(part) or hasattr(type(part), name) else None


def purposes(record: Record) -> dict[str, str]:
    """Tell what inputs without a name are for: id -> "labels of cross_entropy"."""
    nodes = {node.id: node for node in record.nodes}
    found: dict[str, str] = {}
    for edge in record.edges:
        tail, head = nodes[edge.tail], nodes[edge.head]
        if tail.kind != "input" or tail.name or tail.id in found or not head.operands:
            continue
        operand = head.operands[min(edge.slot, len(head.operands) - 1)]
        if len(operand) > 1:  # a and b say nothing
            found[tail.id] = f"{operand} of {head.op.partition('(')[0]}"
    return found


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


def costs(nodes: Sequence[NodeRecord]) -> list[str]:
    """The lines on what operations cost together; none where nothing is known."""
    return [line for line in (work(nodes), memory_and_time(nodes)) if line]


def work(nodes: Sequence[NodeRecord]) -> str:
    """The arithmetic of operations: "55.30 kFLOP, back 111.00 kFLOP"."""
    ways = _way(nodes, "flops", _flops), _way(nodes, "flops_back", _flops, "back ")
    return ", ".join(filter(None, ways))


def memory_and_time(nodes: Sequence[NodeRecord]) -> str:
    """Memory and time of operations: "4.1 kB, 12.3 us, back 20.1 us"."""
    ways = (_way(nodes, "bytes", size_of), _way(nodes, "seconds", seconds),
            _way(nodes, "seconds_back", seconds, "back "))
    return ", ".join(filter(None, ways))


def _way(
    nodes: Sequence[NodeRecord], name: str, words: Callable[[float], str], before: str = ""
) -> str:
    """The sum of one cost in words; "" where it is 0, or not known."""
    total = sum(getattr(node, name) or 0 for node in nodes)
    return f"{before}{words(total)}" if total else ""


def _flops(count: float) -> str:
    text = count_text(int(count))
    return f"{text}FLOP" if text[-1].isalpha() else f"{text} FLOP"


def seconds(amount: float) -> str:
    """A time in few digits: 12.3 us, 4.56 ms, 7.89 s."""
    for unit, word in ((1e-3, "us"), (1.0, "ms")):
        if amount < unit:
            return f"{amount / unit * 1e3:.3g} {word}"
    return f"{amount:.3g} s"


def shorten(text: str, longest: int = LONGEST) -> str:
    """One printable line of at most `longest` characters."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def frame_label(path: tuple[str, ...]) -> str:
    """The name of a module at its frame: that of the innermost one."""
    return shorten(path[-1], 80)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _nested(items: list[str], lengths: Sequence[int]) -> str:
    for length in reversed(lengths):
        items = [
            f"[{' '.join(items[i : i + length])}]" for i in range(0, len(items), length)
        ]
    return " ".join(items)
