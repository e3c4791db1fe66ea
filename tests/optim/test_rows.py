"""Steps on the rows of an embedding that were used: the same numbers as on the whole table."""

import threading

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls.backend.kernels import sparse_rows
from tinygrad_dls.backend.kernels.table import wants_compiled
from tinygrad_dls.nn import functional as F

WORDS, WIDTH, LENGTH = 3000, 20, 9  # a table of 240 kB
USED = 200  # rows, of enough numbers for compiled loops

if not wants_compiled():
    pytest.skip("only with compiled kernels", allow_module_level=True)


def batches(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 50 if i % 2 else WORDS, (8, LENGTH)) for i in range(count)]


def table_and_target(seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((WORDS, WIDTH)).astype("f"),
            rng.standard_normal((8, WIDTH)).astype("f"))


def by_numpy(steps, lr, table, target, seed=0):
    """The same training on whole tables."""
    table = table.copy()
    for places in batches(steps, seed):
        d = (table[places].mean(axis=1, dtype="float64") - target).astype("f")
        gradient = np.zeros_like(table, dtype="float64")
        np.add.at(gradient, places, np.repeat((2 / d.size / LENGTH * d)[:, None], LENGTH, axis=1))
        table -= lr * gradient.astype("f")
    return table


def train(make, steps=9, between=lambda p: None, captured=False, seed=0):
    start, target = table_and_target(seed)
    layer = nn.Embedding(WORDS, WIDTH)
    layer.load_state_dict({"weight": start})
    optimizer = make(layer.parameters())
    target = dls.Tensor(target)

    def step(places):
        optimizer.zero_grad()
        loss = F.mse_loss(layer(places).mean(axis=1), target)
        loss.backward()
        between(layer.weight)
        optimizer.step()
        return loss

    run = dls.capture(step) if captured else step
    for places in batches(steps, seed):
        run(dls.Tensor(places))
    return layer.weight.numpy().copy()


@pytest.mark.parametrize("captured", [False, True])
def test_as_numpy_on_the_whole_table(captured):
    start, target = table_and_target()
    made = train(lambda p: optim.SGD(p, lr=5.0), captured=captured)
    assert np.allclose(made, by_numpy(9, 5.0, start, target), rtol=1e-5, atol=1e-6)


def whole(monkeypatch):
    """From here on nothing is known of rows."""
    monkeypatch.setattr(
        "tinygrad_dls.backend.kernels.numba.indexing.scatter.worth_telling", lambda *_: False)


def scaled(p):
    p.grad *= 0.5


def filled(p):
    p.grad[:] = 0.25


def shifted(p):
    p.grad += 1e-3


def replaced(p):
    p.grad = p.grad + 1.0


def clipped(p):
    nn.utils.clip_grad_norm_([p], 1e-3)


def again(p):
    (p * p).sum().backward()  # adds to every row


@pytest.mark.parametrize("between", [lambda p: None, scaled, filled, shifted, replaced, clipped,
                                     again])
@pytest.mark.parametrize("make", [
    lambda p: optim.SGD(p, lr=0.5), lambda p: optim.SGD(p, lr=0.5, weight_decay=0.1),
    lambda p: optim.SGD(p, lr=0.5, momentum=0.9), lambda p: optim.SGD(p, lr=0.5, maximize=True),
    lambda p: optim.Adam(p), lambda p: optim.AdamW(p),
], ids=["sgd", "decay", "momentum", "maximize", "adam", "adamw"])
def test_what_happens_to_a_gradient_counts_to_the_bit(make, between, monkeypatch):
    by_rows = train(make, between=between)
    whole(monkeypatch)
    assert np.array_equal(by_rows, train(make, between=between))


def test_rows_are_known_and_the_table_is_used_again():
    seen = []

    def look(p):
        known = sparse_rows.rows_of(p.grad._data)
        used = np.flatnonzero(p.grad.numpy().any(axis=1))
        assert known is not None and set(used) <= set(known.tolist())
        seen.append(p.grad._data.ctypes.data)

    train(lambda p: optim.SGD(p, lr=0.1), between=look)
    assert len(set(seen)) == 1


def test_a_gradient_that_is_held_stays_as_it_is():
    held = []
    train(lambda p: optim.SGD(p, lr=0.1), between=lambda p: held.append((p.grad, p.grad.numpy())))
    copies = []
    train(lambda p: optim.SGD(p, lr=0.1), between=lambda p: copies.append(p.grad.numpy().copy()))
    for (tensor, view), copy in zip(held, copies, strict=True):
        assert np.array_equal(tensor.numpy(), copy) and np.array_equal(view, copy)


@pytest.mark.parametrize("keep", [
    lambda p: p.grad.data, lambda p: p.grad.data[::2], lambda p: memoryview(p.grad.data),
    lambda p: p.grad.detach().T,
], ids=["array", "view", "memoryview", "tensor"])
def test_a_part_of_a_gradient_that_is_held_stays_as_it_is(keep):
    held, copies = [], []

    def look(p):
        held.append(keep(p))
        copies.append(np.array(held[-1]))

    train(lambda p: optim.SGD(p, lr=0.1), between=look)
    assert all(np.array_equal(np.asarray(one), copy) for one, copy in zip(held, copies))


def test_a_write_to_the_raw_array_counts():
    layer = nn.Embedding(WORDS, WIDTH)
    optimizer = optim.SGD(layer.parameters(), lr=1.0)
    layer(dls.Tensor(np.arange(USED))).sum().backward()
    layer.weight.grad.data[WORDS - 1] = 1.0
    before = layer.weight.numpy().copy()
    optimizer.step()
    moved = before - layer.weight.numpy()
    assert np.allclose(moved[:USED], 1.0) and np.allclose(moved[-1], 1.0)
    assert not moved[USED:-1].any()
    layer.weight.grad = None  # what the array has in its last row must not come back
    layer(dls.Tensor(np.arange(USED))).sum().backward()
    assert not layer.weight.grad.numpy()[USED:].any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_table_used_twice(share, monkeypatch):
    def run():
        start, target = table_and_target()
        layer = nn.Embedding(WORDS, WIDTH)
        layer.load_state_dict({"weight": start})
        optimizer = optim.SGD(layer.parameters(), lr=0.5)
        for places, others in zip(batches(6), batches(6, 1), strict=True):
            optimizer.zero_grad()
            both = layer(dls.Tensor(places)).mean(axis=1) * layer(dls.Tensor(others)).mean(axis=1)
            loss = F.mse_loss(both, dls.Tensor(target))
            (loss + share * (layer.weight[:5] ** 2).sum() if share else loss).backward()
            optimizer.step()
        return layer.weight.numpy().copy()

    by_rows = run()
    whole(monkeypatch)
    assert np.array_equal(by_rows, run())


def test_threads_train_their_own():
    alone = [train(lambda p: optim.SGD(p, lr=0.5), seed=seed) for seed in range(4)]
    made = [None] * 4

    def work(i):
        made[i] = train(lambda p: optim.SGD(p, lr=0.5), seed=i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, right in zip(made, alone, strict=True):
        assert np.array_equal(mine, right)
