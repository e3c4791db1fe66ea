"""Bad input to layers, losses, optimizers and fit: refused before anything is lost."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import data, nn, optim
from tinygrad_dls.optim import lr_scheduler

X = np.random.default_rng(0).standard_normal((10, 3)).astype("float32")
Y = np.arange(10) % 3
LOGITS = dls.Tensor([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]])
COLUMN = dls.Tensor([[0.5], [-1.0], [2.0], [0.1]])
LABELS = dls.Tensor([[0.0], [1.0], [1.0], [0.0]])


# --- losses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [F.binary_cross_entropy_with_logits,
                                  lambda z, t, **o: F.binary_cross_entropy(z.sigmoid(), t, **o)])
def test_binary_targets_and_weights(loss):
    for targets in (LABELS * 5, -LABELS):
        with pytest.raises(dls.DataError, match="targets lie between 0 and 1"):
            loss(COLUMN, targets)
    for weight in (dls.Tensor([1.0, 2.0]), dls.ones(4)):  # each would have made more losses
        with pytest.raises(dls.ShapeError, match="the weights do not fit"):
            loss(COLUMN, LABELS, weight=weight)
    assert loss(COLUMN, LABELS.tolist(), weight=dls.ones(4, 1)).item() == pytest.approx(
        loss(COLUMN, LABELS).item())
    assert np.isnan(loss(COLUMN, LABELS * np.nan).item())


@pytest.mark.parametrize(("labels", "options", "error", "match"), [
    ([0, 1], {"weight": dls.ones(4)}, dls.ShapeError, "one weight for each class"),
    ([0, 1], {"weight": [1.0, 2.0]}, dls.ShapeError, "one weight for each class"),
    ([0, 1], {"label_smoothing": 2}, dls.DataError, "label_smoothing"),
    ([0, 1], {"label_smoothing": -1}, dls.DataError, "label_smoothing"),
    ([0, 1], {"label_smoothing": "a"}, dls.DataError, "label_smoothing"),
    ([-100, -100], {}, dls.DataError, "the mean of no losses"),
    ([0.0, 1.0], {}, dls.ShapeError, r"labels are integers \(m,\)"),
    (LOGITS, {}, dls.DataError, "probabilities lie between 0 and 1"),
    (None, {}, dls.DtypeError, "not None"),
    ("ab", {}, dls.DtypeError, "not 'ab'"),
])
def test_cross_entropy(labels, options, error, match):
    with pytest.raises(error, match=match):
        F.cross_entropy(LOGITS, labels, **options)


def test_cross_entropy_of_one_class_learns_nothing():
    with pytest.raises(dls.DataError, match="take binary_cross_entropy_with_logits"):
        F.cross_entropy(COLUMN, LABELS)


def test_labels_elsewhere():
    with pytest.raises(dls.DeviceError, match=r"labels\.to\('strict'\)"):
        F.cross_entropy(LOGITS.to("strict"), dls.Tensor([0, 1]))


def test_losses_take_lists():
    assert F.cross_entropy([[1.0, 2.0]], [0]).item() == pytest.approx(np.log(1 + np.e))
    assert F.mse_loss([1.0, 2.0], [0.0, 0.0]).item() == 2.5
    assert F.l1_loss([1.0, 2.0], [0.0, 0.0]).item() == 1.5
    assert F.nll_loss([[-1.0, -2.0]], [1]).item() == 2.0
    with pytest.raises(dls.DataError, match="the mean of no losses"):
        F.nll_loss(LOGITS[:0], dls.Tensor([], dtype="int64"))
    with pytest.raises(dls.ShapeError, match="one weight for each class"):
        F.nll_loss(LOGITS, [0, 1], weight=dls.ones(2))


# --- layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [(2.5, 3), ("a", 3), (3, None), (0, 3), (3, 0), (3, -1)])
def test_features(features):
    with pytest.raises(dls.ShapeError, match="features are whole numbers from 1"):
        nn.Linear(*features)


def test_a_layer_takes_lists_and_names_itself():
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 2)))
    assert model([[1.0, 2.0, 3.0]]).shape == (1, 2)
    with pytest.raises(dls.DtypeError, match=r"not None\nin module: Sequential\.0 Linear\("):
        model(None)
    model[1] = nn.Sequential(nn.Linear(5, 2))
    with pytest.raises(dls.ShapeError, match=r"in module: Sequential\.1\.0 Linear\("):
        model(dls.ones(2, 3))


def test_what_a_module_holds():
    model = nn.Linear(3, 2)
    with pytest.raises(dls.DtypeError, match=r"nn\.Parameter or None"):
        model.register_parameter("scale", dls.ones(2))
    for name in ("", "a.b", 1):
        with pytest.raises(dls.DataError, match="a name without dots"):
            nn.ModuleDict({name: model})
    for shape in ((-1, 3), (None, 3), "a"):
        with pytest.raises(dls.ShapeError, match="a shape is made of lengths"):
            model.summary(shape)
    with pytest.raises(dls.DataError, match="names as strings"):
        model.load_state_dict({**model.state_dict(), 1: 2})


@pytest.mark.parametrize("p", ["a", None, 1.5, -0.1, np.nan])
def test_dropout(p):
    with pytest.raises(dls.DataError, match="between 0 and 1"):
        nn.Dropout(p)


# --- optimizers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["a", None, np.nan, np.inf, -1])
def test_options_are_numbers(bad):
    p = nn.Parameter([1.0])
    for make in (lambda: optim.SGD([p], lr=bad), lambda: optim.SGD([p], momentum=bad),
                 lambda: optim.Adam([p], eps=bad), lambda: optim.Adam([p], betas=(0.9, bad)),
                 lambda: optim.Adam([p], betas=bad), lambda: optim.RMSprop([p], alpha=bad)):
        with pytest.raises(dls.DataError):
            make()
    with pytest.raises(dls.DataError, match="weight of a mean"):
        optim.RMSprop([p], alpha=2)


def test_groups_and_read_only_parameters():
    for group in ({"lr": 1}, {"params": 3}):
        with pytest.raises(dls.DataError, match="a group is"):
            optim.SGD([group])
    array = np.ones(2, "float32")
    array.flags.writeable = False
    with pytest.raises(dls.GraphError, match=r"Adam\.step\(\) writes into read-only memory"):
        optim.Adam([dls.from_numpy(array).requires_grad_()])


def test_states_of_others():
    p = nn.Parameter([1.0])
    p.grad = dls.ones(1)
    momentum, adam = optim.SGD([p], lr=0.1, momentum=0.9), optim.Adam([p])
    momentum.step()
    adam.step()
    before = adam.state_dict()
    groups = before["param_groups"]
    for state in [3, {}, {"state": None, "param_groups": groups}, momentum.state_dict(),
                  {"state": {0: 3}, "param_groups": groups},
                  {"state": {0: {"step": "a"}}, "param_groups": groups},
                  {"state": {0: {"step": 1}}, "param_groups": groups}]:
        with pytest.raises(dls.DataError, match="nothing was changed"):
            adam.load_state_dict(state)
    adam.step()
    assert adam.state[p]["step"] == 2


@pytest.mark.parametrize("bad", ["a", None, np.nan, -1.0])
def test_clipping(bad):  # by -1 it would have turned the gradients round
    p = nn.Parameter([1.0])
    p.grad = dls.ones(1)
    for clip in (lambda: nn.utils.clip_grad_norm_([p], bad),
                 lambda: nn.utils.clip_grad_norm_([p], 1.0, norm_type=bad),
                 lambda: nn.utils.clip_grad_value_([p], bad)):
        with pytest.raises(dls.DataError):
            clip()
    assert p.grad.item() == 1
    with pytest.raises(dls.DtypeError, match=r"model\.parameters\(\)"):
        nn.utils.clip_grad_norm_(nn.Linear(2, 2), 1.0)


def test_schedules_to_nowhere():
    opt = optim.SGD([nn.Parameter([1.0])], lr=0.1)
    for step_size in (0, 2.5, "a"):
        with pytest.raises(dls.DataError, match="step_size"):
            lr_scheduler.StepLR(opt, step_size)
    upside_down = lr_scheduler.StepLR(opt, 1, gamma=-1)
    with pytest.raises(dls.DataError, match=r"learning rate of epoch 1 would be -0\.1"):
        upside_down.step()
    with pytest.raises(dls.DataError, match="would be nan"):
        lr_scheduler.LambdaLR(opt, lambda epoch: np.nan)
    with pytest.raises(dls.DataError, match="no 'optimizer' in its state"):
        upside_down.load_state_dict({"optimizer": 3})


# --- fit -----------------------------------------------------------------------------------------


def parts():
    model = nn.Linear(3, 3)
    return model, optim.SGD(model.parameters(), lr=0.1), data.DataLoader(
        data.TensorDataset(X, Y), batch_size=5)


@pytest.mark.parametrize(("change", "error", "match"), [
    ({"model": F.relu}, dls.DtypeError, r"trains an nn\.Module"),
    ({"loss_fn": None}, dls.DtypeError, "loss_fn is a function"),
    ({"loss_fn": nn.CrossEntropyLoss}, dls.DtypeError, "loss_fn is a function"),
    ({"loss_fn": lambda y, t: 3.0}, dls.DtypeError, "gives a tensor, not a float"),
    ({"opt": optim.SGD}, dls.DtypeError, "opt is an optimizer"),
    ({"opt": optim.SGD([nn.Parameter([1.0])])}, dls.DataError, "no parameter of this model"),
    ({"loader": None}, dls.DataError, "a DataLoader or a list"),
    ({"loader": data.TensorDataset(X, Y)}, dls.DataError, "gives batches, not examples"),
    ({"epochs": 2.5}, dls.DataError, "epochs is a whole number"),
    ({"epochs": None}, dls.DataError, "epochs is a whole number"),
    ({"validation": 3}, dls.DataError, "validation is a DataLoader"),
    ({"metrics": dls.accuracy}, dls.DtypeError, "metrics are"),
    ({"metrics": {"accuracy": 3}}, dls.DtypeError, "metrics are"),
    ({"metrics": {"loss": dls.accuracy}}, dls.DataError, "the name of the loss itself"),
    ({"metrics": {"all": lambda y, t: y}}, dls.ShapeError, r"metric 'all' .* not \(5, 3\)"),
    ({"metrics": {"no": lambda y, t: None}}, dls.ShapeError, "metric 'no' .* not NoneType"),
    ({"scheduler": 3}, dls.DtypeError, "scheduler is one of"),
    ({"callbacks": print}, dls.DtypeError, "list of functions"),
])
def test_fit_refuses_before_it_trains(change, error, match):
    model, opt, loader = parts()
    before = model.weight.tolist()
    given = {"model": model, "loss_fn": F.cross_entropy, "opt": opt, "loader": loader, **change}
    with pytest.raises(error, match=match):
        dls.fit(**given, progress=False)
    assert model.weight.tolist() == before


def test_the_history_survives_an_error():
    model, opt, _ = parts()
    good = (dls.Tensor(X), dls.Tensor(Y))
    epochs = iter([[good], [good], [(good[0] * np.nan, good[1])]])

    class Batches:
        def __iter__(self):
            return iter(next(epochs))

    with pytest.raises(dls.DataError, match="input 0 of this batch holds NaN") as caught:
        dls.fit(model, F.cross_entropy, opt, Batches(), epochs=5, progress=False)
    assert caught.value.history.epochs == 2
    assert np.isfinite(model.weight.numpy()).all()


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_ctrl_c_leaves_whole_steps():
    script = """
import numpy as np, tinygrad_dls as dls
from tinygrad_dls import nn, optim
model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
opt = optim.Adam(model.parameters())
batch = dls.ones(10, 3), dls.Tensor([0] * 10)
started = [False]
def tell(epoch, history):
    if not started[0]:
        started[0] = True
        print("started", flush=True)
history = dls.fit(model, nn.functional.cross_entropy, opt, [batch] * 5, epochs=10**6,
                  progress=False, callbacks=[tell])
steps = {state["step"] for state in opt.state.values()}
print(history.interrupted, history.epochs == len(history["loss"]) > 0, len(steps), len(opt.state))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (out, process.returncode) == ("True True 1 4\n", 0)
    assert "the model keeps the weights it had then" in err
