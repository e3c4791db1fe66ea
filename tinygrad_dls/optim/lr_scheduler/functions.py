"""Schedules by functions of the epoch; functions are not part of the state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..._util.arguments import number
from ...errors import DataError, DtypeError
from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer

Factor = Callable[[int], float]


class _ByFunction(LRScheduler):
    """A function of the epoch for all groups, or one for each."""

    not_kept: ClassVar[frozenset[str]] = frozenset({"optimizer", "lr_lambdas"})

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        check_optimizer(optimizer)
        groups = len(optimizer.param_groups)
        if not callable(lr_lambda) and not (
            isinstance(lr_lambda, (list, tuple)) and all(map(callable, lr_lambda))
        ):
            raise DtypeError(f"{type(self).__name__}: lr_lambda is a function of the epoch, or a "
                             f"list of one for each group, not {lr_lambda!r}")
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise DataError(f"{type(self).__name__}: {len(self.lr_lambdas)} functions for "
                            f"{groups} groups")
        super().__init__(optimizer, last_epoch)

    def _factor(self, group: int, epoch: int) -> float:
        return number(f"{type(self).__name__}: what lr_lambda({epoch}) gives",
                      self.lr_lambdas[group](epoch))

    def _groups(self) -> list[dict[str, Any]]:
        groups = super()._groups()
        if len(groups) > len(self.lr_lambdas):
            raise DataError(f"{type(self).__name__}: {len(self.lr_lambdas)} functions for "
                            f"{len(groups)} groups; make a new schedule after add_param_group")
        return groups


class LambdaLR(_ByFunction):
    """Base rate times `lr_lambda(epoch)`; a list of functions has one for each group.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.LambdaLR(opt, lambda epoch: 1 / (1 + epoch))
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.5, 0.3333, 0.25]
    """

    multiplies = False

    def _rate(self, group: int, epoch: int) -> float:
        return self.base_lrs[group] * self._factor(group, epoch)


class MultiplicativeLR(_ByFunction):
    """Rate so far times `lr_lambda(epoch)`, from epoch 1 on.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> opt = optim.SGD([nn.Parameter(dls.ones(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.MultiplicativeLR(opt, lambda epoch: 0.5)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(round(opt.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.5, 0.25, 0.125]
    """

    def _next(self, group: int, now: float) -> float:
        return now * self._factor(group, self.last_epoch) if self.last_epoch else now

    def restart(self) -> None:
        """Its turn has come: it goes on from the rates that there are."""
        self.last_epoch = 0
        self._set([float(group["lr"]) * self._factor(i, 0)
                   for i, group in enumerate(self._groups())])
