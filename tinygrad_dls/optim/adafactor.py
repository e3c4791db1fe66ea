"""Adafactor (Shazeer and Stern 2018): second moments of matrices in one row and one column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import DataError
from ..tensors import Tensor
from .one_by_one import OneByOne
from .optimizer import Group, State


class Adafactor(OneByOne):
    """Adam without momentum, whose memory is a row and a column (Shazeer and Stern 2018).

    Of a matrix G of gradients, r and c are moving means of G^2 along its rows and its columns:
    r = r + t^beta2_decay (mean of G^2 - r), t counts the steps. V = r c / mean(r) stands for Adam's
    second moment, n + m numbers for n m; a vector keeps its own. U = G / sqrt(max(V, eps1^2)), and
    w -= a U / max(1, rms(U) / d) with a = max(eps2, rms(w)) min(lr, 1 / sqrt(t)): steps are
    relative to the size of the weights. `eps`: (eps1, eps2), where None is the smallest step of
    the dtype. `weight_decay`: w -= lr weight_decay w, before; `maximize` climbs.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.ones(2, 3))
    >>> opt = optim.Adafactor([w], lr=0.1)
    >>> (w * 7).sum().backward()
    >>> opt.step()
    >>> w.detach()[0]  # a tenth of their size
    Tensor([0.9, 0.9, 0.9])
    >>> opt.state[w]["row_var"].shape, opt.state[w]["col_var"].shape
    ((2, 1), (1, 3))
    """

    keeps = frozenset({"step"})
    may_keep = frozenset({"row_var", "col_var", "variance"})
    adds_decay = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0, weight_decay: float = 0.0,
        *, maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d,
            "weight_decay": weight_decay, "maximize": maximize,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        if not group["d"] >= 1:
            raise DataError(f"Adafactor: d is at least 1, not {group['d']!r}")

    def state_shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        if name == "row_var":
            return (*p.shape[:-1], 1)
        if name == "col_var":
            return (*p.shape[:-2], 1, p.shape[-1])
        return p.shape

    def update_one(self, group: Group, state: State, p: Tensor, g: Any) -> None:
        xp, w, lr = p.device.xp, p._data, float(group["lr"])
        least, relative = group["eps"]
        least = float(np.finfo(p.dtype).eps) if least is None else float(least)
        step = state["step"] = state.get("step", 0) + 1
        share = float(step) ** float(group["beta2_decay"])
        size = max(float(relative), _rms(xp, w)) * min(lr, step**-0.5)
        if group["weight_decay"]:
            w *= 1 - lr * float(group["weight_decay"])
        if g.ndim > 1:
            row = self.array(state, "row_var", p, self.state_shape("row_var", p))
            column = self.array(state, "col_var", p, self.state_shape("col_var", p))
            row += share * ((g * g).mean(axis=-1, keepdims=True) - row)
            column += share * ((g * g).mean(axis=-2, keepdims=True) - column)
            spread = xp.matmul(row, column)
            spread /= xp.maximum(row.mean(axis=-2, keepdims=True), least)
        else:
            spread = self.array(state, "variance", p)
            spread += share * (g * g - spread)
        update = g / xp.sqrt(xp.maximum(spread, least * least))
        w -= (size / max(1.0, _rms(xp, update) / float(group["d"]))) * update


def _rms(xp: Any, array: Any) -> float:
    """The root of the mean of the squares."""
    return float(xp.sqrt((array * array).mean())) if array.size else 0.0
