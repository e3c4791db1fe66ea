"""Contents of a picture of a record: boxes with their lines of text, arrows and frames.

Every writer (DOT, SVG, PNG, text) draws the same `Picture`; none of them looks at numbers.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from ..errors import Error, GraphError
from . import describe
from .changes import SEPARATOR, SIGNS, kind_of
from .flags import check_failed, origins_of_trouble
from .folding import READABLE, Depth, Fold, folded, readable, rolled
from .groups import Pair, Path, contiguous
from .record import NodeRecord, Record
from .style import LOOKS

MOST_BOXES = 1500  # more are neither laid out in good time nor of use to the eye
STUBS_FROM = 3  # a parameter of so many users is drawn again beside each of them

Role: TypeAlias = Literal["shape", "value", "grad", "saved", "cost", "warning", "change"]
SHOWS = ("shape", "value", "grad", "saved", "cost")


@dataclass(frozen=True)
class Options:
    """The style of a drawing.

    show: which lines stand on a node, of "shape", "value", "grad", "saved", "cost" (arithmetic,
    memory and time, forward and back, as far as they were traced; of a folded module their sums).
    depth: modules nested deeper than this are folded to one box each; "layers" folds the innermost
    modules, and attention with its projections, None none; "auto" folds as much as keeps the
    picture readable, and says so.
    roll: does "auto" draw equal modules in a row, such as the blocks of a network or the calls of
    a cell, as one box?
    parameters: are parameters and buffers drawn?
    rankdir: "TB" draws downwards, "LR" to the right.
    constants: are constants drawn?   legend: is the legend?
    engine: "auto", "dot", "graphviz-pure" or "built-in".
    """

    show: tuple[str, ...] = ("shape", "value", "grad")
    depth: Depth = "auto"
    roll: bool = True
    parameters: bool = True
    rankdir: str = "TB"
    constants: bool = True
    legend: bool = True
    engine: str = "auto"

    def __post_init__(self) -> None:
        given: Any = self.show
        show = (given,) if isinstance(given, str) else tuple(given)
        object.__setattr__(self, "show", show)
        _one_of("show", show, SHOWS)
        _one_of("rankdir", (self.rankdir,), ("TB", "LR"))
        _one_of("engine", (self.engine,), ("auto", "dot", "graphviz-pure", "built-in"))
        depth: Any = self.depth
        if isinstance(depth, str):
            _one_of("depth", (depth,), ("auto", "layers"))
        elif depth is not None and (not isinstance(depth, int) or depth < 0):
            raise OptionError(f"depth={depth!r}: it counts levels of modules, from 0; or 'auto', "
                              "'layers', None")


    @classmethod
    def of(cls, given: Mapping[str, Any], before: "Options | None" = None) -> "Options":
        """These options, the others as `before`; OptionError names the nearest of a wrong one."""
        for name in given:
            if name not in cls.__dataclass_fields__:
                near = get_close_matches(name, cls.__dataclass_fields__, 1)
                raise OptionError(f"{name}: " + (f"did you mean {near[0]}? " if near else "")
                                  + f"the options are {', '.join(cls.__dataclass_fields__)}")
        return replace(before or cls(), **given)


class OptionError(Error, ValueError):
    """An option of a picture that does not exist."""


def _one_of(name: str, given: Iterable[str], known: Sequence[str]) -> None:
    for value in given:
        if value not in known:
            raise OptionError(f"{name}={value!r}: choose from {', '.join(map(repr, known))}")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text under a title."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """One node of the picture: a value, a folded module, or a parameter drawn again."""

    id: str
    kind: str  # a key of LOOKS
    title: str
    lines: tuple[Line, ...] = ()
    path: Path = ()
    tooltip: str = ""
    again: bool = False  # a stub of a parameter that is drawn elsewhere


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a value to what was made of it."""

    tail: str
    head: str
    count: int = 1  # how many of the head's inputs it stands for
    gradient: bool = True  # does a gradient flow back along it?


@dataclass(frozen=True)
class Picture:
    """Boxes, arrows, and what to say around them."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    title: str
    description: str
    notes: tuple[str, ...]
    options: Options

    @property
    def kinds(self) -> list[str]:
        """The kinds that occur, in the order of the legend."""
        present = {box.kind for box in self.boxes}
        return [kind for kind in LOOKS if kind in present]

    @property
    def frames(self) -> list[Path]:
        """The groups drawn as frames, outer before inner."""
        found: dict[Path, None] = {}
        for box in self.boxes:
            for level in range(len(box.path)):
                found[box.path[: level + 1]] = None
        return list(found)


def picture(record: Record, options: Options) -> Picture:
    """Make the picture of a record; GraphError if it is more than anyone can look at."""
    hidden = set() if options.constants else {"const"}
    hidden |= set() if options.parameters else {"param", "buffer"}
    nodes = {n.id: n for n in record.nodes if n.kind not in hidden}
    uses = Counter((e.tail, e.head) for e in record.edges if e.tail in nodes)
    paths, inside, says = fold(list(nodes.values()), list(uses), options)
    group_ids = {path: f"m{i}" for i, path in enumerate(dict.fromkeys(inside.values()))}
    drawn = {n: group_ids[inside[n]] if n in inside else n for n in nodes}
    _check_count(len(set(drawn.values())), paths.values())

    boxes: dict[str, Box] = {}
    members: dict[Path, list[NodeRecord]] = defaultdict(list)
    own = node_boxes(record, options)
    for node in nodes.values():
        if node.id in inside:
            members[inside[node.id]].append(node)
            box_id = drawn[node.id]
            boxes.setdefault(box_id, Box(box_id, "group", ""))  # keeps its place in the order
        else:
            boxes[node.id] = replace(own[node.id], path=paths[node.id])
    outputs = {tail for tail, head in uses if drawn[tail] != drawn[head]}
    for path, nodes_inside in members.items():
        box_id = group_ids[path]
        boxes[box_id] = _group_box(box_id, path, nodes_inside, outputs, options)

    counts: Counter[tuple[str, str]] = Counter()
    flows: dict[tuple[str, str], bool] = defaultdict(bool)
    for (tail, head), count in uses.items():
        pair = drawn[tail], drawn[head]
        if pair[0] != pair[1]:
            counts[pair] += count if pair[1] == head else 0  # of a folded head one does not count
            flows[pair] |= nodes[tail].gradient is not None or "model" in record.meta
    arrows = [Arrow(a, b, max(1, count), flows[a, b]) for (a, b), count in counts.items()]
    arrows = _with_stubs(boxes, arrows)
    _check_count(len(boxes), paths.values())
    return Picture(
        tuple(boxes.values()), tuple(arrows), title(record), _describe(record, len(boxes)),
        tuple(_dashed(arrows) + says + notes(record, options)), options,
    )


def fold(
    nodes: Sequence[NodeRecord], edges: Sequence[Pair], options: Options
) -> tuple[dict[str, Path], Fold, list[str]]:
    """The paths of modules that can be drawn, who is folded into which, and what to say of it."""
    paths = contiguous({n.id: n.path for n in nodes}, edges)
    parameters = [n.id for n in nodes if n.kind in ("param", "buffer")]
    if options.depth != "auto":
        return paths, folded(paths, options.depth, parameters), []
    if len(nodes) <= READABLE:
        return paths, {}, []
    rolls: set[Path] = set()
    if options.roll:
        looks = {n.id: (n.kind in ("loss", "output"), n.op.partition("[")[0], n.shape)
                 for n in nodes}
        paths, rolls = rolled(paths, edges, looks, parameters)
    inside, depth = readable(paths, rolls, parameters)
    if not inside:
        return paths, {}, []
    how = "" if depth is None else f" to depth={depth!r}"
    return paths, inside, [f"folded{how} of {len(nodes):,} boxes to stay readable: "
                           "depth=None draws all"]


# --- boxes ---------------------------------------------------------------------------------------


def node_boxes(record: Record, options: Options) -> dict[str, Box]:
    """The box of each node, outside of any module."""
    origin = origins_of_trouble(record)
    found = {n.id: _box(n, options, record.backward_ran, n.id in origin) for n in record.nodes}
    for node, purpose in describe.purposes(record).items():
        found[node] = replace(found[node], title=describe.shorten(purpose))
    return found


def group_boxes(
    record: Record, paths: Mapping[str, Path], options: Options
) -> dict[Path, Box]:
    """The box of each module, folded; `paths` are those of all nodes."""
    members: dict[Path, list[NodeRecord]] = defaultdict(list)
    for node in record.nodes:
        for level in range(len(paths[node.id])):
            members[paths[node.id][: level + 1]].append(node)
    users: dict[str, list[Path]] = defaultdict(list)
    for edge in record.edges:
        users[edge.tail].append(paths[edge.head])
    return {
        path: _group_box("", path, nodes, {
            n.id for n in nodes if any(user[: len(path)] != path for user in users[n.id])
        }, options)
        for path, nodes in members.items()
    }


def _box(node: NodeRecord, options: Options, backward_ran: bool, starts_here: bool) -> Box:
    title = f"{node.name} = {node.op}" if node.name and node.op else node.name or node.op
    lines: list[Line] = []
    constant = node.kind == "const" and not node.name and node.value is not None
    if constant and node.value is not None:
        title = describe.array(node.value, node.shape, node.dtype)
    shape = describe.shape(node)
    if "shape" in options.show and shape and not (constant and not node.shape):
        lines.append(Line("shape", shape))
    if "value" in options.show and node.value is not None and not constant \
            and " value " not in node.change:  # there the change says both
        lines.append(Line("value", f"value {describe.array(node.value, node.shape, node.dtype)}"))
    grad = describe.gradient(node, backward_ran) if "grad" in options.show else None
    if grad and " grad" not in node.change:
        lines.append(Line("grad", grad))
    if "saved" in options.show and node.op:
        lines.append(Line("saved", f"saves {', '.join(node.saved) or 'nothing'}"))
    if "cost" in options.show:
        lines += [Line("cost", text) for text in describe.costs([node])]
    lines += [Line("change", text) for text in node.change.split(SEPARATOR) if text]
    if node.failed:
        lines.append(Line("warning", f"! failed: {node.failed.splitlines()[0]}"))
    if check_failed(node):
        lines.append(Line("warning", f"! gradient check: {node.check}"))
    if found := describe.trouble(node.value):
        lines.append(Line("warning", f"! {found}{', starts here' if starts_here else ''}"))
    if node.gradient and (found := describe.trouble(node.gradient.values)):
        lines.append(Line("warning", f"! grad {found}"))
    return Box(
        node.id, node.kind, describe.shorten(title or LOOKS[node.kind].word),
        tuple(Line(line.role, describe.shorten(line.text, 64)) for line in lines),
        tooltip=_tooltip(node),
    )


def _group_box(
    box_id: str, path: Path, nodes: list[NodeRecord], outputs: set[str], options: Options
) -> Box:
    """A folded module: how much is in it, and what comes out."""
    ops = sum(bool(n.op) for n in nodes)
    parameters = [n for n in nodes if n.kind == "param"]
    out = [n for n in nodes if n.id in outputs] or nodes[-1:]
    lines = []
    if "shape" in options.show:
        lines += [Line("shape", text) for n in out[:3] if (text := describe.shape(n))]
    size = sum(math.prod(n.shape or ()) for n in parameters)
    lines.append(Line("value", f"{ops} operation{'s' * (ops != 1)}"))
    if parameters:
        lines.append(Line("value", f"{size:,} parameter{'s' * (size != 1)}"))
    if "cost" in options.show:
        lines += [Line("cost", text) for text in describe.costs(nodes)]
    bad = next((n for n in nodes if describe.trouble(n.value)), None)
    if bad is not None:
        lines.append(Line("warning", f"! {describe.trouble(bad.value)} inside"))
    changed = Counter(kind_of(n.change) for n in nodes if n.change)
    lines += [Line("change", f"{SIGNS[kind]} {count} {kind} inside")
              for kind, count in changed.items()]
    if failed := sum(check_failed(n) for n in nodes):
        checks = f"{failed} gradient check{'s' * (failed != 1)}"
        lines.append(Line("warning", f"! {checks} failed inside"))
    return Box(box_id, "group", describe.shorten(path[-1]), tuple(lines), path[:-1], "/".join(path))


def _tooltip(node: NodeRecord) -> str:
    parts = [node.formula, node.source and f"made at {node.source}", node.failed,
             f"gradient check: {node.check}" if check_failed(node) else ""]
    if node.value is not None and node.value.min is not None and node.value.size > 1:
        value = node.value
        parts.append(f"value from {describe.number(value.min)} to {describe.number(value.max)}")
    if node.gradient and node.gradient.values:
        if node.gradient.values.size > 1:
            parts.append(f"norm of grad {describe.number(node.gradient.values.norm)}")
        if len(node.gradient.shares) > 1:
            parts.append(f"grad is the sum over {len(node.gradient.shares)} uses")
    return "; ".join(part for part in parts if part)


def _with_stubs(boxes: dict[str, Box], arrows: list[Arrow]) -> list[Arrow]:
    """Draw a much-used parameter again beside each user but the first, not as a fan of arrows."""
    users = Counter(arrow.tail for arrow in arrows)
    seen: Counter[str] = Counter()
    result = []
    for arrow in arrows:
        tail = boxes[arrow.tail]
        if tail.kind in ("param", "buffer", "const") and users[tail.id] >= STUBS_FROM:
            seen[tail.id] += 1
            if seen[tail.id] > 1 and boxes[arrow.head].kind == "group":
                continue  # a folded module does not show its parameters either
            if seen[tail.id] > 1:
                stub = replace(
                    tail, id=f"{tail.id}_{seen[tail.id]}", lines=(), again=True,
                    title=f"{tail.title} (again)", path=boxes[arrow.head].path,
                )
                boxes[stub.id] = stub
                arrow = replace(arrow, tail=stub.id)
        result.append(arrow)
    return result


# --- words around the picture --------------------------------------------------------------------


def title(record: Record) -> str:
    """Return the title of a record's picture."""
    if "compared" in record.meta:
        return describe.shorten(f"comparison of {record.meta['compared']}", 80)
    if "model" in record.meta:
        return describe.shorten(f"model {record.meta['model']}", 80)
    end = record.nodes[-1] if record.nodes else None
    name = (end.name or end.op or end.id) if end is not None else "nothing"
    return describe.shorten(f"computation graph of {name}", 80)


def _describe(record: Record, boxes: int) -> str:
    ops = sum(bool(n.op) for n in record.nodes)
    parameters = sum(n.kind == "param" for n in record.nodes)
    ran = "after" if record.backward_ran else "before"
    return (
        f"{ops} operations and {parameters} parameters, drawn as {boxes} boxes, {ran} backward; "
        "arrows lead from each value to what is computed from it."
    )


def _dashed(arrows: Sequence[Arrow]) -> list[str]:
    some = any(not arrow.gradient for arrow in arrows)
    return ["dashed arrow: no gradient flows back"] if some else []


def notes(record: Record, options: Options) -> list[str]:
    """Return notes on what is not shown."""
    if "model" in record.meta:  # of a file: nothing was computed
        return [text for text in [record.meta.get("shapes", "")] if text]
    said = []
    if any(n.kind == "input" and n.shape is None for n in record.nodes):
        said.append("inputs without name and shape were not kept: compute inside "
                    "`with dls.trace():`, or draw before backward()")
    shown = {"value", "grad"} & set(options.show)
    if shown and any(n.value is None for n in record.nodes if n.op and not n.failed):
        said.append("larger values not kept: compute inside `with dls.trace():`")
    return said


def _check_count(count: int, paths: Iterable[Path]) -> None:
    if count <= MOST_BOXES:
        return
    deepest = max((len(path) for path in paths), default=0)
    message = f"{count:,} boxes to draw, more than the {MOST_BOXES:,} that a picture can hold.\n"
    if deepest:
        raise GraphError(message + (
            "Fold modules: depth=1 folds those inside the outermost, depth=0 every module "
            f"(here they nest {deepest} deep). .table(), .to_json() and .save('g.json') take all."
        ))
    raise GraphError(message + (
        "No operation belongs to a module, so depth= has nothing to fold: draw a smaller part "
        "(fewer steps or layers, an output from halfway). .table(), .to_json() and "
        ".save('g.json') take all."
    ))
