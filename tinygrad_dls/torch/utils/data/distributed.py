"""torch.utils.data.distributed: the examples of one of several processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ....data import Sampler
from ....errors import DataError
from ... import distributed


class DistributedSampler(Sampler):
    """Every `num_replicas`-th place of an order that all processes draw alike, from `rank` on.

    `set_epoch` says which order. Where the places cannot be shared out evenly, the first few are
    taken again, with `drop_last` the last few left out.
    """

    def __init__(
        self, dataset: Any, num_replicas: int | None = None, rank: int | None = None,
        shuffle: bool = True, seed: int = 0, drop_last: bool = False,
    ) -> None:
        size = distributed.get_world_size() if num_replicas is None else num_replicas
        rank = distributed.get_rank() if rank is None else rank
        if not 0 <= rank < size:
            raise DataError(f"rank {rank} of {size} processes: ranks are 0 to {size - 1}")
        self.dataset, self.num_replicas, self.rank = dataset, size, rank
        self.shuffle, self.seed, self.drop_last, self.epoch = shuffle, seed, drop_last, 0
        whole, rest = divmod(len(dataset), size)
        self.num_samples = whole + bool(rest and not drop_last)
        self.total_size = self.num_samples * size

    def __iter__(self) -> Iterator[int]:
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(len(order))
        order = np.resize(order, self.total_size)  # begins again at its start
        return iter(order[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Let the next `for` be in the order of this epoch."""
        self.epoch = epoch
