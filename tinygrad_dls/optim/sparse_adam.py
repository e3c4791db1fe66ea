"""Adam for embeddings: rows without a gradient stay as they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..tensors import Tensor
from .one_by_one import OneByOne
from .optimizer import Group, State


class SparseAdam(OneByOne):
    """Adam that leaves alone the rows, along axis 0, whose gradient is 0: words not in the batch.

    The moments of these rows do not decay, and their weights do not move: "lazy" Adam. In the
    others w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps). PyTorch's takes sparse
    gradients; here they are dense, so that a row that was looked up and got exactly 0 counts as
    not looked up. `maximize` climbs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> words = nn.Embedding(3, 2)
    >>> before = words.weight.detach().clone()
    >>> opt = optim.SparseAdam(words.parameters(), lr=0.1)
    >>> words(dls.tensor([1])).sum().backward()
    >>> opt.step()
    >>> ((words.weight - before).abs() > 0.05).any(axis=1).tolist()
    [False, True, False]
    """

    keeps = frozenset({"step", "exp_avg", "exp_avg_sq"})
    at_least_zero = ("lr", "eps")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def update_one(self, group: Group, state: State, p: Tensor, g: Any) -> None:
        beta1, beta2 = map(float, group["betas"])
        xp, w = p.device.xp, p._data
        step = state["step"] = state.get("step", 0) + 1
        mean, square = self.array(state, "exp_avg", p), self.array(state, "exp_avg_sq", p)
        rows = xp.flatnonzero(g.reshape(len(g), -1).any(axis=1)) if g.ndim else ...
        g = g[rows]
        mean[rows] += (1 - beta1) * (g - mean[rows])
        square[rows] += (1 - beta2) * (g * g - square[rows])
        rate = float(group["lr"]) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        w[rows] -= rate * mean[rows] / (xp.sqrt(square[rows]) + float(group["eps"]))
