"""The work of a training step: each operation, its way back, the optimizer."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..backend.kernels.sparse_rows import rows_of
from ..capturing.record.recorder import Recorder
from ..engine.autograd import Node
from ..engine.modes import recording
from ..ops.work import Work, backward_work, forward_work


class _Counter(Recorder):
    """Hears of a step what `dls.capture` hears of it, and counts."""

    def __init__(self) -> None:
        super().__init__([])
        self.work: list[Work] = []

    def operation(
        self, op: Any, inputs: Sequence[Any], arrays: Sequence[Any], made: Sequence[Any],
        node: Node | None,
    ) -> None:
        works = [forward_work(op, arrays, made)]
        if node is not None:
            works.append(backward_work(node.plan, arrays, made, node.saved or ()))
        self.work += [work for work in works if work.bytes]
        super().operation(op, inputs, arrays, made, node)

    def call(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Any) -> Any:
        result = super().call(function, args, kwargs)
        if function.__qualname__ == "Optimizer.step":
            self.work += _of_optimizer(args[0])
        return result


def count(step: Callable[[], object]) -> list[Work]:
    """The work of one step, run for it, by the rules of `ops.work`; views are left out."""
    counter = _Counter()
    with recording(counter):
        step()
    return counter.work


def _of_optimizer(optimizer: Any) -> Iterator[Work]:
    """Weights and state are read and written, gradients read: all, or the rows that have any."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p._grad is None:
                continue
            rows = rows_of(p._grad._data)
            states = [v._data for v in optimizer.state.get(p, {}).values() if hasattr(v, "_data")]
            size = p._data.size if rows is None or states else len(rows) * p.shape[1]
            moved = 3 + 2 * len(states)
            yield Work("optimizer", size * moved, size * moved * p._data.itemsize)
