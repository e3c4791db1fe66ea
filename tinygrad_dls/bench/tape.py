"""What the graph costs: time per operation, forward and backward, over the bare arithmetic."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensors import Tensor

N = 1000


def tape_costs() -> dict[str, dict[str, float]]:
    """Microseconds per operation on three graphs: with the tape, bare, and the difference.

    chain: x = tanh-like unary ops one after the other (here negation, the cheapest kernel);
    fan_in: one sum of many uses of one tensor; diamond: x = x * x, each value used twice.
    """
    x32 = np.full(32, 0.999, np.float32)
    leaf = Tensor(x32, requires_grad=True)

    def chain() -> None:
        x = leaf
        for _ in range(N):
            x = -x
        _finish(x)

    def bare_chain() -> None:
        x = x32
        for _ in range(2 * N):
            x = -x

    def fan_in() -> None:
        total = leaf
        for _ in range(N):
            total = total + leaf
        _finish(total)

    def bare_fan_in() -> None:
        total = x32
        for _ in range(N):
            total = total + x32
        gradient = x32.copy()
        for _ in range(N):
            gradient += x32

    def diamond() -> None:
        x = leaf
        for _ in range(N):
            x = x * x
        _finish(x)

    def bare_diamond() -> None:
        x = x32
        for _ in range(N):
            x = x * x
        for _ in range(N):
            x = x32 * x32
            y = x32 * x32
            x = x + y

    def _finish(x: Any) -> None:
        leaf.grad = None
        x.backward(ones)

    ones = Tensor(np.ones(32, np.float32))
    graphs: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
        "chain": (chain, bare_chain), "fan_in": (fan_in, bare_fan_in),
        "diamond": (diamond, bare_diamond),
    }
    costs = {}
    for name, (taped, bare) in graphs.items():
        with_tape, without = _best(taped), _best(bare)
        costs[name] = {"us": with_tape, "kernel_us": without, "overhead_us": with_tape - without}
    return costs


def _best(function: Callable[[], None], repeats: int = 30) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best / N * 1e6
