"""The text view of a record: one line for each value, indented by module."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from . import describe
from .flags import check_failed
from .groups import Path, contiguous
from .record import NodeRecord, Record

COLUMNS = {  # what `show` calls it: heading, most characters
    "": ("", 44), "op": ("operation", 30), "shape": ("shape", 24), "value": ("value", 30),
    "grad": ("gradient", 36), "work": ("work", 44), "cost": ("memory and time", 44),
    "change": ("change", 90),
}


def write_table(record: Record, show: Collection[str] = ("shape", "value", "grad")) -> str:
    """A table for terminals, in the order of computation; modules are lines of their own.

    With "cost" in `show` a line says what it costs, a module's the sum of all inside it.
    """
    edges = [(edge.tail, edge.head) for edge in record.edges]
    paths = contiguous({node.id: node.path for node in record.nodes}, edges)
    shown = {"", "op", *show}
    shown |= {"work"} if "cost" in show else set()
    shown |= {"change"} if any(node.change for node in record.nodes) else set()
    columns = [name for name in COLUMNS if name in shown]
    inside: dict[Path, list[NodeRecord]] = defaultdict(list)
    if "cost" in show:
        for node in record.nodes:
            for depth in range(len(paths[node.id]) + 1):
                inside[paths[node.id][:depth]].append(node)
    rows = [{name: COLUMNS[name][0] for name in columns}]
    purposes = describe.purposes(record)
    open_path: Path = ()
    for node in record.nodes:
        path = paths[node.id]
        same = 0
        while same < min(len(path), len(open_path)) and path[same] == open_path[same]:
            same += 1
        rows += [{"": "  " * depth + path[depth] + "/", **_costs(inside[path[: depth + 1]])}
                 for depth in range(same, len(path))]
        open_path = path
        row = _row(node, len(path), record, purposes.get(node.id, node.kind))
        rows.append({**row, **_costs([node])})
    if "cost" in show:
        rows.append({"": "all", **_costs(record.nodes)})
    widths = {
        name: min(COLUMNS[name][1], max(len(row.get(name, "")) for row in rows))
        for name in columns
    }
    failed = [f"! {node.name or node.op} at {node.source}: gradient check: {node.check}"
              for node in record.nodes if check_failed(node)]
    return "\n".join([*(_line(row, widths) for row in rows), *failed]) + "\n"


def _costs(nodes: Sequence[NodeRecord]) -> dict[str, str]:
    return {"work": describe.work(nodes), "cost": describe.memory_and_time(nodes)}


def _row(node: NodeRecord, depth: int, record: Record, word: str) -> dict[str, str]:
    value = f"! {node.failed.splitlines()[0]}" if node.failed else (
        "" if "model" in record.meta else "not kept")
    if node.value is not None:
        value = describe.array(node.value, node.shape, node.dtype)
        trouble = describe.trouble(node.value)
        value = f"{value}  ! {trouble}" if trouble else value
    if check_failed(node):
        value = "! gradient check failed"
    grad = describe.gradient(node, record.backward_ran) or "not kept"
    grad = "" if node.gradient is None else grad
    dtype = "" if node.dtype == "float32" else f" {node.dtype}"
    shape = "" if node.shape is None else f"{node.shape}{dtype}"
    name = node.name or ("" if node.op else word)
    return {"": "  " * depth + name, "op": node.op or f"({node.kind})", "shape": shape,
            "value": value, "grad": _norm(node, grad), "change": node.change}


def _norm(node: NodeRecord, text: str) -> str:
    """The gradient's text, with the norm where there are many elements."""
    text = text.removeprefix("grad: ").removeprefix("grad ")
    values = node.gradient.values if node.gradient else None
    if values is not None and values.size > describe.WHOLE:
        text = f"{text}  norm {describe.number(values.norm)}"
    return text


def _line(row: Mapping[str, str], widths: Mapping[str, int]) -> str:
    if not any(row.get(name) for name in widths if name):  # a module: as long as it likes
        return row[""].rstrip()
    cells = [describe.shorten(row.get(name, ""), width).ljust(width)
             for name, width in widths.items()]
    return "  ".join(cells).rstrip()
