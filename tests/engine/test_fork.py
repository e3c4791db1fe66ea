"""Forked children of a process whose other threads train: they compute, and none hangs."""

import multiprocessing
import os
import threading
import time

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls._util import locks
from tinygrad_dls.backend.kernels.table import wants_compiled
from tinygrad_dls.nn import functional as F

if not hasattr(os, "fork"):
    pytest.skip("this system does not fork", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def training(captured):
    model = nn.Sequential(nn.Linear(200, 300), nn.ReLU(), nn.Linear(300, 3))
    optimizer = optim.Adam(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return dls.capture(step) if captured else step


def batch():
    return dls.randn(40, 200, generator=dls.Generator(0)), dls.Tensor(np.arange(40) % 3)


def children(work, count, pause):
    """How many of `count` children, which do `work`, did not end well."""
    failed = 0
    for i in range(count):
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join(60)
        failed += child.exitcode != 0
        if child.is_alive():
            child.kill()
            child.join()
        time.sleep(pause * (i % 7))
    return failed


@pytest.mark.skipif(not wants_compiled(), reason="NumPy's own products may hang beside a fork")
@pytest.mark.parametrize("count", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_children_of_a_process_that_trains(count):
    steps = [training(False), training(True)]
    x, y = batch()
    for step in steps:
        for _ in range(3):
            step(x, y)
    stop = threading.Event()

    def train(step):
        while not stop.is_set():
            step(x, y)
            dls.Device("strict")
            dls.Generator(1).normal((3,))

    def work():
        for step in (*steps, training(True)):
            for _ in range(4):
                assert np.isfinite(step(*batch()).item())

    threads = [threading.Thread(target=train, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    try:
        assert children(work, count, 0.003) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_every_lock_is_open_in_a_child():
    held = [locks.new_lock(), locks.new_rlock()]
    taken, stop = threading.Event(), threading.Event()

    def hold():
        for lock in held:
            lock.acquire()
        taken.set()
        stop.wait()

    def work():
        assert all(lock.acquire(timeout=1) for lock in held)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        assert children(work, 1, 0) == 0
    finally:
        stop.set()
        thread.join()


def test_a_fork_waits_for_an_import(monkeypatch):
    monkeypatch.setattr(locks, "_waited_for", [])
    lock = locks.fork_waits_for(threading.RLock())
    done = multiprocessing.get_context("fork").Event()
    taken = threading.Event()

    def load():
        with lock:
            taken.set()
            time.sleep(0.2)
            done.set()

    def work():
        assert done.is_set()
        assert lock.acquire(timeout=1)

    thread = threading.Thread(target=load)
    thread.start()
    taken.wait()
    assert children(work, 1, 0) == 0
    thread.join()
    assert lock.acquire(blocking=False)
    lock.release()


def test_threads_that_draw_first_share_one_stream():
    for seed in range(40):
        generator, barrier = dls.Generator(seed), threading.Barrier(4)
        drawn = [None] * 4

        def draw(i, generator=generator, barrier=barrier, drawn=drawn):
            barrier.wait()
            drawn[i] = [generator.stream() for _ in range(5)]

        threads = [threading.Thread(target=draw, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        alone = dls.Generator(seed)
        assert sorted(np.ravel(drawn)) == sorted(alone.stream() for _ in range(20))
