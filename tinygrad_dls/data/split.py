"""Splitting data at random, on the host, from a generator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..engine.autograd import as_tensor
from ..errors import DataError, ShapeError
from ..random import Generator, chosen
from ..tensors import Tensor
from .dataset import Subset


@near_names
def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Split at random into subsets without overlap.

    `lengths`: their sizes, or fractions that sum to 1. Fractions are rounded down, what is left
    goes to the first subsets, one each.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> examples = data.TensorDataset(dls.arange(10))
    >>> [len(part) for part in data.random_split(examples, [0.75, 0.25])]
    [8, 2]
    """
    total = len(dataset)
    if not isinstance(lengths, Iterable) or not all(map(_is_number, lengths)):
        raise DataError(f"random_split takes a list of sizes or fractions, not {lengths!r}")
    counts = _counts(lengths, total)
    order = chosen(generator).permutation(total)
    ends = np.cumsum(counts)
    return [Subset(dataset, order[end - n : end]) for n, end in zip(counts, ends)]


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _counts(lengths: Sequence[float], total: int) -> list[int]:
    if any(n < 0 for n in lengths):
        raise DataError(f"random_split: a length is negative: {list(lengths)}")
    if math.isclose(sum(lengths), 1.0) and total != 1:
        counts = [math.floor(total * fraction) for fraction in lengths]
        for i in range(total - sum(counts)):
            counts[i % len(counts)] += 1
        return counts
    if sum(lengths) != total or any(n != int(n) for n in lengths):
        raise DataError(
            f"random_split: the lengths {list(lengths)} sum to {sum(lengths)}; they must sum to "
            f"{total}, the number of examples, or be fractions that sum to 1"
        )
    return [int(n) for n in lengths]


@near_names
def train_test_split(
    *arrays: Any, test_size: float = 0.25, shuffle: bool = True, generator: Generator | None = None
) -> list[Any]:
    """Split tensors or arrays at random: X_train, X_test, Y_train, Y_test ...

    Examples are along axis 0. `test_size`: a fraction (rounded up) or a number of examples;
    `shuffle=False` takes the last ones.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> X, Y = dls.zeros(10, 4), dls.arange(10)
    >>> X_train, X_test, Y_train, Y_test = data.train_test_split(X, Y, test_size=0.2)
    >>> X_train.shape, Y_test.shape
    ((8, 4), (2,))
    """
    if not arrays or len({len(a) for a in arrays}) > 1:
        raise ShapeError(
            "train_test_split takes arrays of as many examples (axis 0):\n"
            + "\n".join(f"  {np.shape(a)}" for a in arrays)
        )
    total = len(arrays[0])
    if not _is_number(test_size):
        raise DataError(f"test_size is a fraction or a number of examples, not {test_size!r}")
    test = test_size if isinstance(test_size, int) else math.ceil(total * test_size)
    if not 0 < test < total:
        raise DataError(f"test_size {test_size} of {total} examples leaves one side empty")
    order = chosen(generator).permutation(total) if shuffle else np.arange(total)
    train_places, test_places = order[: total - test], order[total - test :]
    return [_rows(a, places) for a in arrays for places in (train_places, test_places)]


def _rows(values: Any, places: np.ndarray[Any, Any]) -> Any:
    if isinstance(values, Tensor):
        rows = values._data[values.device.from_host(places)]
        return as_tensor(rows, values.device, None, values._kind)
    return np.asarray(values)[places]
