"""Cutting the rate when a figure no longer improves."""

from __future__ import annotations

import math
from typing import Any

from ..._util.arguments import is_amount, number
from ...engine.modes import replayed
from ...errors import DataError
from ..optimizer import Optimizer
from .base import Schedule, check_optimizer, check_whole, for_each_group


class ReduceLROnPlateau(Schedule):
    """Decay by `factor` when a figure has not improved for more than `patience` epochs.

    `step(figure)`: the validation loss (`mode` "min") or an accuracy ("max"). Better means by
    more than `threshold`, relative ("rel") or absolute ("abs"). After a cut `cooldown` epochs
    are not counted; the rate never goes below `min_lr` (one, or one for each group), nor changes
    by less than `eps`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.ReduceLROnPlateau(opt, patience=1)
    >>> for loss in (0.5, 0.4, 0.4, 0.4):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.1]
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float | list[float] = 0.0, eps: float = 1e-8,
    ) -> None:
        check_optimizer(optimizer)
        if not is_amount(factor) or factor >= 1:
            raise DataError(f"ReduceLROnPlateau: factor is at least 0 and below 1, not {factor!r}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise DataError("ReduceLROnPlateau: mode is 'min' or 'max', threshold_mode 'rel' or "
                            "'abs'")
        self.optimizer, self.mode, self.factor = optimizer, mode, factor
        self.patience = check_whole("ReduceLROnPlateau: patience", patience, 0)
        self.threshold = number("ReduceLROnPlateau: threshold", threshold)
        self.threshold_mode = threshold_mode
        self.cooldown = check_whole("ReduceLROnPlateau: cooldown", cooldown, 0)
        self.eps = number("ReduceLROnPlateau: eps", eps)
        self.min_lrs = for_each_group("ReduceLROnPlateau: min_lr", min_lr, optimizer)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    @replayed
    def step(self, metrics: Any) -> None:
        """Note the figure of an epoch, and cut the rate if it is time."""
        figure = number("ReduceLROnPlateau: the figure of an epoch", metrics)
        self.last_epoch += 1
        if self._better(figure):
            self.best, self.num_bad_epochs = figure, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            self._cut()

    def _cut(self) -> None:
        groups = self.optimizer.param_groups
        self.min_lrs += self.min_lrs[-1:] * (len(groups) - len(self.min_lrs))  # added since
        for group, least in zip(groups, self.min_lrs):
            now = float(group["lr"])
            lower = max(now * self.factor, least)
            if now - lower > self.eps:
                group["lr"] = lower

    def _better(self, figure: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "rel":
            return sign * figure > sign * self.best * (1.0 + sign * self.threshold)
        return sign * figure > sign * self.best + self.threshold
