"""Loaders with worker processes: order, seeds, errors, and that no process stays behind."""

import multiprocessing
import os
import pickle
import random
import time

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import data

if not hasattr(os, "fork"):
    pytest.skip("this system does not fork", allow_module_level=True)


class Slow(data.Dataset):
    """Examples that say who made them, and with which random numbers."""

    def __init__(self, n, wait=0.0, bad=None):
        self.n, self.wait, self.bad = n, wait, bad

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == self.bad:
            raise KeyError(f"no picture {i}")
        time.sleep(self.wait * (i % 2))
        worker = data.get_worker_info()
        drawn = [random.random(), np.random.random(), dls.rand(1).item()]  # noqa: NPY002
        return i, os.getpid(), -1 if worker is None else worker.id, np.array(drawn)


class Count(data.IterableDataset):
    """The numbers below n, of which each worker reads its own."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        worker = data.get_worker_info()
        return iter(range(worker.id, self.n, worker.num_workers))


def left():
    """The processes that are still there."""
    return multiprocessing.active_children()


def test_batches_come_in_order_from_several_processes():
    options = {"batch_size": 3, "shuffle": True, "num_workers": 2}
    plain = data.DataLoader(Slow(11), 3, shuffle=True, generator=dls.Generator(0))
    loader = data.DataLoader(Slow(11, wait=0.01), generator=dls.Generator(0), pin_memory=True,
                             **options)
    drawn = []
    for _ in range(2):  # epochs
        batches = list(loader)
        assert [b[0].tolist() for b in batches] == [b[0].tolist() for b in plain]
        assert [set(b[2].tolist()) for b in batches] == [{0}, {1}, {0}, {1}]
        assert len({b[1][0].item() for b in batches} - {os.getpid()}) == 2
        drawn.append(np.concatenate([b[3].numpy() for b in batches]))
        assert len(np.unique(drawn[-1])) == 33  # workers draw numbers of their own
    assert not np.isin(drawn[0], drawn[1]).any() and not left()
    again = data.DataLoader(Slow(11), generator=dls.Generator(0), **options)
    np.testing.assert_array_equal(np.concatenate([b[3].numpy() for b in again]), drawn[0])


def test_workers_can_stay_and_serve_any_data_set():
    loader = data.DataLoader(Slow(4), 1, num_workers=2, persistent_workers=True,
                             worker_init_fn=lambda i: setattr(dls, "marked", i))
    first, second = ([b[1].item() for b in loader] for _ in range(2))
    assert first == second and len(set(first)) == len(left()) == 2
    for _ in loader:  # left early, they end
        break
    assert not left()
    del loader
    x = np.arange(12.0).reshape(6, 2)
    loader = data.DataLoader(data.TensorDataset(x), 4, num_workers=1, prefetch_factor=1)
    assert [b.tolist() for b, in loader] == [x[:4].tolist(), x[4:].tolist()]
    stream = [b.tolist() for b in data.DataLoader(Count(5), 2, num_workers=2)]
    assert sorted(stream) == [[0, 2], [1, 3], [4]]
    loader = data.DataLoader(data.TensorDataset(x), 2, num_workers=2)
    loader.load_state_dict({**loader.state_dict(), "batch": 2})
    assert [b.tolist() for b, in loader] == [x[4:].tolist()] and not left()


def test_errors_come_with_their_message_and_end_the_processes():
    seen = []
    with pytest.raises(KeyError, match="no picture 4") as caught:
        for batch in data.DataLoader(Slow(8, bad=4), 2, num_workers=2):
            seen += batch[0].tolist()
    assert seen == [0, 1, 2, 3] and not left()
    assert "in worker process 0" in caught.value.__notes__[0]
    assert "__getitem__" in caught.value.__notes__[0]

    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(f"odd {a} {b}")

    def collate(examples):
        raise Odd(1, 2)

    with pytest.raises(dls.DataError, match="Odd: odd 1 2"):
        list(data.DataLoader(Slow(2), num_workers=1, collate_fn=collate))
    with pytest.raises(dls.DataError, match="exit code 3"):
        list(data.DataLoader(Slow(2), num_workers=1, collate_fn=lambda _: os._exit(3)))
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError), match=r"lambda|pickle"):
        list(data.DataLoader(Slow(2), num_workers=1, collate_fn=lambda _: lambda: 0))
    with pytest.raises(ZeroDivisionError):
        for _ in data.DataLoader(Slow(9), num_workers=2):
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        list(data.DataLoader(Slow(2), num_workers=1, worker_init_fn=lambda i: 1 // 0))
    assert not left()
