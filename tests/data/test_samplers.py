"""Samplers, data sets that are joined, and those that are read in order."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import data

X = np.arange(10)
EXAMPLES = data.TensorDataset(X)


def test_orders_of_samplers():
    g = dls.Generator
    assert list(data.SequentialSampler(EXAMPLES)) == list(range(10))
    drawn = list(data.RandomSampler(EXAMPLES, generator=g(0)))
    assert sorted(drawn) == list(range(10)) and drawn != sorted(drawn)
    assert drawn == list(data.RandomSampler(EXAMPLES, generator=g(0)))
    assert drawn == g(0).permutation(10).tolist()  # as shuffle=True draws it
    twice = list(data.RandomSampler(EXAMPLES, num_samples=23, generator=g(0)))
    assert len(twice) == 23 and sorted(twice[:10]) == sorted(twice[10:20]) == list(range(10))
    many = list(data.RandomSampler(EXAMPLES, True, 2000, generator=g(0)))
    np.testing.assert_allclose(np.bincount(many) / 200, 1, atol=0.25)
    sampler = data.SubsetRandomSampler([7, 5, 3], generator=g(0))
    assert sorted(sampler) == [3, 5, 7] and len(sampler) == 3
    weights = dls.tensor([1.0, 0.0, 3.0])
    drawn = list(data.WeightedRandomSampler(weights, 4000, generator=g(0)))
    np.testing.assert_allclose(np.bincount(drawn) / 1000, [1, 0, 3], atol=0.1)
    few = data.WeightedRandomSampler(weights, 2, replacement=False, generator=g(0))
    assert sorted(few) == [0, 2] and len(few) == 2
    assert list(data.BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(data.BatchSampler(range(5), 2, True)) == 2 and len(data.BatchSampler("ab", 3)) == 1
    for make, match in [
        (lambda: data.WeightedRandomSampler([1.0, -1.0], 2), "0 or more"),
        (lambda: data.WeightedRandomSampler([0.0, 0.0], 2), "not all 0"),
        (lambda: data.WeightedRandomSampler(weights, 3, False), "3 of 2 places"),
        (lambda: data.RandomSampler(EXAMPLES, num_samples=0), "num_samples"),
        (lambda: data.BatchSampler(range(5), 0), "batch_size"),
    ]:
        with pytest.raises(dls.DataError, match=match):
            make()


def test_loaders_take_examples_in_the_order_of_a_sampler():
    def read(*args, **options):
        return [x.tolist() for x, in data.DataLoader(EXAMPLES, *args, **options)]

    assert read(2, sampler=[9, 0, 4, 4, 1]) == [[9, 0], [4, 4], [1]]
    assert read(2, sampler=[9, 0, 4, 4, 1], drop_last=True) == [[9, 0], [4, 4]]
    assert read(batch_sampler=[[1], [2, 3, 4], np.array([5])]) == [[1], [2, 3, 4], [5]]
    assert len(data.DataLoader(EXAMPLES, 2, sampler=range(5))) == 3
    assert len(data.DataLoader(EXAMPLES, batch_sampler=[[1], [2]])) == 2
    assert [x.item() for x, in data.DataLoader(EXAMPLES, None)] == list(range(10))
    for options, match in [
        ({"sampler": range(3), "shuffle": True}, "order of its own"),
        ({"sampler": range(3), "batch_sampler": [[1]]}, "one order"),
        ({"prefetch_factor": 2}, "num_workers"), ({"num_workers": -1}, "whole number"),
        ({"sampler": range(3), "batch_size": 4, "drop_last": True}, "leaves no batch"),
    ]:
        with pytest.raises(dls.DataError, match=match):
            data.DataLoader(EXAMPLES, **options)


class Count(data.IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


def test_data_sets_are_joined():
    both = EXAMPLES + data.TensorDataset(X + 100)
    assert isinstance(both, data.ConcatDataset) and len(both) == 20
    assert [both[i][0].item() for i in (0, 9, 10, -1, -20)] == [0, 9, 100, 109, 0]
    with pytest.raises(IndexError):
        both[20]
    x, = next(iter(data.DataLoader(both, 20)))
    assert x.tolist() == [*X, *(X + 100)]
    chain = data.ChainDataset([Count(2), Count(3)])
    assert [x.tolist() for x in data.DataLoader(chain, 2)] == [[0, 1], [0, 1], [2]]
    assert [x.tolist() for x in data.DataLoader(chain, 2, drop_last=True)] == [[0, 1], [0, 1]]
    assert list(chain) == [0, 1, 0, 1, 2]
    with pytest.raises(TypeError, match="does not know"):
        len(chain)
    for make in (lambda: len(data.DataLoader(chain, 2)), lambda: data.ConcatDataset([Count(2)]),
                 lambda: data.DataLoader(chain, shuffle=True), lambda: data.ConcatDataset([]),
                 lambda: chain[0]):
        with pytest.raises(dls.DataError):
            make()


@pytest.mark.torch
def test_weights_and_lengths_are_pytorchs():
    torch = pytest.importorskip("torch")
    theirs = torch.utils.data
    for n, size, drop in [(10, 3, False), (10, 3, True), (9, 3, False), (1, 4, False)]:
        a = data.BatchSampler(data.SequentialSampler(range(n)), size, drop)
        b = theirs.BatchSampler(theirs.SequentialSampler(range(n)), size, drop)
        assert list(a) == list(b) and len(a) == len(b)
