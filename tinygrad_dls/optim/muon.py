"""Muon (Jordan et al. 2024): momentum made orthogonal, for the matrices of a network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import DataError, ShapeError
from ..tensors import Tensor
from .one_by_one import OneByOne
from .optimizer import Group, State


class Muon(OneByOne):
    """Momentum made orthogonal by a Newton-Schulz iteration (Jordan et al. 2024), for matrices.

    m = momentum m + (1 - momentum) g,  u = (1 - momentum) g + momentum m (`nesterov`; else m). With
    the singular values U S V^T of u the step is about U V^T: all directions move alike, also those
    in which the gradient is small. w = (1 - lr weight_decay) w - a U V^T, with
    a = lr sqrt(max(1, rows / columns)), or .2 lr sqrt(max(rows, columns)) with
    adjust_lr_fn="match_rms_adamw", which fits the rate of AdamW.

    U V^T is approached in `ns_steps` of X = a X + (b A + c A^2) X, A = X X^T, from X = u / |u|
    with `ns_coefficients` (a, b, c). PyTorch does so in bfloat16, here it is the dtype of w. Biases
    and embeddings want another optimizer: ShapeError for what is not a matrix.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.zeros(2, 2))
    >>> opt = optim.Muon([w], lr=1.0, weight_decay=0.0)
    >>> (w * dls.tensor([[5.0, 0.0], [0.0, 0.01]])).sum().backward()
    >>> opt.step()
    >>> bool((w.detach().diag() < -0.1).all())  # the small gradient moves its weight, too
    True
    """

    keeps = frozenset({"momentum_buffer"})
    at_least_zero = ("lr", "weight_decay", "momentum", "eps")
    adds_decay = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 0.1,
        momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7, ns_steps: int = 5, adjust_lr_fn: str | None = None,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        })

    def check(self, group: Group) -> None:
        super().check(group)
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise DataError("Muon: adjust_lr_fn is None, 'original' or 'match_rms_adamw', not "
                            f"{group['adjust_lr_fn']!r}")

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        super().add_param_group(group)
        for p in self.param_groups[-1]["params"]:
            if p.ndim != 2:
                raise ShapeError("Muon is for matrices; give the others to AdamW, say. This is\n"
                                 f"  {p.shape}")

    def update_one(self, group: Group, state: State, p: Tensor, g: Any) -> None:
        lr, momentum, w = float(group["lr"]), float(group["momentum"]), p._data
        mean = self.array(state, "momentum_buffer", p)
        mean += (1 - momentum) * (g - mean)
        u = g + momentum * (mean - g) if group["nesterov"] else mean
        rows, columns = p.shape
        factor = math.sqrt(max(1.0, rows / columns))
        if group["adjust_lr_fn"] == "match_rms_adamw":
            factor = 0.2 * math.sqrt(max(rows, columns))
        step = orthogonal(p.device.xp, u, group["ns_coefficients"], group["ns_steps"],
                          float(group["eps"]))
        w *= 1 - lr * float(group["weight_decay"])
        w -= (lr * factor) * step


def orthogonal(xp: Any, u: Any, coefficients: tuple[float, ...], steps: int, eps: float) -> Any:
    """About U V^T of u = U S V^T, whose singular values are moved towards 1."""
    a, b, c = map(float, coefficients)
    tall = u.shape[0] > u.shape[1]
    x = u.T if tall else u  # so that the product of x and its transpose is the smaller one
    x = x / max(float(xp.sqrt((x * x).sum())), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
