"""The training loop: figures, validation, stops, and what it waits for."""

import math
import signal

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import data, nn, optim
from tinygrad_dls.backend import strict
from tinygrad_dls.train import History, accuracy, evaluate, fit

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 2)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype("int64")


def parts(device="cpu", lr=0.02, size=16, dropout=0.0):
    dls.manual_seed(1)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2))
    net.to(device)
    dataset = data.TensorDataset(dls.Tensor(X, device=device), dls.Tensor(Y, device=device))
    loader = data.DataLoader(dataset, size, shuffle=True, generator=dls.Generator(0))
    return net, F.cross_entropy, optim.Adam(net.parameters(), lr=lr), loader


def test_it_learns_and_keeps_figures(capsys):
    net, loss, opt, loader = parts()
    history = fit(net, loss, opt, loader, 30, validation=loader, metrics={"accuracy": accuracy})
    assert list(history) == ["loss", "accuracy", "validation_loss", "validation_accuracy"]
    assert all(len(values) == 30 for values in history.values()) and history.epochs == 30
    assert history["accuracy"][-1] > 0.95 and history["loss"][-1] < 0.3 < history["loss"][0]
    assert not history.interrupted and history.seconds > 0
    assert "30 epochs" in repr(history) and "validation_loss" in repr(history)
    assert "epoch 30/30, loss" in capsys.readouterr().err
    with pytest.raises(KeyError, match="'loss', 'accuracy'"):
        history["acuracy"]


def test_it_is_the_loop_written_by_hand(capsys):
    net, loss, opt, loader = parts()
    history = fit(net, loss, opt, loader, 2, progress=False)
    assert capsys.readouterr().err == ""
    other, _, opt, loader = parts()
    means = []
    for _ in range(2):
        total = 0.0
        for xb, yb in loader:
            opt.zero_grad()
            value = F.cross_entropy(other(xb), yb)
            value.backward()
            opt.step()
            total += value.item() * len(xb)  # the last batch is smaller
        means.append(total / len(X))
    assert np.allclose(history["loss"], means, rtol=1e-12)
    for p, q in zip(net.parameters(), other.parameters()):
        assert np.array_equal(p.numpy(), q.numpy())


def test_evaluation_switches_dropout_off_and_back():
    net, loss, opt, loader = parts(dropout=0.5)
    seen = []
    net[2].register_forward_hook(lambda m, i, o: seen.append(m.training))
    net[0].eval()  # what was frozen stays so
    first = evaluate(net, loss, loader, {"accuracy": accuracy})
    assert first == pytest.approx(evaluate(net, loss, loader, {"accuracy": accuracy}))
    assert not any(seen) and net.training and net[2].training and not net[0].training
    seen.clear()
    fit(net, loss, opt, loader, 2, validation=loader, progress=False)
    batches = len(loader)
    assert seen == ([True] * batches + [False] * batches) * 2
    net.eval()
    fit(net, loss, opt, loader, 1, progress=False)
    assert not net.training


def test_schedules_step_once_an_epoch():
    net, loss, opt, loader = parts(lr=0.4)
    schedule = optim.lr_scheduler.ExponentialLR(opt, 0.5)
    fit(net, loss, opt, loader, 2, scheduler=schedule, progress=False)
    assert opt.param_groups[0]["lr"] == 0.1
    plateau = optim.lr_scheduler.ReduceLROnPlateau(
        opt, patience=0, threshold=10, threshold_mode="abs")
    fit(net, loss, opt, loader, 3, validation=loader, scheduler=plateau, progress=False)
    assert plateau.last_epoch == 3 and opt.param_groups[0]["lr"] == pytest.approx(0.001)


def test_callbacks_see_each_epoch_and_may_stop():
    net, loss, opt, loader = parts()
    seen = []

    def stop(epoch, history):
        seen.append((epoch, len(history["loss"])))
        return epoch == 3

    history = fit(net, loss, opt, loader, 10, callbacks=[stop], progress=False)
    assert seen == [(1, 1), (2, 2), (3, 3)] and history.epochs == 3 and not history.interrupted


@pytest.mark.parametrize("when", ["signal", "raised", "validation"])
def test_ctrl_c_returns_what_there_is(when, capsys):
    net, loss, opt, loader = parts()
    steps, weights = [], []

    def slow(output, label):
        steps.append(net.training)
        if when != "validation" and len(steps) == 2 * len(loader) + 3:
            weights.append(net[0].weight.numpy().copy())
            if when == "raised":
                raise KeyboardInterrupt
            signal.raise_signal(signal.SIGINT)
        if when == "validation" and not net.training:
            signal.raise_signal(signal.SIGINT)
        return loss(output, label)

    before = signal.getsignal(signal.SIGINT)
    history = fit(net, slow, opt, loader, 10, validation=loader if when == "validation" else None)
    assert signal.getsignal(signal.SIGINT) is before
    assert history.interrupted and "interrupted" in repr(history) and net.training
    assert history.epochs == (0 if when == "validation" else 2)
    error = capsys.readouterr().err
    assert f"stopped in epoch {history.epochs + 1} of 10" in error and "keeps" in error
    if when == "signal":  # the step that had begun was finished, no other was made
        assert len(steps) == 2 * len(loader) + 3
        assert not np.array_equal(net[0].weight.numpy(), weights[0])
    if when == "raised":
        assert np.array_equal(net[0].weight.numpy(), weights[0])


def test_a_second_ctrl_c_ends_at_once():
    net, _, opt, loader = parts()

    def stuck(output, label):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("still here")

    assert fit(net, stuck, opt, loader, 3, progress=False).interrupted


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_stops_with_epoch_and_step(device, bad):
    net, loss, opt, loader = parts(device)
    calls = []

    def spoiled(output, label):
        calls.append(net[0].weight.numpy().copy())
        return loss(output, label) * (bad if len(calls) == len(loader) + 3 else 1.0)

    with pytest.raises(dls.DataError, match="epoch 2, step 3") as caught:
        fit(net, spoiled, opt, loader, 5, progress=False)
    if device == "cpu":
        assert "from before this step" in str(caught.value)
        assert np.array_equal(net[0].weight.numpy(), calls[-1])
    else:
        assert "are lost" in str(caught.value)
    assert net.training


def test_nan_in_the_data_is_named():
    net, loss, opt, _ = parts()
    x = X.copy()
    x[40] = math.nan
    loader = data.DataLoader(data.TensorDataset(x, Y), 16)
    with pytest.raises(dls.DataError, match=r"(?s)epoch 1, step 3.*input 0 of this batch holds"):
        fit(net, loss, opt, loader, 5, progress=False)


@pytest.mark.parametrize("progress", [False, True])
def test_an_epoch_reads_the_device_once(progress, capsys):
    net, loss, opt, loader = parts("strict")
    fit(net, loss, opt, loader, 1, progress=progress, metrics={"accuracy": accuracy})
    with strict.count() as c:
        history = fit(net, loss, opt, loader, 3, progress=progress, metrics={"accuracy": accuracy})
    assert c.syncs <= 4, c  # one an epoch, and one if half a second went by
    assert all(math.isfinite(v) for values in history.values() for v in values)


def test_devices_agree():
    figures = []
    for device in ("cpu", "strict"):
        net, loss, opt, loader = parts(device)
        history = fit(net, loss, opt, loader, 3, metrics={"accuracy": accuracy}, progress=False)
        figures.append(dict(history))
    for name, values in figures[0].items():
        assert np.allclose(values, figures[1][name], atol=1e-5)


def test_any_iterable_of_batches_will_do():
    net, loss, opt, _ = parts()
    batches = [(dls.Tensor(X[:40]), dls.Tensor(Y[:40])), (dls.Tensor(X[40:]), dls.Tensor(Y[40:]))]
    assert fit(net, loss, opt, batches, 2, progress=False).epochs == 2
    assert fit(net, loss, opt, iter(batches), 1).epochs == 1

    class Two(nn.Module):
        def forward(self, a, b):
            return net(a) + net(b)

    pairs = [(x, x, y) for x, y in batches]
    assert fit(Two(), loss, opt, pairs, 1, progress=False).epochs == 1
    assert fit(net, loss, opt, batches, 0).epochs == 0


def test_clear_errors():
    net, loss, opt, loader = parts()
    batches = iter([(dls.Tensor(X), dls.Tensor(Y))])
    for call, error, match in [
        (lambda: fit(net, loss, opt, loader, -1), dls.DataError, "epochs"),
        (lambda: fit(net, loss, opt, []), dls.DataError, "no batches in epoch 1"),
        (lambda: fit(net, loss, opt, batches, 2), dls.DataError, "gone through once"),
        (lambda: fit(net, loss, opt, [dls.Tensor(X)]), dls.DataError, "a batch is"),
        (lambda: fit(net, loss, opt, [(dls.Tensor(X),)]), dls.DataError, "1 part"),
        (lambda: evaluate(net, loss, []), dls.DataError, "evaluate"),
        (lambda: fit(net, lambda o, y: F.cross_entropy(o, y, reduction="none"), opt, loader),
         dls.ShapeError, r"one number for a batch, not\n  \(16,\)"),
    ]:
        with pytest.raises(error, match=match):
            call()


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_accuracy(device):
    def tensor(values):
        return dls.Tensor(values, device=device)

    scores = tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [0.0, 3.0, 2.0], [1.0, 0.0, 0.0]])
    with strict.count() as c:
        found = accuracy(scores, tensor([0, 2, 2, 1]))
    assert float(found) == 0.5 and c.syncs == 0 and found.shape == ()
    logits = tensor([[0.5], [-0.5], [3.0], [-1.0]])
    for labels in ([1, 1, 1, 0], [1.0, 1.0, 1.0, 0.0], [[1], [1], [1], [0]]):
        assert float(accuracy(logits, tensor(labels))) == 0.75
        assert float(accuracy(logits.reshape(-1), tensor(labels))) == 0.75
    assert float(accuracy(tensor([0.2, 0.7]), tensor([0, 1]), threshold=0.5)) == 1
    assert all(float(accuracy(tensor(np.ones(n)), tensor(np.ones(n)))) == 1 for n in range(1, 200))
    with pytest.raises(dls.ShapeError, match=r"labels\.argmax"):
        accuracy(scores, scores)
    with pytest.raises(dls.ShapeError, match=r"labels\.reshape"):
        accuracy(scores, tensor([[0], [2], [2], [1]]))
    with pytest.raises(dls.DataError, match="nothing"):
        accuracy(scores[:0], tensor(np.zeros(0, "int64")))


def test_history_is_a_mapping_and_draws_itself():
    history = History()
    assert len(history) == 0 and "0 epochs" in repr(history)
    for epoch in range(3):
        history.add({"loss": 1 / (epoch + 1), "accuracy": epoch / 3})
    assert dict(history)["loss"] == [1, 0.5, 1 / 3]
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = history.plot()
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["loss", "accuracy"]
    assert np.allclose(axes.get_lines()[0].get_ydata(), history["loss"])


@pytest.mark.filterwarnings("error")  # it says where a step is not captured
@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("of", ["labels", "both"])
def test_batches_of_numpy_arrays_are_captured_to_the_same_numbers(device, of):
    places = [slice(i, i + 15) for i in range(0, 90, 15)]

    def train(captured, arrays):
        net, loss, opt, _ = parts(device)
        rows = [X[p] if of == "both" and arrays else dls.Tensor(X[p], device=device)
                for p in places]
        labels = [Y[p] if arrays else dls.Tensor(Y[p], device=device) for p in places]
        found = fit(net, loss, opt, list(zip(rows, labels)), 4, capture=captured, progress=False,
                    metrics={"accuracy": accuracy})
        return found["loss"], found["accuracy"]

    assert train(True, arrays=True) == train(False, arrays=False)
