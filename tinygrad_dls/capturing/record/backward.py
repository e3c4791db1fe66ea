"""The walk back of a recorded step, as instructions: the engine walks, this one looks on."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ...engine.observer import Observer
from .operands import Gradient, Operand

if TYPE_CHECKING:
    from .recorder import Recorder


class BackwardRecorder(Observer):
    """Writes down one walk back: rules, shares that add, gradients of leaves."""

    def __init__(self, recorder: Recorder, root: Any, seed: Any) -> None:
        self.recorder = recorder
        self.names: dict[Any, Operand] = {root: recorder.of_value(seed)}  # of each edge so far
        self.coming: deque[Operand] = deque()  # names of the shares of one rule

    def ran(self, node: Any, dy: Any, shares: Any, seconds: float, asked: bool) -> None:
        """Write down a rule, and name the shares that go on."""
        takes = [self.names.pop(node), *map(self.recorder.of_value, node.saved)]
        makes = [None if edge is None or share is None else self.recorder.name(Gradient, share)
                 for edge, share in zip(node.edges, shares)]
        self.coming.extend(name for name in makes if name is not None)
        self.recorder.add("backward", takes, makes, node.plan)

    def fitted(self, how: str, share: Any, to: Any) -> None:
        """Write down that broadcasting was undone, or a dtype cast."""
        self.coming[0] = self._made(how, (self.coming[0],), share, to)

    def arrived(self, edge: Any, gradient: Any) -> None:
        """Write down a sum, where the share is not the first."""
        name, before = self.coming.popleft(), self.names.get(edge)
        self.names[edge] = name if before is None else self._made(
            "add", (before, name), gradient, None)

    def ended(self, leaf: Any, array: Any, sole: bool) -> None:
        """Write down the gradient of a leaf."""
        made = self.recorder.name(Gradient, array)
        self.recorder.add("gradient", (self.names[leaf],), (made,), leaf, sole)

    def _made(self, kind: str, takes: tuple[Operand, ...], array: Any, subject: Any) -> Gradient:
        name = self.recorder.name(Gradient, array)
        self.recorder.add(kind, takes, (name,), subject)
        return name
