"""Choice of modules to draw as one box: to a depth, by layers, or to keep a picture readable."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

from .groups import Pair, Path, contiguous

Depth: TypeAlias = int | Literal["auto", "layers"] | None
Fold: TypeAlias = dict[str, Path]  # node -> the group that it is folded into

READABLE = 40  # boxes
REPEATS = 3  # equal modules in a row that are rolled up to one


def folded(
    paths: Mapping[str, Path], depth: int | Literal["layers"] | None, parameters: Iterable[str] = ()
) -> Fold:
    """The fold to a depth: 0 folds the outermost modules, "layers" the innermost, None none."""
    if depth is None:
        return {}
    if depth == "layers":
        layers = _layers(paths, parameters)
        return {node: next(path[:n] for n in range(len(path) + 1) if path[:n] in layers)
                for node, path in paths.items()
                if any(path[:n] in layers for n in range(len(path) + 1))}
    return {node: path[: depth + 1] for node, path in paths.items() if len(path) > depth}


def _layers(paths: Mapping[str, Path], parameters: Iterable[str]) -> set[Path]:
    """The modules with nothing inside, and those of parameters of their own around such ones.

    Attention is one layer, though its last projection is a module; a network is none.
    """
    groups = {path[:level + 1] for path in paths.values() for level in range(len(path))}
    outer = {path[:-1] for path in groups}
    deep = {path[:-2] for path in groups if len(path) > 1}
    owners = {paths[node] for node in parameters if len(paths[node]) > 1} - deep
    return (groups - outer) | owners


def readable(
    paths: Mapping[str, Path], rolls: set[Path], parameters: Iterable[str] = ()
) -> tuple[Fold, Depth]:
    """The fold that leaves most boxes of up to READABLE, and its depth; `rolls` stay folded."""
    deepest = max((len(path) for path in paths.values()), default=0)
    best: tuple[int, Fold, Depth] | None = None
    for depth in (None, "layers", *range(deepest - 1, -1, -1)):
        fold = _with_rolls(paths, folded(paths, depth, parameters), rolls)
        count = boxes(paths, fold)
        fits = count <= READABLE
        if best is None or (fits and (best[0] > READABLE or count > best[0])) or (
                not fits and best[0] > READABLE and count < best[0]):
            best = count, fold, depth
    assert best is not None
    return best[1], best[2]


def boxes(paths: Mapping[str, Path], fold: Fold) -> int:
    """Count the boxes that a fold leaves."""
    return len({fold.get(node, node) for node in paths})


def _with_rolls(paths: Mapping[str, Path], fold: Fold, rolls: set[Path]) -> Fold:
    result = dict(fold)
    for node, path in paths.items():
        for level in range(len(path)):
            if path[: level + 1] in rolls:
                if len(fold.get(node, path)) > level:
                    result[node] = path[: level + 1]
                break
    return result


# --- equal modules in a row ----------------------------------------------------------------------


def rolled(
    paths: Mapping[str, Path], edges: Sequence[Pair], looks: Mapping[str, Hashable],
    parameters: Iterable[str] = (),
) -> tuple[dict[str, Path], set[Path]]:
    """The paths with a group around each run of equal modules, and these groups.

    Modules are equal if their nodes look the same, in the same order: blocks of one kind, or one
    cell called at each time step. Parameters that all of a run use go into it.
    """
    paths = _with_feeders(paths, edges)
    members: dict[Path, list[str]] = defaultdict(list)
    children: dict[Path, dict[Path, None]] = defaultdict(dict)  # in order
    for node, path in paths.items():
        for level in range(len(path)):
            members[path[: level + 1]].append(node)
            children[path[:level]][path[: level + 1]] = None
    renamed: dict[Path, str] = {}  # a module of a run -> the run's name
    for parent, inside in children.items():
        for _, run in groupby(inside, lambda path: tuple(looks[node] for node in members[path])):
            equal = list(run)
            if len(equal) >= REPEATS and not any(
                    parent[:n] in renamed for n in range(1, len(parent) + 1)):
                name = _name_of_run([path[-1] for path in equal])
                renamed.update(dict.fromkeys(equal, name))
    result = {node: _through_runs(path, renamed) for node, path in paths.items()}
    users: dict[str, list[Path]] = defaultdict(list)
    for tail, head in edges:
        users[tail].append(result[head])
    for leaf in parameters:
        common = _common(users[leaf])
        if common[: len(result[leaf])] == result[leaf]:
            result[leaf] = common
    rolls = {(*path[:-1], name) for path, name in renamed.items()}
    kept = contiguous(result, edges)
    groups = {path[:level + 1] for path in kept.values() for level in range(len(path))}
    return kept, rolls & groups


def _with_feeders(paths: Mapping[str, Path], edges: Sequence[Pair]) -> dict[str, Path]:
    """Put what only prepares an input of one module, such as x[:, t], into that module."""
    made = {head for _, head in edges}
    mixed = {head for tail, head in edges if tail in made}  # made from what was made, too
    users: dict[str, list[Path]] = defaultdict(list)
    for tail, head in edges:
        users[tail].append(paths[head])
    result = dict(paths)
    for node in made - mixed:
        common = _common(users[node])
        if common[: len(paths[node])] == paths[node]:
            result[node] = common
    return result


def _through_runs(path: Path, renamed: Mapping[Path, str]) -> Path:
    for level in range(len(path)):
        name = renamed.get(path[: level + 1])
        if name is not None:
            return (*path[:level], name, *path[level:])
    return path


def _name_of_run(labels: Sequence[str]) -> str:
    """ "0: Block", "1: Block", "2: Block" as "0 .. 2: Block × 3"."""
    (first, _, kind), (last, _, _) = labels[0].partition(": "), labels[-1].partition(": ")
    if first == last:  # one module, called again and again
        return f"{labels[0]} × {len(labels)}"
    return f"{first} .. {last}{': ' if kind else ''}{kind} × {len(labels)}"


def _common(paths: Sequence[Path]) -> Path:
    shortest = min(paths, key=len, default=())
    for level, name in enumerate(shortest):
        if any(path[level] != name for path in paths):
            return shortest[:level]
    return shortest
