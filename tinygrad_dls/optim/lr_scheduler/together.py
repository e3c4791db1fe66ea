"""Several schedules of one optimizer: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..._util.arguments import is_whole
from ...engine.modes import replayed
from ...errors import DataError
from ..optimizer import Optimizer
from .base import Schedule, check_optimizer
from .plateau import ReduceLROnPlateau


class _Together(Schedule):
    """A schedule made of others; their states are in its own."""

    not_kept: ClassVar[frozenset[str]] = frozenset({"optimizer", "schedulers"})

    def __init__(self, optimizer: Optimizer | None, schedulers: Sequence[Any]) -> None:
        name = type(self).__name__
        given = list(schedulers)
        if not given:
            raise DataError(f"{name} takes a list of schedules, and there is none in it")
        for i, schedule in enumerate(given):
            if not isinstance(schedule, Schedule):
                raise DataError(f"{name}: number {i} is a {type(schedule).__name__}, no schedule")
            if isinstance(schedule, ReduceLROnPlateau):
                raise DataError(f"{name}: ReduceLROnPlateau needs a figure at each step: call its "
                                "step(figure) yourself")
        self.optimizer = given[0].optimizer if optimizer is None else optimizer
        check_optimizer(self.optimizer)
        if any(schedule.optimizer is not self.optimizer for schedule in given):
            raise DataError(f"{name}: the schedules are of different optimizers")
        self.schedulers = given

    def _state(self) -> dict[str, Any]:
        inside = [schedule.state_dict() for schedule in self.schedulers]
        return {**super()._state(), "schedulers": inside}

    def check_state(self, state_dict: Mapping[str, Any]) -> None:
        super().check_state(state_dict)
        inside = state_dict["schedulers"]
        if len(inside) != len(self.schedulers):
            raise DataError(f"{type(self).__name__} is made of {len(self.schedulers)} schedules, "
                            f"the state of {len(inside)}")
        for schedule, state in zip(self.schedulers, inside):
            schedule.check_state(state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.check_state(state_dict)
        for schedule, state in zip(self.schedulers, state_dict["schedulers"]):
            schedule.load_state_dict(state)
        self._adopt(state_dict)


class SequentialLR(_Together):
    """One schedule after the other: the next takes over, at its epoch 0, at each milestone.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> warm_up = optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=2)
    >>> decay = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> schedule = optim.lr_scheduler.SequentialLR(opt, [warm_up, decay], milestones=[2])
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [0.5, 0.5, 1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[Any], milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer, schedulers)
        whole = all(is_whole(m) for m in milestones)
        if not whole or list(milestones) != sorted(milestones):
            raise DataError(f"SequentialLR: milestones are epochs in order, not {milestones!r}")
        if len(milestones) != len(self.schedulers) - 1:
            raise DataError(f"SequentialLR: {len(self.schedulers)} schedules have "
                            f"{len(self.schedulers) - 1} milestones between them, not "
                            f"{len(milestones)}")
        self.milestones = [int(m) for m in milestones]
        self.last_epoch = last_epoch + 1
        if last_epoch == -1:
            self.restart()

    def restart(self) -> None:
        """Begin at epoch 0, with the first rates."""
        self.last_epoch = 0
        for group in self.optimizer.param_groups:
            group["lr"] = float(group["initial_lr"])
        self.schedulers[bisect_right(self.milestones, 0)].restart()

    @replayed
    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        turn = bisect_right(self.milestones, self.last_epoch)
        if turn and self.milestones[turn - 1] == self.last_epoch:
            self.schedulers[turn].restart()
        else:
            self.schedulers[turn].step()


class ChainedScheduler(_Together):
    """All schedules at once, each a step at each step: their factors multiply.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> warm_up = optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=2)
    >>> decay = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> schedule = optim.lr_scheduler.ChainedScheduler([warm_up, decay])
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None) -> None:
        super().__init__(optimizer, schedulers)

    def restart(self) -> None:
        """Begin at epoch 0."""
        for group in self.optimizer.param_groups:
            group["lr"] = float(group["initial_lr"])
        for schedule in self.schedulers:
            schedule.last_epoch = -1
            schedule.step()

    @replayed
    def step(self) -> None:
        """Go to the next epoch."""
        for schedule in self.schedulers:
            schedule.step()
