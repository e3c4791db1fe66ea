"""Worker processes of a loader: each makes batches, which come back in the loader's order.

Batch k is made by worker k % n. Each worker has a queue of tasks and a queue of results of its own,
so that a worker which dies or is ended takes nothing of the others with it.
"""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
import queue
import random
import signal
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend.device import set_default_device
from ..errors import DataError
from ..random import manual_seed

PATIENCE = 1.0  # seconds: how often a worker that says nothing is looked after


@dataclass(frozen=True)
class WorkerInfo:
    """The place of a worker process among the others.

    >>> from tinygrad_dls import data
    >>> data.WorkerInfo(id=0, num_workers=2, seed=1, dataset=[]).num_workers
    2
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: list[WorkerInfo] = []


def get_worker_info() -> WorkerInfo | None:
    """Tell, in a worker process of a loader, which one it is; None in the main process.

    An `IterableDataset` asks so that each worker reads its part only.

    >>> from tinygrad_dls import data
    >>> class Count(data.IterableDataset):
    ...     def __iter__(self):
    ...         worker = data.get_worker_info()
    ...         return iter(range(worker.id, 6, worker.num_workers) if worker else range(6))
    >>> list(Count())
    [0, 1, 2, 3, 4, 5]
    """
    return _info[0] if _info else None


@dataclass(frozen=True)
class _Failure:
    """An error of a worker on its way to the main process."""

    kind: str
    message: str
    text: str
    error: Exception | None  # itself, if it can be pickled

    def raised(self, worker: int) -> Exception:
        """The error to raise: as it was, with a note of where."""
        error = self.error or DataError(f"{self.kind}: {self.message}")
        error.add_note(f"in worker process {worker} of a DataLoader:\n{self.text}")
        return error


@dataclass(frozen=True)
class Plan:
    """All that a worker needs to make batches, whatever the epoch."""

    dataset: Any
    batches: Callable[[], Iterator[Any]] | None  # of an iterable data set
    fetch: Callable[[Any], Any] | None  # a batch, of its places
    init: Callable[[int], Any] | None


class _End:
    """Said by a worker that has read its iterable data set to the end."""


class Workers:
    """`count` processes that make batches, and may serve several epochs."""

    def __init__(self, plan: Plan, count: int, context: Any, timeout: float) -> None:
        if context is None or isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            context = multiprocessing.get_context(
                context or ("fork" if "fork" in methods else None))
        self.count, self.timeout, self.epoch = count, timeout, 0
        self.tasks = [context.Queue() for _ in range(count)]
        self.results = [context.Queue() for _ in range(count)]
        self.processes = []
        with warnings.catch_warnings():  # locks of this package are open in forked children
            warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
            for i in range(count):
                arguments = (plan, i, count, self.tasks[i], self.results[i])
                process = context.Process(target=_work, args=arguments, daemon=True)
                process.start()
                self.processes.append(process)
        self.close = weakref.finalize(self, _close, self.processes, self.tasks, self.results)

    def run(self, tasks: Iterator[Any] | None, seed: int, ahead: int) -> Iterator[Any]:
        """The batches of one epoch, in order; `ahead`: how many each worker makes in advance.

        `tasks`: places of each batch; None where workers read an iterable data set.
        """
        self.epoch += 1
        for i, q in enumerate(self.tasks):
            q.put((self.epoch, "start", seed + i))
        plans = itertools.repeat(None) if tasks is None else tasks
        waiting: list[int] = []  # the worker of each batch that was asked for, in order
        turn = itertools.cycle(range(self.count))
        live = set(range(self.count))

        def ask() -> None:
            if not live:
                return
            worker = next(w for w in turn if w in live)
            for task in itertools.islice(plans, 1):
                self.tasks[worker].put((self.epoch, "batch", task))
                waiting.append(worker)

        for _ in range(self.count * ahead):
            ask()
        while waiting:
            worker = waiting.pop(0)
            result = self._receive(worker)
            if isinstance(result, _Failure):
                raise result.raised(worker)
            if isinstance(result, _End):
                live.discard(worker)
                continue
            ask()
            yield result

    def _receive(self, worker: int) -> Any:
        """The next result of a worker in this epoch; an error if it died or takes too long."""
        waited = 0.0
        while True:
            try:
                epoch, result = self.results[worker].get(timeout=PATIENCE)
            except queue.Empty:
                process = self.processes[worker]
                if not process.is_alive():
                    raise DataError(
                        f"worker process {worker} of a DataLoader ended by itself (exit code "
                        f"{process.exitcode}): out of memory, say; num_workers=0 shows more"
                    ) from None
                waited += PATIENCE
                if 0 < self.timeout <= waited:
                    raise DataError(f"worker process {worker} of a DataLoader gave no batch in "
                                    f"{self.timeout} seconds") from None
                continue
            if epoch == self.epoch:
                return pickle.loads(result)


def _close(processes: list[Any], tasks: list[Any], results: list[Any]) -> None:
    """End the processes, and wait for their end."""
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join()
        process.close()
    for q in (*tasks, *results):
        q.cancel_join_thread()
        q.close()


def _work(plan: Plan, worker: int, count: int, tasks: Any, results: Any) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends it
    results.cancel_join_thread()
    set_default_device("cpu")  # the GPU is the main process's
    batches: Iterator[Any] = iter(())
    started, failed = False, None
    while True:
        epoch, kind, value = tasks.get()
        try:
            if kind == "start":
                _seed(value)
                _info[:] = [WorkerInfo(worker, count, value, plan.dataset)]
                failed = None
                if not started and plan.init is not None:
                    plan.init(worker)
                started = True
                batches = plan.batches() if plan.batches is not None else iter(())
                continue
            result = failed or _End()
            if failed is None and plan.fetch is not None:
                result = plan.fetch(value)
            elif failed is None:
                result = next(batches, result)
            sent = pickle.dumps(result)  # here, and not by the queue's thread: an error is told
        except Exception as error:
            failed = _failure(error)
            if kind == "start":
                continue
            sent, failed = pickle.dumps(failed), None
        results.put((epoch, sent))


def _failure(error: Exception) -> _Failure:
    try:
        whole = pickle.loads(pickle.dumps(error))
    except Exception:
        whole = None
    kind = type(error)
    text = "".join(traceback.format_exception(error)).rstrip()
    name = kind.__qualname__ if kind.__module__ == "builtins" else (
        f"{kind.__module__}.{kind.__qualname__}")
    same = error if type(whole) is kind and str(whole) == str(error) else None
    return _Failure(name, str(error), text, same)


def _seed(seed: int) -> None:
    """Seed all that examples may be drawn with: each worker has random numbers of its own."""
    manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (users' data sets draw from it)
