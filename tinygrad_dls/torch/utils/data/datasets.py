"""Data sets of tensors, joined and divided."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ....data import Dataset, Subset
from ....errors import DataError
from ....random import chosen


class TensorDataset(Dataset):
    """Examples as tuples of the parts of tensors at one place."""

    def __init__(self, *tensors: Any) -> None:
        if any(len(t) != len(tensors[0]) for t in tensors):
            raise DataError("Size mismatch between tensors: "
                            + ", ".join(str(len(t)) for t in tensors))
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class ConcatDataset(Dataset):
    """Data sets one after the other."""

    def __init__(self, datasets: Any) -> None:
        self.datasets = list(datasets)
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        index += len(self) if index < 0 else 0
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - ([0, *self.cumulative_sizes][which])]


class IterableDataset(Dataset):
    """Examples that come one after the other, from `__iter__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")

    def __getitem__(self, index: Any) -> Any:
        raise DataError("an IterableDataset has no places: iterate over it")


class ChainDataset(IterableDataset):
    """Iterable data sets one after the other."""

    def __init__(self, datasets: Any) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """Random parts of these lengths, or of these shares."""
    n = len(dataset)
    if all(0 <= part <= 1 for part in lengths) and abs(sum(lengths) - 1) < 1e-6:
        counts = [int(n * part) for part in lengths]
        for i in range(n - sum(counts)):
            counts[i % len(counts)] += 1
        lengths = counts
    if sum(lengths) != n:
        raise DataError("Sum of input lengths does not equal the length of the input dataset!")
    order = chosen(generator).permutation(n)
    ends = np.cumsum([0, *lengths]).astype(int)
    return [Subset(dataset, order[a:b]) for a, b in itertools.pairwise(ends)]
