"""Data sets made of data sets, and those that are read in order."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from .._util.arguments import is_whole
from ..errors import DataError, DtypeError
from .dataset import Dataset


class ConcatDataset(Dataset):
    """Data sets one after the other: also `a + b` of two of them.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> old, new = data.TensorDataset(dls.arange(3)), data.TensorDataset(dls.arange(10, 12))
    >>> [x.item() for x, in data.ConcatDataset([old, new])]
    [0, 1, 2, 10, 11]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise DataError("ConcatDataset takes at least one data set")
        if any(isinstance(part, IterableDataset) for part in self.datasets):
            raise DataError("an IterableDataset has no places: join them with ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(part) for part in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any) -> Any:
        if not is_whole(index, least=-len(self)):
            raise DataError(f"ConcatDataset is asked for one example by its number, not {index!r}")
        place = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= place < len(self):
            raise IndexError(f"there is no example {index} of {len(self)}")
        part = bisect.bisect_right(self.cumulative_sizes, place)
        before = self.cumulative_sizes[part - 1] if part else 0
        return self.datasets[part][place - before]


class IterableDataset(Dataset):
    """Base of data sets that are read in order, such as a stream: define `__iter__`.

    A loader of it has no shuffle, no sampler and no len(). With worker processes each of them reads
    a copy of its own: `get_worker_info()` tells it which part is its.

    >>> from tinygrad_dls import data
    >>> class Count(data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(5))
    >>> [x.tolist() for x in data.DataLoader(Count(), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")

    def __len__(self) -> int:
        raise DtypeError(f"{type(self).__name__} does not know its length")  # as list() asks for it

    def __getitem__(self, index: Any) -> Any:
        raise DataError("an IterableDataset has no places: iterate over it")


class ChainDataset(IterableDataset):
    """Iterable data sets one after the other.

    >>> from tinygrad_dls import data
    >>> class Count(data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> list(data.ChainDataset([Count(), Count()]))
    [0, 1, 2, 0, 1, 2]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)
