"""Groups of nodes by module: which can be drawn as one frame, and which are folded to one box.

A group that a path leaves and enters again cannot be one block in a picture whose edges all point
down: such a group is dropped, its members stay. What remains has an order in which every group is
contiguous, so that any of its groups may be folded without making a cycle.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]
Pair: TypeAlias = tuple[str, str]


def contiguous(paths: Mapping[str, Path], edges: Sequence[Pair]) -> dict[str, Path]:
    """The paths of all nodes without those groups that are not a contiguous block of the graph."""
    result = {node: tuple(path) for node, path in paths.items()}
    work: list[tuple[int, list[str], list[Pair]]] = [(0, list(result), list(edges))]
    while work:
        level, members, inside = work.pop()
        item = {n: _item(n, result[n], level) for n in members}
        culprit = _group_on_cycle(item, inside)
        if culprit is not None:
            for node in members:
                if item[node] == culprit:
                    path = result[node]
                    result[node] = path[:level] + path[level + 1 :]
            work.append((level, members, inside))
            continue
        groups: dict[Path, list[str]] = defaultdict(list)
        for node in members:
            if len(result[node]) > level:
                groups[result[node][: level + 1]].append(node)
        within: dict[Path, list[Pair]] = defaultdict(list)
        for tail, head in inside:
            if item[tail] == item[head] and len(result[tail]) > level:
                within[result[tail][: level + 1]].append((tail, head))
        work += [(level + 1, nodes, within[path]) for path, nodes in groups.items()]
    return result


def _item(node: str, path: Path, level: int) -> Hashable:
    """Return the item of a node at a level: its group there, or itself."""
    return path[: level + 1] if len(path) > level else node


def _group_on_cycle(item: Mapping[str, Hashable], edges: Sequence[Pair]) -> Path | None:
    """The smallest group that lies on a cycle between items (or nearly so); None: no cycle."""
    arcs = {(item[a], item[b]) for a, b in edges if item[a] != item[b]}
    left = set(item.values())
    for forward in (True, False):  # take off what is before all cycles, then what is behind
        follow: dict[Hashable, list[Hashable]] = defaultdict(list)
        waiting: Counter[Hashable] = Counter()
        for a, b in arcs:
            if a in left and b in left:
                follow[a if forward else b].append(b if forward else a)
                waiting[b if forward else a] += 1
        ready = [x for x in left if not waiting[x]]
        for x in ready:  # grows while it is walked
            for y in follow[x]:
                waiting[y] -= 1
                if not waiting[y]:
                    ready.append(y)
        left -= set(ready)
    if not left:
        return None
    size = Counter(item.values())
    groups = [x for x in left if isinstance(x, tuple)]
    return min(groups, key=lambda group: (size[group], group))
