"""DistributedSampler: which examples of an epoch are this rank's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError
from .start import current
from .world import World


class DistributedSampler:
    """The places of this rank's examples in `dataset`, in another order each epoch.

    All ranks draw the same order, from `seed` and the number of the epoch, and rank r of n takes
    numbers r, r + n, r + 2 n ... of it. So the batches of a step, of all ranks together, are the
    batch that one process would have taken, of n times the batch size.

    drop_last: where the examples cannot be shared out evenly, leave the last few out, instead of
    taking the first few of the order a second time. Each `for` starts the next epoch;
    `set_epoch` says which (from 0). pad False: neither, so that some ranks have one more example:
    for `fit`'s `validation`, not for training.

    >>> from tinygrad_dls import data, distributed
    >>> class Of:  # stands for the world of `init`: rank 1 of 2
    ...     rank, size = 1, 2
    >>> sampler = distributed.DistributedSampler(range(5), shuffle=False, world=Of())
    >>> list(sampler), len(sampler)
    ([1, 3, 0], 3)
    """

    @near_names
    def __init__(
        self, dataset: Any, shuffle: bool = True, seed: int = 0, drop_last: bool = False,
        pad: bool = True, world: World | None = None,
    ) -> None:
        self.world = current(world)
        if not hasattr(dataset, "__len__") or not len(dataset):
            raise DataError("a sampler is of a data set with len(), of at least one example")
        if not is_whole(seed):
            raise DataError(f"seed is a whole number of at least 0, not {seed!r}")
        if drop_last and len(dataset) < self.world.size:
            raise DataError(f"drop_last leaves nothing: {len(dataset)} examples for "
                            f"{self.world.size} ranks")
        self.examples, self.shuffle, self.seed = len(dataset), bool(shuffle), int(seed)
        self.drop_last, self.pad = bool(drop_last), bool(pad)
        self.epoch = 0  # of the next `for`

    @property
    def ranks(self) -> int:
        """The number of ranks that share the examples."""
        return self.world.size

    def __len__(self) -> int:
        """Return the number of this rank's examples in an epoch."""
        size = self.world.size
        whole, rest = divmod(self.examples, size)
        if self.drop_last or not rest:
            return whole
        return whole + (1 if self.pad else self.world.rank < rest)

    def __iter__(self) -> Iterator[int]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return iter(self.order(epoch).tolist())

    def order(self, epoch: int) -> np.ndarray[Any, Any]:
        """This rank's places in one epoch."""
        n, (rank, size) = self.examples, (self.world.rank, self.world.size)
        order = np.arange(n)
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(n)
        if self.drop_last:
            order = order[: n - n % size]
        elif self.pad:
            order = np.resize(order, -(-n // size) * size)  # begins again at its start
        return order[rank::size]

    def set_epoch(self, epoch: int) -> None:
        """Let the next `for` be over this epoch, counted from 0."""
        if not is_whole(epoch):
            raise DataError(f"an epoch is a whole number of at least 0, not {epoch!r}")
        self.epoch = int(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch of the next `for`, and what its order follows from."""
        return {"epoch": self.epoch, "seed": self.seed, "shuffle": self.shuffle}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on there; DataError for the state of a sampler of another order."""
        if not isinstance(state_dict, Mapping) or {**state_dict, "epoch": 0} != {
                **self.state_dict(), "epoch": 0} or not is_whole(state_dict["epoch"]):
            raise DataError(f"no state of this DistributedSampler: {state_dict!r}")
        self.epoch = int(state_dict["epoch"])
