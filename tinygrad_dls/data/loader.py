"""DataLoader: the examples of a data set in batches, reshuffled each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError, DtypeError, ShapeError
from ..ops import stack
from ..random import Generator, chosen
from ..tensors import Tensor


class DataLoader:
    """Batches of `dataset` (anything with len() and [i]); each `for` starts a new epoch.

    shuffle: in a new random order each epoch, one permutation drawn from `generator`
    (`dls.manual_seed`'s if None) on the host, so it is the same on every device.
    drop_last: without the last batch if it is smaller. collate_fn: makes a batch of a list of
    examples; by default they are stacked. num_workers: 0, batches are made where they are asked
    for. DataError for an empty data set.

    `state_dict()` tells how far the newest `for` is; after `load_state_dict` the next `for` goes
    on there, with the batches that it had left.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> examples = data.TensorDataset(dls.zeros(10, 4), dls.arange(10))
    >>> loader = data.DataLoader(examples, batch_size=4, shuffle=True)
    >>> [x.shape for x, label in loader]
    [(4, 4), (4, 4), (2, 4)]
    """

    @near_names
    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: Generator | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        num_workers: int = 0,
    ) -> None:
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise DataError(f"a data set has len() and [i]; a {type(dataset).__name__} has not")
        if isinstance(dataset, tuple | Mapping | np.ndarray | Tensor):
            raise DataError("wrap tensors and arrays: DataLoader(TensorDataset(X, Y), ...)")
        chosen(generator)
        if not is_whole(batch_size, least=1):
            raise DataError(f"batch_size is a whole number of at least 1, not {batch_size!r}")
        if num_workers != 0:
            raise DataError(
                f"num_workers is 0, not {num_workers!r}: there are no worker processes, batches "
                "are made in this one. Leave it out; a data set of arrays, TensorDataset(X, Y), "
                "gives a whole batch at once"
            )
        if collate_fn is not None and not callable(collate_fn):
            raise DtypeError("collate_fn is a function of a list of examples, not a "
                             + type(collate_fn).__name__)
        if len(dataset) == 0:
            raise DataError("the data set is empty: there is nothing to make batches of")
        if drop_last and len(dataset) < batch_size:
            raise DataError(
                f"drop_last leaves no batch: {len(dataset)} examples, batch_size {batch_size}"
            )
        self.dataset, self.batch_size, self.shuffle = dataset, int(batch_size), shuffle
        self.drop_last, self.generator, self.collate_fn = drop_last, generator, collate_fn
        self._place = _Place(0, None)  # of the newest loop
        self._left: _Place | None = None  # where the next loop goes on, if a state was loaded

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        place, self._left = self._left, None
        order = None
        if place is None:
            source = chosen(self.generator) if self.shuffle else None
            place = _Place(0, source.get_state() if source else None)
            order = source.permutation(len(self.dataset)) if source else None
        elif place.start is not None:
            past = Generator(0)
            past.set_state(place.start)
            order = past.permutation(len(self.dataset))
        self._place = place
        return self._batches(order, place)

    def _batches(self, order: np.ndarray[Any, Any] | None, place: _Place) -> Iterator[Any]:
        count, size = len(self.dataset), self.batch_size
        at_once = self.collate_fn is None and hasattr(self.dataset, "batch_at")
        collate = self.collate_fn or default_collate
        for start in range(place.batch * size, len(self) * size, size):
            part = slice(start, min(start + size, count))
            place.batch += 1
            if at_once:
                yield self.dataset.batch_at(part if order is None else order[part])
            else:
                places = range(part.start, part.stop) if order is None else order[part].tolist()
                yield collate([self.dataset[i] for i in places])
        place.batch, place.start = 0, None

    # --- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the newest loop and the state its order was drawn from, in plain
        numbers.

        `batch`: batches handed out, 0 between two epochs. The state of its own generator is
        part of it, that of `dls.manual_seed` is not.
        """
        own = self.generator.get_state() if self.generator is not None else None
        place = self._left or self._place
        return {**self._kind(), "batch": place.batch, "start": place.start, "generator": own}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on there: the next `for` gives the batches that were left. All or nothing.

        DataError if it is the state of a loader of other data, batches or options.
        """
        self.check_state(state_dict)
        self._left = None
        if state_dict["batch"]:
            self._left = _Place(state_dict["batch"], state_dict["start"])
        self._place = _Place(0, None)
        if self.generator is not None:
            self.generator.set_state(state_dict["generator"])

    def check_state(self, state_dict: Mapping[str, Any]) -> None:
        """DataError unless it is the state of a loader like this one."""
        mine = {**self._kind(), "batch": 0, "start": None, "generator": None}
        if not isinstance(state_dict, Mapping) or state_dict.keys() != mine.keys():
            raise DataError(f"no state of a DataLoader: it has {', '.join(mine)}")
        if other := [f"{name} {state_dict[name]!r}, not {value!r}"
                     for name, value in self._kind().items() if state_dict[name] != value]:
            raise DataError("the state is of another DataLoader, with " + "; ".join(other))
        batch, start, own = (state_dict[name] for name in ("batch", "start", "generator"))
        if not is_whole(batch) or batch > len(self):
            raise DataError(f"the state is at batch {batch!r} of {len(self)}")
        if (own is None) != (self.generator is None):
            raise DataError("one of the two DataLoaders has a generator of its own, the other not")
        if self.shuffle and batch and start is None:
            raise DataError("the state does not say where its order was drawn from")
        for state in (start, own):
            if state is not None:
                Generator(0).set_state(state)

    def _kind(self) -> dict[str, Any]:
        return {"examples": len(self.dataset), "batch_size": self.batch_size,
                "shuffle": bool(self.shuffle), "drop_last": bool(self.drop_last)}


@dataclass
class _Place:
    """The position of a loop over the batches, and the generator's state before their order was
    drawn.
    """

    batch: int
    start: dict[str, Any] | None


def default_collate(examples: Sequence[Any]) -> Any:
    """Stack examples to a batch: tensors, arrays and numbers along a new axis 0.

    Tuples and dictionaries of them are batched part by part; anything else stays a list.
    ShapeError for examples of different shapes.

    >>> from tinygrad_dls import data
    >>> data.default_collate([([1.0, 2.0], "cat"), ([3.0, 4.0], "dog")])
    ((Tensor([1., 3.]), Tensor([2., 4.])), ['cat', 'dog'])
    """
    if not isinstance(examples, Sequence) or not examples:
        raise DataError("a batch is a list of one example or more, not "
                        + ("an empty one" if isinstance(examples, Sequence) else repr(examples)))
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
