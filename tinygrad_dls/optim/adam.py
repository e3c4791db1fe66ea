"""Adam (Kingma and Ba 2015; Course 2, week 2) and AdamW (Loshchilov and Hutter 2019)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..arguments import is_amount
from ..errors import DataError
from ..tensors import Tensor
from .optimizer import Group, Optimizer, zeros_like


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2;  w -= lr m' / (sqrt(v') + eps).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) undo the start at 0; t counts the steps.
    `weight_decay` adds weight_decay * w to g.
    """

    at_least_zero = ("lr", "eps", "weight_decay")
    keeps = frozenset({"step", "exp_avg", "exp_avg_sq"})
    decoupled: ClassVar[bool] = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        betas = group["betas"]
        two = isinstance(betas, (tuple, list)) and len(betas) == 2
        if not two or not all(is_amount(beta) and beta < 1 for beta in betas):
            raise DataError(
                f"{type(self).__name__}: betas are two numbers, 0 <= beta < 1, not {betas!r}"
            )

    def update(self, p: Tensor, w: Any, g: Any, group: Group) -> None:
        state = self.state_of(p)
        if not state:
            state.update(step=0, exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
        state["step"] = t = state["step"] + 1
        beta1, beta2 = map(float, group["betas"])
        p.device.kernels.adam(
            w, g, state["exp_avg"]._data, state["exp_avg_sq"]._data, float(group["lr"]), beta1,
            beta2, float(group["eps"]), float(group["weight_decay"]), self.decoupled,
            1.0 - beta1**t, 1.0 - beta2**t,
        )


class AdamW(Adam):
    """Adam whose weight decay does not pass through the moments: w -= lr weight_decay w."""

    decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
