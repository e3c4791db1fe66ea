"""Mistakes that train without an error, and worse than they could: `fit` names those it sees."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import nn
from .._util.callers import users_frame, warn_at
from ..nn import functional as F
from ..optim import Optimizer
from ..tensors import Tensor

TWICE = {  # of the last layer, for each loss that takes logits: it computes the same itself
    nn.CrossEntropyLoss: (nn.Softmax, nn.Sigmoid),
    nn.BCEWithLogitsLoss: (nn.Sigmoid, nn.Softmax),
}
FUNCTIONS = {
    F.cross_entropy: nn.CrossEntropyLoss,
    F.binary_cross_entropy_with_logits: nn.BCEWithLogitsLoss,
}


def warn_before_training(model: nn.Module, loss_fn: Any, opt: Optimizer) -> None:
    """Warn of a last layer that the loss computes again, and of parameters left out."""
    last = _last_layer(model)
    if isinstance(last, TWICE.get(_loss(loss_fn), ())):
        _warn(f"the model ends in {type(last).__name__}, and the loss takes logits: it computes "
              f"that itself, and learns little from its outputs. Leave the {type(last).__name__} "
              "out of the model")
    left = left_out(model, opt)
    if left:
        more = f" and {len(left) - 4} more" if len(left) > 4 else ""
        _warn(f"the optimizer does not have {', '.join(left[:4])}{more}, which will stay as they "
              "are: was a layer replaced after it was made? Freeze what is meant to stay: "
              "p.requires_grad_(False)")


def left_out(model: nn.Module, opt: Optimizer) -> list[str]:
    """Names of the parameters that require a gradient and that the optimizer does not have."""
    optimized = {id(p) for group in opt.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters()
            if p.requires_grad and id(p) not in optimized]


def warn_of_batch(model: nn.Module, inputs: Sequence[Any]) -> None:
    """Warn of a float64 batch that makes each step of a float32 model one in float64."""
    narrow = all(p.dtype == np.float32 for p in model.parameters())
    wide = [x for x in inputs if isinstance(x, Tensor) and x.dtype == np.float64]
    if wide and narrow and any(True for _ in model.parameters()):
        _warn("the batches are float64 and the model is float32: each step is computed in float64, "
              'which takes longer. Write X.astype("float32")')


def _warn(message: str) -> None:
    """Warn at the line of the user's that called `fit`, however deep in it we are."""
    warn_at(users_frame(sys._getframe(1)), message, UserWarning)


def _loss(loss_fn: Any) -> Any:
    """The class of a loss, or that of the same name as a function."""
    if isinstance(loss_fn, nn.Module):
        return type(loss_fn)
    return FUNCTIONS.get(loss_fn)


def _last_layer(model: nn.Module) -> nn.Module | None:
    """The layer that makes the output, where a Sequential says which."""
    while isinstance(model, nn.Sequential):
        layers = list(model.children())
        if not layers:
            return None
        model = layers[-1]
    return model
