"""Averaged stochastic gradient descent (Polyak and Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..tensors import Tensor
from .one_by_one import OneByOne
from .optimizer import Group, State


class ASGD(OneByOne):
    """Gradient descent that also averages the weights (Polyak and Juditsky 1992).

    w = (1 - lambd eta) w - eta g,  eta = lr / (1 + lambd lr t)^alpha,  t counts the steps. The
    average `ax` of a parameter, in its state, is w until step t0, and from then on the mean of the
    weights since. `weight_decay` adds weight_decay * w to g; `maximize` climbs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.ASGD([w], lr=0.1, lambd=0.0, t0=0)
    >>> for _ in range(2):
    ...     opt.zero_grad()
    ...     (w**2).sum().backward()
    ...     opt.step()
    >>> w.detach(), opt.state[w]["ax"]  # 0.8, then 0.64, and their mean
    (Tensor([0.64]), Tensor([0.64]))
    """

    keeps = frozenset({"step", "eta", "mu", "ax"})
    at_least_zero = ("lr", "lambd", "alpha", "t0", "weight_decay")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75,
        t0: float = 1e6, weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "maximize": maximize,
        })

    def update_one(self, group: Group, state: State, p: Tensor, g: Any) -> None:
        lr, lambd = float(group["lr"]), float(group["lambd"])
        step = state["step"] = state.get("step", 0) + 1
        eta, mu = state.get("eta", lr), state.get("mu", 1.0)
        average, w = self.array(state, "ax", p), p._data
        w *= 1 - lambd * eta
        w -= eta * g
        if mu == 1:
            average[...] = w
        else:
            average += mu * (w - average)
        state["eta"] = lr / (1 + lambd * lr * step) ** float(group["alpha"])
        state["mu"] = 1 / max(1.0, step - float(group["t0"]))
