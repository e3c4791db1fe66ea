"""DataLoader with PyTorch's arguments; batches are lists of tensors of this namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....random import chosen
from .collate import default_collate
from .datasets import IterableDataset


class DataLoader:
    """Batches of a data set: `for x, y in loader`.

    Orders are drawn by `generator` (that of manual_seed if None), once for each loop.
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Any = None, batch_sampler: Any = None, num_workers: int = 0,
        collate_fn: Any = None, pin_memory: bool = False, drop_last: bool = False,
        timeout: float = 0, worker_init_fn: Any = None, multiprocessing_context: Any = None,
        generator: Any = None, **how: Any,
    ) -> None:
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, bool(shuffle)
        self.sampler, self.batch_sampler, self.drop_last = sampler, batch_sampler, drop_last
        self.collate_fn, self.generator = collate_fn or default_collate, generator
        self.num_workers, self.pin_memory = num_workers, pin_memory

    def _places(self) -> Iterator[Any]:
        if self.batch_sampler is not None:
            yield from self.batch_sampler
            return
        if self.sampler is not None:
            order = iter(self.sampler)
        elif self.shuffle:
            order = iter(chosen(self.generator).permutation(len(self.dataset)).tolist())
        else:
            order = iter(range(len(self.dataset)))
        yield from self._cut(order)

    def _cut(self, examples: Iterator[Any]) -> Iterator[list[Any]]:
        """Lists of `batch_size` each."""
        size = self.batch_size or 1
        held: list[Any] = []
        for example in examples:
            held.append(example)
            if len(held) == size:
                yield held
                held = []
        if held and not self.drop_last:
            yield held

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.dataset, IterableDataset):
            if self.batch_size is None:
                yield from self.dataset
                return
            for examples in self._cut(iter(self.dataset)):
                yield self.collate_fn(examples)
            return
        for places in self._places():
            if self.batch_size is None and self.batch_sampler is None:
                yield self.dataset[places[0]]
            else:
                yield self.collate_fn([self.dataset[i] for i in places])

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        count = len(self.sampler if self.sampler is not None else self.dataset)
        whole, rest = divmod(count, self.batch_size or 1)
        return whole + (rest > 0 and not self.drop_last)
