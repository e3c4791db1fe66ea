"""Base of all schedules: the rates of the groups, and the state in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..._util.arguments import is_amount, is_whole
from ..._util.keywords import NearNames
from ...engine.modes import replayed
from ...errors import DataError
from ..optimizer import Optimizer

RATES = "_last_lr"  # PyTorch's name for the rates of the groups in the state of a schedule


class Schedule(NearNames):
    """Base of all schedules: their rates, and their state in a file."""

    optimizer: Optimizer
    not_kept: ClassVar[frozenset[str]] = frozenset({"optimizer"})

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group now."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the schedule, in plain numbers and lists: no optimizer, no functions.

        The current rates of the groups are part of it, as "_last_lr".
        """
        return self._state()

    def _state(self) -> dict[str, Any]:
        """The same: what a state must have that is to be loaded."""
        own = {n: list(v) if isinstance(v, (list, tuple)) else v for n, v in vars(self).items()
               if n not in self.not_kept}
        return {**own, RATES: self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict()` was taken. All or nothing.

        The groups get the rates of the state, which making the schedule may have changed: load
        the optimizer's state before or after, in either order. PyTorch's states of the schedules
        in decays.py and of CosineAnnealingLR fit.
        """
        self.check_state(state_dict)
        self._adopt(state_dict)

    def _adopt(self, state_dict: Mapping[str, Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, state_dict.get(RATES, ())):
            group["lr"] = float(rate)
        for name in self._state().keys() - {"schedulers", RATES}:
            value = state_dict[name]
            if isinstance(value, Counter):  # PyTorch's milestones
                value = sorted(value.elements())
            setattr(self, name, list(value) if isinstance(value, (list, tuple)) else value)

    def check_state(self, state_dict: Mapping[str, Any]) -> None:
        """DataError unless `state_dict` is that of a schedule of this class."""
        if not isinstance(state_dict, Mapping):
            raise DataError(f"the state of a schedule is a dictionary, not {state_dict!r}")
        known = self._state()
        # PyTorch's own notes begin with an underscore, but for those of schedules inside others.
        strange = [name for name in state_dict if name not in known
                   and (not str(name).startswith("_") or name == "_schedulers")]
        if strange:
            raise DataError(f"{type(self).__name__} has no {strange[0]!r} in its state, but "
                            + ", ".join(known))
        if missing := [name for name in known if name not in state_dict and name != RATES]:
            raise DataError(f"the state lacks {missing[0]!r}: it is of another schedule than "
                            f"{type(self).__name__}")
        for name in ("base_lrs", RATES):
            rates = state_dict.get(name)
            if rates is None:
                continue
            if not isinstance(rates, (list, tuple)) or not all(map(is_amount, rates)):
                raise DataError(f"{name!r} of the state are learning rates, not {rates!r}")
            if len(rates) != len(self.optimizer.param_groups):
                raise DataError(f"the state is of a schedule of {len(rates)} groups, the "
                                f"optimizer has {len(self.optimizer.param_groups)}")


class LRScheduler(Schedule):
    """Base of the schedules: define `rate(base, epoch)`.

    `last_epoch`: the epoch before the first, -1 for a new training. The learning rates that the
    groups have now (or their `initial_lr`, if a schedule ran before) are those of epoch 0. With
    another one the optimizer, loaded before, already has its rates.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> class Halved(optim.lr_scheduler.LRScheduler):
    ...     def rate(self, base, epoch):
    ...         return base / 2**epoch
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = Halved(opt)
    >>> opt.step()
    >>> schedule.step()  # after each epoch
    >>> schedule.get_last_lr()
    [0.5]
    """

    multiplies: ClassVar[bool] = True  # with other schedules of the same optimizer

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        check_whole(f"{type(self).__name__}: last_epoch", last_epoch, -1)
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

    @replayed
    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        self._set([self._next(i, float(group["lr"]))
                   for i, group in enumerate(self._groups())])

    def restart(self) -> None:
        """Begin at epoch 0, with the first rates: its turn has come among others."""
        self.last_epoch = 0
        self._set([self._rate(i, 0) for i, _ in enumerate(self._groups())])

    def _groups(self) -> list[dict[str, Any]]:
        """The optimizer's groups, each with a first rate: those added since too."""
        groups = self.optimizer.param_groups
        for group in groups[len(self.base_lrs):]:
            group.setdefault("initial_lr", group["lr"])
            self.base_lrs.append(float(group["initial_lr"]))
        return groups

    def _set(self, rates: Sequence[float]) -> None:
        for rate in rates:
            if not is_amount(rate):
                raise DataError(f"{type(self).__name__}: the learning rate of epoch "
                                f"{self.last_epoch} would be {rate!r}")
        for group, rate in zip(self.optimizer.param_groups, rates):
            group["lr"] = float(rate)

    def _rate(self, group: int, epoch: int) -> float:
        """The rate of a group at an epoch, were there no other schedule."""
        return self.rate(self.base_lrs[group], epoch)

    def _next(self, group: int, now: float) -> float:
        """The rate of a group at `last_epoch`, where it is `now` at the epoch before."""
        epoch = self.last_epoch
        alone = self._rate(group, epoch)
        if not self.multiplies:
            return alone
        before = self._rate(group, epoch - 1) if epoch > 0 else self.base_lrs[group]
        return alone if now == before else self._onward(group, now, before, alone)

    def _onward(self, group: int, now: float, before: float, alone: float) -> float:
        """The same where others took part: alone it would have gone from `before` to `alone`."""
        return now * (alone / before) if before else now


def check_optimizer(optimizer: Any) -> None:
    """DataError unless it is an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise DataError(f"a schedule takes an optimizer, not a {type(optimizer).__name__}")


def check_whole(what: str, value: Any, least: int = 1) -> int:
    """The number itself; DataError unless it is whole and at least `least`."""
    if not is_whole(value, least):
        raise DataError(f"{what} is at least {least}, a whole number, not {value!r}")
    return int(value)


def for_each_group(what: str, value: Any, optimizer: Optimizer) -> list[float]:
    """One number for each group, of a number for all or a list; DataError for anything else."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
    if len(values) != groups:
        raise DataError(f"{what}: {len(values)} numbers for {groups} groups")
    if bad := [v for v in values if not is_amount(v)]:
        raise DataError(f"{what} is a number of at least 0, or one for each group, not {bad[0]!r}")
    return [float(v) for v in values]
