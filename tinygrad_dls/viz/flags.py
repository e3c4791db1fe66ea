"""What stands out in a record: where NaN begins, gradients that vanish, explode or never come."""

import math
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from . import describe
from .record import NodeRecord, Record

EXPLODING, VANISHING = 1e3, 1e-6  # times the median norm of all gradients
DEAD = 0.95  # share of zeros after a ReLU


class Flag(NamedTuple):
    """One remark, and the node that it is about."""

    node: str
    text: str


def flags(record: Record) -> tuple[Flag, ...]:
    """The remarks on a record, the gravest first."""
    return tuple(Flag(node.id, f"{_name(node)}: {text}") for node, text in (
        *_failed(record), *_not_finite(record), *_checks(record), *_gradients(record),
        *_dead(record),
    ))


def origins_of_trouble(record: Record) -> set[str]:
    """The operations that made a NaN or Inf out of inputs that (as far as known) had none."""
    bad = {n.id for n in record.nodes if describe.trouble(n.value)}
    poisoned = {edge.head for edge in record.edges if edge.tail in bad}
    return bad - poisoned


Remarks = Iterator[tuple[NodeRecord, str]]


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
    return ((n, f"gradient check: {n.check}") for n in record.nodes if n.check not in ("", "ok"))


def _gradients(record: Record) -> Remarks:
    if not record.backward_ran:
        return
    norms = [x for node in record.nodes if (x := _norm(node))]
    usual = median(norms) if norms else 0.0
    for node in record.nodes:
        if node.gradient is None:
            continue
        norm = _norm(node)
        if not node.gradient.computed:
            if node.kind == "param":
                yield node, "no gradient came: the loss does not depend on it"
        elif norm == 0 and node.gradient.values is not None and node.gradient.values.size > 1:
            yield node, "the gradient is 0 everywhere"
        elif norm and norm > EXPLODING * usual:
            yield node, f"exploding: norm of grad {describe.number(norm)}, median of all " \
                        f"{describe.number(usual)}"
        elif norm and node.kind == "param" and norm < VANISHING * usual:
            yield node, f"vanishing: norm of grad {describe.number(norm)}, median of all " \
                        f"{describe.number(usual)}"


def _norm(node: NodeRecord) -> float | None:
    values = node.gradient.values if node.gradient else None
    norm = values.norm if values is not None else None
    return norm if norm is not None and math.isfinite(norm) else None


def _dead(record: Record) -> Remarks:
    for node in record.nodes:
        value = node.value
        if value is None or value.size < 2 or not node.op.startswith("relu"):
            continue
        if value.zeros >= DEAD * value.size:
            yield node, f"{value.zeros:,} of {value.size:,} outputs are 0: dead units"
