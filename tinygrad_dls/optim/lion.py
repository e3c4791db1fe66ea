"""Lion (Chen et al. 2023): only the sign of the momentum counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .optimizer import Group, Optimizer, State


class Lion(Optimizer):
    """Steps by the sign of the momentum alone (Chen et al. 2023).

    w -= lr (sign(b1 m + (1 - b1) g) + weight_decay w);  m = b2 m + (1 - b2) g. Every weight moves
    by lr, so lr is 3 to 10 times smaller than Adam's, and weight_decay as much larger. It keeps
    one array for each parameter, where Adam keeps two.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0, 1.0]))
    >>> opt = optim.Lion([w], lr=0.25)
    >>> (w * dls.tensor([100.0, -0.01])).sum().backward()
    >>> opt.step()
    >>> w.tolist()
    [0.75, 1.25]
    """

    keeps = frozenset({"exp_avg"})

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize,
        })

    def buffers(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg",)

    def clock(self, state: State, group: Group) -> Any:
        return None

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        kernels.lion(ws, gs, *buffers, float(group["lr"]), beta1, beta2,
                     float(group["weight_decay"]), bool(group["maximize"]))
