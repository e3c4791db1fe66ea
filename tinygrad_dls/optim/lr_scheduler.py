"""Schedules: the learning rate as a function of the epoch. Call `step()` after each epoch.

Each is a formula of the first learning rate and the epoch, so a schedule can start anywhere.
Of two schedules on one optimizer the one that steps last has its way.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from ..arguments import is_amount, is_whole
from ..errors import DataError
from .optimizer import Optimizer


class _Schedule:
    """What all schedules can tell, and keep in a file."""

    optimizer: Optimizer

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group now."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, without the optimizer (and without functions)."""
        return {n: list(v) if isinstance(v, list) else v for n, v in vars(self).items()
                if n not in ("optimizer", "lr_lambdas")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        known = self.state_dict()
        if strange := [name for name in state_dict if name not in known]:
            raise DataError(f"{type(self).__name__} has no {strange[0]!r} in its state, but "
                            + ", ".join(known))
        for name, value in state_dict.items():
            setattr(self, name, list(value) if isinstance(value, list) else value)


class LRScheduler(_Schedule):
    """Base of the schedules: define `rate(base, epoch)`.

    `last_epoch`: the epoch before the first, -1 for a new training. The learning rates that the
    groups have now (or their `initial_lr`, if a schedule ran before) are those of epoch 0.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DataError(f"a schedule takes an optimizer, not a {type(optimizer).__name__}")
        self.optimizer = optimizer
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        elif any("initial_lr" not in group for group in optimizer.param_groups):
            raise DataError(
                "to go on at last_epoch, load the optimizer's state first (it has initial_lr)"
            )
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, base: float, epoch: int) -> float:
        """The learning rate of an epoch where it is `base` at epoch 0."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate(base, epoch)")

    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        for i, group in enumerate(self.optimizer.param_groups):
            if i == len(self.base_lrs):  # added since
                group.setdefault("initial_lr", group["lr"])
                self.base_lrs.append(float(group["initial_lr"]))
            group["lr"] = self._rate(i, self.base_lrs[i])

    def _rate(self, group: int, base: float) -> float:
        return self._checked(self.rate(base, self.last_epoch))

    def _checked(self, rate: Any) -> float:
        if not is_amount(rate):
            raise DataError(f"{type(self).__name__}: the learning rate of epoch {self.last_epoch} "
                            f"would be {rate!r}")
        return float(rate)


class StepLR(LRScheduler):
    """Times `gamma` every `step_size` epochs."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if not is_whole(step_size, least=1):
            raise DataError(f"StepLR: step_size is at least 1, a whole number, not {step_size!r}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base * self.gamma ** (epoch // self.step_size)


class MultiStepLR(LRScheduler):
    """Times `gamma` at each of the epochs `milestones`."""

    def __init__(
        self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base * self.gamma ** bisect_right(self.milestones, epoch)


class ExponentialLR(LRScheduler):
    """Times `gamma` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base * self.gamma**epoch


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the first rate down to `eta_min` at epoch `T_max` (then up again)."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max < 1:
            raise DataError(f"CosineAnnealingLR: T_max is at least 1, not {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        part = (1 + math.cos(math.pi * epoch / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * part


class LinearLR(LRScheduler):
    """Times a factor that goes from `start_factor` to `end_factor` in `total_iters` epochs."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0,
        total_iters: int = 5, last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise DataError("LinearLR: factors are between 0 and 1, the first one above 0")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        done = min(epoch, self.total_iters) / self.total_iters if self.total_iters else 1.0
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class LambdaLR(LRScheduler):
    """Times `lr_lambda(epoch)`; a list of functions has one for each group."""

    def __init__(
        self, optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise DataError(f"LambdaLR: {len(self.lr_lambdas)} functions for {groups} groups")
        super().__init__(optimizer, last_epoch)

    def _rate(self, group: int, base: float) -> float:
        return self._checked(base * float(self.lr_lambdas[group](self.last_epoch)))


class InverseTimeDecay(LRScheduler):
    """base / (1 + decay_rate * floor(epoch / time_interval)) (Course 2, week 2).

    `time_interval` 1 is the course's decay of every epoch, 1000 its fixed-interval decay.
    """

    def __init__(
        self, optimizer: Optimizer, decay_rate: float = 1.0, time_interval: int = 1,
        last_epoch: int = -1,
    ) -> None:
        if decay_rate < 0 or time_interval < 1:
            raise DataError("InverseTimeDecay: decay_rate is at least 0, time_interval at least 1")
        self.decay_rate, self.time_interval = decay_rate, time_interval
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        return base / (1 + self.decay_rate * (epoch // self.time_interval))


class ReduceLROnPlateau(_Schedule):
    """Times `factor` when a figure has not improved for more than `patience` epochs.

    `step(figure)`: the validation loss (`mode` "min") or an accuracy ("max"). Better means by
    more than `threshold`, relative ("rel") or absolute ("abs"). After a cut `cooldown` epochs
    are not counted; the rate never goes below `min_lr`, nor changes by less than `eps`.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float = 0.0, eps: float = 1e-8,
    ) -> None:
        if not 0 <= factor < 1:
            raise DataError(f"ReduceLROnPlateau: factor is below 1, not {factor}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise DataError("ReduceLROnPlateau: mode is 'min' or 'max', threshold_mode 'rel' or "
                            "'abs'")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.min_lr, self.eps = cooldown, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Note the figure of an epoch, and cut the rate if it is time."""
        figure = float(metrics)
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
            for group in self.optimizer.param_groups:
                lower = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower

    def _better(self, figure: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        margin = self.threshold
        if self.threshold_mode == "rel":
            margin = 0.0 if math.isinf(self.best) else self.threshold * self.best
        return sign * figure < sign * self.best - margin
