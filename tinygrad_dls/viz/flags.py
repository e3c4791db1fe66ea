"""Findings in a record: where NaN begins, gradients that vanish, explode or never come."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import NamedTuple

from . import describe
from .changes import SIGNS, kind_of
from .record import NodeRecord, Record

EXPLODING, LARGE = 1e3, 10.0  # times the median norm of the parameters' gradients; at least
VANISHING = 1e-6  # times the largest
EACH = 5  # remarks of one sort
DEAD = 0.95  # share of zeros after a ReLU


class Flag(NamedTuple):
    """One remark, and the node that it is about."""

    node: str
    text: str


Remarks = Iterator[tuple[NodeRecord, str]]


def flags(record: Record) -> tuple[Flag, ...]:
    """The remarks on a record, the gravest first."""
    found = []
    sorts: list[Callable[[Record], Remarks]]
    sorts = [_failed, _not_finite, _checks, _missing, _zero, _exploding, _vanishing, _dead,
             _useless]
    if "compared" in record.meta:  # what both have is of no interest
        sorts = [partial(_changed, kind=kind) for kind in SIGNS]
    for sort in sorts:
        remarks = list(sort(record))
        found += [Flag(node.id, f"{_name(node)}: {text}") for node, text in remarks[:EACH]]
        if more := remarks[EACH:]:
            found.append(Flag(more[0][0].id, f"{_name(more[0][0])} and {len(more) - 1} more: "
                                             f"{more[0][1]}"))
    return tuple(found)


def origins_of_trouble(record: Record) -> set[str]:
    """The operations that made a NaN or Inf out of inputs that (as far as known) had none."""
    bad = {n.id for n in record.nodes if describe.trouble(n.value)}
    poisoned = {edge.head for edge in record.edges if edge.tail in bad}
    return bad - poisoned


def _name(node: NodeRecord) -> str:
    return describe.shorten(node.name or node.op or node.kind)


def _failed(record: Record) -> Remarks:
    return ((n, f"failed: {n.failed.splitlines()[0]}") for n in record.nodes if n.failed)


def _not_finite(record: Record) -> Remarks:
    first = origins_of_trouble(record)
    later = sum(bool(describe.trouble(n.value)) for n in record.nodes) - len(first)
    for node in record.nodes:
        if node.id in first:
            spread = f", and reaches {later} more" if later else ""
            yield node, f"{describe.trouble(node.value)} starts here{spread}"
    for node in reversed(record.nodes):  # backward runs from the last to the first
        if node.gradient and (found := describe.trouble(node.gradient.values)):
            yield node, f"{found} in the gradient starts here"
            return


def _checks(record: Record) -> Remarks:
    return ((n, f"gradient check: {n.check}") for n in record.nodes if check_failed(n))


def check_failed(node: NodeRecord) -> bool:
    """Return whether the backward rule was checked and found wrong."""
    return node.check not in ("", "ok")


def _missing(record: Record) -> Remarks:
    for node in _parameters(record):
        if node.gradient is not None and not node.gradient.computed:
            yield node, "no gradient came: the loss does not depend on it"


def _zero(record: Record) -> Remarks:
    for node in _parameters(record):
        values = node.gradient.values if node.gradient else None
        if values is not None and values.size > 1 and values.zeros == values.size:
            yield node, "the gradient is 0 everywhere"


def _exploding(record: Record) -> Remarks:
    norms = [norm for node in _parameters(record) if (norm := _norm(node))]
    usual = median(norms) if norms else 0.0
    for node in _parameters(record):
        if (norm := _norm(node)) and norm > max(LARGE, EXPLODING * usual):
            yield node, f"exploding: norm of grad {describe.number(norm)}, the median is " \
                        f"{describe.number(usual)}"


def _vanishing(record: Record) -> Remarks:
    undone = _before_batch_norm(record)
    for node, norm, largest in _small(record):
        if node.id not in undone:
            yield node, f"vanishing: norm of grad {describe.number(norm)}, the largest is " \
                        f"{describe.number(largest)}"


def _useless(record: Record) -> Remarks:
    """Biases whose gradient is 0, but for rounding, because of what follows."""
    undone = _before_batch_norm(record)
    for node, _, _ in _small(record):
        if node.id in undone:
            yield node, "the batch norm after it takes any bias away (bias=False spares it)"


def _small(record: Record) -> Iterator[tuple[NodeRecord, float, float]]:
    """(parameter, norm of its gradient, the largest norm) of those that vanish beside it."""
    norms = [(node, _norm(node) or 0.0) for node in _parameters(record)]
    largest = max((norm for _, norm in norms), default=0.0)
    return ((node, norm, largest) for node, norm in norms if 0 < norm < VANISHING * largest)


def _before_batch_norm(record: Record) -> set[str]:
    """The vectors added by an operation whose result only a batch norm takes."""
    nodes = {node.id: node for node in record.nodes}
    heads: dict[str, list[str]] = {}
    for edge in record.edges:
        heads.setdefault(edge.tail, []).append(edge.head)

    def is_undone(node: NodeRecord) -> bool:
        taken = [heads.get(head, []) for head in heads.get(node.id, [])]
        return node.name.endswith("bias") and bool(taken) and all(
            after and all(nodes[n].op.startswith("batch_norm") for n in after) for after in taken)

    return {node.id for node in record.nodes if node.kind == "param" and is_undone(node)}


def _parameters(record: Record) -> list[NodeRecord]:
    """Those that gradients can be asked of."""
    return [n for n in record.nodes if n.kind == "param"] if record.backward_ran else []


def _norm(node: NodeRecord) -> float | None:
    values = node.gradient.values if node.gradient else None
    norm = values.norm if values is not None else None
    return norm if norm is not None and math.isfinite(norm) else None


def _changed(record: Record, kind: str) -> Remarks:
    return ((n, n.change) for n in record.nodes if n.change and kind_of(n.change) == kind)


def _dead(record: Record) -> Remarks:
    for node in record.nodes:
        value = node.value
        if value is None or value.size < 2 or not node.op.startswith("relu"):
            continue
        if value.zeros >= DEAD * value.size:
            yield node, f"{value.zeros:,} of {value.size:,} outputs are 0: dead units"
