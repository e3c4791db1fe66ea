"""The variants of Adam: Adamax, NAdam, RAdam and LAMB."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

from .optimizer import Group, Optimizer, State


class Adamax(Optimizer):
    """Adam by the largest gradient instead of the mean square: w -= lr / (1 - b1^t) m / u.

    m = b1 m + (1 - b1) g;  u = max(b2 u, |g| + eps) (Kingma and Ba 2015, section 7.1).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.Adamax([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w.detach()
    Tensor([0.9])
    """

    at_least_zero = ("lr", "eps", "weight_decay")
    keeps = frozenset({"step", "exp_avg", "exp_inf"})

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize,
        })

    def buffers(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        kernels.adamax(
            ws, gs, *buffers, float(group["lr"]), beta1, beta2, float(group["eps"]),
            float(group["weight_decay"]), bool(group["maximize"]), 1.0 - beta1**clock,
        )


class _Moments(Optimizer):
    """Those that keep Adam's two moments."""

    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "eps", "weight_decay")
    keeps = frozenset({"step", "exp_avg", "exp_avg_sq"})

    def buffers(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")


class NAdam(_Moments):
    """Adam with Nesterov's momentum (Dozat 2016).

    With mu_t = b1 (1 - 0.96^(t momentum_decay) / 2), P_t the product of all up to t and v' as in
    Adam: w -= lr ((1 - mu_t) / (1 - P_t) g + mu_(t+1) / (1 - P_(t+1)) m) / (sqrt(v') + eps).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.NAdam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w.detach()  # farther than Adam's first step, lr
    Tensor([0.8944])
    """

    keeps = frozenset({"step", "exp_avg", "exp_avg_sq", "mu_product"})
    at_least_zero = ("lr", "eps", "weight_decay", "momentum_decay")

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False, *, maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        })

    def clock(self, state: State, group: Group) -> Any:
        t, beta1 = super().clock(state, group), float(group["betas"][0])
        decay = float(group["momentum_decay"])
        now = beta1 * (1.0 - 0.5 * 0.96 ** (t * decay))
        then = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * decay))
        state["mu_product"] = product = state.get("mu_product", 1.0) * now
        return t, (1.0 - now) / (1.0 - product), then / (1.0 - product * then)

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        t, of_g, of_m = clock
        lr, (beta1, beta2) = float(group["lr"]), map(float, group["betas"])
        kernels.nadam(
            ws, gs, *buffers, lr, beta1, beta2, float(group["eps"]), float(group["weight_decay"]),
            bool(group["decoupled_weight_decay"]), bool(group["maximize"]), lr * of_g, lr * of_m,
            1.0 - beta2**t,
        )


class RAdam(_Moments):
    """Adam without the divisor while too few gradients were seen to trust it (Liu et al. 2020).

    r = 2 / (1 - b2) - 1, r_t = r - 2 t b2^t / (1 - b2^t). Where r_t > 5 it is Adam's step times
    sqrt((r_t - 4)(r_t - 2) r / ((r - 4)(r - 2) r_t)), with eps beside the uncorrected sqrt(v);
    before that it is w -= lr m'.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.RAdam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w.detach()  # 1 - 0.1 * 2: as SGD at first
    Tensor([0.8])
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, decoupled_weight_decay: bool = False, *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize,
        })

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        correct2, most, rectify = 1.0 - beta2**clock, 2.0 / (1.0 - beta2) - 1.0, 0.0
        seen = most - 2.0 * clock * beta2**clock / correct2
        if seen > 5.0:
            rectify = math.sqrt(
                (seen - 4) * (seen - 2) * most / ((most - 4) * (most - 2) * seen) * correct2
            )
        kernels.radam(
            ws, gs, *buffers, float(group["lr"]), beta1, beta2, float(group["eps"]),
            float(group["weight_decay"]), bool(group["decoupled_weight_decay"]),
            bool(group["maximize"]), 1.0 - beta1**clock, rectify,
        )


class LAMB(_Moments):
    """Adam with a rate for each layer, for large batches: w -= lr |w| / |u| u (You et al. 2020).

    u = m' / (sqrt(v') + eps) + weight_decay w, m' and v' as in Adam; |w| and |u| are the norms of
    each parameter tensor, their ratio 1 where one of them is 0. Each layer moves by the same
    fraction of its size.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([3.0, 4.0]))
    >>> opt = optim.LAMB([w], lr=0.1, weight_decay=0.0)
    >>> w.sum().backward()
    >>> opt.step()
    >>> dls.norm(w - dls.tensor([3.0, 4.0])).detach()  # 0.1 * 5
    Tensor(0.5)
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6, weight_decay: float = 1e-2, *, maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize,
        })

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        beta1, beta2 = map(float, group["betas"])
        kernels.lamb(
            ws, gs, *buffers, float(group["lr"]), beta1, beta2, float(group["eps"]),
            float(group["weight_decay"]), bool(group["maximize"]), 1.0 - beta1**clock,
            1.0 - beta2**clock,
        )
