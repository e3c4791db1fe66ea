"""Adagrad (Duchi et al. 2011) and Adadelta (Zeiler 2012): a rate of its own for each weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .. import ops
from ..errors import DataError
from .optimizer import Group, Optimizer, State


class Adagrad(Optimizer):
    """Rates that fall with the gradients seen (Duchi et al. 2011): w -= lr' g / (sqrt(s) + eps).

    s = s + g^2, from `initial_accumulator_value` on;  lr' = lr / (1 + (t - 1) lr_decay), t counts
    the steps. `weight_decay` adds weight_decay * w to g; `maximize` climbs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([0.0]))
    >>> opt = optim.Adagrad([w], lr=1.0)
    >>> for _ in range(2):
    ...     opt.zero_grad()
    ...     w.sum().backward()
    ...     opt.step()
    >>> w.detach()  # -1 - 1 / sqrt(2)
    Tensor([-1.7071])
    """

    keeps = frozenset({"step", "sum"})
    at_least_zero = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0,
        weight_decay: float = 0.0, initial_accumulator_value: float = 0.0, eps: float = 1e-10, *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
        })

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        super().add_param_group(group)
        made = self.param_groups[-1]
        for p in made["params"]:
            total = ops.zeros_like(p)
            total._data[...] = float(made["initial_accumulator_value"])
            self.state[p] = {"step": 0, "sum": total}

    def buffers(self, group: Group) -> tuple[str, ...]:
        return ("sum",)

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        rate = float(group["lr"]) / (1.0 + (clock - 1) * float(group["lr_decay"]))
        kernels.adagrad(ws, gs, *buffers, rate, float(group["eps"]), float(group["weight_decay"]),
                        bool(group["maximize"]))


class Adadelta(Optimizer):
    """Steps in the unit of the weights (Zeiler 2012): w -= lr d.

    d = sqrt(u + eps) / sqrt(s + eps) g; s = rho s + (1 - rho) g^2, and u is the like average of
    d^2. `weight_decay` adds weight_decay * w to g; `maximize` climbs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.Adadelta([w])
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w.detach()  # u starts at 0, so that the first steps are small
    Tensor([0.9968])
    """

    keeps = frozenset({"step", "square_avg", "acc_delta"})
    at_least_zero = ("lr", "rho", "eps", "weight_decay")

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        if group["rho"] > 1:
            raise DataError(f"Adadelta: rho is the weight of a mean, 0 to 1, not {group['rho']}")

    def buffers(self, group: Group) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def clock(self, state: State, group: Group) -> Any:
        super().clock(state, group)  # counted, but not asked for

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        kernels.adadelta(ws, gs, *buffers, float(group["lr"]), float(group["rho"]),
                         float(group["eps"]), float(group["weight_decay"]),
                         bool(group["maximize"]))
