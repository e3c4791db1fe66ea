"""Records of `with dls.trace():`, for each operation its operands, its source line, its way back.

A trace sees every operation of its thread, those without a gradient too: then a picture shows where
an input of the network came from.
"""

from collections import deque
from collections.abc import MutableMapping
from time import perf_counter
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from .._util.callers import calling_line, calling_place, line_at
from .autograd import Node, TensorBase
from .observer import Observer
from .versions import next_number, owner_of

if TYPE_CHECKING:
    from ..ops.op import Op

Call = tuple[int, Any]  # one call of a module: the number drawn at its start, the module


class Given(NamedTuple):
    """The gradient that one operation adds to an input, before broadcasting is undone."""

    edge: Any  # the node or leaf that it went to
    share: Any
    asked: bool  # by `dls.grad`, which adds to no `.grad`


class Trace(Observer):
    """The record of one operation, beside its value and gradient; backward adds to it."""

    __slots__ = ("back_seconds", "calls", "extras", "given", "inputs", "names", "origins", "place",
                 "seconds")

    def __init__(
        self, inputs: tuple[Any, ...], names: tuple[str, ...],
        origins: tuple[Node | None, ...], place: tuple[CodeType, int],
        calls: tuple[Call, ...], extras: tuple[Any, ...], seconds: float | None,
    ) -> None:
        self.inputs = inputs  # arrays and Python scalars, in the order of the op's inputs
        self.names = names  # of the tensors that they came from; "" without one
        self.origins = origins  # what made each input that needs no gradient
        self.place = place  # of the user's code that asked for it
        self.calls = calls  # of modules around it, outermost first
        self.extras = extras  # what its forward made beside the output
        self.seconds = seconds  # of its forward; on a GPU, of its launch; None: not measured
        self.back_seconds: float | None = None  # of its backward rule, when it last ran
        self.given: list[Given] = []  # by backward

    @property
    def source(self) -> str:
        """The user's line: "file.py:12"."""
        return line_at(*self.place)

    def ran(
        self, node: Node, dy: Any, shares: tuple[Any, ...], seconds: float, asked: bool
    ) -> None:
        """Keep what each use of a value adds to its gradient, and the time that this took."""
        self.back_seconds = seconds
        for edge, share in zip(node.edges, shares):
            if share is None or edge is None:
                continue
            array = share._data if isinstance(share, TensorBase) else share
            if edge.__class__ is not Node:  # a leaf: this may become its own gradient
                array = array.copy()
            self.given.append(Given(edge, array, asked))


class Failure(NamedTuple):
    """The operation that raised an error, with its operands."""

    op: "Op"
    operands: tuple[Any, ...]
    message: str
    source: str
    calls: tuple[Call, ...]


class Collector:
    """Hears of all operations and calls of modules in one thread, while it is `mode.trace`.

    limit: how many of the newest operations it keeps in memory by itself; None: all.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.nodes: deque[Node] = deque(maxlen=limit)  # oldest first
        self.calls: tuple[Call, ...] = ()  # those under way
        self.modules: list[Any] = []  # called from outside of any other
        self.failure: Failure | None = None
        self.outer: Collector | None = None  # the trace around this one
        self.depth = 0  # calls that were under way at its start
        self.made_by: MutableMapping[int, Node] = (  # by id of the array
            {} if limit is None else WeakValueDictionary())

    def begin(self, outer: "Collector | None") -> None:
        """It starts in the block of another, maybe in the middle of a module."""
        self.outer = outer
        if outer is not None:
            self.calls = outer.calls
            self.depth = len(outer.calls)

    def end(self, current: "Collector | None") -> "Collector | None":
        """Tell the trace around what this one has kept; the trace that is on from now on.

        A generator may end its trace while a newer one, `current`, goes on.
        """
        outer, self.outer = self.outer, None
        if outer is not None:
            outer.take(self)
        if current is self:
            return outer
        newer = current
        while newer is not None:
            if newer.outer is self:
                newer.outer = outer
            newer = newer.outer
        return current

    def operation(
        self, node: Node, inputs: Any, arrays: tuple[Any, ...], made: tuple[Any, ...],
        began: float | None = None,
    ) -> None:
        """Keep all values of an operation that began at `began`, and the line that asked for it."""
        seconds, out = None if began is None else perf_counter() - began, made[0]
        origins = tuple([
            self.made_by.get(id(x._data if isinstance(x, TensorBase) else x))
            if edge is None else None
            for x, edge in zip(inputs, node.edges)
        ])
        names = tuple([x.name or "" if isinstance(x, TensorBase) else "" for x in inputs])
        node.value = out
        node.trace = Trace(arrays, names, origins, calling_place(), self.calls, made[1:], seconds)
        self.made_by[id(out)] = node  # `node.value` keeps the array, so its id stays its own
        self.nodes.append(node)

    def before_write(self, array: Any) -> Node | None:
        """Keep a copy of all values in the memory of `array`; return what made it."""
        maker, owner = self.made_by.get(id(array)), owner_of(array)
        for node in self.nodes:
            value: Any = node.value
            if owner_of(value) is owner:
                if self.made_by.get(id(value)) is node:
                    del self.made_by[id(value)]
                node.value = value.copy()
        return maker

    def after_write(
        self, maker: Node, node: Node, inputs: Any, arrays: tuple[Any, ...]
    ) -> None:
        """Keep a write into what `maker` made as one more operation."""
        self.made_by[id(arrays[0])] = maker
        self.operation(node, inputs, arrays, (arrays[0],))

    def moved(self, result: Any, array: Any) -> None:
        """The values of `result` stand in `array` from now on."""
        node = self.made_by.pop(id(result), None)
        if node is not None:
            node.value = array
            self.made_by[id(array)] = node

    def failed(self, op: "Op", operands: Any, error: Exception) -> None:
        """Keep what raised an error; it counts if the error leaves the block."""
        self.failure = Failure(op, tuple(operands), str(error), calling_line(), self.calls)

    def enter(self, module: Any, start: int) -> None:
        """A call of a module begins."""
        if len(self.calls) == self.depth and not any(module is known for known in self.modules):
            self.modules.append(module)
        self.calls = (*self.calls, (start or next_number(), module))

    def leave(self) -> None:
        """It ends, also by an error."""
        self.calls = self.calls[:-1]

    def take(self, inner: "Collector") -> None:
        """Add what a trace inside of this one has kept."""
        self.nodes += inner.nodes
        self.modules += [m for m in inner.modules if not any(m is known for known in self.modules)]
        self.failure = inner.failure or self.failure
        self.made_by.update(inner.made_by)
