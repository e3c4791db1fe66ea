"""Bad input to tensors: writes, hooks, modes, names; nothing is changed without a word."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn


def read_only(values):
    array = np.array(values, dtype="float32")
    array.flags.writeable = False
    return array


def test_where_without_a_value():
    x = dls.Tensor([1.0, 2.0])
    for arguments in [(None, x, 0), (x > 1, None, x), (x > 1, x, None)]:
        with pytest.raises(dls.DtypeError, match="one of them is None"):
            dls.where(*arguments)


def test_none_is_no_dtype():  # in NumPy it is float64
    model = nn.Linear(2, 2)
    assert model.to(None).weight.dtype == np.float32
    with pytest.raises(dls.DeviceError, match="named by a string"):
        dls.Tensor([1.0]).to(None)


@pytest.mark.parametrize("value", [1.5, np.nan, np.ones(3), dls.Tensor([1.0, 2.0, 3.0])])
def test_floats_are_not_cut_to_integers(value):
    x = dls.Tensor([1, 2, 3])
    with pytest.raises(dls.DtypeError, match="would cut float"):
        x[:] = value
    with pytest.raises(dls.DtypeError, match="would cut float"):
        x.copy_(value)
    with pytest.raises(dls.DtypeError, match="would cut float"):
        x.data = np.ones(3) if np.ndim(value) == 0 else value
    assert x.tolist() == [1, 2, 3]


def test_read_only_memory():
    x = dls.from_numpy(read_only([1, 2]))
    with pytest.raises(dls.GraphError, match="read-only memory"):
        x[0] = 3.0
    with pytest.raises(dls.GraphError, match="read-only memory"):
        x += 1
    with pytest.raises(dls.GraphError, match="read-only memory"):
        nn.init.zeros_(x)
    assert x.tolist() == [1, 2]
    p = nn.Parameter([1.0, 2.0])
    p.data = read_only([3, 4])  # taken over as a copy, so that optimizers can write
    p.data[0] = 5.0
    assert p.tolist() == [5, 4]


def test_integers_have_no_gradient_even_if_marked():
    x = dls.Tensor([1, 2])
    x.requires_grad = True
    with pytest.raises(dls.DtypeError, match="only floats have gradients"):
        (x * 2).sum().backward()


def test_a_gradient_is_where_its_tensor_is():
    p = nn.Parameter([1.0], device="strict")
    with pytest.raises(dls.DeviceError, match="on strict, not on cpu"):
        p.grad = dls.Tensor([1.0])


def test_hooks_are_functions():
    with pytest.raises(dls.GraphError, match="a hook is a function"):
        dls.Tensor([1.0], requires_grad=True).register_hook(3)
    with pytest.raises(dls.DtypeError, match="a forward hook is a function"):
        nn.Linear(2, 2).register_forward_hook(None)


@pytest.mark.parametrize("mode", [dls.no_grad, dls.enable_grad])
def test_modes_take_no_values(mode):
    with pytest.raises(dls.GraphError, match=f"with {mode.__name__}"):
        mode(False)


def test_one_option_under_two_names():
    with pytest.raises(dls.ShapeError, match="dim, axis"):
        dls.ones(2, 3).sum(dim=0, axis=1)


def test_formatting_many_as_one():
    with pytest.raises(dls.ShapeError, match=r"'\.2f' formats one number"):
        f"{dls.ones(3):.2f}"
    assert f"{dls.ones(1):.2f}" == "1.00"


def test_grad_of_no_tensors():
    x = dls.Tensor([1.0], requires_grad=True)
    for arguments in [(3, x), (None, x), (x.sum(), None)]:
        with pytest.raises(dls.GraphError, match="are tensors, not a"):
            dls.grad(*arguments)


def test_integers_take_the_default_float():
    x = dls.Tensor([[1, 2, 3]])
    assert x.clip(1.5).dtype == np.float32
    assert nn.functional.dropout(x).dtype == np.float32
    assert nn.functional.cross_entropy(x, dls.Tensor([0])).dtype == np.float32


def test_copies_train_on_their_own():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
    model.tied = model[0].weight
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.tied is twin[0].weight
        twin(dls.ones(2, 3)).sum().backward()
        assert twin[3].bias.grad is not None
        assert model[3].bias.grad is None
    with pytest.raises(dls.GraphError, match="not copied or pickled"):
        pickle.dumps(model(dls.ones(2, 3)))
