"""The training loop: `fit`, and `evaluate` for data that are only looked at."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from contextlib import nullcontext
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from ..arguments import is_whole
from ..data.dataset import Dataset
from ..device import Device
from ..errors import DataError, DtypeError, Error, ShapeError
from ..modes import no_grad
from ..nn import Module
from ..optim import Optimizer
from ..optim.lr_scheduler import ReduceLROnPlateau
from ..tensors import Tensor
from .history import History
from .interrupt import Interrupt
from .progress import Progress

Metrics: TypeAlias = Mapping[str, Callable[[Any, Any], Any]]
Callback: TypeAlias = Callable[[int, History], bool | None]

READ_SECONDS = 0.5  # how often a GPU is waited for, to read the losses that wait on it


class Figures:
    """Running means of the loss and the metrics, weighed by the sizes of the batches.

    On a GPU the numbers of each step stay there until `read`, which fetches all at once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.sums = np.zeros(len(names))
        self.examples = 0
        self.steps = 0  # read so far
        self._waiting: list[tuple[int, list[Any]]] = []

    def add(self, examples: int, values: Sequence[Any]) -> None:
        """The figures of one batch: tensors of one number, or numbers."""
        for name, v in zip(self.names, values):
            if not isinstance(v, Real) and not (isinstance(v, Tensor) and v.size == 1):
                what = v.shape if isinstance(v, Tensor) else type(v).__name__
                raise ShapeError(f"the metric {name!r} gives one number for a batch, not {what}")
        self._waiting.append((examples, [v.detach() if isinstance(v, Tensor) else v
                                         for v in values]))

    def read(self) -> int | None:
        """Bring the means up to date; the step (from 1) whose loss was no number, if any."""
        bad = None
        for row, (examples, _) in zip(_to_host([v for _, v in self._waiting]), self._waiting):
            self.steps += 1
            if bad is None and not math.isfinite(row[0]):
                bad = self.steps
            self.sums += examples * np.asarray(row)
            self.examples += examples
        self._waiting.clear()
        return bad

    def means(self) -> dict[str, float]:
        """name -> mean over all examples so far."""
        return dict(zip(self.names, (self.sums / max(self.examples, 1)).tolist()))


def _to_host(rows: list[list[Any]]) -> list[list[float]]:
    """The numbers of all steps on the host, with one transfer for each device."""
    waiting: dict[Any, list[Any]] = {}
    for value in (value for row in rows for value in row):
        if isinstance(value, Tensor):
            waiting.setdefault(value.device, []).append(value._data.reshape(()))
    read = {device: iter(_numbers(device, arrays)) for device, arrays in waiting.items()}
    return [[next(read[v.device]) if isinstance(v, Tensor) else float(v) for v in row]
            for row in rows]


def _numbers(device: Device, arrays: list[Any]) -> list[float]:
    """The numbers in arrays of shape ()."""
    if device.xp is np:
        return [float(array) for array in arrays]
    stacked = device.xp.stack([array.astype("float64") for array in arrays])
    numbers: list[float] = device.to_host(stacked).tolist()
    return numbers


def fit(
    model: Module,
    loss_fn: Callable[[Any, Any], Tensor],
    opt: Optimizer,
    loader: Iterable[Any],
    epochs: int = 1,
    validation: Iterable[Any] | None = None,
    metrics: Metrics | None = None,
    capture: bool = False,
    scheduler: Any = None,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train `model` on the batches (input, ..., label) of `loader`; returns its figures.

    loss_fn(output, label) is one number. `metrics`: name -> function(output, label), such as
    {"accuracy": dls.accuracy}; they and the loss are means over the epoch while it trains, and
    over `validation`, without dropout, after it. `scheduler` steps after each epoch. A callback
    gets (epoch, history) after each epoch, counted from 1; where it returns True training ends.

    DataError where the loss is NaN or infinite, with its epoch and step. Ctrl-C ends training
    after the current step: the history has `interrupted` True, the model keeps its weights.
    What an error ended is not lost either: `error.history` has the epochs before it.
    """
    if capture:
        raise Error(
            "capture=True needs dls.capture, which this version does not have: leave it out"
        )
    _check_arguments(model, loss_fn, opt, loader, epochs, validation, metrics, scheduler, callbacks)
    history, epochs = History(), int(epochs)
    was_training, start = model.training, time.perf_counter()
    total = epochs * len(loader) if isinstance(loader, Sized) else None
    bar = Progress(total, "training", "steps") if progress else None
    try:
        with Interrupt() as stop, bar or nullcontext():
            for epoch in range(1, epochs + 1):
                figures = _epoch(model, loss_fn, opt, loader, metrics or {}, epoch, epochs, bar,
                                 stop)
                if figures is not None and validation is not None:
                    seen = _look(model, loss_fn, validation, metrics or {}, stop)
                    figures = None if seen is None else figures | {
                        f"validation_{name}": value for name, value in seen.items()}
                if figures is None:
                    history.interrupted = True
                    break
                history.add(figures)
                if bar is not None:
                    bar.update(0, _text(epoch, epochs, figures))
                if isinstance(scheduler, ReduceLROnPlateau):
                    scheduler.step(figures.get("validation_loss", figures["loss"]))
                elif scheduler is not None:
                    scheduler.step()
                enough = [callback(epoch, history) for callback in callbacks]
                if any(enough):
                    break
    except BaseException as error:  # a second Ctrl-C too
        error.history = history  # type: ignore[attr-defined]
        raise
    finally:
        model.train(was_training)
        history.seconds = time.perf_counter() - start
    if history.interrupted:
        print(f"training was stopped in epoch {history.epochs + 1} of {epochs}; the model keeps "
              "the weights it had then", file=sys.stderr)
    return history


def _check_arguments(
    model: Any, loss_fn: Any, opt: Any, loader: Any, epochs: Any, validation: Any, metrics: Any,
    scheduler: Any, callbacks: Any,
) -> None:
    """Say what is wrong before the first epoch, not after it."""
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
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise DtypeError(f"callbacks is a list of functions of (epoch, history), not {callbacks!r}")
    optimized = {id(p) for group in opt.param_groups for p in group["params"]}
    own = [id(p) for p in model.parameters()]  # none where forward uses what is held elsewhere
    if own and optimized.isdisjoint(own):
        raise DataError(
            "the optimizer has no parameter of this model, which would learn nothing: "
            "make it of model.parameters()"
        )


def _epoch(
    model: Module, loss_fn: Callable[[Any, Any], Tensor], opt: Optimizer, loader: Iterable[Any],
    metrics: Metrics, epoch: int, epochs: int, bar: Progress | None, stop: Interrupt,
) -> dict[str, float] | None:
    """One pass through the data; its figures, or None if Ctrl-C ended it."""
    model.train()
    figures = Figures(["loss", *metrics])
    last_read = time.perf_counter()
    step = 0
    try:
        for step, batch in enumerate(loader, 1):
            if stop.asked:
                return None
            inputs, label = _parts(batch)
            output = model(*inputs)
            loss = _one_number(loss_fn(output, label))
            figures.add(len(inputs[0]), [loss, *(f(output, label) for f in metrics.values())])
            on_host = loss.device.xp is np
            now = time.perf_counter()
            if on_host or now - last_read > READ_SECONDS:
                last_read = now
                _check(figures.read(), epoch, step, inputs, on_host)
            opt.zero_grad()
            loss.backward()
            opt.step()
            if bar is not None:
                bar.update(1, _text(epoch, epochs, figures.means()) if figures.steps else None)
    except KeyboardInterrupt:  # raised by the loader, or asked for a second time
        return None
    if not step:
        raise DataError(
            f"the loader gave no batches in epoch {epoch}: "
            + ("it can be gone through once only; pass a DataLoader or a list"
               if epoch > 1 else "its data set is empty")
        )
    _check(figures.read(), epoch, step, (), False)
    return None if stop.asked else figures.means()


def _check(bad: int | None, epoch: int, step: int, inputs: Sequence[Any], before: bool) -> None:
    """DataError if the loss of step number `bad` was NaN or infinite."""
    if bad is None:
        return
    causes = ["a learning rate that is too high", "the log or the root of 0 or less",
              "NaN in the data"]
    for i, x in enumerate(inputs):
        if bad == step and before and not np.isfinite(x.numpy()).all():
            causes = [f"input {i} of this batch holds NaN or infinity itself"]
    state = "The weights are those from before this step." if before else (
        "The weights took part in this, and are lost.")
    raise DataError(
        f"the loss was NaN or infinite in epoch {epoch}, step {bad}. {state}\n"
        f"Likely causes: {'; '.join(causes)}"
    )


def _look(
    model: Module, loss_fn: Callable[[Any, Any], Tensor], loader: Iterable[Any],
    metrics: Metrics, stop: Interrupt | None,
) -> dict[str, float] | None:
    """Means over `loader` without training; None if Ctrl-C ended it."""
    figures = Figures(["loss", *metrics])
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            for batch in loader:
                if stop is not None and stop.asked:
                    return None
                inputs, label = _parts(batch)
                output = model(*inputs)
                loss = _one_number(loss_fn(output, label))
                figures.add(len(inputs[0]), [loss, *(f(output, label) for f in metrics.values())])
        figures.read()
    finally:
        for module, training in modes:
            module.training = training
    if not figures.steps:
        raise DataError("the loader gave no batches: there is nothing to evaluate on")
    return figures.means()


def evaluate(
    model: Module, loss_fn: Callable[[Any, Any], Tensor], loader: Iterable[Any],
    metrics: Metrics | None = None,
) -> dict[str, float]:
    """{"loss": ..., each metric: ...}, means over the data of `loader`, in evaluation mode."""
    found = _look(model, loss_fn, loader, metrics or {}, None)
    assert found is not None  # only Ctrl-C in `fit` ends it early
    return found


def _parts(batch: Any) -> tuple[Sequence[Any], Any]:
    """The inputs of a batch, and its label."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise DataError(
            "a batch is (input, ..., label), as TensorDataset(X, Y) makes them, not "
            + (f"a {type(batch).__name__}" if not isinstance(batch, (tuple, list))
               else f"{len(batch)} part")
        )
    return batch[:-1], batch[-1]


def _one_number(loss: Tensor) -> Tensor:
    """`loss` itself; ShapeError if it is not one number, DtypeError if it is no tensor."""
    if not isinstance(loss, Tensor):
        raise DtypeError(
            f"loss_fn gives a tensor, not a {type(loss).__name__}: not float(loss) or loss.item()"
        )
    if loss.size != 1:
        raise ShapeError(
            f"loss_fn gives one number for a batch, not\n  {loss.shape}\nTake the mean or the sum"
        )
    return loss


def _text(epoch: int, epochs: int, figures: Mapping[str, float]) -> str:
    shown = [f"{name} {value:.4g}" for name, value in figures.items()]
    return ", ".join([f"epoch {epoch}/{epochs}", *shown])
