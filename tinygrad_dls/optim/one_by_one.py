"""Base of the optimizers whose step is a few array operations, one parameter after another."""

from __future__ import annotations

from typing import Any

from ..engine.autograd import as_tensor
from ..engine.versions import mark_write
from ..tensors import Tensor
from .optimizer import Group, Optimizer, State


class OneByOne(Optimizer):
    """An optimizer that defines `update_one(group, state, w, g)`, on plain arrays.

    Kernels would be faster; these optimizers are not used often enough to have any.
    """

    def _step_group(self, group: Group, place: str) -> None:
        for p in group["params"]:
            if p._grad is None:
                continue
            state = self.state.setdefault(p, {})
            g = -p._grad._data if group.get("maximize") else p._grad._data
            if group.get("weight_decay") and self.adds_decay:
                g = g + float(group["weight_decay"]) * p._data
            self.update_one(group, state, p, g)
            mark_write(p._data, place)

    adds_decay = True  # weight_decay * w is added to the gradient

    def update_one(self, group: Group, state: State, p: Tensor, g: Any) -> None:
        """One step of the parameter p, whose array p._data is written to, by its gradient g."""
        raise NotImplementedError(f"{type(self).__name__} does not define update_one()")

    def array(self, state: State, name: str, p: Tensor, shape: Any = None, start: float = 0) -> Any:
        """An array of the state, filled with `start` at first; it comes along where p is moved."""
        value = state.get(name)
        if value is None:
            lengths = p.shape if shape is None else shape
            made = p.device.xp.full(lengths, start, dtype=p.dtype)
            value = state[name] = as_tensor(made, p.device)
        elif value.device is not p.device or value.dtype != p.dtype:
            value = state[name] = value.to(p.device).astype(p.dtype)
        return value._data
