"""Data sets, loaders and splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import data
from tinygrad_dls.backend import strict

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


class Squares(data.Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, i):
        return {"x": np.array([i, i * i], "float32"), "y": i, "name": f"number {i}"}


def test_tensor_dataset_keeps_dtypes_and_does_not_copy_arrays():
    d = data.TensorDataset(X, Y, dls.Tensor(X))
    assert len(d) == 10 and [t.dtype for t in d.tensors] == [np.float64, np.int64, np.float64]
    assert np.shares_memory(d.tensors[0].numpy(), X)
    x, y, _ = d[3]
    assert x.tolist() == [6, 7] and int(y) == 3
    assert d[2:4][1].tolist() == [2, 3]
    with pytest.raises(dls.ShapeError, match=r"tensor 0  \(10, 2\)\n  tensor 1  \(3,\)"):
        data.TensorDataset(X, Y[:3])
    with pytest.raises(dls.DataError):
        data.TensorDataset()
    with pytest.raises(dls.GraphError, match="detach"):
        data.TensorDataset(dls.ones(3, requires_grad=True) * 2)


@given(st.integers(1, 40), st.integers(1, 45), st.booleans(), st.booleans(), st.booleans())
def test_every_example_once(count, size, shuffle, drop_last, plain):
    values = np.arange(count)
    dataset = [(v, 2 * v) for v in values] if plain else data.TensorDataset(values, 2 * values)
    if drop_last and size > count:
        with pytest.raises(dls.DataError, match="no batch"):
            data.DataLoader(dataset, size, shuffle, drop_last)
        return
    loader = data.DataLoader(dataset, size, shuffle, drop_last, dls.Generator(count))
    batches = list(loader)
    assert len(batches) == len(loader)
    xs = np.concatenate([x.numpy() for x, _ in batches])
    assert all(np.array_equal(y.numpy(), 2 * x.numpy()) for x, y in batches)
    assert len(set(xs.tolist())) == len(xs) == (count // size * size if drop_last else count)
    assert all(len(x) == size for x, _ in batches[:-1])
    if not shuffle:
        assert np.array_equal(xs, values[: len(xs)])


def order(loader):
    return [y.tolist() for _, y in loader]


def test_shuffles_repeat_by_seed_and_differ_by_epoch():
    def make(**options):
        return data.DataLoader(data.TensorDataset(X, Y), 4, shuffle=True, **options)

    loader = make(generator=dls.Generator(3))
    first, second = order(loader), order(loader)
    assert first != second
    again = make(generator=dls.Generator(3))
    assert order(again) == first and order(again) == second
    flat = dls.Generator(3).permutation(10).tolist()
    assert [y for batch in first for y in batch] == flat  # one permutation an epoch, nothing else
    dls.manual_seed(3)
    assert order(make()) == first


def test_an_early_break_leaves_the_next_epoch_whole():
    loader = data.DataLoader(data.TensorDataset(X, Y), 3)
    for _ in loader:
        break
    assert order(loader) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    outer = iter(loader)
    next(outer)
    assert len(list(loader)) == 4 and len(list(outer)) == 3  # two loops do not disturb each other


def test_shuffles_are_the_same_on_every_device():
    batches = {}
    for device in ("cpu", "strict"):
        d = data.TensorDataset(dls.Tensor(X, device=device), dls.Tensor(Y, device=device))
        loader = data.DataLoader(d, 4, shuffle=True, generator=dls.Generator(0))
        with strict.count() as c:
            batches[device] = list(loader)
        assert c.syncs == 0, c
        assert c.host_to_device == (3 if device == "strict" else 0)  # the places of each batch
        assert all(x.device.name == device for x, _ in batches[device])
    for (a, b), (x, y) in zip(*batches.values()):
        assert np.array_equal(a.numpy(), x.numpy()) and np.array_equal(b.numpy(), y.numpy())


def test_batches_are_copies():
    for shuffle in (False, True):
        loader = data.DataLoader(data.TensorDataset(X), 5, shuffle=shuffle)
        before = X.copy()
        for (x,) in loader:
            x += 100
        assert np.array_equal(X, before)


def test_collating():
    (batch,) = data.DataLoader(Squares(), 5)
    assert batch["x"].shape == (5, 2) and batch["x"].dtype == np.float32
    assert batch["y"].tolist() == [0, 1, 2, 3, 4] and batch["name"][4] == "number 4"
    pairs = [(dls.ones(2), 0.5), (dls.zeros(2), 1.5)]
    x, y = next(iter(data.DataLoader(pairs, 2)))
    assert x.shape == (2, 2) and y.dtype == np.float32 and y.tolist() == [0.5, 1.5]
    with pytest.raises(dls.ShapeError, match="pad them"):
        next(iter(data.DataLoader([np.zeros(2), np.zeros(3)], 2)))
    with pytest.raises(dls.ShapeError, match="numbers of parts"):
        next(iter(data.DataLoader([(1, 2), (1,)], 2)))
    loader = data.DataLoader(data.TensorDataset(X, Y), 4, collate_fn=len)
    assert list(loader) == [4, 4, 2]


def test_clear_errors():
    good = data.TensorDataset(X, Y)
    for make, match in [
        (lambda: data.DataLoader(data.TensorDataset(X[:0])), "empty"),
        (lambda: data.DataLoader(good, 0), "batch_size"),
        (lambda: data.DataLoader(good, 2.5), "batch_size"),
        (lambda: data.DataLoader((X, Y)), "TensorDataset"),
        (lambda: data.DataLoader(X), "TensorDataset"),
        (lambda: data.DataLoader(iter([1])), r"len\(\)"),
        (lambda: data.Subset(good, [10]), "below 10"),
        (lambda: data.random_split(good, [5, 4]), "sum to 9"),
        (lambda: data.random_split(good, [-1, 11]), "negative"),
        (lambda: data.train_test_split(X, test_size=10), "empty"),
    ]:
        with pytest.raises(dls.DataError, match=match):
            make()
    with pytest.raises(dls.ShapeError, match=r"\(10, 2\)\n  \(3,\)"):
        data.train_test_split(X, Y[:3])


def test_subsets():
    part = data.Subset(data.TensorDataset(X, Y), [7, 2, 5])
    assert len(part) == 3 and int(part[1][1]) == 2
    assert order(data.DataLoader(part, 2)) == [[7, 2], [5]]
    nested = data.Subset(part, [2, 0])
    assert order(data.DataLoader(nested, 2)) == [[5, 7]]
    plain = data.Subset(Squares(), [3])
    assert next(iter(data.DataLoader(plain)))["y"].tolist() == [3]


@given(st.integers(2, 60), st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_random_split_parts_without_overlap(count, shares):
    dataset = list(range(count))
    parts = data.random_split(dataset, [s / sum(shares) for s in shares], dls.Generator(1))
    assert sorted(part[i] for part in parts for i in range(len(part))) == dataset
    for part, share in zip(parts, shares):
        assert abs(len(part) - count * share / sum(shares)) <= 1 + 1e-9


def test_splits_repeat_by_seed():
    d = data.TensorDataset(X, Y)
    a, b = data.random_split(d, [7, 3], dls.Generator(5))
    c, _ = data.random_split(d, [0.7, 0.3], dls.Generator(5))
    assert (len(a), len(b)) == (7, 3) and np.array_equal(a.indices, c.indices)
    parts = data.train_test_split(X, Y, dls.Tensor(Y), test_size=0.25, generator=dls.Generator(0))
    assert [len(p) for p in parts] == [7, 3] * 3
    x_train, x_test, y_train, y_test, t_train, _ = parts
    assert np.array_equal(x_train[:, 0], 2 * y_train) and np.array_equal(x_test[:, 0], 2 * y_test)
    assert isinstance(t_train, dls.Tensor) and np.array_equal(t_train.numpy(), y_train)
    assert sorted([*y_train, *y_test]) == Y.tolist()
    last = data.train_test_split(Y, test_size=2, shuffle=False)
    assert last[1].tolist() == [8, 9]


@given(st.integers(1, 30), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(0, 9))
def test_a_loader_goes_on_where_it_was(count, size, shuffle, own, stop):
    import json

    def make(seed):
        dls.manual_seed(seed)
        return data.DataLoader(data.TensorDataset(np.arange(count)), size, shuffle,
                               generator=dls.Generator(seed) if own else None)

    loader, seen, saved = make(1), [], None
    for (x,) in loader:
        seen.append(x.tolist())
        if len(seen) == stop and saved is None:
            saved = json.loads(json.dumps([
                loader.state_dict(), dls.random.default_generator.get_state()]))
            seen.clear()
    if saved is None:  # it was over before
        assert loader.state_dict()["batch"] == 0
        return
    assert saved[0]["batch"] == stop
    rest, following = list(seen), [x.tolist() for (x,) in loader]
    again = make(2)
    dls.random.default_generator.set_state(saved[1])
    again.load_state_dict(saved[0])
    assert again.state_dict() == saved[0]
    assert [x.tolist() for (x,) in again] == rest
    assert [x.tolist() for (x,) in again] == following


def test_states_of_other_loaders():
    good = data.TensorDataset(X, Y)
    loader = data.DataLoader(good, 3, shuffle=True, generator=dls.Generator(0))
    next(iter(loader))
    state = loader.state_dict()
    for change, match in [
        ({"batch_size": 4}, "batch_size 4, not 3"), ({"examples": 9}, "examples 9, not 10"),
        ({"batch": 5}, "batch 5 of 4"), ({"batch": -1}, "batch -1"), ({"start": None}, "drawn"),
        ({"generator": None}, "generator"), ({"start": {"seed": 3}}, "no state of a Generator"),
        ({"more": 1}, "no state of a DataLoader"),
    ]:
        with pytest.raises(dls.DataError, match=match):
            loader.load_state_dict({**state, **change})
    assert loader.state_dict() == state
    with pytest.raises(dls.DataError, match="has no state to save"):
        data.DataLoader(good, 3, sampler=range(10)).state_dict()


def test_states_of_generators():
    g = dls.Generator(3)
    g.normal((3,))
    state = g.get_state()
    for bad in (3, {}, {"seed": 1, "stream": {}}, {**state, "seed": -1},
                {**state, "stream": {**state["stream"], "bit_generator": "MT19937"}}):
        with pytest.raises(dls.DataError):
            g.set_state(bad)
    assert g.get_state() == state
