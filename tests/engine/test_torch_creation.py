"""PyTorch's ways to make tensors, where they contradict nothing in NumPy."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn


def test_a_shape_may_be_called_size():
    for made in (dls.zeros(size=(2, 3)), dls.ones(size=[2, 3]), dls.empty(size=(2, 3)),
                 dls.randn(size=(2, 3)), dls.rand(size=(2, 3)), dls.randint(0, 5, size=(2, 3)),
                 dls.randint(5, size=(2, 3)), dls.normal(0, 1, size=(2, 3)),
                 dls.full(size=(2, 3), fill_value=7)):
        assert made.shape == (2, 3)
    assert dls.full((2,), fill_value=7).tolist() == [7, 7]
    with pytest.raises(dls.ShapeError, match="given twice"):
        dls.zeros(2, size=(2, 3))


def test_normal_numbers_of_tensors_broadcast():
    mean, std = dls.tensor([0.0, 100.0]), dls.tensor([[1.0], [0.0]])
    x = dls.normal(mean, std, generator=dls.Generator(0))
    noise = dls.Generator(0).normal((2, 2))
    assert x.dtype == np.float32 and not x.requires_grad
    np.testing.assert_allclose(x.numpy(), noise * std.numpy() + mean.numpy(), rtol=1e-6)
    assert dls.normal(mean=mean, std=2.0).shape == (2,)
    with pytest.raises(dls.DataError, match="0 or more"):
        dls.normal(mean, -std)
    with pytest.raises(dls.ShapeError, match="from mean and std"):
        dls.normal(mean, std, (2, 2))


def test_trace_of_a_matrix_is_the_sum_of_its_diagonal():
    x = dls.arange(9.0).reshape(3, 3)
    assert dls.trace(x).item() == np.trace(x).item() == 12


def test_dropout2d_of_two_axes_warns_and_drops_elements():
    with pytest.warns(UserWarning, match="write dropout"):
        y = nn.Dropout2d(0.5)(dls.ones(20, 10))
    assert sorted(set(y.ravel().tolist())) == [0, 2]


def test_writing_a_tensor_into_an_array_names_the_right_way():
    w = dls.ones(2)
    with pytest.raises(dls.DtypeError, match=r"np.add with out= .*with dls\.no_grad\(\): x \+= v"):
        w.data += 0.1 * dls.ones(2)
