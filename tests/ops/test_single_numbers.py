"""A single number counts as a row of one where an axis is named, as in PyTorch."""

import numpy as np
import pytest

import tinygrad_dls as dls

PLACE, NUMBER = dls.tensor(0), dls.tensor(4.0)
FUNCTIONS = {  # of x = 2.5: value and slope
    "squeeze": (lambda x, axis: x.squeeze(axis), 2.5, 1.0),
    "squeeze of several": (lambda x, axis: x.squeeze((axis,)), 2.5, 1.0),
    "gather": (lambda x, axis: x.gather(axis, PLACE), 2.5, 1.0),
    "scatter": (lambda x, axis: x.scatter(axis, PLACE, NUMBER), 4.0, 0.0),
    "scatter of a number": (lambda x, axis: x.scatter(axis, PLACE, 4.0), 4.0, 0.0),
    "scatter_add": (lambda x, axis: x.scatter_add(axis, PLACE, NUMBER), 6.5, 1.0),
    "index_add": (lambda x, axis: x.index_add(axis, PLACE, NUMBER, alpha=2.0), 10.5, 1.0),
    "index_select": (lambda x, axis: x.index_select(axis, PLACE), 2.5, 1.0),
    "sort": (lambda x, axis: dls.sort(x, axis), 2.5, 1.0),
    "topk": (lambda x, axis: dls.topk(x, 1, axis)[0], 2.5, 1.0),
    "sum of several": (lambda x, axis: x.sum((axis,)), 2.5, 1.0),
    "prod of several": (lambda x, axis: x.prod((axis,)), 2.5, 1.0),
    "mean of several": (lambda x, axis: x.mean((axis,), keepdims=True), 2.5, 1.0),
    "logsumexp": (lambda x, axis: x.logsumexp(axis), 2.5, 1.0),
    "logsumexp of several": (lambda x, axis: x.logsumexp((axis,), keepdims=True), 2.5, 1.0),
}


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_gradient(name, axis):
    function, value, slope = FUNCTIONS[name]
    x = dls.tensor(2.5, requires_grad=True)
    y = function(x, axis)
    assert y.shape == () and y.item() == pytest.approx(value)
    y.backward()
    assert x.grad.shape == () and x.grad.item() == pytest.approx(slope)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_has_no_second_axis(name):
    with pytest.raises(dls.ShapeError):
        FUNCTIONS[name][0](dls.tensor(2.5), 1)


def test_places_of_topk_and_argsort():
    assert dls.topk(dls.tensor(2.5), 1)[1].shape == ()
    assert dls.argsort(dls.tensor(2.5)).shape == np.argsort(np.float32(2.5)).shape == (1,)


def test_a_place_may_be_named_several_times():
    x = dls.tensor(2.5)
    assert x.gather(0, dls.tensor([0, 0])).tolist() == [2.5, 2.5]
    assert x.scatter_add(0, dls.tensor([0, 0]), dls.tensor([1.0, 2.0])).item() == 5.5
    assert dls.tensor([1.0, 2.0]).gather(0, dls.tensor(1)).item() == 2.0
    with pytest.raises(dls.ShapeError):
        x.index_select(0, dls.tensor([0, 0]))
