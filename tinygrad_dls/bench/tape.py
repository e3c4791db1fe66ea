"""The cost of the graph: time per operation, forward and backward, above the bare arithmetic."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensors import Tensor

N = 1000  # operations in a graph
Graphs = dict[str, Callable[[], None]]


def tape_costs(torch: bool = False) -> dict[str, dict[str, float]]:
    """Microseconds per operation on three graphs of 32 float32: all, bare NumPy, the difference.

    chain: negations one after the other; fan_in: one tensor added up a thousand times;
    diamond: x = x * x again and again. With `torch` PyTorch's time for the same graph beside it.
    """
    values = np.full(32, 0.999, np.float32)
    ours = _graphs(Tensor(values, requires_grad=True), Tensor(np.ones(32, np.float32)))
    bare = _bare_graphs(values)
    theirs: Graphs = {}
    if torch:
        import torch as pytorch

        leaf = pytorch.tensor(values, requires_grad=True)
        theirs = _graphs(leaf, pytorch.ones(32))
    costs = {}
    for name, graph in ours.items():
        us, kernel = _best(graph), _best(bare[name])
        costs[name] = {"us": us, "kernel_us": kernel, "overhead_us": us - kernel}
        if name in theirs:
            costs[name]["torch_us"] = _best(theirs[name])
    return costs


def _graphs(leaf: Any, ones: Any) -> Graphs:
    """The graphs on tensors, ours or PyTorch's: they read alike."""

    def backward(x: Any) -> None:
        leaf.grad = None
        x.backward(ones)

    def chain() -> None:
        x = leaf
        for _ in range(N):
            x = -x
        backward(x)

    def fan_in() -> None:
        total = leaf
        for _ in range(N):
            total = total + leaf
        backward(total)

    def diamond() -> None:
        x = leaf
        for _ in range(N):
            x = x * x
        backward(x)

    return {"chain": chain, "fan_in": fan_in, "diamond": diamond}


def _bare_graphs(values: Any) -> Graphs:
    """The same arithmetic, forward and backward, on arrays."""

    def chain() -> None:
        x = values
        for _ in range(2 * N):
            x = -x

    def fan_in() -> None:
        total = values
        for _ in range(N):
            total = total + values
        gradient = values.copy()
        for _ in range(N):
            gradient += values

    def diamond() -> None:
        x = values
        for _ in range(N):
            x = x * x
        for _ in range(N):
            x = values * values + values * values

    return {"chain": chain, "fan_in": fan_in, "diamond": diamond}


def _best(function: Callable[[], None], repeats: int = 30) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best / N * 1e6
