"""The part of `fit(distributed=True)` that ranks do together: means, agreement, checkpoints.

Each step has three things to agree on: that every rank has a batch, and whether one was asked to
stop, before the model runs; and that no loss is NaN, before anything is written. Each rank sends
three numbers for either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..data import DataLoader
from ..distributed import DistributedSampler, GradientAverager, World, broadcast_state, init
from ..distributed.lanes import Request
from ..distributed.state import arrays_of, broadcast_buffers, seed_of
from ..errors import DataError
from ..nn import Module
from ..optim import Optimizer
from ..random import default_generator
from .checkpoints import generators_of
from .figures import Figures
from .history import History
from .keeper import Keeper


class Ranks:
    """This rank among those that train `model` together."""

    def __init__(
        self, world: World, model: Module, opt: Optimizer, loader: Any, overlap: bool
    ) -> None:
        if isinstance(loader, DataLoader) and not isinstance(loader.sampler, DistributedSampler):
            raise DataError(
                "fit(distributed=True) takes a loader that gives each rank its share: "
                "DataLoader(data, batch_size, sampler=distributed.DistributedSampler(data)); "
                "batch_size is then that of one rank")
        self.world, self.model = world, model
        broadcast_state(model, opt, world)
        self.averager = GradientAverager(model, world, overlap=overlap)
        self._told: tuple[Request, Any] | None = None

    # --- a step ----------------------------------------------------------------------------------

    def begin_step(self, epoch: int, step: int, has_batch: bool, asked: bool) -> bool:
        """Return whether any rank was asked to stop; DataError if some have a batch, others not.

        Before the model runs: layers of it may wait for other ranks, too.
        """
        rows = self._receive(self._send([float(has_batch), step, float(asked)]))
        self._check_all_have_batches(rows, epoch)
        return bool(rows[:, 2].any())

    def tell_loss(self, step: int, bad: bool) -> None:
        """Tell the others whether the loss is a number, while backward runs."""
        self._told = self._send([float(bad), step, 0.0])

    def check_losses(self, epoch: int) -> None:
        """DataError if that of any rank is not."""
        assert self._told is not None
        rows = self._receive(self._told)
        if bad := np.flatnonzero(rows[:, 0]).tolist():
            raise DataError(
                f"the loss was NaN or infinite on rank {bad[0]}, in epoch {epoch}, step "
                f"{int(rows[bad[0], 1])}. All ranks end, with the weights from before this step"
            )

    def _send(self, row: list[float]) -> tuple[Request, Any]:
        rows = np.empty((self.world.size, len(row)))
        return self.world.lane("steps").gather(np.array(row), rows), rows

    def _receive(self, sent: tuple[Request, Any]) -> Any:
        self.world.wait(sent[0], "what each rank has to say of its step")
        return sent[1]

    def _check_all_have_batches(self, rows: np.ndarray[Any, Any], epoch: int) -> None:
        """DataError if some ranks have a batch, and others not."""
        kinds = rows[:, 0]
        if (kinds == kinds[0]).all():
            return
        out, on = (int(np.flatnonzero(kinds == kind)[0]) for kind in (0.0, 1.0))
        raise DataError(
            f"rank {out} ran out of data in epoch {epoch}, after {int(rows[out, 1])} batches, "
            f"where rank {on} has another. All ranks take the same number of steps: "
            "a DistributedSampler gives each as many batches")

    # --- an epoch --------------------------------------------------------------------------------

    def means(self, figures: Figures) -> dict[str, float]:
        """name -> mean over all examples of all ranks."""
        return dict(zip(figures.names, self._summed(figures)[:-1].tolist()))

    def _summed(self, figures: Figures) -> np.ndarray[Any, Any]:
        sums = self.world.all_reduce(np.array([*figures.sums, figures.examples], np.float64))
        sums[:-1] /= max(sums[-1], 1.0)
        return sums  # type: ignore[no-any-return]

    def any(self, answer: bool) -> bool:
        """Return whether it is True on any rank."""
        return bool(self.world.all_reduce(bool(answer), "any"))

    def before_validation(self) -> None:
        """Give all the running statistics of rank 0."""
        broadcast_buffers(self.model, self.world)

    def close(self) -> None:
        """Take the hooks off the parameters."""
        self.averager.close()


class SharedKeeper:
    """A `Keeper` of rank 0, whose checkpoints have the streams and the figures of all ranks.

    With as many ranks as before training goes on to the bit. With another number the model, the
    optimizer and the place in the data are the same; ranks that are new draw from new streams.
    """

    def __init__(
        self, ranks: Ranks, folder: Any, every: int | None, keep: int, parts: dict[str, Any],
        figures: Callable[[], Figures],
    ) -> None:
        self.ranks, self.world, self.parts, self.figures = ranks, ranks.world, parts, figures
        self.every = every
        self._keeper: Keeper | None = None
        self._began = time.perf_counter()
        self.world.check_same("fit", f"checkpoint={folder!r}, every={every!r}, keep={keep!r}")

        def make() -> None:
            self._keeper = Keeper(folder, every, keep, parts)

        self.world.first(make, "the folder of checkpoints")

    @property
    def _generators(self) -> dict[str, Any]:
        parts = {n: p for n, p in self.parts.items() if p is not None and n != "generator"}
        return generators_of(parts, self.parts["generator"])

    def resume(
        self, go_on: bool, check: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any] | None:
        """Bring all parts, on all ranks, to where the newest checkpoint was; its notes."""
        world = self.world
        notes = world.first(lambda: self._keeper.resume(go_on, check)  # type: ignore[union-attr]
                            , "reading the checkpoint")
        if notes is None:
            return None
        for name, part in self.parts.items():
            if isinstance(part, Module | Optimizer):
                state = world.broadcast(arrays_of(part.state_dict()), doing=f"the {name}'s state")
                part.load_state_dict(state)
            elif isinstance(part, History):
                part.figures, part.seconds = world.broadcast((part.figures, part.seconds))
            elif part is not None and name != "generator":
                part.load_state_dict(world.broadcast(part.state_dict(), doing=f"the {name}"))
        self._own(notes)
        return notes

    def _own(self, notes: dict[str, Any]) -> None:
        """This rank's streams and figures, as far as the checkpoint has them."""
        every, rank = notes.pop("ranks", []), self.world.rank
        if rank < len(every):
            for name, generator in self._generators.items():
                if name in every[rank]["generators"]:
                    generator.set_state(every[rank]["generators"][name])
        elif every:
            default_generator.manual_seed(seed_of(int(notes["steps"]), rank, len(every)))
        if len(every) == self.world.size:
            notes["figures"] = every[rank]["figures"]
        elif rank:  # the sums so far are rank 0's
            empty = Figures(notes["figures"]["names"])
            notes["figures"] = empty.state_dict()

    def seconds(self) -> float:
        """The duration of the training, all its parts together, by rank 0's clock."""
        if self._keeper is not None:
            return self._keeper.seconds()
        return float(self.parts["history"].seconds + time.perf_counter() - self._began)

    def due(self, step: int) -> bool:
        """Return whether a checkpoint is due after this many steps."""
        return self.every is not None and step % self.every == 0

    def save(self, step: int, notes: Callable[[], Mapping[str, Any]]) -> None:
        """Write the checkpoint of a step, on rank 0; an error there is one on all ranks."""
        self.ranks.before_validation()
        figures = self.figures()
        own = {"figures": figures.state_dict(),
               "generators": {name: g.get_state() for name, g in self._generators.items()}}
        every = self.world.all_gather(own, "the checkpoint")
        total = {**own["figures"]}
        for key in ("examples", "sums"):
            total[key] = np.sum([r["figures"][key] for r in every], axis=0).tolist()

        def write() -> None:
            assert self._keeper is not None
            self._keeper.save(step, lambda: {**notes(), "figures": total, "ranks": every})

        self.world.first(write, "the checkpoint")


def ranks_for(
    distributed: Any, model: Module, opt: Optimizer, loader: Any, overlap: bool
) -> Ranks | None:
    """The ranks of a training; None where it is one process by itself."""
    if isinstance(distributed, World):
        return Ranks(distributed, model, opt, loader, overlap)
    if not isinstance(distributed, bool):
        raise DataError(f"distributed is True or False, not {distributed!r}")
    return Ranks(init(), model, opt, loader, overlap) if distributed else None
