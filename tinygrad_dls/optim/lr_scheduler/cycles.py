"""Rates that go up and down, with the momentum the other way (Smith 2017; Smith and Topin 2018)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ..._util.arguments import is_amount
from ...errors import DataError
from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, check_whole, for_each_group


class _Cycles(LRScheduler):
    """Schedules that turn the momentum (or beta1) of each group too, if asked to."""

    multiplies = False

    def _momenta(
        self, optimizer: Optimizer, cycle: bool, base: Any, most: Any
    ) -> None:
        name = type(self).__name__
        self.cycle_momentum = bool(cycle)
        if cycle and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise DataError(f"{name}: {type(optimizer).__name__} has neither momentum nor betas to "
                            "cycle: write cycle_momentum=False")
        self.base_momentums = for_each_group(f"{name}: base_momentum", base, optimizer)
        self.max_momentums = for_each_group(f"{name}: max_momentum", most, optimizer)

    def _momentum(self, group: int, epoch: int) -> float:
        raise NotImplementedError

    def _set(self, rates: Any) -> None:
        super()._set(rates)
        self._set_momenta()

    def _adopt(self, state_dict: Mapping[str, Any]) -> None:
        super()._adopt(state_dict)
        self._set_momenta()

    def _set_momenta(self) -> None:
        if not self.cycle_momentum:
            return
        for i, group in enumerate(self.optimizer.param_groups):
            momentum = self._momentum(i, self.last_epoch)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _groups(self) -> list[dict[str, Any]]:
        groups = self.optimizer.param_groups
        if len(groups) > len(self.max_momentums):
            raise DataError(f"{type(self).__name__}: there are {len(groups)} groups now, "
                            f"{len(self.max_momentums)} when it was made: make a new one after "
                            "add_param_group")
        return groups


class CyclicLR(_Cycles):
    """Up from base_lr to max_lr in step_size_up steps, down in step_size_down, and again.

    mode: "triangular"; "triangular2" halves the height each cycle; "exp_range" times gamma**step.
    `scale_fn` in their place takes the cycle (from 1) or the step (`scale_mode` "iterations") and
    gives the height, 0 to 1. The momentum goes down from max_momentum to base_momentum meanwhile;
    `cycle_momentum=False` leaves it. Call `step()` after each batch (Smith 2017).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.CyclicLR(opt, 0.0, 1.0, step_size_up=2, cycle_momentum=False)
    >>> rates = []
    >>> for epoch in range(6):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.5]
    """

    not_kept: ClassVar[frozenset[str]] = frozenset({"optimizer", "scale_fn"})

    def __init__(
        self, optimizer: Optimizer, base_lr: float | list[float], max_lr: float | list[float],
        step_size_up: int = 2000, step_size_down: int | None = None, mode: str = "triangular",
        gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle", cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8, max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise DataError("CyclicLR: mode is 'triangular', 'triangular2' or 'exp_range', not "
                            f"{mode!r}")
        if scale_mode not in ("cycle", "iterations"):
            raise DataError(f"CyclicLR: scale_mode is 'cycle' or 'iterations', not {scale_mode!r}")
        first = for_each_group("CyclicLR: base_lr", base_lr, optimizer)
        self.max_lrs = for_each_group("CyclicLR: max_lr", max_lr, optimizer)
        self.step_size_up = check_whole("CyclicLR: step_size_up", step_size_up)
        self.step_size_down = self.step_size_up if step_size_down is None else check_whole(
            "CyclicLR: step_size_down", step_size_down)
        self.mode, self.gamma, self.scale_fn = mode, gamma, scale_fn
        self.scale_mode = scale_mode
        self._momenta(optimizer, cycle_momentum, base_momentum, max_momentum)
        self.first_lrs = first
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, first):
                group["lr"] = rate
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        """Return the height in the cycle, 0 to 1."""
        size = self.step_size_up + self.step_size_down
        cycle = math.floor(1 + epoch / size)
        x, turn = 1.0 + epoch / size - cycle, self.step_size_up / size
        part = x / turn if x <= turn else (x - 1) / (turn - 1)
        if self.scale_fn is not None:
            return part * float(self.scale_fn(cycle if self.scale_mode == "cycle" else epoch))
        if self.mode == "exp_range":
            return part * float(self.gamma**epoch)
        return part * (0.5 ** (cycle - 1) if self.mode == "triangular2" else 1.0)

    def _rate(self, group: int, epoch: int) -> float:
        low = self.first_lrs[group]
        return low + (self.max_lrs[group] - low) * self._height(epoch)

    def _momentum(self, group: int, epoch: int) -> float:
        most = self.max_momentums[group]
        return most - (most - self.base_momentums[group]) * self._height(epoch)


class OneCycleLR(_Cycles):
    """Up from max_lr / div_factor to max_lr in the first `pct_start` of all steps, then down.

    It ends at max_lr / div_factor / final_div_factor; with `three_phase` it first goes down as it
    went up. `total_steps`, or `epochs` times `steps_per_epoch`; "cos" or "linear" between. The
    momentum goes down from max_momentum to base_momentum and up again meanwhile. Call `step()`
    after each batch; DataError after more than total_steps (Smith and Topin 2017).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.OneCycleLR(
    ...     opt, max_lr=1.0, total_steps=5, pct_start=0.5, cycle_momentum=False)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [0.04, 0.76, 0.9045, 0.3455, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85, max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise DataError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
        self.total_steps = check_whole("OneCycleLR: total_steps", total_steps) if (
            total_steps is not None) else check_whole("OneCycleLR: epochs", epochs) * check_whole(
            "OneCycleLR: steps_per_epoch", steps_per_epoch)
        if not is_amount(pct_start) or pct_start > 1:
            raise DataError(f"OneCycleLR: pct_start is between 0 and 1, not {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise DataError("OneCycleLR: anneal_strategy is 'cos' or 'linear', not "
                            f"{anneal_strategy!r}")
        if not (is_amount(div_factor) and is_amount(final_div_factor)
                and div_factor > 0 and final_div_factor > 0):
            raise DataError("OneCycleLR: div_factor and final_div_factor are above 0, not "
                            f"{div_factor!r} and {final_div_factor!r}")
        self.max_lrs = for_each_group("OneCycleLR: max_lr", max_lr, optimizer)
        self.pct_start, self.anneal_strategy = float(pct_start), anneal_strategy
        self.div_factor, self.final_div_factor = float(div_factor), float(final_div_factor)
        self.three_phase = bool(three_phase)
        self._momenta(optimizer, cycle_momentum, base_momentum, max_momentum)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, self.max_lrs):
                group["initial_lr"] = rate / self.div_factor
        super().__init__(optimizer, last_epoch)

    def _phase(self, epoch: int) -> tuple[int, float]:
        """The phase (0 up, 1 down, 2 out), and how much of it is done, 0 to 1."""
        if epoch > self.total_steps:
            raise DataError(f"OneCycleLR: step {epoch}, but total_steps is {self.total_steps}")
        end = self.total_steps - 1
        top = self.pct_start * self.total_steps - 1.0
        ends = [top, 2.0 * top, end] if self.three_phase else [top, end]
        start = 0.0
        for phase, last in enumerate(ends):
            if epoch <= last or phase == len(ends) - 1:
                done = (epoch - start) / (last - start) if last > start else 1.0
                return phase, min(done, 1.0)
            start = last
        raise AssertionError

    def _between(self, start: float, end: float, done: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * done + start
        return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * done))

    def _rate(self, group: int, epoch: int) -> float:
        phase, done = self._phase(epoch)
        most = self.max_lrs[group]
        first = most / self.div_factor
        least = first / self.final_div_factor
        turns = (first, most, first, least) if self.three_phase else (first, most, least)
        return self._between(turns[phase], turns[phase + 1], done)

    def _momentum(self, group: int, epoch: int) -> float:
        phase, done = self._phase(epoch)
        base, most = self.base_momentums[group], self.max_momentums[group]
        turns = (most, base, most, most)
        return self._between(turns[phase], turns[phase + 1], done)
