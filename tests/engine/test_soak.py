"""Long runs: memory stays flat, and threads do not disturb each other."""

import gc
import os
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim

pytestmark = pytest.mark.slow


def _training(seed):
    """A function that trains one step of a small network with dropout, and returns the loss."""
    rng = np.random.default_rng(seed)
    generator = dls.Generator(seed)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1, generator=generator),
                          nn.Linear(16, 3))
    for p in model.parameters():
        with dls.no_grad():
            p[...] = rng.standard_normal(p.shape).astype("float32") * 0.3
    x = dls.Tensor(rng.standard_normal((32, 8)).astype("float32"))
    y = dls.Tensor(rng.integers(0, 3, 32))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def test_memory_is_flat_over_20_000_steps_without_the_garbage_collector():
    step = _training(0)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(5_000):  # Python keeps up to 2,000 freed tuples of a size for later
            step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20_000):
            step()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert grown < 50_000, f"{grown} bytes in 20,000 steps"  # one float each would be 480,000


def test_eight_threads_train_eight_models_as_one_after_the_other_does():
    alone = []
    for seed in range(8):
        step = _training(seed)
        alone.append([step() for _ in range(200)])
    together = [[] for _ in range(8)]

    def train(seed):
        step = _training(seed)
        together[seed].extend(step() for _ in range(200))

    threads = [threading.Thread(target=train, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def _resident():
    """Bytes of this process in memory."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell")
@pytest.mark.parametrize("captured", [False, True])
def test_memory_is_flat_over_200_000_steps(captured):
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    x = dls.Tensor(rng.standard_normal((400, 2)).astype("float32"))
    y = dls.Tensor((rng.random((400, 1)) < 0.5).astype("float32"))
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = dls.capture(step) if captured else step
    for _ in range(10_000):
        first = run(x, y)
    before, first = _resident(), first.item()
    for _ in range(200_000):
        last = run(x, y)
    assert last.item() < first
    grown = _resident() - before
    assert grown < 2_000_000, f"{grown} bytes in 200,000 steps"  # ten bytes a step
