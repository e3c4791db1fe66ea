"""The log that `dls.watch` keeps of each layer: outputs, gradients, updates over time."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..nn import Module
from . import describe
from .samples import Array, Histogram, Thinned, pick

MOST = 60  # layers
PATIENCE = 5  # samples in a row after which a unit that gave only 0 is called dead


class Update(NamedTuple):
    """One step of the parameters of a layer."""

    step: int
    ratio: float  # norm of the change over norm of the weights
    weights: float  # root mean square
    gradients: float | None  # root mean square; None: there were none


class LayerLog:
    """One layer, or the function after one, from sample to sample."""

    def __init__(self, name: str, words: str, module: Module | None,
                 parameters: tuple[Any, ...] = (), left_out: tuple[str, ...] = ()) -> None:
        self.name, self.words, self.module = name, words, module
        self.parameters = parameters
        self.left_out = left_out  # names of parameters that the optimizer does not have
        self.outputs: Thinned[Histogram] = Thinned()
        self.gradients: Thinned[Histogram] = Thinned()
        self.updates: Thinned[Update] = Thinned()
        self.output: Any = None  # of the step that is looked at
        self.silent: Array | None = None  # for how many samples each unit has given only 0
        self.samples = 0  # of outputs
        self.had_gradient = False
        self._before: list[Array] = []

    @property
    def wants_gradients(self) -> bool:
        """Return whether it has anything to train."""
        return any(p.requires_grad for p in self.parameters)

    @property
    def dead(self) -> int:
        """The number of units that gave only 0 in the last samples."""
        needed = min(PATIENCE, self.samples)
        return 0 if self.silent is None else int(np.sum(self.silent >= needed))

    def before(self) -> None:
        """Remember the weights, to see what the step does to them."""
        self.output = None
        self._before = [pick(p._data, p.device) for p in self.parameters]

    def after(self, step: int) -> None:
        """Take the numbers of a step that is over."""
        output, self.output = self.output, None
        if output is not None and output._data.dtype.kind == "f" and output._data.size:
            self.outputs.add(Histogram.of(step, pick(output._data, output.device)))
            self.samples += 1
            self._count_silent(output)
        if self.parameters and self._before:
            self._take_update(step)
            self._before = []

    def _take_update(self, step: int) -> None:
        change = weights = squares = 0.0
        seen, found = 0, []
        with np.errstate(over="ignore", invalid="ignore"):
            for p, before in zip(self.parameters, self._before):
                now = pick(p._data, p.device)
                scale = p.size / max(1, now.size)  # where not all elements were looked at
                change += scale * float(np.sum((now - before) ** 2))
                weights += scale * float(np.sum(before ** 2))
                seen += p.size
                if p._grad is not None:
                    found.append(pick(p._grad._data, p.device))
                    squares += scale * float(np.sum(found[-1] ** 2))
        self.had_gradient = bool(found)
        if found:
            self.gradients.add(Histogram.of(step, np.concatenate(found), magnitudes=True))
        ratio = math.sqrt(change / weights) if weights > 0 else 0.0
        self.updates.add(Update(step, ratio, math.sqrt(weights / max(1, seen)),
                                math.sqrt(squares / max(1, seen)) if found else None))

    def _count_silent(self, output: Any) -> None:
        """Units are channels of pictures, and the last axis of all else."""
        if not (self.words.startswith("ReLU") or self.name.rpartition(".")[2].startswith("relu")):
            return
        data = output._data
        if data.ndim < 2:
            return
        unit = 1 if data.ndim >= 4 else data.ndim - 1
        others = tuple(axis for axis in range(data.ndim) if axis != unit)
        silent = output.device.to_host(~(data != 0).any(axis=others))
        if self.silent is None or self.silent.shape != silent.shape:
            self.silent = np.zeros(silent.shape, int)
        self.silent = np.where(silent, self.silent + 1, 0)


def layer_logs(model: Module, optimized: set[int]) -> list[LayerLog]:
    """A log for each module that has parameters of its own, or nothing inside."""
    logs = []
    for name, module in model.named_modules():
        own = dict(module._tensors("", False, lambda m, n, v: hasattr(v, "requires_grad")
                                   and n not in m._buffers))
        if not own and any(True for _ in module.children()):
            continue
        floats = {n: p for n, p in own.items() if p.dtype.kind == "f" and p.size}
        left = tuple(n for n, p in floats.items() if p.requires_grad and id(p) not in optimized)
        words = describe.module(module)
        if module._name and words.startswith(f"{module._name}: "):
            words = words[len(module._name) + 2:]
        logs.append(LayerLog(name or type(module).__name__, words, module,
                             tuple(floats.values()), left))
    return logs[:MOST]
