"""One step of each optimizer: one launch for each parameter, in place."""

from collections.abc import Iterator
from typing import Any

from ..reference import adam_family, optimizers
from ..reference.optimizers import Arrays
from .base import CudaFamily
from .layout import real

Columns = list[Any]  # the arrays of one parameter: w, its gradient, its state; None: it has none


class Optimizers(CudaFamily, adam_family.AdamFamily, optimizers.Optimizers):
    """Parameters and state of one float dtype that lie alike in memory; others by the reference.

    `_ready` deals the lists out, one parameter after the other.
    """

    def sgd(self, ws: Arrays, gs: Arrays, velocities: Arrays | None, *options: Any) -> None:
        slow = super().sgd
        for one in self._ready(slow, (ws, gs, velocities), options):
            self._step("sgd", one, options)

    def rmsprop(
        self, ws: Arrays, gs: Arrays, squares: Arrays, means: Arrays | None,
        velocities: Arrays | None, *options: Any,
    ) -> None:
        slow = super().rmsprop
        for one in self._ready(slow, (ws, gs, squares, means, velocities), options):
            self._step("rmsprop", one, options)

    def adagrad(self, ws: Arrays, gs: Arrays, totals: Arrays, *options: Any) -> None:
        slow = super().adagrad
        for one in self._ready(slow, (ws, gs, totals), options):
            self._step("adagrad", one, options)

    def adadelta(
        self, ws: Arrays, gs: Arrays, squares: Arrays, steps: Arrays, *options: Any
    ) -> None:
        slow = super().adadelta
        for one in self._ready(slow, (ws, gs, squares, steps), options):
            self._step("adadelta", one, options)

    def lion(self, ws: Arrays, gs: Arrays, ms: Arrays, *options: Any) -> None:
        slow = super().lion
        for one in self._ready(slow, (ws, gs, ms), options):
            self._step("lion", one, options)

    def blend(self, averages: Arrays, values: Arrays, share: float) -> None:
        slow = super().blend
        for one in self._ready(slow, (averages, values), (share,)):
            self._step("blend", one, (share,))

    def adam(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, largest: Arrays | None, lr: float,
        *options: Any,
    ) -> None:
        slow, (*same, correct1, correct2) = super().adam, options
        for one in self._ready(slow, (ws, gs, ms, vs, largest), (lr, *options)):
            self._step("adam", one, (lr, *same, lr / correct1, correct2**0.5))

    def adamax(
        self, ws: Arrays, gs: Arrays, ms: Arrays, us: Arrays, lr: float, *options: Any
    ) -> None:
        slow, (*same, correct1) = super().adamax, options
        for one in self._ready(slow, (ws, gs, ms, us), (lr, *options)):
            self._step("adamax", one, (lr, *same, lr / correct1))

    def nadam(self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, *options: Any) -> None:
        slow, (*same, correct2) = super().nadam, options
        for one in self._ready(slow, (ws, gs, ms, vs), options):
            self._step("nadam", one, (*same, correct2**0.5))

    def radam(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, lr: float, *options: Any
    ) -> None:
        slow, (*same, correct1, rectify) = super().radam, options
        for one in self._ready(slow, (ws, gs, ms, vs), (lr, *options)):
            self._step("radam", one, (lr, *same, lr / correct1, rectify))

    def lamb(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, lr: float, *options: Any
    ) -> None:
        slow, xp, (*same, correct2) = super().lamb, self.xp, options
        for w, g, m, v in self._ready(slow, (ws, gs, ms, vs), (lr, *options)):
            u = xp.empty(w.shape, dtype=w.dtype)
            self._step("lamb", [w, g, m, v, u], (lr, *same, correct2**0.5))
            long, short = xp.sqrt((w * w).sum()), xp.sqrt((u * u).sum())
            nothing = (long == 0) | (short == 0)
            ratio = xp.where(nothing, 1.0, long / xp.where(nothing, 1.0, short))
            w -= lr * ratio.astype(w.dtype) * u

    def _ready(
        self, otherwise: Any, lists: tuple[Arrays | None, ...], options: tuple[Any, ...]
    ) -> Iterator[Columns]:
        """The arrays of each parameter in C order; `otherwise` steps where that cannot be had."""
        for i in range(len(lists[0] or ())):
            one: list[Any] = [None if column is None else column[i] for column in lists]
            if real(*one) and all(a is None or a.shape == one[0].shape for a in one):
                kept = [a for k, a in enumerate(one) if k != 1 and a is not None]
                turned = not all(a.flags.c_contiguous for a in kept)
                if not turned or all(a.flags.f_contiguous for a in kept):
                    if turned:  # the same elements, in the order in which they lie
                        one = [None if a is None else a.T for a in one]
                    if not one[1].flags.c_contiguous:  # the gradient is only read
                        one[1] = self.xp.ascontiguousarray(one[1])
                    yield one
                    continue
            otherwise(*[None if a is None else [a] for a in one], *options)

    def _step(self, kernel: str, arrays: Columns, options: tuple[Any, ...]) -> None:
        w = arrays[0]
        numbers = [int(o) if isinstance(o, bool) else float(o) for o in options]
        self._each(f"optimizers.{kernel}", w.dtype, w.size, *arrays, *numbers)
