"""Captured steps planned down to their kernels, and which arrays of theirs are made once."""

import multiprocessing
import re
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend.kernels.table import wants_compiled
from tinygrad_dls.capturing.plan.memory import LINE, Stay, arrays, places
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op

compiled = pytest.mark.skipif(not wants_compiled(), reason="nothing is compiled")


@st.composite
def stays(draw):
    first = draw(st.integers(0, 12))
    shape = tuple(draw(st.lists(st.integers(0, 40), max_size=3)))
    dtype = np.dtype(draw(st.sampled_from(["float32", "float64", "int64", "bool"])))
    return Stay(shape, dtype, first, first + draw(st.integers(0, 6)))


@given(st.lists(stays(), max_size=25))
def test_what_lives_at_the_same_time_lies_apart(many):
    begins = places(many)
    for i, (one, begin) in enumerate(zip(many, begins)):
        assert begin >= 0 and begin % LINE == 0
        for other, start in zip(many[:i], begins):
            if one.first <= other.last and other.first <= one.last:
                assert begin + one.bytes <= start or start + other.bytes <= begin
    alive = [sum(s.bytes for s in many if s.first <= t <= s.last) for t in range(20)]
    size = max((b + s.bytes for b, s in zip(begins, many)), default=0)
    assert max(alive) <= size <= sum(s.bytes for s in many)


def test_arrays_are_those_asked_for():
    f32 = np.dtype("float32")
    made = arrays([Stay((3, 5), f32, 0, 2), Stay((), f32, 1, 1), Stay((7,), f32, 3, 4)])
    assert [(a.shape, a.dtype, a.flags.c_contiguous) for a in made] == [
        ((3, 5), f32, True), ((), f32, True), ((7,), f32, True)]
    assert all(a.ctypes.data % LINE == 0 for a in made)
    made[0][:], made[1][...] = 1, 2
    assert (made[0] == 1).all()
    assert arrays([]) == []


def network():
    dls.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    return model, optim.SGD(model.parameters(), lr=0.1)


def data(m=8, seed=0):
    rng = np.random.default_rng(seed)
    return (dls.Tensor(rng.standard_normal((m, 6)).astype("float32")),
            dls.Tensor(rng.integers(0, 3, m)))


def training(model, optimizer):
    """A step that trains the model."""

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@compiled
def test_the_source_calls_kernels_and_says_what_for():
    step = dls.capture(training(*network()))
    for _ in range(3):
        step(*data())
    source = step.source()
    assert not re.search(r"\b[FB]\d+\(", source)  # no operation is left that is called as one
    for line in ("tanh(t0, t1)  # tanh (8, 5)", "# linear (8, 5)", "# backward of tanh",
                 "# cross_entropy(reduction=mean, smoothing=0.0) ()"):
        assert line in source, line


def test_results_and_gradients_are_new_each_time():
    model, optimizer = network()

    def step(x, y):
        optimizer.zero_grad()
        hidden = model[1](model[0](x))
        scores = model[4](model[3](model[2](hidden)))
        loss = F.cross_entropy(scores, y)
        loss.backward()
        return loss, scores, hidden.reshape(5, 8), hidden

    captured, seen = dls.capture(step), []
    for i in range(6):
        results = captured(*data(seed=i))
        results += tuple(p.grad for p in model.parameters())
        seen.append((results, [r.numpy().copy() for r in results]))
    for i, (results, copies) in enumerate(seen):
        expected = step(*data(seed=i)) + tuple(p.grad for p in model.parameters())
        for result, copy, right in zip(results, copies, expected):
            np.testing.assert_array_equal(result.numpy(), copy)
            np.testing.assert_array_equal(copy, right.numpy())


def test_an_operation_of_the_users_may_keep_what_it_is_given():
    kept = []

    class Keep(Op):
        """y = 2 x, and x is kept.    dL/dx = 2 dL/dy"""

        def forward(self, x):
            kept.append(x)
            return 2 * x

        def backward(self, dy):
            kept.append(dy)
            return 2 * dy

    Op.registry.pop("Keep")
    keep, (model, _) = function(Keep()), network()
    first, last = model[:2], model[2:]

    @dls.capture
    def step(x, y):
        for p in model.parameters():
            p.grad = None
        loss = F.cross_entropy(last(keep(first(x))), y)
        loss.backward()
        return loss

    copies = []
    for i in range(6):
        step(*data(seed=i))
        copies += [a.copy() for a in kept[len(copies):]]
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_other_strides_are_another_program():
    weight = dls.Tensor(np.eye(4, dtype="float32"), requires_grad=True)

    @dls.capture
    def step(x):
        weight.grad = None
        loss = ((x + 1.0).tanh() @ weight).sum()
        loss.backward()
        return loss

    base = dls.Tensor(np.random.default_rng(0).standard_normal((8, 8)).astype("float32"))
    for _ in range(4):
        for x in (base[:4, :4], base.T[:4, :4], base[:4, :4].T, base[::2, ::2], base[4:, :4] * 1):
            array, loss = x.numpy(), step(x)
            np.testing.assert_allclose(loss.item(), np.tanh(array + 1).sum(), rtol=1e-5)
            np.testing.assert_allclose(
                weight.grad.numpy(), np.tanh(array + 1).T @ np.ones((4, 4)), rtol=1e-5)
    # In order; rows of 8; turned; each second of both axes.
    assert step.source().count("def step(") == 4


def test_a_call_waits_for_the_replay_of_another_thread(monkeypatch):
    """It is then replayed itself: the step is not run beside a replay that uses its arrays."""
    runs = []

    @dls.capture
    def step(x):
        runs.append(threading.get_ident())
        return (x * 2.0).sum()

    for _ in range(3):
        step(dls.ones(4))
    inside, go_on = threading.Event(), threading.Event()
    (kind,) = step._signatures.values()
    replay = kind.program.run

    def slowly(*arrays):
        if not inside.is_set():
            inside.set()
            assert go_on.wait(30)
        return replay(*arrays)

    monkeypatch.setattr(kind.program, "run", slowly)
    found, recorded = {}, len(runs)

    def call(i):
        found[i] = step(dls.ones(4) * float(i)).item()

    threads = [threading.Thread(target=call, args=(i,)) for i in (1, 2)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    threads[1].join(0.2)  # time enough to run the step, if nothing held it back
    assert found == {}
    go_on.set()
    for thread in threads:
        thread.join()
    assert found == {1: 8.0, 2: 16.0}
    assert len(runs) == recorded


@compiled
def test_threads_take_turns():
    networks, found = {name: network() for name in ("alone", 0, 1, 2, 3)}, {}

    def train(name):
        captured = dls.capture(training(*networks[name]))
        found[name] = [captured(*data(seed=i % 3)).item() for i in range(60)]

    train("alone")
    threads = [threading.Thread(target=train, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[i] == found["alone"] for i in range(4))

    model, optimizer = network()

    @dls.capture
    def shared(x, y):
        optimizer.zero_grad()
        scores = model(x)
        F.cross_entropy(scores, y).backward()
        return scores

    expected = [model(data(seed=s)[0]).numpy() for s in range(4)]
    wrong = []

    def call(seed):
        for _ in range(50):
            if not np.allclose(shared(*data(seed=seed)).numpy(), expected[seed], atol=1e-6):
                wrong.append(seed)

    threads = [threading.Thread(target=call, args=(s,)) for s in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _in_child(step, queue):
    queue.put([step(*data(64, seed=i)).item() for i in range(3)])


@compiled
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_one_thread():
    dls.manual_seed(0)
    wide = nn.Linear(6, 3000)
    last = nn.Linear(3000, 3)

    @dls.capture
    def step(x, y):
        wide.weight.grad = last.weight.grad = wide.bias.grad = last.bias.grad = None
        loss = F.cross_entropy(last(wide(x).relu()), y)
        loss.backward()
        return loss

    before = [step(*data(64, seed=i)).item() for i in range(3)]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(step, queue))
    child.start()
    np.testing.assert_allclose(queue.get(timeout=60), before, rtol=1e-5)
    child.join()
