"""Cosine annealing, once or with restarts (Loshchilov and Hutter 2017)."""

from __future__ import annotations

import math

from ..._util.arguments import number
from ..optimizer import Optimizer
from .base import LRScheduler, check_whole


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the base rate down to `eta_min` at epoch `T_max`, then up again.

    eta_min + (base - eta_min) (1 + cos(pi epoch / T_max)) / 2 (Loshchilov and Hutter 2017).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.CosineAnnealingLR(opt, T_max=4)
    >>> rates = []
    >>> for epoch in range(6):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.1464]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = check_whole("CosineAnnealingLR: T_max", T_max)
        self.eta_min = number("CosineAnnealingLR: eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        part = (1 + math.cos(math.pi * epoch / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * part

    def _onward(self, group: int, now: float, before: float, alone: float) -> float:
        """Multiply the part above eta_min; from eta_min itself the rate rises by its own step."""
        if (self.last_epoch - 1) % (2 * self.T_max) == self.T_max:
            return now + (alone - before)
        if self.last_epoch == 0 or before == self.eta_min:
            return now
        return self.eta_min + (now - self.eta_min) * ((alone - self.eta_min)
                                                      / (before - self.eta_min))


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines from the base rate to `eta_min`, the first one T_0 epochs long.

    Each next cosine is `T_mult` times as long (Loshchilov and Hutter 2017).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=2, T_mult=2)
    >>> rates = []
    >>> for epoch in range(7):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]
    """

    multiplies = False

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_0 = check_whole("CosineAnnealingWarmRestarts: T_0", T_0)
        self.T_mult = check_whole("CosineAnnealingWarmRestarts: T_mult", T_mult)
        self.eta_min = number("CosineAnnealingWarmRestarts: eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        length = self.T_0
        if self.T_mult == 1:
            epoch %= length
        while epoch >= length:
            epoch -= length
            length *= self.T_mult
        part = (1 + math.cos(math.pi * epoch / length)) / 2
        return self.eta_min + (base - self.eta_min) * part
