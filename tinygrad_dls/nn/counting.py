"""Counting what a pass through a network costs, while it runs once."""

from __future__ import annotations

import contextlib
import math
import weakref
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.autograd import Edge, Node, TensorBase, topological_order
from ..engine.collector import Collector
from ..engine.modes import tracing
from ..engine.versions import owner_of
from ..errors import DtypeError
from ..ops.work import Work, backward_work, forward_work
from ..random import Generator, default_generator
from ..tensors import Tensor
from .cost import Cost, Row
from .summary import layer_name, no_output, shapes_of

if TYPE_CHECKING:
    from .module import Module


class _Counted(NamedTuple):
    """One operation."""

    module: int  # id of the innermost around it
    forward: Work
    back: Work
    node: weakref.ref[Node]


class _Counter(Collector):
    """Counts each operation; keeps no value alive, so that memory is what it is in training."""

    def __init__(self, known: set[int]) -> None:
        super().__init__()
        self.known = known  # ids of arrays that were there before
        self.counted: list[_Counted] = []
        self.alive: dict[int, Any] = {}  # id of an array -> a weak reference that counts it off
        self.bytes = self.peak = 0

    def operation(
        self, node: Node, inputs: Any, arrays: tuple[Any, ...], made: tuple[Any, ...],
        began: float | None = None,
    ) -> None:
        """Count an operation, and the memory that is alive after it."""
        saved = getattr(node, "saved", None) or ()
        self.counted.append(_Counted(
            id(self.calls[-1][1]) if self.calls else 0, forward_work(node.op, arrays, made),
            backward_work(node.plan, arrays, made, saved), weakref.ref(node)))
        for owner in _owners((*made, *saved), node.device.array_type):
            self._hold(owner)
        self.peak = max(self.peak, self.bytes)

    def _hold(self, owner: Any) -> None:
        key, size = id(owner), owner.nbytes
        if key in self.alive or key in self.known:
            return

        def gone(_: Any) -> None:
            del self.alive[key]
            self.bytes -= size

        self.alive[key] = weakref.ref(owner, gone)
        self.bytes += size


def cost_of(module: Module, inputs: Sequence[Any], named: dict[str, Any]) -> Cost:
    """Run `module` once and count; its buffers and random streams are afterwards as before."""
    if not inputs and not named:
        raise DtypeError("cost takes what the model takes: model.cost(x)")
    first = next(module.parameters(), None)
    inputs = [Tensor(x, device=None if first is None else first.device)
              if hasattr(x, "__array__") and not isinstance(x, TensorBase) else x for x in inputs]
    calls: Counter[int] = Counter()
    shapes: dict[int, str] = {}

    def note(layer: Module, _: Any, output: Any) -> None:
        calls[id(layer)] += 1
        shapes[id(layer)] = shapes_of(output)

    with _as_before(module):
        given = [t for t in (*inputs, *named.values()) if isinstance(t, TensorBase)]
        here = [*module.parameters(), *module.buffers(), *given]
        counter = _Counter({id(owner_of(tensor._data)) for tensor in here})
        handles = [part.register_forward_hook(note) for part in module.modules()]
        try:
            with tracing(counter):
                output = module(*inputs, **named)
        finally:
            for handle in handles:
                handle.remove()
        kept = _kept(counter)
        peak = _peak_of_backward(output, counter)
    counts: dict[int, list[Any]] = defaultdict(list)
    for entry in counter.counted:
        counts[entry.module].append(entry)
    seen: set[int] = set()
    rows = []
    for name, part in module.named_modules():
        own = [p for p in part.parameters(recurse=False) if id(p) not in seen]
        seen |= {id(p) for p in own}
        work = counts[id(part)]
        rows.append(Row(
            name, layer_name(part), shapes.get(id(part), no_output(part)), calls[id(part)],
            sum(p.size for p in own), sum(p._data.nbytes for p in own),
            sum(w.forward.macs for w in work), sum(w.forward.flops for w in work),
            sum(w.back.macs for w in work), sum(w.back.flops for w in work), kept[id(part)]))
    words = ", ".join(shapes_of(x) for x in (*inputs, *named.values()))
    return Cost(tuple(rows), words, counter.peak, max(peak, counter.peak))


@contextlib.contextmanager
def _as_before(module: Module) -> Iterator[None]:
    """Keep buffers and random streams from changing."""
    generators = [default_generator]
    for part in module.modules():
        generators += [v for v in vars(part).values() if isinstance(v, Generator)]
    states = [generator.get_state() for generator in generators]
    arrays = [(buffer, buffer._data) for buffer in module.buffers()]
    for buffer, array in arrays:
        buffer._data = buffer.device.copy(array)
    try:
        yield
    finally:
        for buffer, array in arrays:
            buffer._data = array
        for generator, state in zip(generators, states):
            generator.set_state(state)


def _owners(values: Sequence[Any], array_type: type) -> Iterator[Any]:
    """The arrays that own the memory of all arrays among values, tuples looked into."""
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _owners(value, array_type)
        elif isinstance(value, array_type):
            yield owner_of(value)


def _saved(node: Node, known: set[int]) -> dict[int, int]:
    """Map the id of each array that a node holds for backward to its bytes, without known ones."""
    owners = _owners(node.saved or (), node.device.array_type)
    return {id(owner): owner.nbytes for owner in owners if id(owner) not in known}


def _kept(counter: _Counter) -> Counter[int]:
    """The bytes that the graph holds, by module: each array at the first that saved it."""
    kept: Counter[int] = Counter()
    seen = set(counter.known)
    for entry in counter.counted:
        node = entry.node()
        if node is not None and any(node.plan.needs):
            held = _saved(node, seen)
            seen |= held.keys()
            kept[entry.module] += sum(held.values())
    return kept


def _peak_of_backward(output: Any, counter: _Counter) -> int:
    """Walk back without computing: arrays are freed and gradients made as `propagate` does it."""
    order = topological_order([t._node for t in _tensors(output) if t._node is not None])
    users: Counter[int] = Counter()
    for node in order:
        users.update(_saved(node, counter.known).keys())
    gradients: dict[Edge, int] = {node: _size(node) for node in order[:1]}
    memory = peak = counter.bytes + sum(gradients.values())
    for node in order:
        mine = gradients.pop(node, 0)
        edges = [edge for edge in node.edges if isinstance(edge, (Node, TensorBase))]
        if node.op.views:  # dy goes on as it is
            gradients.update(dict.fromkeys(edges, mine))
            continue
        made = sum(_size(edge) for edge in edges)
        peak = max(peak, memory + made)
        for edge in edges:
            if edge not in gradients:
                gradients[edge] = _size(edge)
                memory += gradients[edge]
        for key, size in _saved(node, counter.known).items():
            users[key] -= 1
            memory -= size if not users[key] else 0
        memory -= mine
    return peak


def _tensors(output: Any) -> Iterator[Any]:
    if isinstance(output, TensorBase):
        yield output
    elif isinstance(output, (tuple, list)):
        for part in output:
            yield from _tensors(part)
    elif isinstance(output, dict):
        yield from _tensors(list(output.values()))


def _size(edge: Edge) -> int:
    of = edge if isinstance(edge, Node) else edge._data
    return math.prod(of.shape) * int(of.dtype.itemsize)
