"""GradientAverager: the mean of the gradients over ranks, on its way while backward still runs.

Parameters are packed into buckets, those of the last layers first, since backward comes to them
first. A hook on each parameter copies its gradient into its bucket as soon as it is complete; a
bucket that is full leaves at once, and MPI adds it up while backward goes on to the layers before.
`finish` waits for all buckets and writes the means to `.grad`.

Ranks must send their buckets in one order, so a full bucket waits until those before it have left;
`finish` sends what is left. Behind its values a bucket has one number for each parameter: whether
there was a gradient. Where no rank had one, `.grad` stays None; where only some had, the others
count as zeros.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import NearNames
from ..engine.autograd import as_tensor
from ..engine.modes import replayed
from ..engine.versions import mark_write
from ..errors import DataError, DtypeError, GraphError
from ..nn import Module
from ..tensors import Tensor
from .lanes import Request
from .start import current
from .state import check_sizes_known
from .transport import transport_for
from .world import World


@dataclass
class Times:
    """The cost of averaging, of all steps so far, in seconds and bytes.

    `under_way`: from the first bucket's start to the last one's end; `waited`: the part of it in
    which `finish` waited. `hidden` is the share that backward covered.
    """

    steps: int = 0
    bytes: int = 0
    under_way: float = 0.0
    waited: float = 0.0

    @property
    def hidden(self) -> float:
        """1 - waited / under_way."""
        return 1.0 - self.waited / self.under_way if self.under_way else 0.0


class GradientAverager(NearNames):
    """Replaces, step by step, each gradient by its mean over ranks.

    model: its parameters; or a list of parameters. bucket_bytes: what leaves together.
    overlap False: all leaves in `finish`, without hooks.

        averager = distributed.GradientAverager(model)
        for x, y in loader:
            opt.zero_grad()
            loss_fn(model(x), y).backward()
            averager.finish()                   # .grad: the mean over ranks
            opt.step()

    A gradient that is summed over several calls of backward() is averaged once: all but the last
    are in `with averager.no_sync():`. RankError where a rank has other parameters.
    """

    def __init__(
        self, model: Module | Iterable[Tensor], world: World | None = None,
        bucket_bytes: int = 1 << 19, overlap: bool = True,
    ) -> None:
        if not is_whole(bucket_bytes, least=1):
            raise DataError(f"bucket_bytes is a number of bytes, at least 1, not {bucket_bytes!r}")
        self.world = current(world)
        named = list(model.named_parameters()) if isinstance(model, Module) else [
            (_tensor(p).name or "", p) for p in model]
        check_sizes_known(named)
        parameters = list(dict.fromkeys(p for _, p in named if p.requires_grad))
        if not parameters:
            raise DataError("there are no parameters whose gradients could be averaged")
        self.world.check_same("the parameters", "\n".join(
            f"{name} {p.shape} {p.dtype}" for name, p in named if p.requires_grad))
        self.times = Times()
        self._buckets = _packed(parameters, int(bucket_bytes), self.world)
        self._left = 0  # buckets that are on their way, or done: those before this number
        self._active = True
        self._began = 0.0
        self._removers = [
            p.register_post_accumulate_grad_hook(_arrival(self, bucket, i))
            for bucket in self._buckets for i, p in enumerate(bucket.parameters)
        ] if overlap and self.world.size > 1 else []

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Let backward() in the block only add to `.grad`, on each rank by itself."""
        before, self._active = self._active, False
        try:
            yield
        finally:
            self._active = before

    def arrived(self, bucket: _Bucket, place: int) -> None:
        """The gradient of a parameter is complete."""
        if not self._active:
            return
        if bucket.filled[place]:
            name = bucket.parameters[place].name or "a parameter"
            raise GraphError(
                f"the gradient of {name} came a second time: call averager.finish() after each "
                "backward(), or put all but the last into `with averager.no_sync():`")
        bucket.fill(place)
        self._leave(everything=False)
        for sent in self._buckets[: self._left]:
            if sent.request is not None and not sent.request.Test():
                break  # a look lets MPI go on with it

    def _leave(self, everything: bool) -> None:
        """Send buckets, in order: those that are full, or all."""
        while self._left < len(self._buckets):
            bucket = self._buckets[self._left]
            if not everything and not all(bucket.filled):
                return
            if not self._left:
                self._began = time.perf_counter()
            for place, there in enumerate(bucket.filled):
                if not there:
                    bucket.fill(place)
            self.times.bytes += bucket.send()
            self._left += 1

    @replayed
    def finish(self) -> None:
        """Wait for the means, and write them to `.grad`."""
        if self.world.size == 1:
            return
        self._leave(everything=True)
        start, step = time.perf_counter(), self.times.steps + 1
        for number, bucket in enumerate(self._buckets, 1):
            assert bucket.request is not None
            self.world.wait(bucket.request, f"the mean of gradients, step {step}, bucket {number}")
        end = time.perf_counter()
        for bucket in self._buckets:
            bucket.give_back(self.world.size)
        self._left = 0
        self.times.steps = step
        self.times.waited += end - start
        self.times.under_way += end - self._began

    def close(self) -> None:
        """Take the hooks off the parameters."""
        for remove in self._removers:
            remove()
        self._removers.clear()


def _tensor(parameter: Any) -> Tensor:
    """`parameter`; DtypeError if it is not one."""
    if not isinstance(parameter, Tensor):
        raise DtypeError("GradientAverager takes a model or a list of its parameters, not of "
                         f"{type(parameter).__name__}")
    return parameter


def _arrival(averager: GradientAverager, bucket: _Bucket, place: int) -> Callable[[Tensor], None]:
    return lambda _: averager.arrived(bucket, place)


class _Bucket:
    """Parameters whose gradients leave together: `values`, and whether each has one."""

    def __init__(self, parameters: Sequence[Tensor], world: World) -> None:
        self.parameters = parameters
        device, kind = parameters[0].device, parameters[0].dtype
        self.transport = transport_for(device, world)
        sizes = [p.size for p in parameters]
        ends = np.cumsum(sizes).tolist()
        wide = np.float64 if kind == np.float64 else np.float32  # float16 would be added in half
        self.values = self.transport.buffer(ends[-1] + len(parameters), wide)
        self.parts = [self.values[e - n : e] for e, n in zip(ends, sizes)]
        self.flags = self.values[ends[-1] :]
        self.filled = [False] * len(parameters)
        self.request: Request | None = None

    def fill(self, place: int) -> None:
        """Copy a gradient in, or zeros."""
        gradient = self.parameters[place]._grad
        self.filled[place] = True
        self.flags[place] = gradient is not None
        if gradient is None:
            self.parts[place][...] = 0
        else:
            self.transport.load(self.parts[place], gradient._data.reshape(-1))

    def send(self) -> int:
        """Start the sum over ranks; the bytes handed over."""
        self.request = self.transport.sum(self.values)
        return int(self.values.nbytes)

    def give_back(self, ranks: int) -> None:
        """Write the means to `.grad`."""
        had = self.transport.numbers(self.flags)
        for p, part, there in zip(self.parameters, self.parts, had):
            if there:
                if p._grad is None:
                    empty = p.device.xp.empty(p.shape, dtype=p.dtype)
                    p._grad = as_tensor(empty, p.device, None, p._kind)
                self.transport.store(p._grad._data, part, 1.0 / ranks)
                mark_write(p._grad._data, "GradientAverager.finish()")
        self.filled = [False] * len(self.filled)
        self.request = None


def _packed(parameters: Sequence[Tensor], most: int, world: World) -> list[_Bucket]:
    """Buckets of at most `most` bytes, or of one parameter, the last parameters first."""
    groups: list[list[Tensor]] = []
    open_group: dict[Any, list[Tensor]] = {}
    for p in reversed(parameters):
        key = (p.device, p.dtype)
        group = open_group.get(key)
        if group is None or sum(q._data.nbytes for q in group) + p._data.nbytes > most:
            group = open_group[key] = []
            groups.append(group)
        group.append(p)
    return [_Bucket(group, world) for group in groups]
