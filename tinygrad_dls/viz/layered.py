"""One flat level of a layered drawing (Sugiyama's method): ranks, order in each rank, places.

1. rank: every link leads to a lower rank; a source is pulled down to its users.
2. long links go through a dummy in each rank they cross, shared by links of the same origin.
3. order: barycentre sweeps; the order with the fewest crossings stays.
4. places: each rank in turn goes as near to its neighbours as order and gaps allow, the exact
   least-squares answer (isotonic regression, pool adjacent violators).

All loops, no recursion; each sweep costs O(items + links), crossings O(links * log).
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeAlias

Key: TypeAlias = Hashable

SWEEPS, PLACINGS = 12, 16
DUMMY_WIDTH = 6.0
STRAIGHT = 8.0  # how much more a link between two dummies wants to be straight than others
FROM_SOURCE = 0.2  # how much less one from a source does: what is computed goes straight on
BESIDE = 18.0  # between boxes of a rank


class Link(NamedTuple):
    """`tail` is above `head`; it leaves and arrives at these distances from their centres."""

    tail: Key
    head: Key
    origin: Key  # links of the same tail and origin run together
    out: float = 0.0
    into: float = 0.0


class Dummy(NamedTuple):
    """The point where a long link crosses a rank."""

    tail: Key
    origin: Key
    rank: int


@dataclass
class Level:
    """Widths of the items, and links; `top` and `bottom` items lie on the rim of the level."""

    width: dict[Key, float]
    links: list[Link]
    top: Sequence[Key] = ()
    bottom: Sequence[Key] = ()
    rows: list[list[Key]] = field(default_factory=list)  # result: items and dummies, left to right
    row: dict[Key, int] = field(default_factory=dict)  # result: which of the rows each is in
    x: dict[Key, float] = field(default_factory=dict)  # result: centres
    via: dict[Link, list[Key]] = field(default_factory=dict)  # result: the dummies of each link

    def arrange(self) -> None:
        """Fill in `rows`, `x` and `via`."""
        rank = ranks(list(self.width), self.links, set(self.top), set(self.bottom))
        short = self._dummies(rank)
        count = 1 + max(rank.values(), default=-1)
        self.rows = [[] for _ in range(count)]
        for item in self.width:
            self.rows[rank[item]].append(item)
        above: dict[Key, list[tuple[Key, float]]] = defaultdict(list)  # (neighbour, shift there)
        below: dict[Key, list[tuple[Key, float]]] = defaultdict(list)
        for link in short:
            above[link.head].append((link.tail, link.out))
            below[link.tail].append((link.head, link.into))
        self.rows = order(self.rows, above, below, self.width)
        self.row = rank
        self.x = places(self.rows, short, self.width)

    def _dummies(self, rank: dict[Key, int]) -> list[Link]:
        """Cut long links into links from one rank to the next."""
        short: dict[Link, None] = {}
        for link in self.links:
            path: list[Key] = []
            before, out = link.tail, link.out
            for r in range(rank[link.tail] + 1, rank[link.head]):
                dummy = Dummy(link.tail, link.origin, r)
                if dummy not in self.width:
                    self.width[dummy] = DUMMY_WIDTH
                    rank[dummy] = r
                short[Link(before, dummy, link.origin, out)] = None
                path.append(dummy)
                before, out = dummy, 0.0
            short[Link(before, link.head, link.origin, out, link.into)] = None
            self.via[link] = path
        return list(short)


def ranks(
    items: Sequence[Key], links: Sequence[Link], top: set[Key], bottom: set[Key]
) -> dict[Key, int]:
    """Longest path from above; then down to their users those that shorten links by it."""
    after: dict[Key, list[Key]] = defaultdict(list)
    waiting: dict[Key, int] = dict.fromkeys(items, 0)
    for link in links:
        after[link.tail].append(link.head)
        waiting[link.head] += 1
    entering = dict(waiting)
    ready = [item for item in items if not waiting[item]]
    rank = {item: 0 if item in top or not top else 1 for item in items}
    for item in ready:  # grows while it is walked: a topological order
        for head in after[item]:
            rank[head] = max(rank[head], rank[item] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    if len(ready) != len(items):
        raise ValueError("the links of a level go round in a circle")
    for item in reversed(ready):
        if after[item] and item not in top and entering[item] <= len(after[item]):
            rank[item] = max(rank[item], min(rank[head] for head in after[item]) - 1)
    if bottom:
        floor = 1 + max((r for item, r in rank.items() if item not in bottom), default=0)
        rank |= dict.fromkeys(bottom, floor)
    used = {r: i for i, r in enumerate(sorted(set(rank.values())))}
    return {item: used[r] for item, r in rank.items()}


Neighbours: TypeAlias = Mapping[Key, Sequence[tuple[Key, float]]]


def order(
    rows: list[list[Key]], above: Neighbours, below: Neighbours, width: Mapping[Key, float]
) -> list[list[Key]]:
    """The rows, each sorted so that few links cross."""
    place = {item: float(i) for row in rows for i, item in enumerate(row)}

    def at(neighbour: Key, shift: float) -> float:
        return place[neighbour] + shift / (width[neighbour] + 1.0)  # shift is under half the width

    best, fewest = [list(row) for row in rows], crossings(rows, below, at)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        neighbours = above if down else below
        for row in rows[1:] if down else rows[-2::-1]:
            middle = {
                item: sum(at(*n) for n in neighbours[item]) / len(neighbours[item])
                if neighbours.get(item) else place[item]
                for item in row
            }
            row.sort(key=middle.__getitem__)
            for i, item in enumerate(row):
                place[item] = float(i)
        count = crossings(rows, below, at)
        if count < fewest:
            best, fewest = [list(row) for row in rows], count
    return best


def crossings(
    rows: Sequence[Sequence[Key]], below: Neighbours, at: Callable[[Key, float], float]
) -> int:
    """Count how often links between neighbouring rows cross, with a Fenwick tree."""
    total = 0
    for upper in rows[:-1]:
        ends = [[at(*n) for n in below.get(tail, ())] for tail in upper]
        index = {place: i for i, place in enumerate(sorted({p for some in ends for p in some}))}
        tree = [0] * (len(index) + 1)
        seen = 0
        for some in ends:
            heads = [index[place] for place in some]
            for head in heads:  # links from further left that end further right
                i, passed = head + 1, 0
                while i:
                    passed += tree[i]
                    i &= i - 1
                total += seen - passed
            for head in heads:
                seen += 1
                i = head + 1
                while i < len(tree):
                    tree[i] += 1
                    i += i & -i
    return total


def places(
    rows: Sequence[Sequence[Key]], links: Sequence[Link], width: Mapping[Key, float]
) -> dict[Key, float]:
    """Centres: the order kept, the gaps kept, links as straight as that allows."""
    pulls: dict[Key, list[tuple[Key, float, float]]] = defaultdict(list)
    computed = {link.head for link in links}
    for link in links:
        dummies = _is_dummy(link.tail) + _is_dummy(link.head)
        weight = (1.0, 2.0, STRAIGHT)[dummies]
        if link.tail not in computed:
            weight *= FROM_SOURCE
        pulls[link.head].append((link.tail, link.out - link.into, weight))
        pulls[link.tail].append((link.head, link.into - link.out, weight))
    x: dict[Key, float] = {}
    offsets: list[list[float]] = []  # of each item from the first of its row, packed
    for row in rows:
        offset = [0.0]
        for left, right in pairwise(row):
            gap = BESIDE / (1 + _is_dummy(left) + _is_dummy(right))
            offset.append(offset[-1] + (width[left] + width[right]) / 2 + gap)
        offsets.append(offset[: len(row)])
        shift = offset[-1] / 2
        x |= {item: place - shift for item, place in zip(row, offset)}
    steps = list(zip(rows, offsets))
    for sweep in range(PLACINGS):
        for row, offset in steps if sweep % 2 == 0 else reversed(steps):
            wanted, weights = [], []
            for item in row:
                weight = sum(w for _, _, w in pulls[item])
                pull = sum(w * (x[n] + d) for n, d, w in pulls[item])
                wanted.append(pull / weight if weight else x[item])
                weights.append(weight or 0.1)
            for item, place in zip(row, nearest(wanted, weights, offset)):
                x[item] = place
    left = min((x[item] - width[item] / 2 for item in x), default=0.0)
    return {item: place - left for item, place in x.items()}


def nearest(
    wanted: Sequence[float], weights: Sequence[float], offset: Sequence[float]
) -> list[float]:
    """The places nearest to those wanted (least squares) that are at least `offset` apart."""
    blocks: list[tuple[float, float, int]] = []  # (mean, weight, items): means increase
    for want, weight, off in zip(wanted, weights, offset):
        mean, count = want - off, 1
        while blocks and blocks[-1][0] >= mean:
            before, mass, items = blocks.pop()
            mean = (before * mass + mean * weight) / (mass + weight)
            weight += mass
            count += items
        blocks.append((mean, weight, count))
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + off for mean, off in zip(means, offset)]


def _is_dummy(item: Key) -> bool:
    return isinstance(item, Dummy)
