"""The built-in layout: boxes and nested frames in layers, with no program installed.

Each group is laid out as a level of its own, inner before outer, and is then one item of the level
around it. Where an arrow leaves or enters a group it gets a port on the rim, so frames never
overlap and no arrow passes under a box.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from .groups import Pair, Path
from .layered import Key, Level, Link

Size: TypeAlias = tuple[float, float]

PAD = 12.0  # between a frame and what is in it
ROW = 26.0  # between ranks, at least


class Rect(NamedTuple):
    """Left, top, width, height."""

    x: float
    y: float
    w: float
    h: float


class Stop(NamedTuple):
    """A place that an arrow goes straight down through, from y to y2."""

    x: float
    y: float
    y2: float


@dataclass
class Layout:
    """The positions of everything; y grows downwards."""

    boxes: dict[str, Rect] = field(default_factory=dict)
    frames: dict[Path, Rect] = field(default_factory=dict)
    routes: list[list[Stop]] = field(default_factory=list)  # one for each edge, from tail to head
    width: float = 0.0
    height: float = 0.0

    def transposed(self) -> "Layout":
        """The same with x and y exchanged; stops keep meaning (along, across, across)."""
        return Layout(
            {k: Rect(r.y, r.x, r.h, r.w) for k, r in self.boxes.items()},
            {k: Rect(r.y, r.x, r.h, r.w) for k, r in self.frames.items()},
            self.routes, self.height, self.width,
        )


@dataclass
class _Group:
    """One level while it is made: a frame, or the whole picture."""

    path: Path
    items: list[Key] = field(default_factory=list)  # ids of boxes, paths of groups
    links: dict[Link, Link] = field(default_factory=dict)  # each, and where it meets its ends
    entries: dict[str, None] = field(default_factory=dict)  # tails of arrows that come in
    exits: dict[str, None] = field(default_factory=dict)  # tails inside of arrows that go out
    fed: set[Key] = field(default_factory=set)  # items with an arrow that comes in
    level: Level = field(default_factory=lambda: Level({}, []))
    y: list[tuple[float, float]] = field(default_factory=list)  # top and bottom of each row
    size: Size = (0.0, 0.0)
    indent: Size = (0.0, 0.0)  # of its contents
    corner: Size = (0.0, 0.0)  # in the picture


def layout(
    sizes: Mapping[str, Size],
    edges: Sequence[Pair],
    paths: Mapping[str, Path] | None = None,
    labels: Mapping[Path, Size] | None = None,
    rankdir: str = "TB",
) -> Layout:
    """Place boxes of these sizes; `paths` says which nested groups each is in (contiguous ones:
    see groups.py), `labels` how large the labels of the groups are."""
    across = rankdir == "LR"
    paths = paths or {}
    if across:
        sizes = {key: (h, w) for key, (w, h) in sizes.items()}
    groups = _groups(sizes, paths)
    _connect(groups, edges, paths)
    for group in sorted(groups.values(), key=lambda g: -len(g.path)):  # inner ones first
        _arrange(group, groups, sizes, (labels or {}).get(group.path, (0.0, 0.0)), across)
    root = groups[()]
    for group in groups.values():  # outer ones first
        for item in group.items:
            if isinstance(item, tuple):
                inner = groups[item]
                inner.corner = _corner(group, item, inner.size)
    result = Layout(width=root.size[0], height=root.size[1])
    result.frames = {p: Rect(*g.corner, *g.size) for p, g in groups.items() if p}
    for box, size in sizes.items():
        result.boxes[box] = Rect(*_corner(groups[paths.get(box, ())], box, size), *size)
    result.routes = [_route(edge, groups, paths, result.boxes) for edge in edges]
    return result.transposed() if across else result


def _groups(sizes: Mapping[str, Size], paths: Mapping[str, Path]) -> dict[Path, _Group]:
    """All levels, outer before inner, with what is directly in each."""
    groups: dict[Path, _Group] = {(): _Group(())}
    for box in sizes:
        path = paths.get(box, ())
        for depth in range(1, len(path) + 1):
            if path[:depth] not in groups:
                groups[path[:depth]] = _Group(path[:depth])
                groups[path[: depth - 1]].items.append(path[:depth])
        groups[path].items.append(box)
    return groups


def _common(a: Path, b: Path) -> int:
    """Count the outer groups that two paths share."""
    depth = 0
    for x, y in zip(a, b):
        if x != y:
            break
        depth += 1
    return depth


def _item(box: str, path: Path, depth: int) -> Key:
    """Return the item that represents a box in the level at `depth`: itself, or the group it is in.
    """
    return path[: depth + 1] if len(path) > depth else box


def _entry(tail: str) -> Key:
    return ("entry", tail, 0)  # the number: no path of a group is equal to it


def _exit(tail: str) -> Key:
    return ("exit", tail, 0)


def _links(edge: Pair, paths: Mapping[str, Path]) -> list[tuple[Path, Link]]:
    """The levels an arrow goes through, and its link in each, from tail to head."""
    tail, head = edge
    a, b = paths.get(tail, ()), paths.get(head, ())
    common = _common(a, b)
    found = [
        (a[:depth], Link(_item(tail, a, depth), _exit(tail), tail))
        for depth in range(len(a), common, -1)
    ]
    found.append((a[:common], Link(_item(tail, a, common), _item(head, b, common), tail)))
    found += [
        (b[:depth], Link(_entry(tail), _item(head, b, depth), tail))
        for depth in range(common + 1, len(b) + 1)
    ]
    return found


def _connect(groups: dict[Path, _Group], edges: Sequence[Pair], paths: Mapping[str, Path]) -> None:
    """Give every level its links and ports; ports of a level are keyed by the tail."""
    for edge in edges:
        for path, link in _links(edge, paths):
            group = groups[path]
            group.links[link] = link
            group.fed.add(link.head)
            if link.tail == _entry(edge[0]):
                group.entries[edge[0]] = None
            if link.head == _exit(edge[0]):
                group.exits[edge[0]] = None


def _arrange(
    group: _Group,
    groups: dict[Path, _Group],
    sizes: Mapping[str, Size],
    label: Size,
    across: bool,
) -> None:
    """Lay out one level whose inner groups are done."""
    height: dict[Key, float] = {}
    width: dict[Key, float] = {}
    for item in group.items:
        width[item], height[item] = groups[item].size if isinstance(item, tuple) else sizes[
            str(item)
        ]
    entries, exits = [_entry(t) for t in group.entries], [_exit(t) for t in group.exits]
    width |= dict.fromkeys(entries + exits, 0.0)
    for link in group.links:
        group.links[link] = link._replace(
            out=_port(groups, link.tail, _exit(str(link.origin))),
            into=_port(groups, link.head, _entry(str(link.origin))),
        )
    level = group.level = Level(width, list(group.links.values()), entries, exits)
    level.arrange()
    right = max((level.x[k] + width[k] / 2 for k in level.x), default=0.0)
    y = 0.0
    for i, row in enumerate(level.rows):
        tall = max((height.get(item, 0.0) for item in row), default=0.0)
        group.y.append((y, y + tall))
        y += tall + (_gap(level, i) if i + 1 < len(level.rows) else 0.0)
    if not group.path:
        group.size = right, y
        return
    beside, over = (label[1] + 4, 0.0) if across else (0.0, label[1] + 4)
    wide = max(right, 0.0 if across else label[0])
    deep = max(y, label[0] if across else 0.0)
    group.indent = PAD + beside + (wide - right) / 2, PAD + over + (deep - y) / 2
    group.size = wide + beside + 2 * PAD, deep + over + 2 * PAD


def _gap(level: Level, row: int) -> float:
    """Between a row and the next: more where arrows go far sideways, little at the rim."""
    here, there = set(level.rows[row]), set(level.rows[row + 1])
    if here <= set(level.top) or there <= set(level.bottom):
        return ROW / 3
    x = level.x
    far = 0.0
    for link in level.links:
        chain = [link.tail, *level.via[link], link.head]
        for a, b in pairwise(chain):
            if a in here:
                far = max(far, abs(x[a] + (link.out if a == link.tail else 0.0) - x[b]))
    return ROW + min(70.0, max(0.0, far - 100.0) / 12)


def _port(groups: Mapping[Path, _Group], item: Key, port: Key) -> float:
    """Return how far right of an item's centre an arrow meets it: at a group, at its port."""
    if not isinstance(item, tuple) or item not in groups:
        return 0.0
    group = groups[item]
    return group.indent[0] + group.level.x[port] - group.size[0] / 2


def _corner(group: _Group, item: Key, size: Size) -> Size:
    """Left and top of an item of a level, in the picture: it stands in the middle of its row,
    but a source beside a tall frame at the bottom, near its users."""
    x, top, bottom = _stop(group, item)
    if item not in group.fed and bottom - top > 2 * size[1]:
        return x - size[0] / 2, bottom - size[1]
    return x - size[0] / 2, (top + bottom - size[1]) / 2


def _stop(group: _Group, item: Key) -> Stop:
    """Centre of an item of a level in the picture, and the top and bottom of its row."""
    left, above = group.corner[0] + group.indent[0], group.corner[1] + group.indent[1]
    top, bottom = group.y[group.level.row[item]]
    return Stop(left + group.level.x[item], above + top, above + bottom)


def _route(
    edge: Pair, groups: Mapping[Path, _Group], paths: Mapping[str, Path], boxes: Mapping[str, Rect]
) -> list[Stop]:
    """From the bottom of the tail, through dummies and ports, to the top of the head."""
    start, end = boxes[edge[0]], boxes[edge[1]]
    leaving = _stop(groups[paths.get(edge[0], ())], edge[0])
    arriving = _stop(groups[paths.get(edge[1], ())], edge[1])
    stops = [Stop(leaving.x, start.y + start.h, leaving.y2)]
    for path, link in _links(edge, paths):
        group = groups[path]
        rim = group.corner[1]
        if link.tail == _entry(edge[0]):
            port = _stop(group, link.tail)
            stops.append(Stop(port.x, rim, port.y2))
        stops += [_stop(group, dummy) for dummy in group.level.via[group.links[link]]]
        if link.head == _exit(edge[0]):
            port = _stop(group, link.head)
            stops.append(Stop(port.x, port.y, rim + group.size[1]))
    stops.append(Stop(arriving.x, arriving.y, end.y))
    return stops
