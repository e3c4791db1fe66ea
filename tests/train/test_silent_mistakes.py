"""fit names the mistakes that train without an error."""

import warnings

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim

X, LABELS = np.ones((4, 3), "float32"), np.array([0, 1, 0, 1])


def fit(model, loss_fn=F.cross_entropy, parameters=None, x=X, labels=LABELS):
    opt = optim.SGD(parameters or model.parameters(), lr=0.1)
    batches = [(dls.Tensor(x), dls.Tensor(labels))] * 2
    return dls.fit(model, loss_fn, opt, batches, progress=False)


@pytest.mark.parametrize("loss_fn", [F.cross_entropy, nn.CrossEntropyLoss()])
def test_a_softmax_before_cross_entropy(loss_fn):
    model = nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.ReLU(), nn.Softmax(dim=1)))
    with pytest.warns(UserWarning, match="ends in Softmax, and the loss takes logits"):
        fit(model, loss_fn)


def test_a_sigmoid_before_with_logits():
    model = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid())
    with pytest.warns(UserWarning, match="ends in Sigmoid"):
        fit(model, F.binary_cross_entropy_with_logits, labels=LABELS[:, None].astype("float32"))


def test_parameters_the_optimizer_does_not_have():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    before = list(model.parameters())
    model[1] = nn.Linear(3, 2)
    with pytest.warns(UserWarning, match=r"does not have 1\.weight, 1\.bias, which will stay"):
        fit(model, parameters=before)


def test_float64_batches_are_told_once():
    with pytest.warns(UserWarning, match="batches are float64 and the model is float32") as told:
        fit(nn.Linear(3, 2), x=X.astype("float64"))
    assert len(told) == 1


def test_what_is_right_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frozen = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
        frozen[0].requires_grad_(False)
        fit(frozen, parameters=frozen[1].parameters())
        fit(nn.Linear(3, 2).to("float64"), x=X.astype("float64"))
        fit(nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()), F.binary_cross_entropy,
            labels=LABELS[:, None].astype("float32"))
