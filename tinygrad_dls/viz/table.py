"""The text view of a record: one line for each value, indented by module."""

from . import describe
from .groups import contiguous
from .record import NodeRecord, Record

HEADINGS = ("", "operation", "shape", "value", "gradient")
WIDEST = (44, 30, 24, 30, 36, 90)


def write_table(record: Record) -> str:
    """A table for terminals, in the order of computation; modules are lines of their own."""
    edges = [(edge.tail, edge.head) for edge in record.edges]
    paths = contiguous({node.id: node.path for node in record.nodes}, edges)
    rows: list[tuple[str, ...]] = [
        (*HEADINGS, "change") if any(node.change for node in record.nodes) else HEADINGS]
    purposes = describe.purposes(record)
    open_path: tuple[str, ...] = ()
    for node in record.nodes:
        path = paths[node.id]
        same = 0
        while same < min(len(path), len(open_path)) and path[same] == open_path[same]:
            same += 1
        rows += [("  " * depth + path[depth] + "/",) for depth in range(same, len(path))]
        open_path = path
        rows.append(_row(node, len(path), record, purposes.get(node.id, node.kind)))
    widths = [
        min(most, max((len(row[i]) for row in rows if i < len(row)), default=0))
        for i, most in enumerate(WIDEST)
    ]
    return "\n".join(_line(row, widths) for row in rows) + "\n"


def _row(node: NodeRecord, depth: int, record: Record, word: str) -> tuple[str, ...]:
    value = f"! {node.failed.splitlines()[0]}" if node.failed else (
        "" if "model" in record.meta else "not kept")
    if node.value is not None:
        value = describe.array(node.value, node.shape, node.dtype)
        trouble = describe.trouble(node.value)
        value = f"{value}  ! {trouble}" if trouble else value
    grad = describe.gradient(node, record.backward_ran) or "not kept"
    grad = "" if node.gradient is None else grad
    dtype = "" if node.dtype == "float32" else f" {node.dtype}"
    shape = "" if node.shape is None else f"{node.shape}{dtype}"
    name = node.name or ("" if node.op else word)
    what = node.op or f"({node.kind})"
    return "  " * depth + name, what, shape, value, _norm(node, grad), node.change


def _norm(node: NodeRecord, text: str) -> str:
    """The gradient's text, with the norm where there are many elements."""
    text = text.removeprefix("grad: ").removeprefix("grad ")
    values = node.gradient.values if node.gradient else None
    if values is not None and values.size > describe.WHOLE:
        text = f"{text}  norm {describe.number(values.norm)}"
    return text


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    if len(row) == 1:
        return row[0]
    cells = [describe.shorten(cell, width).ljust(width) for cell, width in zip(row, widths)]
    return "  ".join(cells).rstrip()
