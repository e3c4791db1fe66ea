"""The trace record: one computation, node by node, as plain numbers; every picture is made of it.

Typed here, versioned JSON in a file, which `record.schema.json` describes. JSON has no NaN and no
infinity: they are written as the strings "NaN", "Infinity" and "-Infinity", which JavaScript's
`Number` and Python's `float` read.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

from ..errors import FormatError
from .summary import Number, Summary

VERSION = 2
READ = (1, 2)  # versions that `from_json` takes

Kind: TypeAlias = Literal["input", "param", "buffer", "const", "op", "loss", "output"]


@dataclass(frozen=True, slots=True)
class Share:
    """The amount that one use of a value adds to its gradient."""

    source: str  # id of the node that used it
    norm: float | None
    values: Summary | None = None  # None: not kept
    summed_from: tuple[int, ...] | None = None  # shape before the sum over broadcast axes


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient of the loss with respect to one node's value.

    Not computed is not zero: `computed` is False until backward ran. `values` is None where it
    ran but this gradient was not kept.
    """

    computed: bool
    values: Summary | None = None
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One value of the computation: a leaf, or what an operation made."""

    id: str
    op: str = ""  # the operation's label; "" for leaves
    name: str = ""
    kind: Kind = "op"
    shape: tuple[int, ...] | None = ()  # None: not kept
    dtype: str = "float32"
    path: tuple[str, ...] = ()  # calls of modules it was made in, outermost first
    source: str = ""  # "file.py:12"
    formula: str = ""
    operands: tuple[str, ...] = ()  # what the formula calls the inputs
    value: Summary | None = None  # None: not kept
    gradient: Gradient | None = None  # None: it needs none
    saved: tuple[str, ...] = ()  # what its backward rule holds: ids of nodes, or names
    failed: str = ""  # the message of the error that it raised
    flops: int | None = None  # of its forward, by the rules of `ops.work`; None: not counted
    flops_back: int | None = None  # of its backward rule, for the gradients that are wanted
    bytes: int | None = None  # of its value and what backward needs beside the inputs; 0: a view
    seconds: float | None = None  # of its forward; on a GPU, of its launch; None: not measured
    seconds_back: float | None = None  # of its backward rule, when it last ran
    check: str = ""  # the verdict on its backward rule: "ok", or what is wrong; "": not checked
    change: str = ""  # what became of it, where two records were compared


@dataclass(frozen=True, slots=True)
class Edge:
    """The value of `tail` is input number `slot` of `head`."""

    tail: str
    head: str
    slot: int = 0


@dataclass(frozen=True)
class Record:
    """A whole computation. Nodes are in the order they were made: inputs before their users.

    `record.schema.json`, beside this file, is the JSON schema of what `to_json` writes.
    """

    nodes: tuple[NodeRecord, ...]
    edges: tuple[Edge, ...]
    meta: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = {node.id: i for i, node in enumerate(self.nodes)}
        if len(place) != len(self.nodes):
            raise FormatError("two nodes of the trace record have the same id")
        for edge in self.edges:
            if edge.tail not in place or edge.head not in place:
                raise FormatError(f"{edge} leads to a node that the trace record does not have")
            if place[edge.tail] >= place[edge.head]:
                raise FormatError(f"{edge}: a node comes after those it is made from")
        for node in self.nodes:
            for share in node.gradient.shares if node.gradient else ():
                if share.source not in place:
                    raise FormatError(f"{node.id} has a gradient from {share.source!r}, "
                                      "a node that the trace record does not have")

    @cached_property
    def backward_ran(self) -> bool:
        """Did a gradient go through any operation? (That of a leaf may be an older one.)"""
        return any(n.op and n.gradient and n.gradient.computed for n in self.nodes)

    def to_json(self) -> str:
        """Strict JSON; the same record always gives the same text."""
        ops = [node.id for node in self.nodes if node.op]
        document = {
            "version": VERSION,
            "meta": dict(self.meta),
            "nodes": [_node_to_json(node) for node in self.nodes],
            "edges": [{"from": e.tail, "to": e.head, "slot": e.slot} for e in self.edges],
            "forward_order": ops,
            "backward_order": ops[::-1],
        }
        return strict_json(document)

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """The record written by `to_json`; FormatError says what is wrong with any other text."""
        try:
            document = json.loads(text)
            if document["version"] not in READ:
                raise FormatError(
                    f"a trace record of version {document['version']}; this one reads {READ}"
                )
            edges = document["edges"]
            return cls(
                tuple(_node_from_json(node) for node in document["nodes"]),
                tuple(Edge(str(e["from"]), str(e["to"]), int(e["slot"])) for e in edges),
                {str(key): str(value) for key, value in document["meta"].items()},
            )
        except FormatError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError,
                RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise FormatError(f"this text is not a trace record ({reason})") from error


# --- to JSON and back ----------------------------------------------------------------------------


def strict_json(document: Any) -> str:
    """JSON without NaN, in characters that UTF-8 can hold: halves of surrogate pairs escaped."""
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


_COUNTS = ("size", "nan", "inf", "zeros")
_STATISTICS = ("mean", "std", "min", "max", "norm")


def _plain(value: Number | None) -> Number | str | None:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _number(value: Any) -> Number:
    x = float(value)  # OverflowError of what no float can hold
    return value if isinstance(value, (bool, int)) else x


def _finite(value: Any) -> float:
    if not math.isfinite(x := float(value)):
        raise FormatError(f"a finite number was expected, not {value!r}")
    return x


def _node_to_json(node: NodeRecord) -> dict[str, Any]:
    gradient = node.gradient
    return {
        "id": node.id, "op": node.op, "name": node.name, "kind": node.kind,
        "shape": None if node.shape is None else list(node.shape),
        "dtype": node.dtype, "path": list(node.path),
        "src": node.source, "formula": node.formula,
        "fwd": _summary_to_json(node.value),
        "bwd": None if gradient is None else {
            "computed": gradient.computed,
            "values": _summary_to_json(gradient.values),
            "contributions": [_share_to_json(share) for share in gradient.shares],
        },
        "saved": list(node.saved),
        "operands": list(node.operands), "failed": node.failed,
        "flops": node.flops, "flops_back": node.flops_back, "bytes": node.bytes,
        "seconds": node.seconds, "seconds_back": node.seconds_back, "check": node.check,
        "change": node.change,
    }


def _share_to_json(share: Share) -> dict[str, Any]:
    shape = share.summed_from
    return {
        "from": share.source, "norm": _plain(share.norm),
        "values": _summary_to_json(share.values),
        "summed_from": None if shape is None else list(shape),
    }


def _summary_to_json(summary: Summary | None) -> dict[str, Any] | None:
    if summary is None:
        return None
    return {
        **{name: _plain(getattr(summary, name)) for name in (*_COUNTS, *_STATISTICS)},
        "sample": [_plain(value) for value in summary.sample],
    }


def _node_from_json(node: Mapping[str, Any]) -> NodeRecord:
    if node["kind"] not in get_args(Kind):
        raise FormatError(f"a node of unknown kind {node['kind']!r}; known: {get_args(Kind)}")
    bwd = node["bwd"]
    return NodeRecord(
        id=str(node["id"]), op=str(node["op"]), name=str(node["name"]), kind=node["kind"],
        shape=None if node["shape"] is None else _tuple(int, node["shape"]),
        dtype=str(node["dtype"]), path=_tuple(str, node["path"]),
        source=str(node["src"]), formula=str(node["formula"]),
        value=_summary_from_json(node["fwd"]),
        gradient=None if bwd is None else Gradient(
            bool(bwd["computed"]),
            _summary_from_json(bwd["values"]),
            tuple(_share_from_json(share) for share in bwd["contributions"]),
        ),
        saved=_tuple(str, node["saved"]),
        operands=_tuple(str, node.get("operands", ())),  # this and what follows: version 2
        failed=str(node.get("failed", "")),
        flops=_optional(node.get("flops"), int), bytes=_optional(node.get("bytes"), int),
        flops_back=_optional(node.get("flops_back"), int),
        seconds=_optional(node.get("seconds"), _finite),
        seconds_back=_optional(node.get("seconds_back"), _finite), check=str(node.get("check", "")),
        change=str(node.get("change", "")),
    )


def _share_from_json(share: Mapping[str, Any]) -> Share:
    shape = share.get("summed_from")
    return Share(
        str(share["from"]), _optional(share["norm"]), _summary_from_json(share.get("values")),
        None if shape is None else _tuple(int, shape),
    )


def _summary_from_json(summary: Mapping[str, Any] | None) -> Summary | None:
    if summary is None:
        return None
    numbers: dict[str, Any] = {name: int(summary[name]) for name in _COUNTS}
    numbers |= {name: _optional(summary[name]) for name in _STATISTICS}
    return Summary(**numbers, sample=_tuple(_number, summary["sample"]))


def _optional(value: Any, kind: Callable[[Any], Any] = float) -> Any:
    return None if value is None else kind(value)


def _tuple(convert: Callable[[Any], Any], values: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(values, (str, Mapping)):
        raise FormatError(f"a list was expected, not {values!r}")
    return tuple(convert(value) for value in values)
