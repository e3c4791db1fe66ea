"""dls.capture: the same numbers as the step itself, to the bit, or the step itself."""

import gc
import re
import threading
import warnings

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tests.capturing.steps import batches, compare, equal, mlp, parts, state
from tests.ops import checks
from tests.ops.declared import SAMPLED
from tests.strict.steps import training
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict
from tinygrad_dls.bench.cases import CASES, FAMILIES, OURS
from tinygrad_dls.bench.ours import LOSSES
from tinygrad_dls.ops.call import function

REFUSED = {"SynchronizedBatchNorm"}  # it waits for other ranks: such a step runs as it is

# --- the same numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_trains_the_same(name):
    case = CASES[name]
    x, y = (a[:4] for a in case.data())
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(x)) for _ in range(4)]
    found = []
    for wrapped in (False, True):
        model = case.network(OURS)
        model.load_state_dict(case.state())
        opt = optim.Adam(model.parameters(), lr=1e-3)

        def step(a, b, model=model, opt=opt):
            opt.zero_grad()
            loss = LOSSES[case.loss](model(a), b)
            loss.backward()
            opt.step()
            return loss

        if wrapped:
            step = dls.capture(step)
        losses = [step(dls.Tensor(x[o]), dls.Tensor(y[o])).numpy() for o in orders]
        found.append([*losses, *state(model, opt)])
        if wrapped:
            assert step.source().startswith("def step(x0, x1):"), step
    equal(*found)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # other inputs: arccosh(-1), say
@pytest.mark.parametrize("name", [name for name in SAMPLED if name not in REFUSED])
def test_each_op_and_its_rule(name):
    """Values and gradients on other numbers than those that were recorded."""
    op = SAMPLED[name]
    for sample in checks.samples_of(op)[:3]:
        given = [x + np.zeros((), x.dtype) for x in sample.inputs]
        asking = checks.floats(sample) if op.differentiable else []
        f = function(op(**sample.parameters))
        leaves = [dls.Tensor(x, requires_grad=i in asking) for i, x in enumerate(given)]

        def step(leaves=leaves, f=f):
            for x in leaves:
                x.grad = None
            y = f(*leaves)
            if y.requires_grad:
                (y * y).sum().backward()
            return y, *(x.grad for x in leaves)

        captured = dls.capture(step)
        captured(), captured()
        for x in leaves:
            if x.dtype.kind == "f":
                with dls.no_grad():
                    x.copy_(x.numpy() * 0.75)
        want, got = step(), captured()
        assert captured.reason is None, captured.reason
        for a, b in zip(want, got, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("optimizer", [
    lambda p: optim.Adam(p, lr=0.01), lambda p: optim.RMSprop(p, lr=0.01),
    lambda p: optim.AdamW(p, lr=0.01), lambda p: optim.LAMB(p, lr=0.01),
])
def test_optimizers_keep_their_counts(optimizer):
    compare(mlp, batches(6), optimizer)


def test_dropout_draws_what_the_step_itself_would():
    source = compare(lambda: nn.Sequential(
        nn.Linear(4, 32), nn.Dropout(0.4), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3)),
        batches(6)).source()
    assert source.count(".seed = s") == 2


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_move(momentum):
    compare(lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, momentum=momentum), nn.ReLU(),
                                  nn.Linear(8, 3)), batches(6))


def test_a_loss_used_twice_and_broadcast():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 3)
            self.scale = nn.Parameter(np.ones((3,), "float32"))

        def forward(self, x):
            h = self.a(x)
            return h * self.scale + h * h - h.mean(axis=1, keepdims=True)

    source = compare(Net, batches(5)).source()
    assert "sum_to(" in source and "the shares add" in source


def test_other_shapes_are_recorded_apart_and_found_again():
    data = [b for pair in zip(batches(5, 6), batches(5, 5)) for b in pair]
    compare(mlp, data, programs=2)


def test_clipping_schedules_and_averages_inside_the_step():
    ends = []
    for wrapped in (False, True):
        model, opt, _ = parts(mlp)
        schedule = optim.lr_scheduler.ExponentialLR(opt, 0.9)
        average = optim.ExponentialMovingAverage(model, 0.9)

        def step(x, y, model=model, opt=opt, schedule=schedule, average=average):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.05)
            opt.step()
            schedule.step()
            average.update_parameters(model)
            return {"loss": loss, "norms": [norm, norm * 2.0]}

        step = dls.capture(step) if wrapped else step
        results = [step(*batch) for batch in batches(6)]
        ends.append([r["norms"][1].numpy() for r in results] + state(model) + state(average)
                    + [np.array(opt.param_groups[0]["lr"])])
        assert not wrapped or (step.reason is None and "def step" in step.source())
    equal(*ends)


def test_gradients_are_summed_over_calls_where_nobody_resets_them():
    sums = []
    for wrapped in (False, True):
        model, _, _ = parts(mlp)

        def step(x, y, model=model):
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        step = dls.capture(step) if wrapped else step
        for batch in batches(5):
            step(*batch)
        sums.append(state(model))
    equal(*sums)


def test_padded_sentences_with_ignored_labels():
    data = batches(6)
    for i, (_, y) in enumerate(data):
        with dls.no_grad():
            y[i % 6] = -100
    compare(mlp, data)


@pytest.mark.parametrize("loss", [F.cross_entropy, lambda z, y: F.nll_loss(F.log_softmax(z, 1), y)])
def test_labels_to_ignore_that_come_later_are_told_before_anything_changes(loss):
    w = dls.randn(5, 4).requires_grad_()
    step = dls.capture(lambda x, y: loss(x @ w, y))
    x, y = dls.randn(6, 5), dls.tensor([0, 1, 2, 3, 0, 1])
    for _ in range(3):
        step(x, y)
    with pytest.raises(dls.DataError, match="recorded without any"):
        step(x, dls.tensor([0, 1, 2, 3, -100, 1]))
    assert float(step(x, y)) == float(loss(x @ w, y))


def test_zero_synchronizations_on_the_strict_device():
    here, there = training(CASES["d2"], "cpu"), dls.capture(training(CASES["d2"], "strict"))
    for _ in range(2):
        np.testing.assert_allclose(there().numpy(), here().numpy(), rtol=1e-4)
    with strict.count() as counted:
        loss = there()
    assert counted.syncs == 0 and counted.host_to_device == 0, counted
    np.testing.assert_allclose(loss.numpy(), here().numpy(), rtol=1e-4)
    assert "def step" in there.source()


def test_fit_captures():
    figures = []
    for captured in (False, True):
        model, opt, _ = parts(lambda: nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.ReLU(),
                                                    nn.Linear(8, 3)))
        history = dls.fit(model, F.cross_entropy, opt, batches(5) + batches(1, 3), epochs=3,
                          validation=batches(2, seed=1), metrics={"accuracy": dls.accuracy},
                          capture=captured, progress=False)
        figures.append([np.array(history[name]) for name in (
            "loss", "accuracy", "validation_loss", "validation_accuracy")] + state(model))
    equal(*figures)
    model, opt, _ = parts(lambda: nn.Linear(4, 3), rate=1e39)
    with np.errstate(all="ignore"), pytest.raises(dls.DataError, match="took part in this"):
        dls.fit(model, F.cross_entropy, opt, batches(5), epochs=9, capture=True, progress=False)


def test_threads_train_models_side_by_side():
    def train(number, ends, captured):
        # Seeds are one stream for all: no dropout here.
        rng = np.random.default_rng(number)
        model = mlp()
        for p in model.parameters():
            p.data = rng.standard_normal(p.shape).astype("float32")
        opt = optim.Adam(model.parameters(), lr=0.01)

        def step(x, y):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            return loss

        step = dls.capture(step) if captured else step
        for batch in batches(40, seed=number):
            step(*batch)
        ends[number] = state(model, opt)

    one_by_one, at_once = {}, {}
    for i in range(8):
        train(i, one_by_one, False)
    workers = [threading.Thread(target=train, args=(i, at_once, True)) for i in range(8)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    for i in range(8):
        equal(one_by_one[i], at_once[i])


# --- what changes --------------------------------------------------------------------------------


def test_what_may_change_between_calls():
    ends = []
    for wrapped in (False, True):
        model, opt, step = parts(lambda: nn.Sequential(
            nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 3)))
        step = dls.capture(step) if wrapped else step
        data, losses = iter(batches(40)), []

        def go(count=4, step=step, data=data, losses=losses):
            for _ in range(count):
                losses.append(step(*next(data)).numpy().copy())

        go()
        opt.param_groups[0]["lr"] = 0.02
        go()
        model.eval()
        go()
        model.train()
        go()
        model[0].weight.requires_grad_(False)
        go()
        model[0].weight.requires_grad_(True)
        model.load_state_dict({n: v.numpy() * 0.5 for n, v in model.state_dict().items()})
        go()
        model[0].bias.data = np.ones(8, "float32")
        go()
        ends.append(losses + state(model))
        assert not wrapped or step.reason is None, step.reason
    equal(*ends)


@pytest.mark.parametrize(("spoil", "reason"), [
    (lambda model, loss, x: loss.item(), "reads a value"),
    (lambda model, loss, x: bool(loss > 1000), "reads a value"),
    (lambda model, loss, x: print(f"{loss:.1f}"), "reads a value"),
    (lambda model, loss, x: np.asarray(x), "reads a value"),
    (lambda model, loss, x: dls.randn(2) * loss, "random numbers"),
    (lambda model, loss, x: F.gumbel_softmax(loss.reshape(1, 1)), "other than operations"),
    (lambda model, loss, x: dls.grad(loss, list(model.parameters()), retain_graph=True),
     r"dls\.grad"),
    (lambda model, loss, x: dls.checkpoint(dls.tanh, loss), r"dls\.checkpoint"),
    (lambda model, loss, x: loss.register_hook(lambda g: g * 1.0), "hook"),
    (lambda model, loss, x: (loss * 1.0).backward(create_graph=True), "differentiates gradients"),
])
def test_steps_that_cannot_be_replayed_run_as_they_are(spoil, reason):
    ends = []
    for wrapped in (False, True):
        model, opt, _ = parts(mlp)

        def step(x, y, model=model, opt=opt):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            spoil(model, loss, x)
            opt.zero_grad()
            loss.backward()
            opt.step()
            return loss

        step = dls.capture(step) if wrapped else step
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for batch in batches(6):
                step(*batch)
        ends.append(state(model))
        if wrapped:
            assert step.reason is not None
            assert any("is not captured" in str(w.message) for w in said)
            assert step.source().startswith("# step is not captured: ")
            assert re.search(reason, step.reason), step.reason
    equal(*ends)


@pytest.mark.filterwarnings("ignore:.*is not captured")
@pytest.mark.parametrize(("value", "reason"), [
    (lambda n, x: n, "a number or an array that it uses changes"),
    (lambda n, x: dls.Tensor(float(n)), "a number or an array that it uses changes"),
    (lambda n, x: dls.full((2,), n).sum(), "a number or an array that it uses changes"),
    (lambda n, x: dls.from_numpy(np.full(2, n, "float32")).sum(), "a number or an array"),
    (lambda n, x: x.sum() * 1.0 if n % 2 else x.sum(), "does not do the same each time"),
    (lambda n, x: x.tanh().sum() if n % 2 else x.exp().sum(), "does not do the same each time"),
    (lambda n, x: x[: n % 3].sum(), "does not do the same each time"),
])
def test_what_changes_behind_its_back_is_noticed(value, reason):
    count = [0]

    def step(x):
        count[0] += 1
        return x.sum() * value(count[0], x)

    captured, x = dls.capture(step), dls.ones((4, 2))
    for n in range(1, 9):
        assert captured(x).item() == (x.sum() * value(n, x)).item()
    assert re.search(reason, captured.reason), captured.reason
    assert "captured step: " in repr(captured)


@pytest.mark.filterwarnings("ignore:.*is not captured")
@pytest.mark.filterwarnings("ignore:.*is replayed for the first 16 kinds")
def test_arguments_that_require_grad_and_too_many_kinds():
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    captured = dls.capture(lambda x: (x * x).sum().backward())
    for _ in range(5):
        captured(x)
    np.testing.assert_array_equal(x.grad.numpy(), [10.0, 20.0])
    assert "an argument of it requires grad" in captured.reason
    captured = dls.capture(lambda x, rate: x * rate)
    for i in range(40):
        assert captured(dls.ones(2), float(i)).numpy()[0] == i
    assert "more than 16 kinds" in captured.reason


def test_python_arguments_and_results():
    def step(x, power, *, shift=0.0):
        y = x**power + shift
        return {"y": y, "all": (y.sum(), [x, power]), "none": None}

    captured = dls.capture(step)
    for _ in range(2):
        for power, shift in ((2, 1.0), (3, 1.0), (2.0, -1.0)):
            x = dls.randn(3)
            for _ in range(3):
                got, want = captured(x, power, shift=shift), step(x, power, shift=shift)
                np.testing.assert_array_equal(got["y"].numpy(), want["y"].numpy())
                np.testing.assert_array_equal(got["all"][1][0].numpy(), x.numpy())
                assert got["all"][1][1] == power
                assert got["none"] is None
    a, b = dls.ones(3), dls.zeros(3)
    captured = dls.capture(lambda x, y: x - y)
    for x, y in [(a, a)] * 3 + [(a, b)] * 3:
        assert captured(x, y).numpy()[0] == float(x is not y)


def test_wrong_labels_and_places_are_still_refused():
    _, _, step = parts(mlp)
    captured, (x, y) = dls.capture(step), batches(1)[0]
    for _ in range(3):
        captured(x, y)
    for wrong in (7, -100):
        with pytest.raises((IndexError, dls.DataError)) as caught:
            captured(x, dls.Tensor(np.full(6, wrong)))
        assert any("replay of a captured step" in note for note in caught.value.__notes__)
    table = nn.Embedding(5, 2)
    captured = dls.capture(lambda places: table(places))
    for _ in range(3):
        captured(dls.Tensor([0, 4]))
    for wrong in (5, -1):
        with pytest.raises(dls.DataError, match="out of range"):
            captured(dls.Tensor([0, wrong]))
    with pytest.raises(dls.DtypeError, match="takes a function"):
        dls.capture(3)


def test_writes_in_place_outside_of_an_optimizer_are_not_replayed():
    w = dls.Tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        w.grad = None
        (w * x).sum().backward()
        with dls.no_grad():
            w[...] = w - 0.1 * w.grad
        return w

    captured = dls.capture(step)
    with pytest.warns(UserWarning, match="writes in place"):
        for _ in range(5):
            captured(dls.ones(2))
    np.testing.assert_allclose(w.numpy(), [0.5, 1.5], rtol=1e-6)


def test_the_program_can_be_read_and_frees_what_it_made():
    captured = dls.capture(parts(mlp)[2])
    assert captured.source() == "# step is not captured yet: call it twice\n"
    for batch in batches(3):
        captured(*batch)
    source = captured.source()
    compile(source, "source", "exec")
    for part in ("def step(x0, x1):", "# linear (6, 8)", "# tanh (6, 8)", "Optimizer.zero_grad",
                 "# backward of tanh", "# gradient of weight", "Optimizer.step", "    del g"):
        assert part in source, part
    made = set(re.findall(r"\b([tg]\d+) = ", source))  # the other names are of the arena
    freed = {name for line in re.findall(r"del (.*)", source) for name in line.split(", ")}
    assert len(made - freed) == 1  # the loss, which it returns
    assert all(len(re.findall(rf"\b{name}\b", source)) >= 2 for name in made)


def test_no_memory_is_kept():
    captured, data = dls.capture(parts(mlp)[2]), batches(1)[0]
    for _ in range(5):
        captured(*data)
    gc.collect()
    before = len(gc.get_objects())
    gc.disable()
    try:
        for _ in range(200):
            captured(*data)
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


@pytest.mark.parametrize("write", [
    lambda k, t, v: dls.scatter(k, 1, t, v), lambda k, t, v: dls.scatter_add(k, 1, t, v),
    lambda k, t, v: dls.scatter(k, 1, t, 2.0), lambda k, t, v: dls.put_along_axis(k, t, v, 1),
    lambda k, t, v: dls.take_along_axis(k, t, 1) * v,
])
def test_places_that_were_twice_the_same_may_differ_in_a_replay(write):
    captured = dls.capture(write)
    for t in (3, 3, 3, 1, 4):
        given = dls.arange(6.0).reshape(1, 6), dls.Tensor([[t]]), dls.ones((1, 1)) * 7.0
        assert captured(*given).tolist() == write(*given).tolist()
    assert captured.reason is None


def test_a_step_that_writes_in_place_runs_as_it_is():
    w = dls.Tensor([1.0, 2.0, 3.0], requires_grad=True)

    def step(x):
        y = x * w
        y[-1:] = y.sum() * 0.1
        y[0:2] *= 10
        (y * y).sum().backward()
        return y

    captured = dls.capture(step)
    with pytest.warns(UserWarning, match="it runs as it is: it writes in place"):
        for i in range(4):
            x = dls.arange(3.0) + float(i)
            w.grad = None
            y = captured(x).tolist()
            gradient = w.grad.tolist()
            w.grad = None
            assert step(x).tolist() == y
            assert w.grad.tolist() == gradient


def test_adding_to_a_result_is_replayed():
    w = dls.ones(2, requires_grad=True)

    def step(x):
        y = w * 2.0
        y += x
        y *= 0.5
        return y

    captured = dls.capture(step)
    for i in range(4):
        assert captured(dls.ones(2) * float(i)).tolist() == [1.0 + 0.5 * i] * 2
    assert captured.reason is None
    assert "mul" in captured.source()


def test_a_hint_for_a_write_names_what_writes():
    def put(k, t):
        k[:, t] = 1.0
        return k

    captured = dls.capture(put)
    with dls.no_grad(), pytest.warns(UserWarning, match=r"dls\.scatter.*dls\.where"):
        for t in range(3):
            captured(dls.zeros((2, 3)), dls.Tensor(t))


def test_many_lengths():
    """The first 16 go on being replayed; further ones run as they are, with one warning."""
    runs = []

    def step(x):
        runs.append(len(x))
        return (x * 2.0).sum()

    captured = dls.capture(step)
    for n in range(1, 17):
        for _ in range(3):
            captured(dls.ones(n))
    runs.clear()
    with pytest.warns(UserWarning, match="first 16 kinds.*lengths") as warned:
        for n in range(1, 25):
            for _ in range(3):
                assert captured(dls.ones(n)).item() == 2 * n
    assert len(warned) == 1
    assert runs == [n for n in range(17, 25) for _ in range(3)]


@pytest.mark.parametrize("write", [
    lambda x, hide, at: x.masked_fill(hide == False, -1e9),  # noqa: E712
    lambda x, hide, at: x.masked_fill(hide, float("-inf")),
    lambda x, hide, at: dls.scatter(x, 1, at, 7.0),
])
def test_numbers_written_into_a_tensor(write):
    weight = dls.Tensor(np.ones((1, 3), "float32"), requires_grad=True)

    def step(x, hide, at):
        weight.grad = None
        loss = (write(x * weight, hide, at).softmax(1) * x).sum()
        loss.backward()
        return loss

    captured = dls.capture(step)
    for seed in range(6):
        x = dls.randn(2, 3, generator=dls.Generator(seed))
        hide, at = dls.Tensor([[True, False, False]] * 2), dls.Tensor([[seed % 3], [1]])
        loss, gradient = captured(x, hide, at), weight.grad
        assert loss.item() == step(x, hide, at).item()
        np.testing.assert_array_equal(gradient.numpy(), weight.grad.numpy())
    assert captured.reason is None and "def step" in captured.source(), captured.reason
