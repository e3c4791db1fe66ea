"""Resilient backpropagation (Riedmiller and Braun 1993): a step size for each weight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._util.arguments import is_amount
from ..errors import DataError
from ..tensors import Tensor
from .one_by_one import OneByOne
from .optimizer import Group, State


class Rprop(OneByOne):
    """Steps by the sign of the gradient, each of a size of its own (Riedmiller and Braun 1993).

    The size of a weight's step, lr at first, grows by etas[1] while its gradient keeps its sign,
    and shrinks by etas[0] where it turned; it stays within `step_sizes`. After a turn the weight
    rests for one step. For gradients of the whole training set, not of batches. `maximize` climbs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([1.0]))
    >>> opt = optim.Rprop([w], lr=0.1)
    >>> for _ in range(2):
    ...     opt.zero_grad()
    ...     (w**2).sum().backward()
    ...     opt.step()
    >>> w.detach()  # 1 - 0.1 - 0.12
    Tensor([0.78])
    """

    keeps = frozenset({"step", "prev", "step_size"})
    at_least_zero = ("lr",)

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0), *, maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        shrink, grow = group["etas"]
        if not (is_amount(shrink) and is_amount(grow) and 0 < shrink < 1 < grow):
            raise DataError("Rprop: etas are a factor below 1 and one above it, not "
                            f"{group['etas']!r}")

    def update_one(self, group: Group, state: State, p: Tensor, g: Any) -> None:
        (shrink, grow), (least, most) = group["etas"], group["step_sizes"]
        xp = p.device.xp
        state["step"] = state.get("step", 0) + 1
        before = self.array(state, "prev", p)
        size = self.array(state, "step_size", p, start=float(group["lr"]))
        agreement = g * before
        size *= xp.where(agreement > 0, grow, xp.where(agreement < 0, shrink, 1.0)).astype(p.dtype)
        xp.clip(size, least, most, out=size)
        before[...] = xp.where(agreement < 0, 0, g)
        w = p._data
        w -= xp.sign(before) * size
