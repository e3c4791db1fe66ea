"""The decays of Course 2, week 2, that have no name in PyTorch."""

from __future__ import annotations

import math

from ..._util.arguments import is_amount
from ...errors import DataError
from ..optimizer import Optimizer
from .base import LRScheduler, check_whole


class InverseTimeDecay(LRScheduler):
    """Decay by time: base / (1 + decay_rate * floor(epoch / time_interval)) (Course 2, week 2).

    `time_interval` 1 is the course's decay of every epoch, 1000 its fixed-interval decay.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.InverseTimeDecay(opt, decay_rate=1.0)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.5, 0.3333, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, decay_rate: float = 1.0, time_interval: int = 1,
        last_epoch: int = -1,
    ) -> None:
        if not is_amount(decay_rate):
            raise DataError(f"InverseTimeDecay: decay_rate is at least 0, not {decay_rate!r}")
        self.decay_rate = decay_rate
        self.time_interval = check_whole("InverseTimeDecay: time_interval", time_interval)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base / (1 + self.decay_rate * (epoch // self.time_interval))


class InverseSquareRootDecay(LRScheduler):
    """Decay by the root of time: k * base / sqrt(epoch), the first epoch is 1 (Course 2, week 2).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.InverseSquareRootDecay(opt)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.7071, 0.5774, 0.5]
    """

    def __init__(self, optimizer: Optimizer, k: float = 1.0, last_epoch: int = -1) -> None:
        if not is_amount(k):
            raise DataError(f"InverseSquareRootDecay: k is at least 0, not {k!r}")
        self.k = k
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return self.k * base / math.sqrt(epoch + 1)
