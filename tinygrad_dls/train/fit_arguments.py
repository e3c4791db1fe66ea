"""Checks of the arguments of `fit`, made before the first epoch rather than after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._util.arguments import is_whole
from ..data.dataset import Dataset
from ..errors import DataError, DtypeError
from ..nn import Module
from ..optim import Optimizer
from ..optim.swa_utils import AveragedModel


def check_arguments(
    model: Any, loss_fn: Any, opt: Any, loader: Any, epochs: Any, validation: Any, metrics: Any,
    scheduler: Any, scheduler_steps: Any, average: Any, callbacks: Any,
) -> None:
    """DataError or DtypeError for what cannot be trained."""
    if not isinstance(model, Module):
        raise DtypeError(f"fit trains an nn.Module, not a {type(model).__name__}")
    if not isinstance(opt, Optimizer):
        raise DtypeError(f"opt is an optimizer, optim.SGD(model.parameters(), lr=0.1), not {opt!r}")
    if not is_whole(epochs):
        raise DataError(f"epochs is a whole number of at least 0, not {epochs!r}")
    if isinstance(loss_fn, type) or not callable(loss_fn):
        raise DtypeError(f"loss_fn is a function of (output, label), not {loss_fn!r}")
    for name, batches in (("loader", loader), ("validation", validation)):
        if isinstance(batches, Dataset):
            raise DataError(f"{name} gives batches, not examples: DataLoader(data, batch_size=64)")
        if not isinstance(batches, Iterable) and (batches is not None or name == "loader"):
            raise DataError(f"{name} is a DataLoader or a list of batches, not {batches!r}")
    if not isinstance(metrics or {}, Mapping) or not all(map(callable, (metrics or {}).values())):
        raise DtypeError(f'metrics are {{"accuracy": dls.accuracy, ...}}, not {metrics!r}')
    if "loss" in (metrics or {}):
        raise DataError("'loss' is the name of the loss itself: give the metric another")
    if scheduler is not None and not hasattr(scheduler, "step"):
        raise DtypeError(f"scheduler is one of optim.lr_scheduler, not {scheduler!r}")
    if scheduler_steps not in ("epochs", "steps"):
        raise DataError(f"scheduler_steps is 'epochs' or 'steps', not {scheduler_steps!r}")
    if average is not None and not isinstance(average, AveragedModel):
        raise DtypeError("average is an optim.AveragedModel or ExponentialMovingAverage of the "
                         f"model, not {average!r}")
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise DtypeError(f"callbacks is a list of functions of (epoch, history), not {callbacks!r}")
    optimized = {id(p) for group in opt.param_groups for p in group["params"]}
    own = [id(p) for p in model.parameters()]  # none where forward uses what is held elsewhere
    if own and optimized.isdisjoint(own):
        raise DataError(
            "the optimizer has no parameter of this model, which would learn nothing: "
            "make it of model.parameters()"
        )
