"""The work of a training step: floating point operations, and bytes to move, by operation."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd import Node
from ..capturing.recorder import Recorder
from ..modes import recording
from ..ops.attention import Attention
from ..ops.convolution import Convolution, ConvolutionWeightGradient, TransposedConvolution
from ..ops.einsum import Einsum
from ..ops.embedding import Embedding
from ..ops.gathering import TakeAlongAxis
from ..ops.indexing import GetItem, Take
from ..ops.matmul import Linear, Matmul
from ..ops.recurrent import OverSequences
from ..rows import rows_of

PICKS = (Embedding, GetItem, Take, TakeAlongAxis)  # read no more of x than they give


class Work(NamedTuple):
    """The minimum work of an operation."""

    name: str
    flops: int
    bytes: int



class _Counter(Recorder):
    """Hears of a step what `dls.capture` hears of it, and counts."""

    def __init__(self) -> None:
        super().__init__([])
        self.work: list[Work] = []

    def operation(
        self, op: Any, inputs: Sequence[Any], arrays: Sequence[Any], made: Sequence[Any],
        node: Node | None,
    ) -> None:
        self.work += _of_operation(op, arrays, made, node)
        super().operation(op, inputs, arrays, made, node)

    def call(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Any) -> Any:
        result = super().call(function, args, kwargs)
        if function.__qualname__ == "Optimizer.step":
            self.work += _of_optimizer(args[0])
        return result


def count(step: Callable[[], object]) -> list[Work]:
    """The work of one step, run for it: each operation, its way back, the optimizer.

    A product, convolution, recurrent layer or attention takes two operations for each
    multiplication of its definition (those with padding too), and as many again for each gradient
    by one factor; all others one for each number they make. Each operation reads its operands and
    writes its results once, back dL/dy, what it kept and the gradients; views move nothing. Where
    kernels do two neighbours at once, fewer bytes are moved than that. Shares of a gradient that
    are added up are not counted.
    """
    counter = _Counter()
    with recording(counter):
        step()
    return counter.work


def _of_operation(
    op: Any, arrays: Sequence[Any], made: Sequence[Any], node: Node | None
) -> Iterator[Work]:
    out = made[0]
    operands = [a for a in arrays if isinstance(a, np.ndarray)]
    if any(np.may_share_memory(out, a) for a in operands):
        return
    needs = tuple(False for _ in arrays) if node is None else node.plan.needs
    there, back = _multiplications(op, arrays, made, needs)
    sizes = [min(a.nbytes, out.nbytes) if isinstance(op, PICKS) else a.nbytes for a in operands]
    flops = 2 * there if there else _size(made)
    yield Work(op.name, flops, sum(sizes) + _bytes(made))
    if node is None or not any(needs):
        return
    kept = dict(zip(node.plan.names, node.saved or ()))
    if not needs[0] and isinstance(op, (Linear, OverSequences)):  # read for dL/dx alone
        kept.pop("weight" if isinstance(op, Linear) else "w_ih", None)
    wanted = [out if isinstance(op, PICKS) else a for a, need in zip(arrays, needs) if need]
    flops = 2 * back if there else _size(wanted)
    yield Work(f"{op.name} back", flops, out.nbytes + _bytes(kept.values()) + _bytes(wanted))


def _multiplications(
    op: Any, arrays: Sequence[Any], made: Sequence[Any], needs: Sequence[bool]
) -> tuple[int, int]:
    """Forward, and back for the gradients that are wanted; 0 for what is no product."""
    if isinstance(op, OverSequences):
        given = dict(zip(op.inputs, arrays))
        wants = dict(zip(op.inputs, needs))
        rows = given["x"].size // given["x"].shape[-1]
        inner = given["w_hh"].size + (given["w_hr"].size if "w_hr" in given else 0)
        outer = given["w_ih"].size
        return rows * (inner + outer), rows * (
            inner * (1 + wants["w_hh"]) + outer * (wants["x"] + wants["w_ih"]))
    if isinstance(op, Attention):
        q, k, v = arrays[:3]
        n, m = q.shape[-2], k.shape[-2]
        pairs = sum(min(i + 1, m) for i in range(n)) if op.causal else n * m
        pairs *= q.size // max(1, n * q.shape[-1])
        e, f = pairs * q.shape[-1], pairs * v.shape[-1]
        scores = needs[0] or needs[1]
        return e + f, f * (scores + needs[2]) + e * (needs[0] + needs[1])
    once = 0
    if isinstance(op, Linear):
        once = arrays[0].size * len(arrays[1])
    elif isinstance(op, Matmul):
        once = made[0].size * np.shape(arrays[0])[-1]
    elif isinstance(op, Einsum):
        lengths = dict(zip(op.of_a + op.of_b, arrays[0].shape + arrays[1].shape))
        once = int(np.prod(list(lengths.values()), dtype=np.int64))
    elif isinstance(op, Convolution):
        once = made[0].size * (arrays[1].size // len(arrays[1]))
    elif isinstance(op, TransposedConvolution):
        once = arrays[0].size * (arrays[1].size // len(arrays[1]))
    elif isinstance(op, ConvolutionWeightGradient):
        once = arrays[1].size * (made[0].size // len(made[0]))
    return once, once * sum(needs[:2])


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


def _size(arrays: Any) -> int:
    return sum(a.size for a in arrays if isinstance(a, np.ndarray))


def _bytes(arrays: Any) -> int:
    return sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))
