"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import DataError
from ..tensors import Tensor
from .optimizer import Group, Optimizer, zeros_like


class SGD(Optimizer):
    """w -= lr g; with momentum v = momentum v + (1 - dampening) g, w -= lr v.

    The first v is g itself. Nesterov's: w -= lr (g + momentum v). `weight_decay` adds
    weight_decay * w to g. The course's momentum (Course 2, week 2), v = b v + (1 - b) g, is
    momentum = dampening = b but for the first step.
    """

    may_keep = frozenset({"momentum_buffer"})
    at_least_zero = ("lr", "momentum", "weight_decay")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0,
        dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise DataError("SGD: nesterov needs momentum above 0 and dampening 0")

    def update(self, p: Tensor, w: Any, g: Any, group: Group) -> None:
        momentum, velocity, first = float(group["momentum"]), None, False
        if momentum:
            state = self.state_of(p)
            if first := "momentum_buffer" not in state:
                state["momentum_buffer"] = zeros_like(p)
            velocity = state["momentum_buffer"]._data
        p.device.kernels.sgd(
            w, g, velocity, float(group["lr"]), momentum, float(group["dampening"]),
            float(group["weight_decay"]), bool(group["nesterov"]), first,
        )
