"""The training loop: `fit`, and `evaluate` for data that are only looked at."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from contextlib import nullcontext
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from .._util.arguments import is_whole
from .._util.interrupt import Interrupt
from .._util.keywords import near_names
from ..capturing import capture as captured_step
from ..data import DataLoader
from ..engine.modes import no_grad
from ..errors import DataError, DtypeError, ShapeError
from ..nn import Module
from ..optim import Optimizer
from ..optim.lr_scheduler import ReduceLROnPlateau
from ..tensors import Tensor
from .figures import Figures
from .fit_arguments import check_arguments
from .history import History
from .keeper import Keeper
from .progress import Progress
from .ranks import Ranks, SharedKeeper, ranks_for
from .silent_mistakes import warn_before_training, warn_of_batch

Metrics: TypeAlias = Mapping[str, Callable[[Any, Any], Any]]
Callback: TypeAlias = Callable[[int, History], bool | None]

READ_SECONDS = 0.5  # how often a GPU is waited for, to read the losses that wait on it


@near_names
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
    scheduler_steps: str = "epochs",
    average: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int | None = None,
    keep: int = 3,
    resume: bool = True,
    watch: Any = None,
    distributed: bool = False,
) -> History:
    """Train `model` on the batches of `loader`; return its figures, epoch by epoch.

    loader: batches (input, ..., label); a DataLoader, or a list of them.
    loss_fn: loss_fn(output, label) is one number.
    metrics: name -> function(output, label), such as {"accuracy": dls.accuracy}. They and the loss
        are means over the epoch while it trains, and over `validation`, without dropout, after it.
    scheduler: it steps after each epoch, or with `scheduler_steps` "steps" after each step.
    callbacks: each gets (epoch, history) after each epoch, counted from 1; where one returns True
        training ends.
    average: an optim.ExponentialMovingAverage or AveragedModel of the model. It takes in the
        weights after each step, and is what is validated.
    capture: replay the steps, recorded at first (see dls.capture), to the same numbers.
    progress: show a progress bar on standard error.
    checkpoint: a folder for checkpoints, one every `every` steps (None: after each epoch),
        of which the last `keep` stay. If there is one already, training resumes from the newest,
        bit for bit, even in the middle of an epoch; `resume=False` refuses to. A file that is
        damaged or of another training is set aside, and the one before it taken: a line says so.
    watch: "watch.html", a page that shows the training while it goes on (see dls.watch), or a watch
        of your own, which stays open.
    distributed: train with all processes that mpiexec started (see tinygrad_dls.distributed). The
        loader has a `DistributedSampler`, and its batch is that of one of them; figures are means
        over all, the progress bar, the page and the checkpoints are those of rank 0.

    Raises: DataError where the loss is NaN or infinite, with its epoch and step. Every error that
    ends training carries the epochs before it as `error.history`. Ctrl-C ends training after the
    current step: the history has `interrupted` True, the model keeps its weights.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data, nn, optim
    >>> X = dls.linspace(-1.0, 1.0, 32).reshape(-1, 1)
    >>> loader = data.DataLoader(data.TensorDataset(X, 3 * X + 1), batch_size=8, shuffle=True)
    >>> model = nn.Linear(1, 1)
    >>> opt = optim.SGD(model.parameters(), lr=0.5)
    >>> history = dls.fit(model, nn.MSELoss(), opt, loader, epochs=20, progress=False)
    >>> round(model.weight.item(), 2), round(model.bias.item(), 2), history.epochs
    (3.0, 1.0, 20)
    """
    check_arguments(model, loss_fn, opt, loader, epochs, validation, metrics, scheduler,
                    scheduler_steps, average, callbacks)
    warn_before_training(model, loss_fn, opt)
    ranks = ranks_for(distributed, model, opt, loader, overlap=not capture)
    first = ranks is None or ranks.world.rank == 0
    history, epochs = History(), int(epochs)
    was_training, start = model.training, time.perf_counter()
    loop = _Loop(model, loss_fn, opt, loader, metrics or {}, epochs, average,
                 scheduler if scheduler_steps == "steps" else None, bool(capture), ranks)
    shown = loop.watch = _watch(watch if first else None, model, opt)
    keeper: Keeper | SharedKeeper | None = None
    if checkpoint is not None:
        parts = {
            "model": model, "optimizer": opt, "schedule": scheduler, "average": average,
            "loader": loader if isinstance(loader, DataLoader) else None, "history": history,
            "generator": _streams(validation),
        }
        keeper = loop.keeper = Keeper(checkpoint, every, keep, parts) if ranks is None else (
            SharedKeeper(ranks, checkpoint, every, keep, parts, lambda: loop.figures))
        loop.go_on(keeper.resume(resume, loop.check_notes))
    total = epochs * len(loader) if isinstance(loader, Sized) else None
    bar = loop.bar = Progress(total, "training", "steps") if progress and first else None
    if bar is not None:
        bar.done = loop.steps
    try:
        with Interrupt() as stop, bar or nullcontext():
            for epoch in range(history.epochs + 1, epochs + 1):
                figures = loop.epoch(epoch, stop)
                if figures is not None and validation is not None:
                    looked_at = model if average is None else average
                    seen = _look(looked_at, loss_fn, validation, metrics or {},
                                 stop if ranks is None else None, ranks)
                    figures = None if seen is None else figures | {
                        f"validation_{name}": value for name, value in seen.items()}
                if figures is None:
                    history.interrupted = True
                    loop.save_interrupted()
                    break
                history.add(figures)
                if shown is not None:
                    shown.note(**{name: value for name, value in figures.items() if name != "loss"})
                loop.epoch_is_over()
                if bar is not None:
                    bar.update(0, _text(epoch, epochs, figures))
                if scheduler is not None and loop.scheduler is None:
                    if isinstance(scheduler, ReduceLROnPlateau):
                        scheduler.step(figures.get("validation_loss", figures["loss"]))
                    else:
                        scheduler.step()
                answers = [callback(epoch, history) for callback in callbacks]
                enough = any(answers) if ranks is None else ranks.any(any(answers))
                if keeper is not None and (keeper.every is None or epoch == epochs or enough):
                    loop.save()
                if enough:
                    break
    except BaseException as error:  # a second Ctrl-C too
        error.history = history  # type: ignore[attr-defined]
        if shown is not None and shown is not watch:
            shown.close(error)
        raise
    finally:
        if ranks is not None:
            ranks.close()
        model.train(was_training)
        history.seconds = time.perf_counter() - start if keeper is None else keeper.seconds()
    if shown is not None and shown is not watch:
        shown.close(KeyboardInterrupt() if history.interrupted else None)
    if history.interrupted:
        print(f"training was stopped in epoch {history.epochs + 1} of {epochs}; the model keeps "
              "the weights it had then", file=sys.stderr)
    return history


def _watch(given: Any, model: Module, opt: Optimizer) -> Any:
    """The watch that was handed in, or one that writes the page of that name; None: neither."""
    if given is None:
        return None
    from ..viz.watching import watch  # most trainings need no pictures

    return given if isinstance(given, watch) else watch(model, opt, given)


def _streams(validation: Any) -> dict[str, Any]:
    """The generator that validation draws from, if it has one of its own."""
    own = getattr(validation, "generator", None)
    return {} if own is None else {"validation": own}


class _Loop:
    """The steps of a training, and where it is."""

    def __init__(
        self, model: Module, loss_fn: Callable[[Any, Any], Tensor], opt: Optimizer,
        loader: Iterable[Any], metrics: Metrics, epochs: int, average: Any, scheduler: Any,
        captured: bool, ranks: Ranks | None,
    ) -> None:
        self.model, self.loss_fn, self.opt, self.loader = model, loss_fn, opt, loader
        self.metrics, self.epochs, self.average, self.scheduler = (
            metrics, epochs, average, scheduler)
        self.learn = captured_step(self._learn) if captured else None
        self.bar: Progress | None = None
        self.ranks, self.now = ranks, 0  # now: the epoch
        self.stop = self.agreed = Interrupt()  # agreed: that of all ranks
        self.keeper: Keeper | SharedKeeper | None = None
        self.watch: Any = None
        self.steps = 0  # of the whole training
        self.in_epoch = 0  # of the epoch that is not over yet
        self.figures = Figures(["loss", *metrics])
        self.whole = True  # is nothing half done, so that a checkpoint can be written?

    def epoch(self, epoch: int, stop: Interrupt) -> dict[str, float] | None:
        """One pass through the data, or what is left of it; None if Ctrl-C ended it."""
        self.model.train()
        self.stop, self.now = stop, epoch
        if self.ranks is None:
            self.agreed = stop
        batches: Any = self.loader
        if self.in_epoch and not isinstance(self.loader, DataLoader):
            batches = islice(self.loader, self.in_epoch, None)
        last_read = time.perf_counter()
        try:
            for batch in () if self.agreed.asked else batches:
                self.whole = False
                last_read = self._step(batch, epoch, last_read)
                self.whole = True
                if self.keeper is not None and self.keeper.due(self.steps):
                    self.read(epoch)
                    self.save()
                if self.agreed.asked:
                    return None
        except KeyboardInterrupt:  # raised by the loader, or asked for a second time
            self.whole = False
            return None
        if self.ranks is not None:
            self.agreed.asked |= self.ranks.begin_step(epoch, self.in_epoch, False, stop.asked)
        if self.agreed.asked:
            return None
        if not self.in_epoch:
            raise DataError(
                f"the loader gave no batches in epoch {epoch}: "
                + ("it can be gone through once only; pass a DataLoader or a list"
                   if epoch > 1 else "its data set is empty")
            )
        self.read(epoch)
        return self.figures.means() if self.ranks is None else self.ranks.means(self.figures)

    def _step(self, batch: Any, epoch: int, last_read: float) -> float:
        """Learn from one batch; when the figures were last read."""
        inputs, label = _parts(batch)
        if self.ranks is not None:
            self.agreed.asked |= self.ranks.begin_step(
                epoch, self.in_epoch + 1, True, self.stop.asked)
        if not self.steps:
            warn_of_batch(self.model, inputs)
        if self.learn is None:
            loss, output = self._forward(inputs, label)
        else:  # it replays steps on tensors; of an array it could not tell whether it changes
            loss, output = self.learn(*(self._as_tensor(part) for part in batch))
        self.figures.add(len(inputs[0]), [loss, *(f(output, label)
                                                  for f in self.metrics.values())])
        on_host = loss.device.xp is np
        now = time.perf_counter()
        if on_host or now - last_read > READ_SECONDS:
            last_read = now
            bad = self.figures.read()
            if bad is not None and self.ranks is not None:
                self.ranks.tell_loss(bad, True)
            _check(bad, epoch, self.in_epoch + 1, inputs, on_host and self.learn is None)
        if self.ranks is not None:
            self.ranks.tell_loss(self.in_epoch + 1, False)
        if self.learn is None:
            self._update(loss)
        elif self.ranks is not None:
            self.ranks.check_losses(epoch)
        if self.watch is not None:
            self.watch.step(loss)
        if self.average is not None:
            self.average.update_parameters(self.model)
        if self.scheduler is not None:
            self.scheduler.step()
        self.steps += 1
        self.in_epoch += 1
        if self.bar is not None:
            known = _text(epoch, self.epochs, self.figures.means()) if self.figures.steps else None
            self.bar.update(1, known)
        return last_read

    def _as_tensor(self, part: Any) -> Any:
        """A NumPy array of a batch as a tensor, where the model is; all else as it is."""
        if not isinstance(part, (np.ndarray, np.generic)):
            return part
        device = next((p.device for p in self.model.parameters()), None)
        return Tensor(part, device=device)

    def _forward(self, inputs: Sequence[Any], label: Any) -> tuple[Tensor, Any]:
        """The loss and the output for a batch."""
        output = self.model(*inputs)
        return _one_number(self.loss_fn(output, label)), output

    def _update(self, loss: Tensor) -> None:
        """One step of the optimizer down the gradient of the loss."""
        self.opt.zero_grad()
        loss.backward()
        if self.ranks is not None:
            if self.learn is None:
                self.ranks.check_losses(self.now)
            self.ranks.averager.finish()
        self.opt.step()

    def _learn(self, *batch: Any) -> tuple[Tensor, Any]:
        """Both, as one step that can be captured."""
        inputs, label = _parts(batch)
        loss, output = self._forward(inputs, label)
        self._update(loss)
        return loss, output

    def read(self, epoch: int) -> None:
        """Fetch the figures that wait on the device; DataError if one is not a number."""
        _check(self.figures.read(), epoch, self.in_epoch, (), False)

    def epoch_is_over(self) -> None:
        """The next step is the first of another epoch."""
        self.in_epoch, self.figures = 0, Figures(["loss", *self.metrics])

    def save(self) -> None:
        """Write a checkpoint of where it is."""
        if self.keeper is not None:
            self.keeper.save(self.steps, lambda: {
                "steps": self.steps, "in_epoch": self.in_epoch,
                "figures": self.figures.state_dict()})

    def save_interrupted(self) -> None:
        """The same where Ctrl-C ended it, if the last step was finished."""
        if self.whole and self.keeper is not None:
            self.read(0)
            self.save()

    def check_notes(self, notes: Mapping[str, Any]) -> None:
        """DataError unless `save` can have written these notes in a training like this one."""
        if not notes.keys() >= {"steps", "in_epoch", "figures"}:
            raise DataError("the checkpoint was not written by fit, but by save_checkpoint: "
                            "load_checkpoint reads it, and fit takes a folder of its own")
        steps, done = notes["steps"], notes["in_epoch"]
        most = len(self.loader) if isinstance(self.loader, Sized) else steps
        if not is_whole(steps) or not is_whole(done) or not done <= min(steps, most):
            raise DataError(f"the checkpoint is at batch {done!r} of an epoch, of {most!r}, after "
                            f"{steps!r} steps, which cannot be; nothing was changed")
        self.figures.check_state(notes["figures"])

    def go_on(self, notes: Mapping[str, Any] | None) -> None:
        """Be where the notes of a checkpoint say."""
        if notes is not None:
            self.steps, self.in_epoch = int(notes["steps"]), int(notes["in_epoch"])
            self.figures.load_state_dict(notes["figures"])


def _check(bad: int | None, epoch: int, step: int, inputs: Sequence[Any], before: bool) -> None:
    """DataError if the loss of step number `bad` was NaN or infinite."""
    if bad is None:
        return
    causes = ["a learning rate that is too high", "the log or the root of 0 or less",
              "NaN in the data"]
    for i, x in enumerate(inputs):
        if bad == step and before and not np.isfinite(Tensor.numpy(x)).all():
            causes = [f"input {i} of this batch holds NaN or infinity itself"]
    state = "The weights are those from before this step." if before else (
        "The weights took part in this, and are lost.")
    raise DataError(
        f"the loss was NaN or infinite in epoch {epoch}, step {bad}. {state}\n"
        f"Likely causes: {'; '.join(causes)}"
    )


def _look(
    model: Module, loss_fn: Callable[[Any, Any], Tensor], loader: Iterable[Any],
    metrics: Metrics, stop: Interrupt | None, ranks: Ranks | None = None,
) -> dict[str, float] | None:
    """Means over `loader` without training; None if Ctrl-C ended it."""
    if ranks is not None:
        ranks.before_validation()
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
    if not (ranks.any(figures.steps > 0) if ranks is not None else figures.steps):
        raise DataError("the loader gave no batches: there is nothing to evaluate on")
    return figures.means() if ranks is None else ranks.means(figures)


@near_names
def evaluate(
    model: Module, loss_fn: Callable[[Any, Any], Tensor], loader: Iterable[Any],
    metrics: Metrics | None = None,
) -> dict[str, float]:
    """Compute {"loss": ..., each metric: ...}: means over the data of `loader`, in evaluation mode.

    `metrics`: name -> function(output, label). No gradients are recorded, and the modes of the
    modules stay.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data, nn
    >>> model = nn.Linear(4, 2)
    >>> examples = data.TensorDataset(dls.zeros(6, 4), dls.zeros(6, dtype="int64"))
    >>> loader = data.DataLoader(examples, batch_size=4)
    >>> found = dls.evaluate(model, nn.CrossEntropyLoss(), loader, {"accuracy": dls.accuracy})
    >>> sorted(found)
    ['accuracy', 'loss']
    """
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
    """`loss` itself; ShapeError if it is not one number, DtypeError if it is not a tensor."""
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
