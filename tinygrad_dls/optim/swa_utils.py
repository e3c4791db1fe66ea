"""Averages of a model's weights over its training: often better than the last weights.

    average = optim.ExponentialMovingAverage(model, decay=0.999)
    for xb, yb in loader:
        ...
        opt.step()
        average.update_parameters(model)
    average.eval()(x)

Equal weights: stochastic weight averaging (Izmailov et al. 2018); weights that fade: Polyak
and Juditsky 1992. `dls.fit(..., average=average)` does the updates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from .._util.arguments import is_amount
from ..backend.device import Device
from ..engine.modes import no_grad, replayed
from ..engine.versions import mark_write
from ..errors import DataError, DtypeError, ShapeError
from ..nn import Module
from ..tensors import Tensor

Average = Callable[[Tensor, Tensor, int], Tensor]
AverageOfAll = Callable[[list[Tensor], list[Tensor], int], None]


class AveragedModel(Module):
    """A copy of `model`, in `.module`, whose weights are the average of those it is shown.

    `update_parameters(model)` takes the weights in: the first time as they are, then by
    avg_fn(average, new, number of averaged) -> average, or by multi_avg_fn(averages, news, number)
    in place; without either, all count the same (Izmailov et al. 2018). Float buffers are averaged
    too with `use_buffers`, else copied; buffers of whole numbers are always copied.

    >>> from tinygrad_dls import nn, optim
    >>> model = nn.Linear(1, 1, bias=False)
    >>> average = optim.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = nn.init.constant_(model.weight, value)
    ...     average.update_parameters(model)
    >>> average.module.weight.tolist()
    [[3.0]]
    """

    def __init__(
        self, model: Module, device: str | Device | None = None, avg_fn: Average | None = None,
        multi_avg_fn: AverageOfAll | None = None, use_buffers: bool = False,
    ) -> None:
        if not isinstance(model, Module):
            raise DtypeError(f"AveragedModel takes an nn.Module, not a {type(model).__name__}")
        if avg_fn is not None and multi_avg_fn is not None:
            raise DataError("AveragedModel takes avg_fn or multi_avg_fn, not both")
        self.module = deepcopy(model)
        if device is not None:
            self.module.to(device)
        self.register_buffer("n_averaged", Tensor(0, device="cpu"))
        self._count, self._version = 0, self.n_averaged.version
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    n_averaged: Tensor  # how many models were averaged, shape ()

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return self.module(*inputs, **options)

    @replayed
    def update_parameters(self, model: Module) -> None:
        """Take the weights of `model` as they are now into the average."""
        mine, theirs = list(self.module.parameters()), list(model.parameters())
        if [p.shape for p in mine] != [p.shape for p in theirs]:
            raise ShapeError("update_parameters: the model has other parameters than the one that "
                             "the average was made of")
        copied = []
        for a, b in zip(self.module.buffers(), model.buffers()):
            if self.use_buffers and a.dtype.kind == "f":
                mine.append(a)  # type: ignore[arg-type]
                theirs.append(b)  # type: ignore[arg-type]
            else:
                copied.append((a, b))
        count = self._counted()
        with no_grad():
            if count == 0:
                copied += zip(mine, theirs)
            else:
                values = [b.detach().to(a.device) for a, b in zip(mine, theirs)]
                if self.avg_fn is not None:
                    copied += [(a, self.avg_fn(a.detach(), b, count))
                               for a, b in zip(mine, values)]
                else:
                    (self.multi_avg_fn or get_swa_multi_avg_fn())(list(mine), values, count)
            for a, b in copied:
                a.copy_(b)
            self.n_averaged += 1
        self._count, self._version = count + 1, self.n_averaged.version

    def _counted(self) -> int:
        """Return the number of averaged models; read from the buffer only after a file was loaded
        into it.
        """
        if self.n_averaged.version != self._version:
            self._count, self._version = int(self.n_averaged), self.n_averaged.version
        return self._count


class ExponentialMovingAverage(AveragedModel):
    """AveragedModel whose average is decay * average + (1 - decay) * new.

    >>> from tinygrad_dls import nn, optim
    >>> model = nn.Linear(1, 1, bias=False)
    >>> average = optim.ExponentialMovingAverage(model, decay=0.75)
    >>> for value in (0.0, 4.0):
    ...     _ = nn.init.constant_(model.weight, value)
    ...     average.update_parameters(model)
    >>> average.module.weight.tolist()
    [[1.0]]
    """

    def __init__(
        self, model: Module, decay: float = 0.999, device: str | Device | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__(model, device, multi_avg_fn=get_ema_multi_avg_fn(decay),
                         use_buffers=use_buffers)
        self.decay = decay

    def extra_repr(self) -> str:
        return f"decay={self.decay:g}"


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Make the avg_fn of the exponential moving average: decay * average + (1 - decay) * new.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import optim
    >>> optim.swa_utils.get_ema_avg_fn(0.75)(dls.tensor(0.0), dls.tensor(4.0), 1)
    Tensor(1.)
    """
    share = 1.0 - _checked(decay)
    return lambda average, new, count: average + (new - average) * share


def get_swa_avg_fn() -> Average:
    """Make the avg_fn of the plain average of all models.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import optim
    >>> optim.swa_utils.get_swa_avg_fn()(dls.tensor(1.0), dls.tensor(4.0), 2)
    Tensor(2.)
    """
    return lambda average, new, count: average + (new - average) / (count + 1)


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageOfAll:
    """Make the multi_avg_fn of the exponential moving average, in place.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import optim
    >>> averages = [dls.tensor([0.0])]
    >>> optim.swa_utils.get_ema_multi_avg_fn(0.75)(averages, [dls.tensor([4.0])], 1)
    >>> averages[0].tolist()
    [1.0]
    """
    share = 1.0 - _checked(decay)
    return lambda averages, news, count: _blend(averages, news, share)


def get_swa_multi_avg_fn() -> AverageOfAll:
    """Make the multi_avg_fn of the plain average of all models, in place.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import optim
    >>> averages = [dls.tensor([1.0])]
    >>> optim.swa_utils.get_swa_multi_avg_fn()(averages, [dls.tensor([4.0])], 2)
    >>> averages[0].tolist()
    [2.0]
    """
    return lambda averages, news, count: _blend(averages, news, 1.0 / (count + 1))


def _blend(averages: Sequence[Tensor], news: Sequence[Tensor], share: float) -> None:
    """average += share * (new - average), all of one device and dtype in one call."""
    alike: dict[Any, tuple[list[Any], list[Any]]] = {}
    for a, b in zip(averages, news):
        columns = alike.setdefault((a.device, a.dtype), ([], []))
        columns[0].append(a._data)
        columns[1].append(b.astype(a.dtype)._data)
    for (device, _), columns in alike.items():
        device.kernels.blend(*columns, share)
        for array in columns[0]:
            mark_write(array, "update_parameters()")


def _checked(decay: float) -> float:
    if not is_amount(decay) or decay > 1:
        raise DataError(f"decay is the weight of the average so far, 0 to 1, not {decay!r}")
    return float(decay)
