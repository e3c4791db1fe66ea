"""lint: each hand-made mistake is found, and networks that are right give no finding."""

import json
import math

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import models, nn, optim
from tinygrad_dls.errors import DtypeError


def _data(m=32, n=20, classes=10, seed=0):
    rng = np.random.default_rng(seed)
    x = dls.tensor(rng.standard_normal((m, n)).astype("float32"))
    return x, dls.tensor(rng.integers(0, classes, m))


def _mlp(*extra, seed=0):
    dls.manual_seed(seed)
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10), *extra)


def _kinds(loss, model, optimizer=None):
    found = dls.lint(loss, model, optimizer)
    assert json.loads(found.to_json())["ok"] is found.ok
    assert all(f.what and f.cure and f.severity in ("error", "warning", "note") for f in found)
    return [f.kind for f in found]


def _sgd(model, rate=0.1):
    return optim.SGD(model.parameters(), lr=rate)


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["before", "traced", "freed"])
@pytest.mark.parametrize("loss_of", [
    lambda a, y: ((a - y) ** 2).mean(), lambda a, y: (y - a).abs().mean(),
    lambda a, y: -(y * dls.log(dls.sigmoid(a))).mean(),
])
def test_a_column_against_a_row(loss_of, how):
    dls.manual_seed(0)
    x, _ = _data()
    model = nn.Linear(20, 1)
    y = dls.tensor(np.ones(32, "float32"))
    if how == "before":
        loss = loss_of(model(x), y)
    else:
        with dls.trace() if how == "traced" else dls.enable_grad():
            loss = loss_of(model(x), y)
            loss.backward()
    found = dls.lint(loss, model)
    assert [f.kind for f in found] == ["columns"] and not found.ok
    assert "(32, 1)" in found.findings[0].what and "(32, 32)" in found.findings[0].what
    good = loss_of(model(x), y.reshape(32, 1))
    assert _kinds(good, model) == []


def test_softmax_before_cross_entropy():
    x, y = _data()
    for model in (_mlp(nn.Softmax(-1)), _mlp(nn.Sigmoid()), _mlp(nn.Softmax(-1), nn.Dropout(0.1))):
        found = dls.lint(F.cross_entropy(model(x), y), model)
        assert [f.kind for f in found] == ["softmax twice"]
        assert "3: S" in found.findings[0].where
    model = nn.Sequential(nn.Linear(20, 1), nn.Sigmoid())
    target = dls.ones((32, 1))
    assert _kinds(F.binary_cross_entropy_with_logits(model(x), target), model) == ["softmax twice"]
    assert _kinds(F.binary_cross_entropy(model(x), target), model) == []


def test_dropout_in_evaluation():
    class Careless(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(20, 10)

        def forward(self, x):
            return F.dropout(self.layer(x), 0.5)

    x, y = _data()
    model = Careless()
    assert _kinds(F.cross_entropy(model(x), y), model) == []
    model.eval()
    found = dls.lint(F.cross_entropy(model(x), y), model)
    assert [f.kind for f in found] == ["dropout"] and "Careless" in found.findings[0].where
    with dls.trace():  # of the inputs it has no gradient: only a trace sees it
        loss = F.cross_entropy(model.layer(F.dropout(x, 0.5)), y)
    assert _kinds(loss, model) == ["dropout"]

    model = _mlp(nn.Dropout(0.5), nn.BatchNorm1d(10))
    with dls.no_grad():
        loss = F.cross_entropy(model(x), y)
    assert _kinds(loss, model) == ["dropout", "batch statistics"]
    with dls.no_grad():
        loss = F.cross_entropy(model.eval()(x), y)
    assert _kinds(loss, model) == []


@pytest.mark.parametrize("traced", [False, True])
def test_dead_relus(traced):
    x, y = _data()
    model = _mlp()
    with dls.no_grad():
        model[0].bias.copy_(dls.tensor(np.where(np.arange(64) < 56, -50, 0).astype("float32")))
    with dls.trace() if traced else dls.enable_grad():
        loss = F.cross_entropy(model(x), y)
        if traced:
            loss.backward()
    found = dls.lint(loss, model)
    assert [f.kind for f in found] == ["dead ReLUs"]
    assert "56 of 64 units" in found.findings[0].what and "1: ReLU" in found.findings[0].where
    with dls.no_grad():
        model[0].bias.copy_(dls.full((64,), -50.0))
    found = dls.lint(F.cross_entropy(model(x), y), model)
    assert found.findings[0].severity == "error" and "all 64" in found.findings[0].what


def test_dead_channels_of_a_convolution():
    dls.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    with dls.no_grad():
        model[0].bias.copy_(dls.tensor(np.array([-90.0] * 7 + [0], "float32")))
    x = dls.tensor(np.random.default_rng(0).standard_normal((4, 1, 8, 8)).astype("float32"))
    found = dls.lint(F.cross_entropy(model(x), dls.tensor(np.array([0, 1, 0, 1]))), model)
    assert [f.kind for f in found] == ["dead ReLUs"] and "7 of 8 units" in found.findings[0].what


def test_values_that_backward_freed_are_said_to_be_unknown():
    x, y = _data()
    model = _mlp()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    found = dls.lint(loss, model)
    assert found.ok and "freed the values" in found.notes[0]


@pytest.mark.parametrize("layer", [nn.Sigmoid, nn.Tanh])
def test_saturated_activations(layer):
    x, y = _data()
    dls.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), layer(), nn.Linear(64, 10))
    assert _kinds(F.cross_entropy(model(x), y), model) == []
    assert _kinds(F.cross_entropy(model(x * 1000), y), model) == ["saturated gates"]


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("traced", [False, True])
def test_saturated_gates_of_recurrent_layers(layer, traced):
    dls.manual_seed(0)
    recurrent, head = layer(5, 16, batch_first=True), nn.Linear(16, 3)
    model = nn.ModuleList([recurrent, head])
    x = dls.tensor(np.random.default_rng(0).standard_normal((8, 6, 5)).astype("float32"))
    y = dls.tensor(np.arange(8) % 3)
    for scale, kinds in ((1, []), (3000, ["saturated gates"])):
        with dls.trace() if traced else dls.enable_grad():
            loss = F.cross_entropy(head(recurrent(x * scale)[0][:, -1]), y)
            if traced:
                loss.backward()
        assert _kinds(loss, model) == kinds


def test_a_parameter_that_the_optimizer_does_not_have():
    x, y = _data()
    model = _mlp()
    optimizer = _sgd(model)
    model[2] = nn.Linear(64, 10)
    found = dls.lint(F.cross_entropy(model(x), y), model, optimizer)
    assert [f.kind for f in found] == ["not in the optimizer"]
    assert "2.weight, 2.bias" in found.findings[0].what


def test_a_frozen_parameter_is_a_note():
    x, y = _data()
    model = _mlp()
    model[0].weight.requires_grad_(False)
    found = dls.lint(F.cross_entropy(model(x), y), model, _sgd(model))
    assert [(f.kind, f.severity) for f in found] == [("frozen", "note")] and found.ok
    rest = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    assert _kinds(F.cross_entropy(model(x), y), model, rest) == []


def test_a_parameter_without_gradient():
    class Forgets(nn.Module):
        def __init__(self):
            self.used, self.cut, self.unused = nn.Linear(20, 10), nn.Linear(20, 10), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x) + self.cut(x).detach()

    x, y = _data()
    model = Forgets()
    found = dls.lint(F.cross_entropy(model(x), y), model)
    assert [f.kind for f in found] == ["no gradient"]
    assert found.findings[0].where == "cut.weight, cut.bias, unused.weight, unused.bias"


def test_batch_norm_of_one():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    x = dls.tensor(np.random.default_rng(0).standard_normal((1, 1, 8, 8)).astype("float32"))
    y = dls.tensor(np.array([1]))
    assert _kinds(F.cross_entropy(model(x), y), model) == ["batch of one"]
    assert _kinds(F.cross_entropy(model.eval()(x), y), model) == []


@pytest.mark.parametrize(("rate", "kinds"), [
    (0.1, []), (100.0, ["update ratio"]), (1e-8, ["update ratio"]),
])
@pytest.mark.parametrize("ran", [False, True])
def test_an_update_ratio_far_from_a_thousandth(rate, kinds, ran):
    x, y = _data()
    model = _mlp()
    before = [p.numpy().copy() for p in model.parameters()]
    optimizer = optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    loss = F.cross_entropy(model(x), y)
    if ran:
        loss.backward()
    found = dls.lint(loss, model, optimizer)
    assert [f.kind for f in found] == kinds
    assert not optimizer.state
    assert all(np.array_equal(p.numpy(), b) for p, b in zip(model.parameters(), before))
    if not ran:
        assert all(p.grad is None for p in model.parameters())
        loss.backward()
    weight = model[0].weight
    ratio = rate * np.linalg.norm(weight.grad.numpy()) / np.linalg.norm(weight.numpy())
    if rate > 1e-6:  # smaller steps are lost in float32's digits
        assert math.isclose(dict(found.ratios)["0.weight"], ratio, rel_tol=1e-3)


def test_weights_without_a_gradient_in_this_batch_have_no_ratio():
    x, y = _data()
    model = _mlp()
    loss = F.cross_entropy(model(x), y) * 0
    found = dls.lint(loss, model, _sgd(model))
    assert found.ok and found.ratios == ()
    lazy = dls.lint(F.cross_entropy(model(x), y), model, _sgd(model, 0.0))
    assert [f.kind for f in lazy] == ["update ratio"]


def test_wrong_arguments_are_told():
    x, y = _data()
    model = _mlp()
    loss = F.cross_entropy(model(x), y)
    for arguments, words in (((1.0, model), "loss itself"), ((loss, [1]), "the model second"),
                             ((loss, model, model), "the optimizer third")):
        with pytest.raises(DtypeError, match=words):
            dls.lint(*arguments)


# --- right networks ------------------------------------------------------------------------------


def _pictures(m, channels, side, seed=0):
    rng = np.random.default_rng(seed)
    return (dls.tensor(rng.standard_normal((m, channels, side, side)).astype("float32")),
            dls.tensor(rng.integers(0, 10, m)))


def _texts(m, t, seed=0):
    tokens = np.random.default_rng(seed).integers(0, 20, (m, t + 1))
    return dls.tensor(tokens[:, :-1]), dls.tensor(tokens[:, 1:])


def _next_token(model, x, y):
    return F.cross_entropy(model(x).reshape(-1, 20), y.reshape(-1))


def _classes(model, x, y):
    return F.cross_entropy(model(x), y)


class Gates(nn.Module):
    """Logistic regression behind a hidden layer, its loss by hand as in Course 1."""

    def __init__(self):
        self.hidden, self.out = nn.Linear(20, 4), nn.Linear(4, 1)

    def forward(self, x):
        return dls.sigmoid(self.out(dls.tanh(self.hidden(x))))


def _by_hand(model, x, y):
    a, y = model(x), (y.reshape(-1, 1) % 2).astype("float32")
    return -(y * dls.log(a) + (1 - y) * dls.log(1 - a)).mean()


RIGHT = {
    "mlp": (_mlp, _data, _classes, 1e-3),
    "scalar outputs": (Gates, _data, _by_hand, 1e-2),
    "dropout": (lambda: _mlp(nn.BatchNorm1d(10), nn.Dropout(0.2)), _data, _classes, 1e-3),
    "lenet": (models.lenet5, lambda: _pictures(16, 1, 32), _classes, 1e-3),
    "resnet20": (models.resnet20, lambda: _pictures(8, 3, 16), _classes, 1e-3),
    "char rnn": (lambda: models.CharRNN(20, 32), lambda: _texts(8, 12), _next_token, 1e-2),
    "gru": (lambda: models.CharRNN(20, 32, cell="gru"), lambda: _texts(8, 12), _next_token, 1e-2),
    "gpt": (lambda: models.gpt(20, context=12, d_model=32, num_layers=2, num_heads=4),
            lambda: _texts(8, 12), _next_token, 1e-3),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_networks_give_no_finding(name):
    make, data, loss_of, rate = RIGHT[name]
    dls.manual_seed(0)
    model, (x, y) = make(), data()
    optimizer = optim.Adam(model.parameters(), lr=rate)
    for step in range(6):
        optimizer.zero_grad()
        loss = loss_of(model, x, y)
        if step in (0, 5):
            found = dls.lint(loss, model, optimizer)
            assert not found.findings and not found.notes, f"step {step}\n{found}"
            assert found.ratios
        loss.backward()
        if step == 5:
            assert not dls.lint(loss, model, optimizer).findings
        optimizer.step()
