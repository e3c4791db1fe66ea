"""Schedules of one formula: steps, powers, lines and polynomials."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from ..._util.arguments import is_amount, is_whole, number
from ...errors import DataError
from ..optimizer import Optimizer
from .base import LRScheduler, check_whole


class StepLR(LRScheduler):
    """Decay by `gamma` every `step_size` epochs: base * gamma**(epoch // step_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.StepLR(opt, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = check_whole("StepLR: step_size", step_size)
        self.gamma = number("StepLR: gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base * self.gamma ** (epoch // self.step_size)


class MultiStepLR(LRScheduler):
    """Decay by `gamma` at each of the epochs `milestones`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.MultiStepLR(opt, milestones=[1, 3], gamma=0.5)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        given = list(milestones) if isinstance(milestones, Iterable) else [None]
        if not all(is_whole(epoch) for epoch in given):
            raise DataError(f"MultiStepLR: milestones are a list of epochs, not {milestones!r}")
        self.milestones, self.gamma = sorted(given), number("MultiStepLR: gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base * self.gamma ** bisect_right(self.milestones, epoch)


class ConstantLR(LRScheduler):
    """Rate times `factor` for the first `total_iters` epochs, then the base rate.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not is_amount(factor) or factor > 1:
            raise DataError(f"ConstantLR: factor is between 0 and 1, not {factor!r}")
        self.factor = factor
        self.total_iters = check_whole("ConstantLR: total_iters", total_iters, 0)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base * self.factor if epoch < self.total_iters else base


class LinearLR(LRScheduler):
    """Rate times a factor that goes from `start_factor` to `end_factor` in `total_iters` epochs.

    The usual warm-up.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.LinearLR(opt, start_factor=0.25, total_iters=3)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0,
        total_iters: int = 5, last_epoch: int = -1,
    ) -> None:
        start_factor = number("LinearLR: start_factor", start_factor)
        end_factor = number("LinearLR: end_factor", end_factor)
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise DataError("LinearLR: factors are between 0 and 1, the first one above 0")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = check_whole("LinearLR: total_iters", total_iters, 0)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        done = min(epoch, self.total_iters) / self.total_iters if self.total_iters else 1.0
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class ExponentialLR(LRScheduler):
    """Decay by `gamma` every epoch: base * gamma**epoch (Course 2, week 2: 0.95**epoch).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number("ExponentialLR: gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base * self.gamma**epoch


class PolynomialLR(LRScheduler):
    """Decay to 0: base * (1 - epoch / total_iters)**power, and 0 from epoch `total_iters` on.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.PolynomialLR(opt, total_iters=4, power=2.0)
    >>> rates = []
    >>> for epoch in range(6):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        if not is_amount(power):
            raise DataError(f"PolynomialLR: power is at least 0, not {power!r}")
        self.total_iters = check_whole("PolynomialLR: total_iters", total_iters)
        self.power = power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        left = 1.0 - min(epoch, self.total_iters) / self.total_iters
        return base * float(left**self.power)
