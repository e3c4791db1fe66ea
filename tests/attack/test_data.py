"""Bad input to tensors' makers, data sets and generators: refused, with what would mend it."""

import pickle

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import data, nn

X = np.arange(30.0, dtype="float32").reshape(10, 3)
Y = np.arange(10) % 3


@pytest.mark.parametrize("foreign", [np.random.default_rng(0), 3, "seed"])
def test_generators_of_others_are_refused(foreign):
    dataset = data.TensorDataset(X, Y)
    for draw in [
        lambda: dls.randn(2, generator=foreign),  # once NaN: NumPy reads the arguments otherwise
        lambda: dls.randint(0, 5, (2,), generator=foreign),
        lambda: nn.Linear(3, 2, generator=foreign),
        lambda: nn.Dropout(0.5, generator=foreign)(dls.Tensor(X)),
        lambda: data.DataLoader(dataset, 4, generator=foreign),
        lambda: data.random_split(dataset, [5, 5], generator=foreign),
        lambda: data.train_test_split(X, generator=foreign),
    ]:
        with pytest.raises(dls.DtypeError, match=r"dls\.Generator\(seed\)"):
            draw()


@pytest.mark.parametrize("seed", ["a", -1, 1.5])
def test_a_seed_is_refused_where_it_is_set(seed):
    with pytest.raises(dls.DataError, match="a seed is a whole number"):
        dls.manual_seed(seed)
    with pytest.raises(dls.DataError, match="a seed is a whole number"):
        dls.Generator(seed)


def test_random_floats_are_floats():
    for draw in (dls.randn, dls.rand):
        with pytest.raises(dls.DtypeError, match="not a floating dtype"):
            draw(2, dtype="int64")
    with pytest.raises(dls.DtypeError, match="not a floating dtype"):
        nn.init.normal_(dls.Tensor([1, 2]))


@pytest.mark.parametrize(("number", "dtype"), [(300, "uint8"), (-1, "uint8"), (2**40, "int32")])
def test_integers_out_of_range_are_not_wrapped(number, dtype):
    with pytest.raises(dls.DataError, match=f"{number} is out of the range of {dtype}"):
        dls.Tensor([0, number], dtype=dtype)


@pytest.mark.parametrize("indices", [[True, False], [0.5], [[0, 1]], 3, ["a"], None])
def test_a_subset_takes_places(indices):
    with pytest.raises(dls.DataError, match="a subset takes a list of places"):
        data.Subset(data.TensorDataset(X, Y), indices)


@pytest.mark.parametrize("size", [0, -1, 2.5, "a", "4", True, np.nan, np.inf])
def test_batch_size(size):
    with pytest.raises(dls.DataError, match="batch_size is a whole number"):
        data.DataLoader(data.TensorDataset(X, Y), batch_size=size)


@pytest.mark.parametrize("size", ["a", None, np.nan, 0, 1.0, -0.5])
def test_test_size(size):
    with pytest.raises(dls.DataError, match="test_size"):
        data.train_test_split(X, test_size=size)


@pytest.mark.parametrize("lengths", [5, "ab", [None], [np.nan], [5, 6]])
def test_split_lengths(lengths):
    with pytest.raises(dls.DataError, match="random_split"):
        data.random_split(data.TensorDataset(X, Y), lengths)


def test_dtypes_are_numpys_own_objects():
    """Kernels are chosen by `dtype is float32`: an equal dtype would be slow without a word."""
    own = np.dtype("float32")
    unpickled = pickle.loads(pickle.dumps(X))
    made = [dls.zeros(2), dls.Tensor([1.0], dtype="float32"), dls.Tensor(X.astype(">f4")),
            dls.Tensor(unpickled), dls.from_numpy(unpickled), dls.Tensor([1.0]).astype(">f4"),
            nn.Linear(2, 2, dtype="float32").weight]
    assert all(x.dtype is own for x in made)
    dls.set_default_dtype("float32")
    assert dls.Tensor([1.0]).dtype is own
