"""Data sets of tensors, and their random parts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....data import ChainDataset as ChainDataset
from ....data import ConcatDataset as ConcatDataset
from ....data import Dataset as Dataset
from ....data import IterableDataset as IterableDataset
from ....data import Subset as Subset
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
