"""A wrong keyword: the error names the nearest right one, and costs nothing else."""

import copy
import inspect
import pickle
import warnings

import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import data, nn, optim
from tinygrad_dls.keywords import near_names

X, W, Z = dls.ones(1, 1, 5, 5), dls.ones(1, 1, 3, 3), dls.ones(2, 3)
PARAMETERS = [dls.zeros(3, requires_grad=True)]


@pytest.mark.parametrize(("call", "says"), [
    (lambda: nn.Linear(3, 4, biass=False), "Linear has no argument 'biass'; did you mean 'bias'?"),
    (lambda: nn.Conv2d(3, 8, 3, strides=2), "Conv2d has no argument 'strides'; did you mean "
                                            "'stride'?"),
    (lambda: nn.LSTM(3, 4, layers=2), "LSTM has no argument 'layers'; did you mean 'num_layers'?"),
    (lambda: nn.Dropout(rate=0.5), "Dropout has no argument 'rate'; did you mean 'p'?"),
    (lambda: nn.Linear(3, 4, xyz=1), "Linear has no argument 'xyz'; it has in_features, out_feat"),
    (lambda: optim.Adam(PARAMETERS, learning_rate=0.1), "Adam has no argument 'learning_rate'; did "
                                                        "you mean 'lr'?"),
    (lambda: optim.SGD(PARAMETERS, lr=0.1, momentun=0.9), "did you mean 'momentum'?"),
    (lambda: optim.lr_scheduler.StepLR(optim.SGD(PARAMETERS, lr=1.0), step=3), "StepLR has no "
                                                                               "argument 'step'"),
    (lambda: data.DataLoader([1], batch=3), "DataLoader has no argument 'batch'; did you mean "
                                            "'batch_size'?"),
    (lambda: F.conv2d(X, W, pad=1), "conv2d has no argument 'pad'; did you mean 'padding'?"),
    (lambda: F.cross_entropy(Z, dls.zeros(2, dtype="int64"), weights=Z), "did you mean 'weight'?"),
    (lambda: dls.fit(nn.Linear(3, 1), data=[], epoch=3), "fit has no argument "),
])
def test_it_names_the_nearest(call, says):
    with pytest.raises(TypeError) as caught:
        call()
    assert says in str(caught.value)
    assert caught.value.__context__ is None


def test_other_errors_stay_as_they_are():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'out_features'"):
        nn.Linear(3)

    @near_names
    def raises(padding=0):
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        raises(padding=1)

    @near_names
    def calls(padding=0):
        return len(pad=padding)  # the wrong keyword is of another function

    with pytest.raises(TypeError, match="len"):
        calls(padding=1)


def test_signatures_and_pickles_are_those_of_before():
    assert list(inspect.signature(nn.Linear).parameters)[:3] == ["in_features", "out_features",
                                                                 "bias"]
    assert list(inspect.signature(F.conv2d).parameters)[:3] == ["input", "weight", "bias"]
    assert pickle.loads(pickle.dumps(F.conv2d)) is F.conv2d
    layer = copy.deepcopy(nn.Linear(3, 4, bias=False))
    assert layer.bias is None


def test_the_user_s_own_classes_are_left_alone():
    class Net(nn.Module):
        def __init__(self, hidden):
            self.layer = nn.Linear(3, hidden)

    assert not hasattr(Net.__init__, "__wrapped__")
    with pytest.raises(TypeError, match="unexpected keyword argument 'hiden'"):
        Net(hiden=3)


def test_a_warning_of_a_constructor_is_at_the_user_s_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nn.LSTM(3, 4, dropout=0.5)
    assert caught[0].filename == __file__
