"""Watching a step for the first NaN or Inf, forward and backward."""

import linecache
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._util.callers import users_frame
from ..engine.autograd import Node, TensorBase
from ..engine.collector import Collector
from ..viz.scopes import module_paths


@dataclass(frozen=True)
class Bad:
    """The kinds of values in an array that are not finite."""

    nan: bool = False
    inf: bool = False

    def __bool__(self) -> bool:
        return self.nan or self.inf

    @classmethod
    def of(cls, value: Any) -> "Bad":
        """Look at an array or a number; integers and all else are fine."""
        number = "f" if isinstance(value, float) else ""
        kind = getattr(getattr(value, "dtype", None), "kind", number)
        if kind != "f":
            return FINE
        with np.errstate(all="ignore"):
            total = value.sum(dtype="float64") if hasattr(value, "sum") else value
        if np.isfinite(float(total)):  # one pass, where all is as it should be
            return FINE
        host = on_host(value)
        return cls(bool(np.isnan(host).any()), bool(np.isinf(host).any()))


FINE = Bad()


def on_host(value: Any) -> np.ndarray[Any, Any]:
    """An array of any device, or a number, as NumPy's."""
    get = getattr(value, "get", None)  # CuPy's
    return np.asarray(get() if callable(get) else value)


def largest(array: Any) -> float:
    """The largest absolute value in an array; 0 of an empty one."""
    return float(np.abs(on_host(array)).max(initial=0))


@dataclass(frozen=True)
class Seen:
    """Operands and output of an operation at the moment when it ran."""

    out: Bad
    inputs: tuple[Bad, ...]
    arrays: tuple[Any, ...]  # copies of the operands, where something is bad; else ()
    value: Any  # a copy of the output, where it is bad


class Watcher(Collector):
    """Keeps a step as a trace does, and looks at each value before it can be overwritten."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__(limit)
        self.seen: dict[Node, Seen] = {}  # oldest first
        self.places: dict[Node, tuple[str, int]] = {}
        self.sizes: dict[Any, list[float]] = {}  # the largest element of parameters: first, last

    def operation(
        self, node: Node, inputs: Any, arrays: tuple[Any, ...], made: tuple[Any, ...],
        began: float | None = None,
    ) -> None:
        """Keep an operation, and whether its operands and its output are finite."""
        super().operation(node, inputs, arrays, made, began)
        out = made[0]
        frame = users_frame(sys._getframe(1))
        self.places[node] = frame.f_code.co_filename, frame.f_lineno
        wrong = Bad.of(out)
        given = tuple(Bad.of(x) for x in arrays)
        for edge, x in zip(node.edges, arrays):
            if isinstance(edge, TensorBase) and math.isfinite(size := largest(x)):
                self.sizes.setdefault(edge, [size, size])[1] = size
        bad = wrong or any(given)
        self.seen[node] = Seen(wrong, given, tuple(_copied(x) for x in arrays) if bad else (),
                               _copied(out) if wrong else None)

    @property
    def growth(self) -> list[float]:
        """The largest parameter when it was first used, and when it was last finite."""
        return [max((size[i] for size in self.sizes.values()), default=0.0) for i in (0, 1)]

    def forget(self, limit: int) -> None:
        """Keep no more than the newest operations."""
        while len(self.seen) > limit:
            node = next(iter(self.seen))
            del self.seen[node], self.places[node]

    def line(self, node: Node) -> str:
        """The text of the user's line that ran an operation; "" if its file is not there."""
        if node not in self.places:
            return ""
        linecache.checkcache(self.places[node][0])
        return linecache.getline(*self.places[node]).strip()

    def path(self, node: Node) -> tuple[str, ...]:
        """The calls of modules around an operation."""
        return module_paths(sorted(self.seen, key=lambda n: n.seq)).get(node, ())


def _copied(value: Any) -> Any:
    return value.copy() if hasattr(value, "copy") and hasattr(value, "dtype") else value


@dataclass(frozen=True)
class Fault:
    """The operation that made a NaN or Inf, forward or backward."""

    node: Node
    backward: bool
    slot: int  # of the operand whose gradient it is; -1 forward
    value: np.ndarray[Any, Any]  # what it made
    operands: tuple[Any, ...]
    gradient: Any = None  # dL/dy, of a rule


@dataclass(frozen=True)
class Source:
    """A value that was not finite before any operation: data, a parameter, a constant."""

    node: Node  # the first operation that used it
    slot: int
    value: np.ndarray[Any, Any]
    leaf: Any  # the tensor that requires grad; None: data


class Search:
    """The search for the beginning of what ended badly."""

    def __init__(self, watcher: Watcher, result: Any) -> None:
        self.watcher = watcher
        self.nodes = sorted(watcher.seen, key=lambda node: node.seq)
        self.result = result

    def begin(self, ends: Sequence[Node] = ()) -> tuple[Fault | Source | None, Fault | None]:
        """(what made the first bad value that matters, what made a NaN of its Inf).

        ends: where the search goes back from, if it is not to be the results of the step.
        """
        chain = self._chain([node for node in ends or self._ends() if self.watcher.seen[node].out])
        if not chain:
            return self._backward(), None
        found, then = self._origin(chain)
        if isinstance(found, Source) and found.leaf is not None:  # an earlier backward may have
            return self._backward() or found, then
        return found, then

    def _ends(self) -> list[Node]:
        """The values that must be finite: results of the step, and where backward began."""
        made = [t._node or self.watcher.made_by.get(id(t._data)) for t in _tensors(self.result)]
        ends = [node for node in made if node in self.watcher.seen]
        to = {given.edge for node in self.nodes if node.trace for given in node.trace.given}
        ends += [node for node in self.nodes if node.trace and node.trace.given and node not in to]
        if not ends:
            used = {before for node in self.nodes for before in _before(node)}
            ends = [node for node in self.nodes if node not in used]
        return [node for node in ends if node is not None]

    def _chain(self, ends: Sequence[Node]) -> list[Node]:
        """The operations with bad outputs that lead to bad ends, oldest first."""
        found, work = set(ends), list(ends)
        while work:
            node = work.pop()
            for before in _before(node):
                if before in self.watcher.seen and before not in found \
                        and self.watcher.seen[before].out:
                    found.add(before)
                    work.append(before)
        return sorted(found, key=lambda node: node.seq)

    def _origin(self, chain: list[Node]) -> tuple[Fault | Source | None, Fault | None]:
        seen = self.watcher.seen
        births = [n for n in chain if seen[n].out.nan and not any(x.nan for x in seen[n].inputs)]
        birth = self._fault(births[0]) if births else None
        sources = [source for node in chain for source in self._sources(node)]
        for source in sources:
            if np.isnan(source.value).any():
                return source, None
        for node in chain:
            if not any(seen[node].inputs):
                return self._fault(node), birth if birth and birth.node is not node else None
        if birth is not None:
            return birth, None
        return (sources[0] if sources else None), None

    def _fault(self, node: Node) -> Fault:
        found = self.watcher.seen[node]
        return Fault(node, False, -1, on_host(found.value), found.arrays)

    def _sources(self, node: Node) -> Iterator[Source]:
        """The bad operands of an operation that no operation made."""
        found = self.watcher.seen[node]
        made = _makers(node)
        for slot, bad in enumerate(found.inputs):
            if bad and made[slot] not in self.watcher.seen:
                edge = node.edges[slot]
                leaf = edge if isinstance(edge, TensorBase) else None
                yield Source(node, slot, on_host(found.arrays[slot]), leaf)

    def _backward(self) -> Fault | None:
        """The first rule that made a bad gradient of a finite one, or got a bad one to begin with.

        Only gradients that reach a leaf count: others change nothing.
        """
        reached = any(Bad.of(given.share) for node in self.nodes if node.trace
                      for given in node.trace.given if isinstance(given.edge, TensorBase))
        if not reached:
            return None
        for node in reversed(self.nodes):
            if node.trace is None or Bad.of(node.grad):
                continue
            for given in node.trace.given:
                if Bad.of(given.share):
                    slot = next(i for i, e in enumerate(node.edges) if e is given.edge)
                    return Fault(node, True, slot, on_host(given.share), node.trace.inputs,
                                 node.grad)
        return None


def _makers(node: Node) -> tuple[Any, ...]:
    """The nodes that made the operands; None for a leaf or a constant."""
    origins = node.trace.origins if node.trace else (None,) * len(node.edges)
    return tuple(e if isinstance(e, Node) else o for e, o in zip(node.edges, origins))


def _before(node: Node) -> list[Node]:
    return [made for made in _makers(node) if isinstance(made, Node)]


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, TensorBase):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, (tuple, list)):
        for inner in value:
            yield from _tensors(inner)
