"""One recorded step: its operations, their places, and values as far as they are there."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..engine.autograd import Node, TensorBase, topological_order
from ..viz.scopes import module_paths
from .watching import on_host

VIEWS = ("reshape", "transpose", "get_item", "contiguous", "cast", "broadcast_to", "dropout",
         "squeeze", "take")
CONVOLUTIONS = ("convolution", "convolution_relu", "transposed_convolution", "batch_norm",
                "batch_norm_activation", "max_pool", "avg_pool")


class Recorded:
    """The graph of a loss, oldest operation first; empty where the loss has none."""

    def __init__(self, root: Node | None) -> None:
        order = topological_order([root]) if root is not None else []
        self.nodes = order[::-1]
        self.before = self._without_gradient()
        self.paths = module_paths(self.nodes)
        self.leaves = {e for node in order for e in node.edges if isinstance(e, TensorBase)}
        self.users: dict[Node, list[tuple[Node, int]]] = {node: [] for node in order}
        for node in self.nodes:
            for slot, edge in enumerate(node.edges):
                if isinstance(edge, Node):
                    self.users[edge].append((node, slot))
        self.tail = self._tail()
        self.unknown = False  # was a value asked for that is not there any more?

    def _without_gradient(self) -> list[Node]:
        """The operations that prepared the inputs: a trace keeps them."""
        found: dict[Node, None] = {}
        work = list(self.nodes)
        while work:
            node = work.pop()
            for origin in node.trace.origins if node.trace is not None else ():
                if origin is not None and origin not in found:
                    found[origin] = None
                    work.append(origin)
        return list(found)

    def _tail(self) -> set[Node]:
        """The operations behind which no parameter comes: the output layer's, and the loss."""
        tail: set[Node] = set()
        for node in reversed(self.nodes):
            if all(user in tail and not any(isinstance(e, TensorBase) for e in user.edges)
                   for user, _ in self.users[node]):
                tail.add(node)
        return tail

    def place(self, node: Node) -> str:
        """The line and the modules that an operation belongs to, as far as known."""
        source = node.trace.source if node.trace else ""
        path = " / ".join(self.paths.get(node, ()))
        return "  ".join(x for x in (source, path) if x)

    def shape(self, node: Node, slot: int) -> tuple[int, ...] | None:
        """The shape of an operand; None if it is not known."""
        edge: Any = node.edges[slot]
        if isinstance(edge, (Node, TensorBase)):
            return tuple(edge.shape)  # type: ignore[union-attr]
        value = self._operand(node, slot)
        if value is not None:
            return tuple(getattr(value, "shape", ()))
        names = node.plan.names
        if "shapes" in names and node.saved is not None:
            return tuple(node.saved[names.index("shapes")][slot])
        other = node.edges[1 - slot] if len(node.edges) == 2 else None
        if isinstance(other, (Node, TensorBase)) and isinstance(edge, type(None)):
            wide, column = tuple(node.shape), tuple(other.shape)  # type: ignore[union-attr]
            if len(wide) == 2 and wide[0] == wide[1] > 1:
                # (N, 1) with what makes (N, N): a row, whose number of axes is not kept
                return (wide[0],) if column == (wide[0], 1) else (
                    (wide[0], 1) if column == (wide[0],) else None)
        return None

    def _operand(self, node: Node, slot: int) -> Any:
        if node.trace is not None:
            return node.trace.inputs[slot]
        return self._saved(node, node.op.inputs[min(slot, len(node.op.inputs) - 1)])

    @staticmethod
    def _saved(node: Node, name: str) -> Any:
        if node.saved is not None and name in node.plan.names:
            return node.saved[node.plan.names.index(name)]
        return None

    def value(self, node: Node) -> Any:
        """The output of an operation: kept, or saved by its rule or that of a user; else None."""
        if node.value is not None:
            return node.value
        found = self._saved(node, "y")
        for user, slot in self.users[node] if found is None else ():
            found = self._operand(user, slot)
            if found is not None:
                break
        return found

    def outputs(self, *names: str) -> Iterator[tuple[Node, Any]]:
        """The operations of these names, with their outputs on the host."""
        for node in self.nodes:
            if node.op.name in names:
                value = self.value(node)
                if value is None:
                    self.unknown = True
                elif value.ndim:
                    yield node, on_host(value)

    def maker(self, node: Node, slot: int) -> Node | None:
        """The operation that made an operand, through views of it and dropout."""
        edge = node.edges[slot]
        while isinstance(edge, Node) and edge.op.name in VIEWS:
            edge = edge.edges[0]
        return edge if isinstance(edge, Node) else None

    def unit_axis(self, node: Node) -> int:
        """The axis of units: channels, behind a convolution and of pictures; else the last."""
        if len(node.shape) in (4, 5):
            return 1
        if len(node.shape) == 3:
            made = self.maker(node, 0)
            if made is not None and made.op.name in CONVOLUTIONS:
                return 1
        return -1

    def gates(self, node: Node) -> Any:
        """The sigmoid gates of an LSTM or GRU, scaled to -1 .. 1; None if they are not there."""
        found = self._saved(node, "gates")
        if found is None and node.trace is not None:
            found = node.op.forward(*node.trace.inputs)[1]
        if found is None:
            self.unknown = True
            return None
        values = on_host(found)
        n = values.shape[-1] // (3 if node.op.name == "gru" else 4)
        blocks = [0, 1] if node.op.name == "gru" else [0, 1, 3]  # the others are tanh's
        return np.concatenate([2 * values[..., i * n : (i + 1) * n] - 1 for i in blocks], axis=-1)
