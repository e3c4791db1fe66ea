"""RMSprop (Tieleman and Hinton 2012; Course 2, week 2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import DataError
from ..tensors import Tensor
from .optimizer import Group, Optimizer, zeros_like


class RMSprop(Optimizer):
    """s = alpha s + (1 - alpha) g^2;  w -= lr g / (sqrt(s) + eps).

    `centered`: by the variance of g instead, s - (moving mean of g)^2. With momentum the steps
    are added up: v = momentum v + step. `weight_decay` adds weight_decay * w to g.
    """

    keeps = frozenset({"step", "square_avg"})
    may_keep = frozenset({"grad_avg", "momentum_buffer"})
    at_least_zero = ("lr", "alpha", "eps", "weight_decay", "momentum")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
            "momentum": momentum, "centered": centered,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        if group["alpha"] > 1:
            raise DataError(f"RMSprop: alpha is the weight of a mean, 0 to 1, not {group['alpha']}")

    def update(self, p: Tensor, w: Any, g: Any, group: Group) -> None:
        state = self.state_of(p)
        if not state:
            state["step"] = 0
        state["step"] += 1
        square = self._buffer(state, "square_avg", p)
        mean = self._buffer(state, "grad_avg", p) if group["centered"] else None
        momentum = float(group["momentum"])
        velocity = self._buffer(state, "momentum_buffer", p) if momentum else None
        p.device.kernels.rmsprop(
            w, g, square, mean, velocity, float(group["lr"]), float(group["alpha"]),
            float(group["eps"]), float(group["weight_decay"]), momentum,
        )

    def _buffer(self, state: dict[str, Any], name: str, p: Tensor) -> Any:
        """The array of one part of the state, made at its first use."""
        if name not in state:
            state[name] = zeros_like(p)
        return state[name]._data
