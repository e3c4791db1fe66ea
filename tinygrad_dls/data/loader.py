"""DataLoader: the examples of a data set in batches, reshuffled each epoch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError, DtypeError, ShapeError
from ..ops import stack
from ..random import Generator, chosen
from ..tensors import Tensor
from .joined import IterableDataset
from .samplers import batches_of
from .workers import Plan, Workers


class DataLoader:
    """Batches of `dataset` (anything with len() and [i]); each `for` starts a new epoch.

    shuffle: in a new random order each epoch, one permutation drawn from `generator`
    (`dls.manual_seed`'s if None) on the host, so it is the same on every device.
    drop_last: without the last batch if it is smaller. collate_fn: makes a batch of a list of
    examples; by default they are stacked. sampler: gives the order instead (places, one by one);
    batch_sampler: gives lists of places. DataError for an empty data set.

    num_workers: 0, batches are made where they are asked for; else in so many processes, in the
    same order. They pay where an example takes long, to read or to augment, since a batch has to
    be sent: a `TensorDataset` gives it at once. Each has random numbers of its own, seeded from the
    generator, and calls worker_init_fn(number) first. prefetch_factor: batches that each makes
    ahead (2). persistent_workers: they stay from one epoch to the next. timeout: seconds to wait
    for a batch. An error comes with its message, and the end of a loop, however it ends, is the end
    of the processes. multiprocessing_context: "fork" where there is one, or "spawn", which wants
    a main module that can be imported. pin_memory changes nothing.

    `state_dict()` tells how far the newest `for` is; after `load_state_dict` the next `for` goes
    on there, with the batches that it had left. A sampler must have both methods, too, as
    `distributed.DistributedSampler` does.

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
        batch_size: int | None = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: Generator | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        num_workers: int = 0,
        *,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        worker_init_fn: Callable[[int], Any] | None = None,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        timeout: float = 0,
        multiprocessing_context: Any = None,
        pin_memory: bool = False,
    ) -> None:
        self._is_stream = isinstance(dataset, IterableDataset)
        size = 1 if batch_size is None or batch_sampler is not None else batch_size
        _check_data(dataset, self._is_stream)
        chosen(generator)
        if not is_whole(size, least=1):
            raise DataError(f"batch_size is a whole number of at least 1, not {batch_size!r}")
        if not is_whole(num_workers):
            raise DataError(f"num_workers is a whole number from 0, not {num_workers!r}")
        if not num_workers and (prefetch_factor is not None or persistent_workers):
            raise DataError("prefetch_factor and persistent_workers are of worker processes: give "
                            "num_workers, too")
        for name, function in (("collate_fn", collate_fn), ("worker_init_fn", worker_init_fn)):
            if function is not None and not callable(function):
                raise DtypeError(f"{name} is a function, not a {type(function).__name__}")
        if shuffle and (sampler is not None or batch_sampler is not None or self._is_stream):
            raise DataError("shuffle is an order of its own: not with a sampler or an "
                            "IterableDataset")
        if (sampler is not None) + (batch_sampler is not None) + self._is_stream > 1:
            raise DataError("a loader has one order: a sampler, a batch_sampler or the order of an "
                            "IterableDataset")
        self.dataset, self.shuffle, self.batch_size = dataset, bool(shuffle), int(size)
        self.sampler, self.batch_sampler, self._is_single = sampler, batch_sampler, (
            batch_size is None and batch_sampler is None)
        self.drop_last, self.generator, self.collate_fn = drop_last, generator, collate_fn
        self.num_workers, self.worker_init_fn = int(num_workers), worker_init_fn
        self.prefetch_factor, self.timeout = prefetch_factor or 2, timeout
        self.persistent_workers, self.pin_memory = persistent_workers, pin_memory
        self.multiprocessing_context = multiprocessing_context
        self._workers: Workers | None = None  # those that persist
        self._epochs = 0
        self._place = _Place(0, None)  # of the newest loop
        self._left: _Place | None = None  # where the next loop goes on, if a state was loaded
        if not self._is_stream and batch_sampler is None:
            examples = len(dataset if sampler is None else sampler)  # type: ignore[arg-type]
            if drop_last and examples < self.batch_size:
                raise DataError(
                    f"drop_last leaves no batch: {examples} examples, batch_size {batch_size}"
                )

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        if self._is_stream:
            raise DataError("an IterableDataset does not know its length")
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        count = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        whole, rest = divmod(count, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        place, self._left = self._left, None
        order = None
        if self._keeps_sampler():
            sampler: Any = self.sampler
            if place is None:
                place = _Place(0, sampler.state_dict())
            elif place.start is not None:
                sampler.load_state_dict(place.start)
        elif place is None:
            source = chosen(self.generator) if self.shuffle else None
            place = _Place(0, source.get_state() if source else None)
            order = source.permutation(len(self.dataset)) if source else None
        elif place.start is not None:
            past = Generator(0)
            past.set_state(place.start)
            order = past.permutation(len(self.dataset))
        self._place = place
        self._epochs += 1
        return self._batches(order, place)

    def _batches(self, order: np.ndarray[Any, Any] | None, place: _Place) -> Iterator[Any]:
        plans = None if self._is_stream else self._plans(order, place.batch)
        batches: Iterator[Any]
        if self.num_workers:
            batches = self._from_workers(plans)
        else:
            batches = self._stream() if plans is None else map(self._fetch, plans)
        for batch in batches:
            place.batch += 1
            yield batch
        place.batch, place.start = 0, None

    def _plans(self, order: np.ndarray[Any, Any] | None, first: int) -> Iterator[Any]:
        """The places of each batch, from batch `first` on."""
        if self.batch_sampler is not None or self.sampler is not None:
            batches = iter(self.batch_sampler or ())
            if self.sampler is not None:
                batches = batches_of(self.sampler, self.batch_size, self.drop_last)
            yield from itertools.islice(batches, first, None)
            return
        count, size = len(self.dataset), self.batch_size
        for start in range(first * size, len(self) * size, size):
            part = slice(start, min(start + size, count))
            yield part if order is None else order[part]

    def _fetch(self, places: Any) -> Any:
        """The batch of these places: a slice, an array or a list of them."""
        if self.collate_fn is None and not self._is_single and hasattr(self.dataset, "batch_at"):
            return self.dataset.batch_at(np.asarray(places) if isinstance(places, list) else places)
        if isinstance(places, slice):
            places = range(places.start, places.stop)
        listed = places.tolist() if isinstance(places, np.ndarray) else places
        return self._collated([self.dataset[i] for i in listed])

    def _collated(self, examples: list[Any]) -> Any:
        if self._is_single:
            return examples[0] if self.collate_fn is None else self.collate_fn(examples[0])
        return (self.collate_fn or default_collate)(examples)

    def _stream(self) -> Iterator[Any]:
        """The batches of an iterable data set."""
        return map(self._collated, batches_of(self.dataset, self.batch_size, self.drop_last))

    # --- worker processes ------------------------------------------------------------------------

    def _from_workers(self, plans: Iterator[Any] | None) -> Iterator[Any]:
        workers = self._workers
        if workers is None or not workers.close.alive:
            plan = Plan(self.dataset, self._stream if self._is_stream else None,
                        None if self._is_stream else self._fetch, self.worker_init_fn)
            workers = Workers(plan, self.num_workers, self.multiprocessing_context, self.timeout)
        self._workers = workers if self.persistent_workers else None
        is_whole_epoch = False
        try:
            yield from workers.run(plans, self._worker_seed(), self.prefetch_factor)
            is_whole_epoch = True
        finally:  # also where the loop was left, or an error ended it
            if not (is_whole_epoch and self.persistent_workers):
                workers.close()

    def _worker_seed(self) -> int:
        """A seed that follows from the generator and the epoch, and draws nothing from it."""
        state = chosen(self.generator).get_state()["stream"]["state"]["state"]
        mixed = np.random.SeedSequence([int(state), self._epochs]).generate_state(1, np.uint64)
        return int(mixed[0]) % 2**48

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_workers": None}  # processes are not sent to processes

    # --- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the newest loop and the state its order was drawn from, in plain
        numbers.

        `batch`: batches handed out, 0 between two epochs. The state of its own generator is
        part of it, that of `dls.manual_seed` is not.
        """
        own = self.generator.get_state() if self.generator is not None else None
        sampled = self.sampler is not None and not self._keeps_sampler()
        if sampled or self.batch_sampler is not None or self._is_stream:
            raise DataError("a loader with a sampler or an IterableDataset has no state to save: "
                            "shuffle=True does")
        place = self._left or self._place
        state = {**self._kind(), "batch": place.batch, "start": place.start, "generator": own}
        if self._keeps_sampler():
            state["sampler"] = self.sampler.state_dict()  # type: ignore[union-attr]
        return state

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
        if self._keeps_sampler():
            self.sampler.load_state_dict(state_dict["sampler"])  # type: ignore[union-attr]

    def check_state(self, state_dict: Mapping[str, Any]) -> None:
        """DataError unless it is the state of a loader like this one."""
        mine = {**self._kind(), "batch": 0, "start": None, "generator": None}
        if self._keeps_sampler():
            mine["sampler"] = None
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
        for state in (None if self._keeps_sampler() else start, own):
            if state is not None:
                Generator(0).set_state(state)

    def _keeps_sampler(self) -> bool:
        """Return whether the sampler can say where it is."""
        return hasattr(self.sampler, "state_dict")

    def _kind(self) -> dict[str, Any]:
        ranks = getattr(self.sampler, "ranks", 1)  # the batch is that of all of them
        return {"examples": len(self.dataset), "batch_size": self.batch_size * ranks,
                "shuffle": bool(self.shuffle), "drop_last": bool(self.drop_last)}


def _check_data(dataset: Any, is_stream: bool) -> None:
    """DataError unless it is a data set that has examples."""
    if is_stream:
        return
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise DataError(f"a data set has len() and [i]; a {type(dataset).__name__} has not")
    if isinstance(dataset, tuple | Mapping | np.ndarray | Tensor):
        raise DataError("wrap tensors and arrays: DataLoader(TensorDataset(X, Y), ...)")
    if len(dataset) == 0:
        raise DataError("the data set is empty: there is nothing to make batches of")


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
