"""DataLoader: the examples of a data set in batches, shuffled anew each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..arguments import is_whole
from ..errors import DataError, ShapeError
from ..ops import stack
from ..random import Generator, chosen
from ..tensors import Tensor


class DataLoader:
    """Batches of `dataset` (anything with len() and [i]); each `for` starts a new epoch.

    shuffle: in a new random order each epoch, one permutation drawn from `generator`
    (`dls.manual_seed`'s if None) on the host, so it is the same on every device.
    drop_last: without the last batch if it is smaller. collate_fn: makes a batch of a list of
    examples; by default they are stacked. DataError for an empty data set.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: Generator | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise DataError(f"a data set has len() and [i]; a {type(dataset).__name__} has not")
        if isinstance(dataset, tuple | Mapping | np.ndarray | Tensor):
            raise DataError("wrap tensors and arrays: DataLoader(TensorDataset(X, Y), ...)")
        chosen(generator)
        if not is_whole(batch_size, least=1):
            raise DataError(f"batch_size is a whole number of at least 1, not {batch_size!r}")
        if len(dataset) == 0:
            raise DataError("the data set is empty: there is nothing to make batches of")
        if drop_last and len(dataset) < batch_size:
            raise DataError(
                f"drop_last leaves no batch: {len(dataset)} examples, batch_size {batch_size}"
            )
        self.dataset, self.batch_size, self.shuffle = dataset, int(batch_size), shuffle
        self.drop_last, self.generator, self.collate_fn = drop_last, generator, collate_fn

    def __len__(self) -> int:
        """How many batches an epoch has."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        order = None
        if self.shuffle:
            order = chosen(self.generator).permutation(len(self.dataset))
        return self._batches(order)

    def _batches(self, order: np.ndarray[Any, Any] | None) -> Iterator[Any]:
        count, size = len(self.dataset), self.batch_size
        at_once = self.collate_fn is None and hasattr(self.dataset, "batch_at")
        collate = self.collate_fn or default_collate
        for start in range(0, len(self) * size, size):
            part = slice(start, min(start + size, count))
            if at_once:
                yield self.dataset.batch_at(part if order is None else order[part])
            else:
                places = range(part.start, part.stop) if order is None else order[part].tolist()
                yield collate([self.dataset[i] for i in places])


def default_collate(examples: Sequence[Any]) -> Any:
    """One batch of a list of examples: tensors, arrays and numbers are stacked along axis 0.

    Tuples and dictionaries of them are batched part by part; anything else stays a list.
    """
    first = examples[0]
    if isinstance(first, dict):
        return {key: default_collate([example[key] for example in examples]) for key in first}
    if isinstance(first, (tuple, list)):
        if any(len(example) != len(first) for example in examples):
            raise ShapeError("the examples of a batch have different numbers of parts")
        return tuple(default_collate(parts) for parts in zip(*examples))
    if not isinstance(first, (Tensor, np.ndarray, np.generic, int, float)):
        return list(examples)
    shapes = {np.shape(example) for example in examples}
    if len(shapes) > 1:
        raise ShapeError(
            "the examples of a batch have one shape, these have\n  "
            + "\n  ".join(map(str, sorted(shapes)))
            + "\nCut or pad them, or pass collate_fn"
        )
    if isinstance(first, Tensor):
        return stack(list(examples))
    return Tensor(np.stack(examples) if isinstance(first, np.ndarray) else list(examples))
