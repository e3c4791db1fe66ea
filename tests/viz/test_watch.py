"""`dls.watch`: what it measures, that it changes nothing, and the page it writes."""

import math
import warnings

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls.engine.modes import mode
from tinygrad_dls.nn import functional as F
from tinygrad_dls.viz import layers, samples, watching
from tinygrad_dls.viz.samples import Curve, Histogram, Thinned

from .browser import browser, opened, wait_for  # noqa: F401

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 3


class Net(nn.Module):
    def __init__(self):
        self.fc1, self.act, self.fc2 = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


def training(lr=0.1):
    dls.manual_seed(0)
    model = Net()
    opt = optim.SGD(model.parameters(), lr=lr)

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return model, opt, step


def run(step, count, w=None):
    losses = []
    for _ in range(count):
        loss = step(dls.Tensor(X), dls.Tensor(Y))
        losses.append(float(loss))
        if w is not None:
            w.step(loss)
    return losses


@pytest.fixture
def always(monkeypatch):
    """Whatever a sample costs, it is taken."""
    monkeypatch.setattr(watching, "SHARE", math.inf)


# --- what is measured ----------------------------------------------------------------------------


def test_numbers_are_those_of_the_step(tmp_path):
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        weight, bias = (p.numpy().astype("float64").copy() for p in model.fc1.parameters())
        loss = step(dls.Tensor(X), dls.Tensor(Y))
        w.step(loss)
    log = next(log for log in w.layers if log.name == "fc1")
    moved = sum(np.sum((now.numpy() - before) ** 2)
                for now, before in zip(model.fc1.parameters(), (weight, bias)))
    update = log.updates.newest
    np.testing.assert_allclose(update.ratio,
                               math.sqrt(moved / (np.sum(weight**2) + np.sum(bias**2))), rtol=1e-5)
    grads = np.concatenate([p.grad.numpy().ravel() for p in model.fc1.parameters()])
    np.testing.assert_allclose(update.gradients, np.sqrt(np.mean(grads.astype("float64") ** 2)),
                               rtol=1e-5)
    out = X @ weight.T + bias
    np.testing.assert_allclose((log.outputs.newest.mean, log.outputs.newest.std),
                               (out.mean(), out.std()), rtol=1e-4)
    act = next(log for log in w.layers if log.name == "act")
    np.testing.assert_allclose(act.outputs.newest.zeros, np.mean(out <= 0), rtol=1e-6)
    assert act.dead == np.sum((out <= 0).all(0))
    assert w.loss.newest == (1, pytest.approx(float(loss)))


def test_dead_units_are_those_that_give_nothing_sample_after_sample(tmp_path, always):
    class Functional(Net):
        def forward(self, x):
            return self.fc2(self.fc1(x).relu())

    for kind in (Net, Functional):
        model = kind()
        with dls.no_grad():
            model.fc1.bias.copy_(np.array([-99, -99, -99, 0, 0, 0, 0, 0], "float32"))
        opt = optim.SGD(model.parameters(), lr=1e-3)
        with dls.watch(model, opt, tmp_path / "w.html", every=1) as w:
            for _ in range(7):
                loss = F.cross_entropy(model(dls.Tensor(X)), dls.Tensor(Y))
                opt.zero_grad()
                loss.backward()
                opt.step()
                w.step(loss)
        names = [log.name for log in w.layers]
        log = w.layers[1]
        assert names[1] == ("act" if kind is Net else "fc1.relu") and log.dead >= 3
        assert f"{log.dead} of 8 units are dead" in w.to_html()


@pytest.mark.parametrize("seed", range(20))
def test_histograms_are_numpys(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(rng.normal(), 10.0 ** rng.integers(-6, 6), rng.integers(1, 300))
    values[rng.random(values.size) < 0.2] = 0
    found = Histogram.of(1, values)
    expected = np.histogram(values, samples.BINS)[0] if np.ptp(values) else None
    if expected is not None:  # a value on an edge may fall to either side
        assert abs(found.counts - expected).sum() <= 2
    assert found.counts.sum() == values.size
    low, high = values.min() - rng.random(), values.max() + rng.random()
    np.testing.assert_allclose(found.on(low, high).sum(), values.size, rtol=1e-9)
    sizes = Histogram.of(1, values, magnitudes=True)
    assert sizes.counts.sum() == np.sum(values != 0)
    np.testing.assert_allclose(sizes.zeros, np.mean(values == 0))


def test_what_is_not_finite_is_counted_apart():
    found = Histogram.of(3, np.array([1.0, np.nan, np.inf, 3.0]))
    assert (found.bad, found.mean, found.counts.sum()) == (2, 2.0, 2)
    nothing = Histogram.of(3, np.array([np.nan]))
    assert nothing.bad == 1 and not nothing.counts.any()


@pytest.mark.parametrize("seed", range(20))
def test_what_is_kept_is_bounded(seed):
    rng = np.random.default_rng(seed)
    count, most = int(rng.integers(1, 3000)), int(rng.integers(2, 40))
    thinned, curve = Thinned(most), Curve()
    losses = rng.normal(size=count)
    for i, loss in enumerate(losses):
        thinned.add(i)
        curve.add(i + 1, loss)
    items = thinned.items
    assert len(items) <= most + 1 and items[0] == 0 and items[-1] == count - 1
    gaps = set(np.diff(items[:-1]))
    assert len(gaps) <= 1
    assert len(curve.spans) <= samples.POINTS
    np.testing.assert_allclose(sum(s.total for s in curve.spans), losses.sum(), atol=1e-9)
    assert curve.best[1] == losses.min() and curve.spans[-1].last == count
    assert [s.first for s in curve.spans[1:]] == [s.last + 1 for s in curve.spans[:-1]]
    assert min(s.low for s in curve.spans) == losses.min()


# --- in a training -------------------------------------------------------------------------------


def test_it_changes_nothing_and_leaves_nothing_behind(tmp_path, always):
    _, _, step = training()
    plain = run(step, 45)
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        assert any(module._hooks for module in model.modules())
        assert run(step, 45, w) == plain
    assert w.samples == 3 and w.steps == 45
    assert [u.step for u in w.layers[0].updates.items] == [1, 21, 41]
    assert not any(module._hooks for module in model.modules()) and mode.trace is None


def test_captured_steps_are_looked_at_and_stay_captured(tmp_path, always):
    _, _, step = training()
    plain = run(step, 30)
    model, opt, step = training()
    captured = dls.capture(step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with dls.watch(model, opt, tmp_path / "w.html", every=5) as w:
            assert run(captured, 30, w) == plain
    assert captured.reason is None and "def step" in captured.source()
    assert w.samples == 6 and w.layers[0].outputs.newest.step == 26


@pytest.mark.filterwarnings("ignore:watch saw no")
def test_a_captured_step_cannot_hold_it(tmp_path):
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        w._disarm()  # a step that is looked at is not recorded

        @dls.capture
        def whole(x, y):
            w.step(step(x, y))

        with pytest.raises(dls.GraphError, match="after the captured step"):
            whole(dls.Tensor(X), dls.Tensor(Y))


def test_what_costs_too_much_is_put_off(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "SHARE", 0.0)
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html", every=2) as w:
        run(step, 20, w)
    assert w.samples == watching.ALWAYS and w.put_off
    assert "put off" in w.to_html()


def test_the_page_is_written_now_and_then(tmp_path, monkeypatch):
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        run(step, 3, w)
        before = w.path.read_text("utf-8")
        assert "0 steps" in before and 'data-runs="yes"' in before  # the first page: too new
        monkeypatch.setattr(watching, "WAIT", 0.0)
        monkeypatch.setattr(watching, "WRITING", math.inf)
        run(step, 1, w)
        assert "4 steps" in w.path.read_text("utf-8")
    text = w.path.read_text("utf-8")
    assert 'data-runs="no"' in text and "<b>finished</b>" in text
    assert [path.name for path in tmp_path.iterdir()] == ["w.html"]


def test_a_page_that_cannot_be_written_ends_no_training(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "WAIT", 0.0)
    monkeypatch.setattr(watching, "WRITING", math.inf)
    model, opt, step = training()
    folder = tmp_path / "gone"
    folder.mkdir()
    w = dls.watch(model, opt, folder / "w.html")
    (folder / "w.html").unlink()
    folder.rmdir()
    run(step, 3, w)
    with pytest.warns(UserWarning, match="could not be written"):
        w.close()


def test_an_evaluation_is_left_alone(tmp_path, always):
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html", every=1) as w:
        run(step, 1, w)
        model.eval()
        with dls.no_grad():
            model(dls.Tensor(X))
        assert mode.trace is None and not model.fc1._hooks
        model.train()
        run(step, 2, w)
    assert w.layers[0].outputs.newest.step == 3


def test_a_trace_inside_is_its_own(tmp_path):
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        with dls.trace() as t:
            run(step, 2, w)
        run(step, 1, w)
    assert sum(node.op.startswith("cross_entropy") for node in t.record.nodes) == 2
    assert mode.trace is None


def test_errors_are_said_on_the_page(tmp_path):
    model, opt, step = training()
    with pytest.raises(ZeroDivisionError), dls.watch(model, opt, tmp_path / "w.html") as w:
        run(step, 2, w)
        raise ZeroDivisionError("division by zero")
    text = w.path.read_text("utf-8")
    assert "ended by an error" in text and "ZeroDivisionError: division by zero" in text
    with pytest.raises(dls.GraphError, match="closed"):
        w.step(1.0)


def test_what_stands_out(tmp_path, always):
    model = Net()
    opt = optim.SGD([*model.fc2.parameters()], lr=1000.0)
    with dls.watch(model, opt, tmp_path / "w.html", every=1) as w:
        for _ in range(3):
            out = model.fc2(dls.ones(5, 8))
            opt.zero_grad()
            (out * 100).sum().backward()
            opt.step()
            w.step(math.nan)
    text = w.to_html()
    for says in ("the loss was NaN or infinite at step 1", "fc1: no gradient came",
                 "fc1: the optimizer does not have its weight, bias",
                 "the learning rate may be too high"):
        assert says in text


def test_gradients_that_were_reset_too_early(tmp_path):
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        step(dls.Tensor(X), dls.Tensor(Y))
        opt.zero_grad()
        with pytest.warns(UserWarning, match="before zero_grad"):
            w.step(1.0)


@pytest.mark.parametrize("arguments, error, says", [
    (("model", None, "w.html"), dls.DtypeError, "optimizer"),
    ((None, "opt", "w.html"), dls.DtypeError, "nn.Module"),
    (("model", "opt", "w.png"), dls.FormatError, "w.html"),
    (("model", "opt", "none/w.html"), dls.DataError, "no folder"),
    (("model", "opt", 3), dls.DtypeError, "path"),
    (("model", "opt", "w.html", 0), dls.DataError, "every"),
])
def test_what_cannot_be_watched(tmp_path, monkeypatch, arguments, error, says):
    monkeypatch.chdir(tmp_path)
    model, opt, _ = training()
    given = {"model": model, "opt": opt}
    with pytest.raises(error, match=says):
        dls.watch(*(given.get(x, x) if isinstance(x, str) else x for x in arguments))
    assert mode.trace is None and not any(module._hooks for module in model.modules())


@pytest.mark.filterwarnings("ignore:watch saw no")
def test_a_loss_is_one_number(tmp_path):
    model, opt, _ = training()
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        with pytest.raises(dls.ShapeError, match="one number"):
            w.step(dls.ones(3))
        with pytest.raises(dls.DtypeError, match="number"):
            w.step("much")
        w.step()


@pytest.mark.parametrize("capture", [False, True])
def test_fit_watches(tmp_path, capture):
    model, opt, _ = training()
    batches = [(dls.Tensor(X), dls.Tensor(Y))] * 4
    dls.fit(model, F.cross_entropy, opt, batches, epochs=3, validation=batches[:1],
            progress=False, capture=capture, watch=tmp_path / "w.html")
    text = (tmp_path / "w.html").read_text("utf-8")
    assert "<b>finished</b>, 12 steps" in text and "validation_loss" in text
    with dls.watch(model, opt, tmp_path / "own.html") as w:
        dls.fit(model, F.cross_entropy, opt, batches, progress=False, watch=w)
        assert w.state == "training" and w.steps == 4


@pytest.mark.filterwarnings("ignore:watch saw no")
def test_names_change_nothing_but_the_text(tmp_path):
    hostile = "</script><img src=x onerror=alert(1)>\u202e@LAYERS@\ud800" + "x" * 5000
    model = nn.Sequential({hostile: nn.Linear(4, 3)})
    opt = optim.SGD(model.parameters(), lr=0.1)
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        w.step(1.0)
    text = w.path.read_text("utf-8")
    assert "<img src=x" not in text and text.count("</script>") == 1
    assert text.count("@LAYERS@") == 0


def test_many_layers_are_cut(monkeypatch):
    monkeypatch.setattr(layers, "MOST", 5)
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(9)])
    assert len(layers.layer_logs(model, set())) == 5


# --- in a browser --------------------------------------------------------------------------------


def test_the_page_reads_itself_again(opened, tmp_path):  # noqa: F811
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "page.html") as w:
        run(step, 3, w)
        w._write()
        tab = opened(w.path, clock=True)
        assert "3 steps" in tab.inner_text("#state")
        tab.click("#t-layer0 summary")
        run(step, 2, w)
        w._write()
        tab.clock.run_for(8000)
        wait_for(tab, lambda: "5 steps" in tab.inner_text("#state"))
        assert tab.evaluate("document.getElementById('t-layer0').open")
        assert tab.evaluate("document.activeElement.parentElement.id") == "t-layer0"
        tab.click("#pause")
    tab.clock.run_for(20000)
    assert "training" in tab.inner_text("#state")  # paused: it stays
    tab.reload()
    assert "finished, 5 steps" in tab.inner_text("#state")
    assert not tab.is_visible("#pause")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_page(opened, tmp_path, width):  # noqa: F811
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "page.html") as w:
        run(step, 3, w)
    tab = opened(w.path)
    tab.set_viewport_size({"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_in_a_frame_it_runs_apart(opened, tmp_path):  # noqa: F811
    model, opt, step = training()
    with dls.watch(model, opt, tmp_path / "w.html") as w:
        run(step, 1, w)
        shown = w._repr_html_()
    assert shown.startswith('<iframe sandbox="allow-scripts" title="training of Net"')
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><title>notebook</title><body data-ready>{shown}", "utf-8")
    tab = opened(path)
    frame = tab.frames[1]
    frame.wait_for_selector("body[data-ready]")
    assert "1 step" in frame.inner_text("#state")
