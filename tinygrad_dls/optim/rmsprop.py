"""RMSprop (Tieleman and Hinton 2012; Course 2, week 2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import DataError
from .optimizer import Group, Optimizer, State


class RMSprop(Optimizer):
    """Gradients over their root mean square: w -= lr g / (sqrt(s) + eps).

    s = alpha s + (1 - alpha) g^2 (Tieleman and Hinton 2012; Course 2, week 2). `centered`: by the
    variance of g instead, s - (moving mean of g)^2. With momentum the steps are added up:
    v = momentum v + step. `weight_decay` adds weight_decay * w to g; `maximize` climbs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.RMSprop([w], lr=0.1, alpha=0.75)
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w.detach()  # 1 - 0.1 / sqrt(1 - 0.75)
    Tensor([0.8])
    """

    keeps = frozenset({"step", "square_avg"})
    may_keep = frozenset({"grad_avg", "momentum_buffer"})
    at_least_zero = ("lr", "alpha", "eps", "weight_decay", "momentum")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
            "momentum": momentum, "centered": centered, "maximize": maximize,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        if group["alpha"] > 1:
            raise DataError(f"RMSprop: alpha is the weight of a mean, 0 to 1, not {group['alpha']}")

    def buffers(self, group: Group) -> tuple[str, ...]:
        names = ("square_avg", "grad_avg") if group["centered"] else ("square_avg",)
        return (*names, "momentum_buffer") if group["momentum"] else names

    def clock(self, state: State, group: Group) -> Any:
        super().clock(state, group)  # counted, but not asked for

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        kernels.rmsprop(
            ws, gs, buffers[0], buffers[1] if group["centered"] else None,
            buffers[-1] if group["momentum"] else None, float(group["lr"]),
            float(group["alpha"]), float(group["eps"]), float(group["weight_decay"]),
            float(group["momentum"]), bool(group["maximize"]),
        )
