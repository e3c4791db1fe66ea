"""watch: a page that shows a training while it goes on."""

import atexit
import os
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.atomic_files import check_parent, write_whole
from .._util.handles import Handle
from .._util.keywords import near_names
from ..engine.autograd import TensorBase
from ..engine.collector import Collector
from ..engine.modes import mode, traces
from ..errors import DataError, DtypeError, Error, FormatError, GraphError, ShapeError
from ..nn import Module
from ..optim import Optimizer
from ..tensors import Tensor
from .framed import Frame
from .layers import LayerLog, layer_logs
from .samples import Curve
from .watch_page import State, write_watch_page

SHARE = 0.04  # of the time of a training that looking at it may take,
WRITING = 0.02  # and writing its page
WAIT = 2.0  # seconds between two pages, at least
ALWAYS = 3  # samples that are taken whatever they cost


class watch:
    """Write a page that shows a training while it goes on, and reads itself again.

        with dls.watch(model, optimizer, "watch.html") as w:
            for xb, yb in loader:
                loss = F.cross_entropy(model(xb), yb)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                w.step(loss)

    Open the file in a browser: it has the curve of the loss and, for each layer, histograms of its
    outputs and of the gradients of its parameters over time, the size of updates beside that of the
    weights, and units that give nothing but 0. One file, without a network.

    Every `every`-th step is looked at, fewer where that would take more than a twentieth of the
    time; of large arrays 4096 elements. What is kept does not grow: older points are thinned out.
    Steps of `dls.capture` are run as they are when they are looked at. `dls.fit(..., watch=...)`
    does all of this by itself. FormatError or DataError where the file cannot be written.

    >>> from tinygrad_dls import nn, optim
    >>> model = nn.Linear(2, 1)
    >>> opt = optim.SGD(model.parameters(), lr=0.1)
    >>> with dls.watch(model, opt, path="watch.html") as watched:
    ...     loss = model(dls.ones(4, 2)).mean()
    ...     loss.backward()
    ...     opt.step()
    ...     watched.step(loss)
    """

    @near_names
    def __init__(
        self, model: Module, optimizer: Optimizer, path: str | os.PathLike[str] = "watch.html",
        every: int = 20,
    ) -> None:
        if not isinstance(model, Module):
            raise DtypeError(f"watch takes an nn.Module, not a {type(model).__name__}")
        if not isinstance(optimizer, Optimizer):
            raise DtypeError("watch takes the model and its optimizer, "
                             f"not a {type(optimizer).__name__}")
        if not is_whole(every, 1):
            raise DataError(f"every is a whole number of at least 1, not {every!r}")
        try:
            self.path = Path(path)
        except TypeError as error:
            raise DtypeError(f"the path of a page is a string or a Path, not {path!r}") from error
        if self.path.suffix.lower() not in (".html", ".htm"):
            raise FormatError(f"{self.path.name!r}: watch writes a page: call it "
                              f"{self.path.stem or 'watch'}.html")
        check_parent(self.path)
        self.model, self.every = model, int(every)
        self.loss = Curve()
        self.figures: dict[str, list[tuple[int, float]]] = {}
        optimized = {id(p) for group in optimizer.param_groups for p in group["params"]}
        self.layers = layer_logs(model, optimized)
        self.steps = self.samples = self.put_off = 0
        self.state: State = "training"
        self.error = ""
        self._handles: list[Handle] = []
        self._listener: _Listener | None = None
        self._start = self._last_step = time.perf_counter()
        self._usual: float | None = None  # seconds of a step that is not looked at
        self._spent = self._spent_writing = 0.0
        self._next, self._last_page, self._unwritten = 1, 0.0, 0
        self._write()
        self._arm()
        atexit.register(self.close)

    # --- in the loop -----------------------------------------------------------------------------

    def step(self, loss: Any = None) -> None:
        """Say that a step of training is over; call it after `optimizer.step()`.

        loss: of this step, a number or a tensor of one.
        """
        if mode.recorder is not None:
            raise GraphError("watch.step() was called inside of a step that is being captured, "
                             "which would replay without it: call it after the captured step")
        if self.state != "training":
            raise GraphError("this watch was closed: make another one")
        value = self._value(loss)
        begin = time.perf_counter()
        self.steps += 1
        interval, looked = begin - self._last_step, self._listener is not None
        if value is not None:
            self.loss.add(self.steps, value)
        if looked:
            self._take()
            more = interval - self._usual if self._usual is not None else 0.0
            more = min(max(more, 0.0), 3 * (self._usual or 0.0))  # not what lies between steps
            self._spent += time.perf_counter() - begin + more
            self._next = self.steps + self.every
        elif self._usual is None:
            self._usual = interval
        else:
            self._usual += (interval - self._usual) / 10
        self._write_if_due()
        if self.steps + 1 >= self._next:
            self._arm_if_cheap()
        self._last_step = time.perf_counter()

    def note(self, /, **figures: float) -> None:
        """Add figures of this moment to the page: `w.note(validation_loss=0.31)`."""
        for name, value in figures.items():
            self.figures.setdefault(name, []).append((self.steps, _number(name, value)))
            if len(self.figures[name]) > 200:
                del self.figures[name][1:-1:2]
        self._write_if_due()

    def close(self, error: BaseException | None = None) -> None:
        """Write the page a last time and take all hooks off; what it shows stays."""
        if self.state != "training":
            return
        self._disarm()
        atexit.unregister(self.close)
        self.state = "finished"
        if isinstance(error, KeyboardInterrupt):
            self.state = "stopped"
        elif error is not None:
            self.state, self.error = "failed", f"{type(error).__name__}: {error}"
        if not self._write():
            warnings.warn(f"the last page of watch could not be written to {self.path}",
                          stacklevel=2)
        if not self.steps and error is None:
            warnings.warn("watch saw no step: call its step(loss) after optimizer.step()",
                          stacklevel=2)

    def __enter__(self) -> "watch":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 where: TracebackType | None) -> None:
        self.close(error)

    # --- looking ---------------------------------------------------------------------------------

    def _value(self, loss: Any) -> float | None:
        """The loss as a number; None where it is on a GPU that nobody waits for now."""
        if isinstance(loss, Tensor):
            if loss.size != 1:
                raise ShapeError(f"watch.step() takes the loss, one number, not\n  {loss.shape}")
            if loss.device.xp is not np and self._listener is None:
                return None
        return None if loss is None else _number("the loss", loss)

    def _arm_if_cheap(self) -> None:
        elapsed = time.perf_counter() - self._start
        cost = self._spent / self.samples if self.samples else 0.0
        if self.samples < ALWAYS or self._spent + cost <= SHARE * elapsed:
            self._arm()
        elif self.steps + 1 == self._next:
            self.put_off += 1

    def _arm(self) -> None:
        """Look at the next step. A captured step runs as it is while a trace is on."""
        if mode.trace is not None or mode.recorder is not None:
            return  # somebody else's: the next one will do
        for log in self.layers:
            log.before()
            if log.module is not None:
                self._handles.append(log.module.register_forward_hook(self._hook(log)))
        self._listener = _Listener(self)
        self._listener.begin(mode.trace)
        mode.trace = self._listener
        traces.active += 1

    def _disarm(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self._listener is not None:
            traces.active -= 1
            mode.trace = self._listener.end(mode.trace)
            self._listener = None

    def _hook(self, log: LayerLog) -> Any:
        def seen(module: Module, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output
            if mode.grad and module.training and isinstance(first, TensorBase):
                log.output = first
        return seen

    def _take(self) -> None:
        """Make histograms of what the step left behind."""
        assert self._listener is not None
        found = self._listener.activations
        self._disarm()
        for name, output in found.items():
            log = next((log for log in self.layers if log.name == name), None)
            if log is None:
                log = LayerLog(name, "ReLU, a function", None)
                source = name.partition(".relu")[0]
                place = [x.name == source for x in self.layers]
                self.layers.insert(place.index(True) + 1 if any(place) else len(place), log)
            log.output = output
        for log in self.layers:
            log.after(self.steps)
        self.samples += 1
        with_gradients = [log for log in self.layers if log.wants_gradients]
        if self.samples == 1 and with_gradients and not any(x.had_gradient for x in with_gradients):
            warnings.warn("watch saw no gradient: call its step(loss) after optimizer.step() and "
                          "before zero_grad()", stacklevel=4)

    # --- the page --------------------------------------------------------------------------------

    def _write_if_due(self) -> None:
        now = time.perf_counter()
        wait = max(WAIT, self._spent_writing / WRITING - (now - self._start))
        if now - self._last_page >= wait:
            self._write()

    def _write(self) -> bool:
        """Write the page; a reader that is in the way does not end the training."""
        begin = time.perf_counter()
        try:
            write_whole(self.path, write_watch_page(self))
        except Error:
            if not self._last_page:
                raise
            self._unwritten += 1
            return False
        finally:
            self._last_page = time.perf_counter()
            self._spent_writing += self._last_page - begin
        return True

    def to_html(self) -> str:
        """The page as it is now, which does not read itself again."""
        return write_watch_page(self, refresh=False)

    def _repr_html_(self) -> str:
        name = type(self.model).__name__
        return Frame(self.to_html(), f"training of {name}")._repr_html_()

    def __repr__(self) -> str:
        return (f"<watch: {self.state}, {self.steps} steps, {self.samples} looked at, "
                f"{self.path}>")


class _Listener(Collector):
    """Hears of what runs in the step that is looked at; keeps the outputs of functional ReLUs."""

    def __init__(self, owner: watch) -> None:
        super().__init__()
        self.owner = owner
        self.activations: dict[str, Any] = {}

    def operation(
        self, node: Any, inputs: Any, arrays: Any, made: Any, began: float | None = None
    ) -> None:
        if node.op.name != "relu" or not mode.grad:
            return
        if self.calls and type(self.calls[-1][1]).__name__ == "ReLU":
            return  # a layer of its own
        source = next((log.name for log in self.owner.layers
                       if log.output is not None and log.output._data is arrays[0]), "")
        first = name = f"{source}.relu" if source else "relu"
        number = 1
        while name in self.activations:
            number += 1
            name = f"{first} ({number})"
        if len(self.activations) < 40:
            self.activations[name] = _Output(made[0], inputs[0].device)

    def enter(self, module: Any, start: int) -> None:
        if module is self.owner.model and not module.training:
            self.owner._disarm()  # an evaluation: it is left alone
        super().enter(module, start)

    def before_write(self, array: Any) -> None:
        return None

    def after_write(self, maker: Any, node: Any, inputs: Any, arrays: Any) -> None:
        pass

    def moved(self, result: Any, array: Any) -> None:
        pass

    def failed(self, op: Any, operands: Any, error: Exception) -> None:
        pass

    def take(self, inner: Collector) -> None:
        pass


class _Output:
    """An array and where it is, like a tensor."""

    def __init__(self, data: Any, device: Any) -> None:
        self._data, self.device = data, device


def _number(what: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise DtypeError(f"{what} is a number or a tensor of one, not {value!r}") from error
