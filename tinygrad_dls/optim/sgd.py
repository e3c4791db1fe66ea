"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import DataError
from .optimizer import Group, Optimizer, State


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for: w -= lr g.

    With momentum v = momentum v + (1 - dampening) g, w -= lr v. The first v is g itself.
    Nesterov's: w -= lr (g + momentum v) (Sutskever et al. 2013). `weight_decay` adds
    weight_decay * w to g; `maximize` climbs. The course's momentum (Course 2, week 2),
    v = b v + (1 - b) g, is momentum = dampening = b but for the first step.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.SGD([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w.detach()  # 1 - 0.1 * 2
    Tensor([0.8])
    """

    may_keep = frozenset({"momentum_buffer"})
    at_least_zero = ("lr", "momentum", "weight_decay")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0,
        dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False, *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise DataError("SGD: nesterov needs momentum above 0 and dampening 0")

    def buffers(self, group: Group) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def clock(self, state: State, group: Group) -> Any:
        return "momentum_buffer" not in state  # the first step

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        kernels.sgd(
            ws, gs, buffers[0] if buffers else None, float(group["lr"]), float(group["momentum"]),
            float(group["dampening"]), float(group["weight_decay"]), bool(group["nesterov"]),
            bool(group["maximize"]), bool(clock),
        )
