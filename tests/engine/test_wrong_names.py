"""A name that is not there: the message names the nearest one, or where it is."""

import pickle
import re

import numpy as np
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
    (dls, "FloatTensor", "here it is dls.Tensor(values, dtype='float32')"),
    (dls, "backends", "nothing is needed: there are no switches"),
    (X, "addcmul", "here it is x + 0.5 * x * y"),
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


def test_a_name_of_pytorch_is_told_by_its_name_here():
    for name, said in ELSEWHERE.items():
        assert not hasattr(dls, name) or not hasattr(X, name), name
        told = []
        for owner in (dls, X):
            try:
                getattr(owner, name)
            except AttributeError as error:
                told.append(str(error).endswith(said.replace("`", "")))
        assert any(told), name


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # correlations of equal rows
def test_the_spellings_that_are_told_run():
    given = {
        "dls": dls, "np": np, "nn": nn, "F": F, "io": io, "models": models, "data": data,
        "x": dls.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, 3.0]]), "y": dls.ones(2, 3) * 2,
        "m": dls.eye(3) + 0.5, "v": dls.tensor([0.1, 0.2, 0.7]), "i": dls.tensor([[1, 0, 2]]),
        "p": dls.tensor([0.2, 0.9]), "b": dls.ones(2, 3, 3), "rows": np.array([0, 1]),
        "places": dls.tensor([[0, 1, 2], [2, 1, 0]]), "pictures": dls.ones(1, 1, 3, 3),
        "values": [1.0, 2.0], "raw": np.zeros(2).tobytes(), "model": nn.Linear(3, 2),
        "step": lambda row: row * 2, "state": dls.random.default_generator.get_state(),
        "w": (w := nn.Parameter(np.ones(3, "float32"))),
    }
    codes = [code for said in ELSEWHERE.values() for code in re.findall("`([^`]+)`", said)]
    assert len(codes) > 100
    generator = dls.random.default_generator.get_state()
    before, device = dls.default_dtype(), dls.default_device()
    for code in codes:
        exec(code, {**given, "loss": (w * w).sum()})
    dls.set_default_dtype(before)
    assert dls.default_device() is device
    dls.random.default_generator.set_state(generator)


def test_rooms_are_named_as_users_write_them():
    assert all(spelled.rpartition(".")[2] == "F" or room.endswith(spelled) or not room
               for room, spelled in ROOMS.items())


def test_the_error_goes_through_pickle():
    error = pickle.loads(pickle.dumps(NoSuchName("module 'm'", "Lineer", ["Linear"])))
    assert str(error) == "module 'm' has no attribute 'Lineer'; did you mean 'Linear'?"


def test_imports_and_listings_are_as_before():
    with pytest.raises(ImportError, match="cannot import name 'Lineer'"):
        from tinygrad_dls.nn import Lineer  # noqa: F401
    assert "linear" not in dir(nn) and "Linear" in dir(nn)
