"""Adam (Kingma and Ba 2015; Course 2, week 2) and AdamW (Loshchilov and Hutter 2019)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .optimizer import Group, Optimizer


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015; Course 2, week 2): w -= lr m' / (sqrt(v') + eps).

    m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2.  m' = m / (1 - b1^t) and v' = v / (1 - b2^t)
    undo the start at 0; t counts the steps. `weight_decay` adds weight_decay * w to g, or with
    `decoupled_weight_decay` (AdamW) is w -= lr weight_decay w. `amsgrad`: the largest v so far in
    place of v (Reddi et al. 2018). `maximize` climbs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0, 1.0]))
    >>> opt = optim.Adam([w], lr=0.1)
    >>> (w * dls.tensor([100.0, -0.01])).sum().backward()
    >>> opt.step()
    >>> w.detach()  # the first step is lr, whatever the size of the gradient
    Tensor([0.9, 1.1])
    """

    at_least_zero = ("lr", "eps", "weight_decay")
    keeps = frozenset({"step", "exp_avg", "exp_avg_sq"})
    may_keep = frozenset({"max_exp_avg_sq"})

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, amsgrad: bool = False, *,
        maximize: bool = False, decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        })

    def buffers(self, group: Group) -> tuple[str, ...]:
        both = ("exp_avg", "exp_avg_sq")
        return (*both, "max_exp_avg_sq") if group["amsgrad"] else both

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        kernels.adam(
            ws, gs, *buffers[:2], buffers[2] if group["amsgrad"] else None, float(group["lr"]),
            beta1, beta2, float(group["eps"]), float(group["weight_decay"]),
            bool(group["decoupled_weight_decay"]), bool(group["maximize"]),
            1.0 - beta1**clock, 1.0 - beta2**clock,
        )


class AdamW(Adam):
    """Adam whose weight decay does not pass through the moments: w -= lr weight_decay w.

    Loshchilov and Hutter 2019.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * 0).sum().backward()
    >>> opt.step()
    >>> w.detach()  # 1 - 0.1 * 0.5
    Tensor([0.95])
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize,
                         decoupled_weight_decay=True)
