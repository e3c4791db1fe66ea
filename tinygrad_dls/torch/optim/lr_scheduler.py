"""torch.optim.lr_scheduler: the core's schedules, whose states are PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import optim
from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from ...errors import DataError
from . import schedule_states

_core = optim.lr_scheduler


class _Schedule:
    """Base of all: its state is one that PyTorch's schedules take, and the other way."""

    _of: type  # the class of the core

    def state_dict(self) -> dict[str, Any]:
        """The state in PyTorch's names."""
        state = super().state_dict()  # type: ignore[misc]
        return schedule_states.theirs(self._of.__name__, state, self)

    def check_state(self, state_dict: Mapping[str, Any]) -> None:
        super().check_state(schedule_states.ours(  # type: ignore[misc]
            self._of.__name__, state_dict, self))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where the state was taken, here or by PyTorch."""
        super().load_state_dict(schedule_states.ours(  # type: ignore[misc]
            self._of.__name__, state_dict, self))


def _made(of: Any) -> Any:
    return type(of.__name__, (_Schedule, of), {
        "__module__": __name__, "__doc__": of.__doc__, "_of": of})


globals().update({
    name: _made(kind) for name, kind in vars(_core).items()
    if isinstance(kind, type) and hasattr(kind, "get_last_lr")
})


class LRScheduler(_Schedule, _core.LRScheduler):
    """Base of schedules; one's own defines `get_lr`, the rates of the groups at `last_epoch`."""

    _of = _core.LRScheduler

    def get_lr(self) -> list[float]:
        """The rates of all groups at `last_epoch`; each class defines its own."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to one of one's choice."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._set(list(map(float, self.get_lr())))


class CosineAnnealingWarmRestarts(_made(_core.CosineAnnealingWarmRestarts)):  # type: ignore[misc]
    """Half cosines from the base rate to `eta_min`, the first one T_0 epochs long.

    `step(epoch)` takes shares of epochs, too: `schedule.step(epoch + batch / batches)`.
    """

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to a part of one."""
        if epoch is None:
            super().step()
        elif epoch < 0:
            raise DataError(f"CosineAnnealingWarmRestarts: epoch is at least 0, not {epoch!r}")
        else:
            self.last_epoch = epoch
            self._set([self.rate(base, epoch) for base in self.base_lrs])


class OneCycleLR(_made(_core.OneCycleLR)):  # type: ignore[misc]
    """Up to max_lr in the first `pct_start` of all steps, then down, as the core's.

    The optimizer's groups have the ends of the rates and momenta, as PyTorch's have.
    """

    def __init__(self, optimizer: Any, *args: Any, **options: Any) -> None:
        super().__init__(optimizer, *args, **options)
        for i, group in enumerate(optimizer.param_groups):
            group["max_lr"] = self.max_lrs[i]
            group["min_lr"] = self.max_lrs[i] / self.div_factor / self.final_div_factor
            if self.cycle_momentum:
                group["max_momentum"] = self.max_momentums[i]
                group["base_momentum"] = self.base_momentums[i]


_LRScheduler = LRScheduler
_answer_wrong_names(globals())
