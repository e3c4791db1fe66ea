"""Verdicts on backward rules, put into the record of a computation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias
from weakref import WeakValueDictionary

import numpy as np

from ..check.local import check_node
from ..check.report import Check, Report
from ..engine.autograd import Node
from ..errors import GraphError
from .record import Record

Operations: TypeAlias = WeakValueDictionary[str, Node]  # by id in the record, while they live
Verdicts: TypeAlias = Mapping[str, str]  # by id: "ok", or what is wrong


def check_operations(
    operations: Operations, eps: float, tolerance: float, seed: int
) -> tuple[Report, Verdicts]:
    """Check the rule of each operation that was recorded with its values.

    GraphError if none is there any more, or none was recorded with its values.
    """
    nodes = sorted(operations.items(), key=lambda pair: pair[1].seq)
    if not any(node.trace is not None for _, node in nodes):
        raise GraphError(
            "there is nothing to check: the values of the operations were not kept, or are gone.\n"
            "Compute under `with dls.trace() as t:`, and check while the loss is still there"
        )
    uses: dict[int, int] = {}
    for _, node in nodes:
        uses[id(node.op)] = uses.get(id(node.op), 0) + 1
    rng = np.random.default_rng([seed, 1])
    found = {made: check_node(node, eps, tolerance, rng, uses[id(node.op)])
             for made, node in nodes if any(node.plan.needs)}
    verdicts = {made: _verdict(checks) for made, checks in found.items()}
    return Report(tuple(check for checks in found.values() for check in checks)), verdicts


def _verdict(checks: Sequence[Check]) -> str:
    """The checks of one operation in a line: "ok", what is wrong, or "" if nothing is known."""
    wrong = [f"dL/d{check.input} is wrong: {check.hint}" if check.input else check.hint
             for check in checks if check.verdict == "wrong"]
    if wrong:
        return "; ".join(wrong)
    return "ok" if any(check.verdict in ("right", "kink") for check in checks) else ""


def with_verdicts(record: Record, verdicts: Verdicts) -> Record:
    """The record with the verdict of each operation that was checked."""
    if not verdicts:
        return record
    nodes = tuple(replace(node, check=verdicts.get(node.id, node.check)) for node in record.nodes)
    return replace(record, nodes=nodes)
