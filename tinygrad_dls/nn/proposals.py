"""Proposals for mapping values with other names or layouts to those of a module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ..errors import DataError
from ..tensors import Tensor

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = dict[str, Shape]
Axes: TypeAlias = tuple[int, ...]
Origin: TypeAlias = dict[str, str]


@dataclass(frozen=True)
class Proposal:
    """A way to make a mapping fit: which value goes where, and with its axes in which order.

    `apply` does it; `lines` (and `str`) are the same as Python, to be read or pasted.
    """

    origin: Origin  # name in the module -> name in the mapping
    axes: dict[str, Axes] = field(default_factory=dict)  # of those that are turned: for transpose
    left: tuple[str, ...] = ()  # names of the module that stay as they are
    lines: tuple[str, ...] = ()

    def apply(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """The values of `mapping` under the module's names, in its layouts; `mapping` stays.

        DataError if a value it takes is not there, or has another number of axes.
        """
        made: dict[str, Any] = {}
        for name, source in self.origin.items():
            if source not in mapping:
                raise DataError(f"the proposal takes {name!r} from {source!r}, which the mapping "
                                "does not have: it was made for another one")
            value = mapping[source]
            if name in self.axes:
                array = value if isinstance(value, Tensor) else np.asarray(value)
                if array.ndim != len(self.axes[name]):
                    raise DataError(f"the proposal turns {source!r} by {self.axes[name]}, and it "
                                    f"has {array.ndim} axes")
                value = array.transpose(self.axes[name])
            made[name] = value
        return made

    def __str__(self) -> str:
        return "\n".join(self.lines)


def propose(wanted: Shapes, given: Shapes, strict: bool = True) -> Proposal | None:
    """Propose a mapping from values of shapes `given` to those `wanted`, by name and shape; None if
    there is none.

    Tried in this order: a prefix too much or too few, other names in the same order, other names
    and another order with shapes that tell; each also with values turned as other libraries have
    them. Not `strict`: names that the mapping does not have may stay out.
    """
    missing = {n: s for n, s in wanted.items() if n not in given}
    spare = {n: s for n, s in given.items() if n not in wanted}
    ways: list[tuple[str, Origin]] = list(_renamings(missing, spare)) if missing and spare else []
    if not missing or not strict:
        ways.append(("", {}))
    for expression, origin in ways:
        whole = {n: origin.get(n, n) for n in wanted if n in given or n in origin}
        axes = _turned({n: wanted[n] for n in whole}, {n: given[s] for n, s in whole.items()})
        left = tuple(n for n in wanted if n not in whole)
        if axes is not None and (not left or not strict):
            lines = _lines(expression, axes, extra=bool(set(given) - set(whole.values())))
            return Proposal(whole, axes, left, lines)
    return None


def _lines(expression: str, axes: dict[str, Axes], extra: bool) -> tuple[str, ...]:
    """The proposal as Python."""
    if expression and extra:
        expression = f"{{k: v for k, v in {expression}.items() if k in model.state_dict()}}"
    elif extra:
        expression = "{k: v for k, v in mapping.items() if k in model.state_dict()}"
    lines = [f"mapping = {expression}"] if expression else []
    for name, order in axes.items():
        how = ".T" if order == tuple(range(len(order)))[::-1] else f".transpose{order}"
        lines.append(f'mapping["{name}"] = mapping["{name}"]{how}')
    return tuple(lines)


# --- layouts -------------------------------------------------------------------------------------


def _turns(wanted: Shape, given: Shape) -> Axes | None:
    """The order of axes that makes `given` the shape `wanted`; () if it is that already.

    Matrices are turned; windows come first elsewhere, (window ..., in, out), and last here.
    """
    if given == wanted:
        return ()
    n = len(given)
    for order in (_window_first(n), tuple(range(n))[::-1]):
        if n > 1 and n == len(wanted) and tuple(given[i] for i in order) == wanted:
            return order
    return None


def _window_first(n: int) -> Axes:
    """(window ..., in, out) as (out, in, window ...); of a matrix: its transpose."""
    return (n - 1, n - 2, *range(n - 2))


def _first_turn(shape: Shape) -> Shape:
    return tuple(shape[i] for i in _window_first(len(shape)))


def _turned(wanted: Shapes, given: Shapes) -> dict[str, Axes] | None:
    """The turn of each value that takes one; None if a shape cannot be made.

    A square matrix has the right shape either way: it is turned if all that tell are turned.
    """
    found: dict[str, Axes] = {}
    for name, shape in wanted.items():
        order = _turns(shape, given[name])
        if order is None:
            return None
        if order:
            found[name] = order
    deep = [n for n, s in wanted.items() if len(s) > 1]
    either = [n for n in deep if n not in found and _first_turn(wanted[n]) == wanted[n]]
    telling = [n for n in deep if n not in either]
    if telling and all(n in found for n in telling):
        found |= {n: _window_first(len(wanted[n])) for n in either}
    return {n: found[n] for n in wanted if n in found}


# --- names ---------------------------------------------------------------------------------------


def _renamings(missing: Shapes, spare: Shapes) -> Iterator[tuple[str, Origin]]:
    """Expressions that rename, and where each missing name then comes from."""
    for prefix in _ordered(s[: -len(m)] for m in missing for s in spare if s.endswith(m)):
        origin = {m: prefix + m for m in missing if prefix + m in spare}
        yield f"{{k.removeprefix({prefix!r}): v for k, v in mapping.items()}}", origin
    for prefix in _ordered(m[: -len(s)] for m in missing for s in spare if m.endswith(s)):
        origin = {m: m.removeprefix(prefix) for m in missing if m.removeprefix(prefix) in spare
                  and m.startswith(prefix)}
        yield f"{{{prefix!r} + k: v for k, v in mapping.items()}}", origin
    for match in (_in_order, _by_shape):
        matched = match(missing, spare)
        if matched is not None:
            table = ", ".join(f"{s!r}: {m!r}" for m, s in matched.items())
            yield f"{{{{{table}}}.get(k, k): v for k, v in mapping.items()}}", matched


def _ordered(prefixes: Iterable[str]) -> list[str]:
    return sorted({p for p in prefixes if p}, key=lambda p: (len(p), p))


def _in_order(missing: Shapes, spare: Shapes) -> Origin | None:
    """Each missing name with the next spare one of its shape; names between are passed over."""
    left = iter(spare.items())
    origin: Origin = {}
    for name, shape in missing.items():
        source = next((s for s, has in left if _turns(shape, has) is not None), None)
        if source is None:
            return None
        origin[name] = source
    return origin


def _by_shape(missing: Shapes, spare: Shapes) -> Origin | None:
    """Each missing name with a spare one of its shape and, where several have it, of its ending.

    None where two could be meant.
    """
    free: dict[Shape, list[str]] = {}
    for source, shape in spare.items():
        free.setdefault(tuple(sorted(shape)), []).append(source)
    origin: Origin = {}
    left = list(missing)
    while left:
        for name in left:
            there = free.get(tuple(sorted(missing[name])), [])
            fits = [s for s in there if _turns(missing[name], spare[s]) is not None]
            close = fits if len(fits) == 1 else [s for s in fits if _ending(s) == _ending(name)]
            if len(close) == 1:
                origin[name] = close[0]
                there.remove(close[0])
        if not set(left) & set(origin):
            return None
        left = [name for name in left if name not in origin]
    return {m: origin[m] for m in missing}


def _ending(name: str) -> str:
    """The last part of a name; other libraries' words for weight and bias count as ours."""
    last = name.replace("/", ".").rsplit(".", 1)[-1]
    return {"kernel": "weight", "gamma": "weight", "embeddings": "weight", "beta": "bias",
            "moving_mean": "running_mean", "moving_variance": "running_var"}.get(last, last)
