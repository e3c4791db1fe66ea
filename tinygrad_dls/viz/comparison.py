"""Two records compared: one record of both, in which each node says what became of it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TypeAlias

from . import describe
from .changes import ADDED, REMOVED, SEPARATOR, SIGNS, kind_of
from .groups import Path
from .record import Edge, NodeRecord, Record, Share
from .summary import Summary

OTHER, MOVED = SIGNS["changed"], SIGNS["other numbers"]
TOLERANCE = 1e-4  # of numbers, relative to the size of the array's elements

Place: TypeAlias = tuple[tuple[str, int], ...]  # names of modules, and which of their calls


def compare_records(before: Record, after: Record, names: tuple[str, str]) -> Record:
    """The nodes of `after`, and those that only `before` has, with `change` set.

    Named parameters and inputs are matched by name, all else by the module it is in, in order.
    """
    same = _roots(before, after)
    places = [_places(before, same), _places(after, {})]
    pairs = _pairs(before, after, *places)
    labels = {places[1][n.id][:i + 1]: n.path[:i + 1] for n in after.nodes
              for i in range(len(n.path))}
    old = {n.id: n for n in before.nodes}
    partner = {b: a for a, b in pairs.items()}
    nodes: list[NodeRecord] = [
        replace(n, change=ADDED if n.id not in partner else _changes(old[partner[n.id]], n))
        for n in after.nodes
    ]
    ids = {n.id: pairs.get(n.id, f"before-{n.id}") for n in before.nodes}
    edges = list(after.edges)
    for node in before.nodes:
        if node.id not in pairs:
            _insert(node, before, ids, nodes, edges,
                    _in_place_of(places[0][node.id], node.path, labels))
    place = {n.id: i for i, n in enumerate(nodes)}
    edges = [e for e in edges if place[e.tail] < place[e.head]]
    meta = {**after.meta, "compared": f"{names[0]} -> {names[1]}"}
    return Record(tuple(nodes), tuple(edges), meta)


def counts(record: Record) -> dict[str, int]:
    """Count the nodes that were added, removed, changed, or have only other numbers."""
    found: Counter[str] = Counter()
    for node in record.nodes:
        found[kind_of(node.change)] += 1
    return {kind: found[kind] for kind in SIGNS}


# --- who is who ----------------------------------------------------------------------------------


def _roots(before: Record, after: Record) -> dict[str, str]:
    """The network may have been renamed: where both have one, they are the same."""
    roots = [{_name(n.path[0])[0] for n in record.nodes if n.path} for record in (before, after)]
    if len(roots[0]) == len(roots[1]) == 1:
        return {roots[0].pop(): roots[1].pop()}
    return {}


def _places(record: Record, renamed: dict[str, str]) -> dict[str, Place]:
    found = {}
    for node in record.nodes:
        place = [_name(label) for label in node.path]
        if place:
            place[0] = renamed.get(place[0][0], place[0][0]), place[0][1]
        found[node.id] = tuple(place)
    return found


def _name(label: str) -> tuple[str, int]:
    """("fc1", 2) for "fc1: Linear 4 -> 8 (2)": sizes may differ, and the name stays."""
    call = re.search(r" \((\d+)\)$", label)
    words = label[:call.start()] if call else label
    name, colon, _ = words.partition(": ")
    return (name if colon else words.partition(" ")[0]), int(call[1]) if call else 1


def _pairs(
    before: Record, after: Record, old: dict[str, Place], new: dict[str, Place]
) -> dict[str, str]:
    """Id in `before` -> id in `after`, of all nodes that are in both."""
    pairs: dict[str, str] = {}
    named = {(n.kind, n.name): n.id for n in reversed(after.nodes) if n.name and not n.op}
    for node in before.nodes:
        if node.name and not node.op and (node.kind, node.name) in named:
            pairs[node.id] = named.pop((node.kind, node.name))
    taken = set(pairs.values())
    rows: dict[tuple[Place, bool], tuple[list[NodeRecord], list[NodeRecord]]] = defaultdict(
        lambda: ([], []))
    for side, record, places in ((0, before, old), (1, after, new)):
        for node in record.nodes:
            if node.id not in (pairs, taken)[side]:
                rows[places[node.id], bool(node.op)][side].append(node)
    for ours, theirs in rows.values():
        match = SequenceMatcher(None, [_looks(n) for n in ours], [_looks(n) for n in theirs],
                                autojunk=False)
        for tag, i, j, k, m in match.get_opcodes():
            if tag == "equal" or (tag == "replace" and j - i == m - k):
                pairs.update(zip((n.id for n in ours[i:j]), (n.id for n in theirs[k:m])))
    return pairs


def _looks(node: NodeRecord) -> tuple[str, str, str]:
    """The look of a node by which it is matched: never sizes or options."""
    return re.split(r"[(\[]", node.op)[0], node.kind, "" if node.op else node.name


# --- what changed --------------------------------------------------------------------------------


def _changes(a: NodeRecord, b: NodeRecord) -> str:
    found = []
    for word, x, y in (("operation", a.op, b.op), ("shape", a.shape, b.shape),
                       ("dtype", a.dtype, b.dtype), ("kind", a.kind, b.kind),
                       ("failed", a.failed, b.failed)):
        if x != y:
            found.append(f"{OTHER} {word} {_said(x)} → {_said(y)}")
    if a.value is not None and b.value is not None and differ(a.value, b.value):
        found.append(f"{MOVED} value {_array(a.value, a)} → {_array(b.value, b)}")
    if a.gradient is not None or b.gradient is not None:
        found += _gradients(a, b)
    return SEPARATOR.join(found)


def _gradients(a: NodeRecord, b: NodeRecord) -> list[str]:
    x, y = a.gradient, b.gradient
    if x is None or y is None:
        return [f"{OTHER} gradient {'needed' if x else 'not needed'} → "
                f"{'needed' if y else 'not needed'}"]
    if x.computed != y.computed:
        said = [describe.shorten("computed" if g.computed else "not computed") for g in (x, y)]
        return [f"{OTHER} gradient {said[0]} → {said[1]}"]
    if x.values is None or y.values is None or not differ(x.values, y.values):
        return []
    if x.values.size == y.values.size == 1:
        return [f"{MOVED} grad {_array(x.values, a)} → {_array(y.values, b)}"]
    return [f"{MOVED} norm of grad {describe.number(x.values.norm)} → "
            f"{describe.number(y.values.norm)}"]


def differ(a: Summary, b: Summary) -> bool:
    """Return whether two arrays have other numbers, as far as their summaries tell."""
    if (a.nan, a.inf) != (b.nan, b.inf):
        return True
    scale = max(abs(x) for s in (a, b) for x in (s.min or 0.0, s.max or 0.0))
    names = ("mean", "std", "min", "max", "norm")
    for x, y in ((getattr(a, name), getattr(b, name)) for name in names):
        if (x is None) != (y is None):
            return True
        if x is not None and y is not None and abs(x - y) > TOLERANCE * max(scale, abs(x), abs(y)):
            return True
    if a.size != b.size:
        return False  # the shapes say it
    return any(abs(float(x) - float(y)) > TOLERANCE * scale
               for x, y in zip_longest(a.sample, b.sample, fillvalue=0.0))


def _array(summary: Summary, node: NodeRecord) -> str:
    trouble = describe.trouble(summary)
    return trouble or describe.array(summary, node.shape, node.dtype)


def _said(value: object) -> str:
    return describe.shorten(str(value), 30) if value not in (None, "") else "none"


# --- what is no longer there ---------------------------------------------------------------------


def _in_place_of(place: Place, path: Path, labels: dict[Place, Path]) -> Path:
    """The path of a node under the labels that its modules have now."""
    for level in range(len(place), 0, -1):
        if place[:level] in labels:
            return (*labels[place[:level]], *path[level:])
    return path


def _insert(
    node: NodeRecord, before: Record, ids: dict[str, str], nodes: list[NodeRecord],
    edges: list[Edge], path: Path,
) -> None:
    """Put a removed node behind all that it was made from."""
    place = {n.id: i for i, n in enumerate(nodes)}
    tails = [ids[e.tail] for e in before.edges if e.head == node.id]
    behind = [place[t] for t in tails if t in place]
    heads = [place[ids[e.head]] for e in before.edges if e.tail == node.id and ids[e.head] in place]
    where = max(behind) + 1 if behind else min(heads, default=len(nodes))
    gradient = node.gradient
    if gradient is not None:
        gradient = replace(gradient, shares=_renamed(gradient.shares, ids))
    nodes.insert(where, replace(node, id=ids[node.id], path=path, gradient=gradient,
                                change=REMOVED))
    known = {(e.tail, e.head, e.slot) for e in edges}
    for e in before.edges:
        new = Edge(ids[e.tail], ids[e.head], e.slot)
        if node.id in (e.tail, e.head) and (new.tail, new.head, new.slot) not in known:
            edges.append(new)


def _renamed(shares: Iterable[Share], ids: dict[str, str]) -> tuple[Share, ...]:
    return tuple(replace(share, source=ids[share.source]) for share in shares)
