"""DataLoader with PyTorch's order of arguments; batches are lists of tensors of this namespace."""

from __future__ import annotations

from typing import Any

from .... import data as core
from ....data import get_worker_info as get_worker_info
from .collate import default_collate as default_collate


class DataLoader(core.DataLoader):
    """Batches of a data set: `for x, y in loader`; its workers are the core's."""

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Any = None, batch_sampler: Any = None, num_workers: int = 0,
        collate_fn: Any = None, pin_memory: bool = False, drop_last: bool = False,
        timeout: float = 0, worker_init_fn: Any = None, multiprocessing_context: Any = None,
        generator: Any = None, *, prefetch_factor: int | None = None,
        persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True,
    ) -> None:
        super().__init__(
            dataset, batch_size, bool(shuffle), drop_last, generator,
            collate_fn or default_collate, num_workers, sampler=sampler,
            batch_sampler=batch_sampler, worker_init_fn=worker_init_fn,
            prefetch_factor=prefetch_factor, persistent_workers=persistent_workers,
            timeout=timeout, multiprocessing_context=multiprocessing_context,
            pin_memory=pin_memory,
        )
