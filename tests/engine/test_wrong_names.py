"""A name that is not there: the message names the nearest one, or where it is."""

import pickle

import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import audio, data, io, models, nn, optim, text, train, vision
from tinygrad_dls._util.namespaces import ELSEWHERE, ROOMS, NoSuchName
from tinygrad_dls.data import sources

X = dls.ones(3)


@pytest.mark.parametrize(("owner", "name", "says"), [
    (nn, "Lineer", "did you mean 'Linear'?"),
    (nn, "lstm", "did you mean 'LSTM'?"),
    (nn.init, "kaiming", "did you mean 'kaiming_"),
    (nn.utils, "clip_grad_norm", "did you mean 'clip_grad_norm_'?"),
    (optim, "ADAM", "did you mean 'Adam'?"),
    (optim.lr_scheduler, "Step", "did you mean 'StepLR'?"),
    (F, "cross_entropi", "did you mean 'cross_entropy'?"),
    (dls, "relu6x", "did you mean 'relu'?"),
    (dls, "Tensr", "did you mean 'Tensor'?"),
    (X, "meen", "did you mean 'mean'?"),
    (models, "resnet8", "did you mean 'resnet18'?"),
    (data, "DataLoder", "did you mean 'DataLoader'?"),
    (sources, "laod", "did you mean 'load'?"),
    (io, "load_pytorch", "did you mean 'load_torch'?"),
    (text, "Vocabulery", "did you mean 'Vocabulary'?"),
    (audio, "spectogram", "did you mean 'spectrogram'?"),
    (vision, "box_iuo", "did you mean 'box_iou'?"),
    (vision.transforms, "RandomCorp", "did you mean 'RandomCrop'?"),
    (train, "fitt", "did you mean 'fit'?"),
    (dls, "Linear", "it is nn.Linear"),
    (nn, "cross_entropy", "it is F.cross_entropy"),
    (F, "CrossEntropyLoss", "it is nn.CrossEntropyLoss"),
    (optim, "StepLR", "it is optim.lr_scheduler.StepLR"),
    (dls, "DataLoader", "it is data.DataLoader"),
    (dls, "cuda", "here it is dls.Device('cuda')"),
    (dls, "float32", "here it is dtype='float32'"),
    (X, "fill_", "here it is x[...] = value"),
])
def test_the_nearest_name_is_named(owner, name, says):
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert f"has no attribute {name!r}; {says}" in str(caught.value)


def test_a_module_names_its_own_attributes_only():
    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

    with pytest.raises(AttributeError, match="'Net' object has no attribute 'layr'; did you mean "
                                             "'layer'"):
        _ = Net().layr
    with pytest.raises(AttributeError, match=r"attribute 'relu'$"):
        _ = Net().relu


@pytest.mark.parametrize("call", [
    lambda: optim.adam([X]), lambda: optim.sgd([X]), lambda: nn.linear(3, 4),
])
def test_a_module_that_is_called_names_the_class(call):
    with pytest.raises(TypeError, match=r"is a module; did you mean '(Adam|SGD|Linear)'\?"):
        call()


def test_nothing_is_near():
    with pytest.raises(AttributeError, match=r"'tinygrad_dls' has no attribute 'xyzzyq'$"):
        _ = dls.xyzzyq
    with pytest.raises(AttributeError, match=r"attribute '__meen__'$"):
        _ = X.__meen__


def test_asking_for_a_name_looks_for_no_other(monkeypatch):
    monkeypatch.setattr("tinygrad_dls._util.namespaces._hint", None)  # calling it would raise
    assert not hasattr(nn, "Lineer")
    assert not hasattr(X, "meen")
    assert not hasattr(nn.Linear(2, 2), "wieght")


def test_what_is_told_of_elsewhere_is_not_here():
    for name in ELSEWHERE:
        assert name not in dir(dls) or name in dir(dls.Tensor), name
    assert all(spelled.rpartition(".")[2] == "F" or room.endswith(spelled) or not room
               for room, spelled in ROOMS.items())


def test_the_error_goes_through_pickle():
    error = pickle.loads(pickle.dumps(NoSuchName("module 'm'", "Lineer", ["Linear"])))
    assert str(error) == "module 'm' has no attribute 'Lineer'; did you mean 'Linear'?"


def test_imports_and_listings_are_as_before():
    with pytest.raises(ImportError, match="cannot import name 'Lineer'"):
        from tinygrad_dls.nn import Lineer  # noqa: F401
    assert "linear" not in dir(nn) and "Linear" in dir(nn)
