"""Samplers: the order in which a loader takes the examples of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError
from ..random import Generator, chosen
from ..tensors import Tensor
from ..tensors.random_tensors import multinomial


class Sampler:
    """Base of samplers: define `__iter__`, which gives places, and `__len__`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> class Backwards(data.Sampler):
    ...     def __init__(self, dataset):
    ...         self.dataset = dataset
    ...     def __iter__(self):
    ...         return iter(range(len(self.dataset) - 1, -1, -1))
    ...     def __len__(self):
    ...         return len(self.dataset)
    >>> examples = data.TensorDataset(dls.arange(4))
    >>> [x.tolist() for x, in data.DataLoader(examples, 2, sampler=Backwards(examples))]
    [[3, 2], [1, 0]]
    """

    def __init__(self, data_source: Any = None) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")


class SequentialSampler(Sampler):
    """All places in order.

    >>> from tinygrad_dls import data
    >>> list(data.SequentialSampler(["a", "b", "c"]))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Places in random order: each once, or with `replacement` drawn from all each time.

    `num_samples`: how many (as many as there are, unless given); `generator`: where they are drawn
    from, `dls.manual_seed`'s if None.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> sorted(data.RandomSampler("abcd", generator=dls.Generator(0)))
    [0, 1, 2, 3]
    """

    @near_names
    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source, self.replacement = data_source, replacement
        self.generator = generator
        self._count = None if num_samples is None else _count(num_samples)
        chosen(generator)

    @property
    def num_samples(self) -> int:
        """The number of places that are drawn."""
        return len(self.data_source) if self._count is None else self._count

    def __iter__(self) -> Iterator[int]:
        source, total = chosen(self.generator), len(self.data_source)
        left = self.num_samples
        if self.replacement:
            yield from source.integers(0, total, (left,)).tolist()
            return
        while left > 0:  # more than there are: another order of all
            yield from source.permutation(total).tolist()[:left]
            left -= total

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The places of a list in random order.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> sorted(data.SubsetRandomSampler([5, 7, 9], generator=dls.Generator(0)))
    [5, 7, 9]
    """

    @near_names
    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator
        chosen(generator)

    def __iter__(self) -> Iterator[int]:
        for i in chosen(self.generator).permutation(len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """`num_samples` places drawn with chances in the ratio of `weights`, for rare classes.

    `replacement`: a place may be drawn several times. Weights are 0 or more, and need not sum to 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> sampler = data.WeightedRandomSampler([0.0, 1.0, 3.0], 1000, generator=dls.Generator(0))
    >>> counts = [list(sampler).count(place) for place in range(3)]
    >>> counts[0], 200 < counts[1] < 300
    (0, True)
    """

    @near_names
    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        values = weights.numpy() if isinstance(weights, Tensor) else weights
        self.weights = np.asarray(values, np.float64)
        self.num_samples: int = _count(num_samples)
        self.replacement, self.generator = replacement, generator
        good = self.weights.ndim == 1 and bool((self.weights >= 0).all())
        if not good or not np.isfinite(self.weights).all() or not self.weights.sum() > 0:
            raise DataError("WeightedRandomSampler: weights are a list of numbers, 0 or more, one "
                            "for each example, and not all 0")
        if not replacement and num_samples > (self.weights > 0).sum():
            raise DataError(f"WeightedRandomSampler: {num_samples} of {(self.weights > 0).sum()} "
                            "places cannot be drawn without replacement")
        chosen(generator)

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(Tensor(self.weights, device="cpu"), self.num_samples, self.replacement,
                            self.generator)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The places of another sampler in lists of `batch_size`.

    >>> from tinygrad_dls import data
    >>> list(data.BatchSampler(data.SequentialSampler("abcde"), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    @near_names
    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool = False) -> None:
        if not is_whole(batch_size, least=1):
            raise DataError(f"batch_size is a whole number of at least 1, not {batch_size!r}")
        self.sampler, self.batch_size, self.drop_last = sampler, int(batch_size), drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        yield from batches_of(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (rest > 0 and not self.drop_last)


def batches_of(items: Iterable[Any], size: int, drop_last: bool) -> Iterator[list[Any]]:
    """Lists of `size` items; the last may be shorter, or is dropped."""
    held: list[Any] = []
    for item in items:
        held.append(item)
        if len(held) == size:
            yield held
            held = []
    if held and not drop_last:
        yield held


def _count(value: Any) -> int:
    if not is_whole(value, least=1):
        raise DataError(f"num_samples is a whole number of at least 1, not {value!r}")
    return int(value)
