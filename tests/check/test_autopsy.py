"""autopsy: hand-made faults, each named with element, line and cause; right steps stay quiet."""

import json
import re

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.errors import DataError
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op


def _leaf(values, **options):
    return dls.tensor(np.array(values, dtype="float32"), requires_grad=True, **options)


def log_of_0(x):
    return (x * 1).log().sum()


def zero_over_zero(x):
    y = x - x
    return (y / y).sum()


def exp_overflow(x):
    return (x * 1000).exp().mean()


def inf_minus_inf(x):
    big = dls.where(dls.tensor([True, False, False]), float("inf"), x)
    return (big - big).sum()


def masked_row(x):
    scores = dls.stack([x, x]).masked_fill(dls.tensor([[False] * 3, [True] * 3]), float("-inf"))
    return (dls.softmax(scores, -1) * 2).sum()


def root_slope_by_hand(x):
    y = dls.sqrt(x * 1)
    return (x * 0.5 / y).sum()  # the derivative of sqrt, by hand


def inverse_root(x):
    return (x ** -0.5).sum()


def log_of_negative(x):
    return dls.log(x - 5).sum()


def root_of_negative(x):
    return dls.sqrt(x - 5).sum()


def zero_times_inf(x):
    return (x * dls.exp(x * 0 + 1000)).sum()


def overflow_of_a_product(x):
    return (x * 1e25 @ (x * 1e25)).sum()


def arccos_beyond_1(x):
    return dls.arccos(x + 1).sum()


def float16_overflow(x):
    return (x * 1e6).astype("float16").sum()


FAULTS = [
    (log_of_0, [1, 0, 2], "log", (1,), r"log\(0\)", "eps"),
    (zero_over_zero, [1, 2, 3], "div", (0,), "0 / 0", "eps"),
    (exp_overflow, [0, 0.05, 1], "exp", (2,), "exp overflow", "logsumexp"),
    (inf_minus_inf, [1, 2, 3], "sub", (0,), "inf - inf", "masked_fill"),
    (masked_row, [1, 2, 3], "softmax", (1, 0), "fully masked row", "-1e9"),
    (root_slope_by_hand, [1, 0, 4], "div", (1,), r"sqrt'\(0\)", r"sqrt\(x \+ eps\)"),
    (inverse_root, [1, 0, 4], "power_of", (1,), r"sqrt'\(0\)", "eps"),
    (log_of_negative, [6, 3, 7], "log", (1,), "negative number, -2", "clip"),
    (root_of_negative, [6, 3, 7], "sqrt", (1,), "negative number, -2", "eps"),
    (zero_times_inf, [0, 1, 1], "exp", (0,), "exp overflow", "logsumexp"),
    (overflow_of_a_product, [1, 2, 3], "matmul", (), "overflow", "learning rate"),
    (arccos_beyond_1, [-1, 0, 1], "arccos", (2,), "defined for -1 <= x <= 1", "clip"),
    (float16_overflow, [0.001, 1, 0], "cast", (1,), "does not fit into float16", "float32"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f[0].__name__)
def test_each_fault_is_named(fault):
    step, values, op, element, cause, cure = fault
    found = dls.autopsy(step, _leaf(values))
    assert not found.ok and found.where == "forward"
    assert (found.op, found.element) == (op, element)
    assert found.source.startswith("test_autopsy.py:") and found.line
    assert re.search(cause, found.cause), found
    assert re.search(cure, found.cure), found
    assert json.loads(found.to_json())["op"] == op


def test_what_made_nan_of_an_infinity_is_told_too():
    found = dls.autopsy(zero_times_inf, _leaf([0, 1, 1]))
    assert "mul made NaN of it" in found.then and "0 * inf" in found.then


def test_operands_stand_in_the_report():
    found = dls.autopsy(log_of_0, _leaf([1, 0, 2]))
    assert found.operands == (("x", "0"), ("y", "-inf"))
    text = str(found)
    assert "log made the first Inf" in text and "return (x * 1).log().sum()" in text
    assert "element  [1] of (3,)" in text


@pytest.mark.parametrize(("maker", "cure"), [
    (lambda x: dls.softmax(x, -1), "F.cross_entropy"),
    (lambda x: dls.sigmoid(x), "binary_cross_entropy_with_logits"),
    (lambda x: dls.exp(x).sum(-1, keepdims=True), "logsumexp"),
])
def test_the_rewrite_depends_on_what_came_before(maker, cure):
    x = _leaf([[-200, 0, 200]]) if "logsumexp" not in cure else _leaf([[-200, -200, -200]])
    found = dls.autopsy(lambda: dls.log(maker(x)).sum())
    assert found.op == "log" and cure in found.cure


class RootWithoutCare(Op):
    """y = sqrt(x).    dL/dx = dL/dy / (2 y)"""

    def forward(self, x):
        return self.xp.sqrt(x)

    def backward(self, dy, y):
        return dy / (2 * y)


Op.registry.pop("RootWithoutCare")
careless_root = function(RootWithoutCare())


def test_a_backward_rule_is_named():
    def step(x):
        careless_root(x).sum().backward()

    found = dls.autopsy(step, _leaf([1, 0, 4]))
    assert (found.where, found.op, found.element) == ("backward", "root_without_care", (1,))
    assert "sqrt'(0)" in found.cause and ("dL/dx", "inf") in found.operands


def test_where_hides_a_value_but_not_its_slope():
    def step(x):
        dls.where(x > 0, careless_root(x), 0.0).sum().backward()

    found = dls.autopsy(step, _leaf([1, 0, 4]))
    assert found.where == "backward" and "0 * inf" in found.cause
    assert "safe value" in found.cure


def test_nan_in_the_data_is_named_by_row():
    model = nn.Linear(3, 2)
    values = np.ones((4, 3), "float32")
    values[2, 1] = np.nan
    x = dls.tensor(values)

    def step(x, y):
        return F.mse_loss(model(x), y)

    found = dls.autopsy(step, x, dls.zeros((4, 2)))
    assert (found.where, found.kind, found.element) == ("data", "NaN", (2, 1))
    assert "rows 2" in found.cause and found.path == ("Linear 3 -> 2",)


def test_a_parameter_that_was_broken_before_is_told():
    model = nn.Linear(3, 2)
    with dls.no_grad():
        model.weight.copy_(dls.full((2, 3), float("nan")))
    found = dls.autopsy(lambda: model(dls.ones((4, 3))).sum())
    assert found.where == "parameter" and "weight holds NaN already" in found.cause


def _diverging(rate):
    dls.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=rate)
    x = dls.tensor(np.random.default_rng(0).standard_normal((8, 3)).astype("float32") * 10)
    history = []

    def step():
        optimizer.zero_grad()
        loss = ((model(x) - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
        return loss

    return step, model, history


def test_an_exploding_learning_rate_is_named():
    step, model, history = _diverging(10.0)
    before = [p.numpy().copy() for p in model.parameters()]
    found = dls.autopsy(step, steps=100)
    assert not found.ok and found.steps > 2
    assert "exploding learning rate" in found.cause and "ten times smaller" in found.cure
    assert list(found.growth) == sorted(found.growth) and len(found.growth) == found.steps
    assert all(np.array_equal(p.numpy(), b) for p, b in zip(model.parameters(), before))
    assert history == [] and "growth" in str(found)


def test_a_right_step_is_finite():
    step, _, _ = _diverging(1e-4)
    found = dls.autopsy(step, steps=5)
    assert found.ok and bool(found) and "all finite" in str(found) and found.steps == 5


def test_infinities_of_masks_are_not_accused():
    x = _leaf(np.random.default_rng(0).standard_normal((4, 4)))

    def step():
        mask = dls.log(dls.tril(dls.ones((4, 4))))  # -inf above the diagonal
        y = dls.softmax(x + mask, -1)
        z = dls.softmax(x.masked_fill(mask < 0, float("-inf")), -1)
        loss = ((y - 1) ** 2).sum() + z.max()
        loss.backward()
        return loss

    assert dls.autopsy(step).ok


def test_nothing_of_the_users_is_changed():
    dls.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    x = dls.tensor(np.random.default_rng(0).standard_normal((6, 4)).astype("float32"))
    counts = {"steps": 0}
    losses = []

    def step():
        nonlocal losses
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean() + float(np.random.rand())  # noqa: NPY002 (users do)
        loss.backward()
        optimizer.step()
        counts["steps"] += 1
        losses = [*losses, loss.item()]
        model.extra = 1
        return loss

    step()
    np.random.seed(0)  # noqa: NPY002
    state = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    moments = {k: v.copy() for s in optimizer.state.values() for k, v in s.items()
               if hasattr(v, "copy")}
    grads = [p.grad.numpy().copy() for p in model.parameters()]
    arrays = [id(p._data) for p in model.parameters()]
    generator, kept = dls.random.default_generator.get_state(), losses
    numpy_state = np.random.get_state()  # noqa: NPY002
    del model.extra

    assert dls.autopsy(step, steps=3).ok

    assert counts == {"steps": 1} and losses is kept and not hasattr(model, "extra")
    assert all(np.array_equal(v.numpy(), state[k]) for k, v in model.state_dict().items())
    assert all(np.array_equal(v, moments[k]) for s in list(optimizer.state.values())[-1:]
               for k, v in s.items() if k in moments)
    assert all(np.array_equal(p.grad.numpy(), g) for p, g in zip(model.parameters(), grads))
    assert arrays == [id(p._data) for p in model.parameters()]
    assert dls.random.default_generator.get_state() == generator
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])  # noqa: NPY002
    assert all(s["step"] == 1 for s in optimizer.state.values())


def test_randomness_is_that_of_the_next_step():
    dls.manual_seed(0)
    drawn = []

    def step():
        x = dls.randn((2,))
        drawn_here.append(x.numpy().copy())
        return x.sum()

    drawn_here = Quiet(drawn)
    dls.autopsy(step)
    step()
    assert np.array_equal(drawn[0], drawn[1])


class Quiet:
    """Keeps what it is given where no replay finds it."""

    __slots__ = ("to",)

    def __init__(self, to):
        self.to = to

    def append(self, value):
        self.to.append(value)


def test_an_error_of_the_step_is_raised_unless_nan_came_first():
    def broken():
        return dls.ones((2, 3)) @ dls.ones((2, 3))

    with pytest.raises(dls.ShapeError):
        dls.autopsy(broken)

    def late():
        dls.log(dls.zeros((2,)))
        return dls.ones((2, 3)) @ dls.ones((2, 3))

    assert dls.autopsy(late).op == "log"


def test_wrong_arguments_are_told():
    with pytest.raises(DataError, match="function of a step"):
        dls.autopsy(dls.ones(3).sum())
    with pytest.raises(DataError, match="at least 1"):
        dls.autopsy(log_of_0, steps=0)
    assert "no operation" in str(dls.autopsy(lambda: None))


def test_a_captured_step_is_run_as_it_was_written():
    x = _leaf([1, 0, 2])
    captured = dls.capture(lambda: (x * 1).log().sum())
    assert dls.autopsy(captured).op == "log"


W = dls.tensor(np.ones((4, 1), "float32"), requires_grad=True)
INPUTS = dls.tensor(np.random.default_rng(0).standard_normal((8, 4)).astype("float32"))


def _rebinds():
    global W
    loss = ((INPUTS @ W - 1) ** 2).mean()
    loss.backward()
    with dls.no_grad():
        W = (W - 5.0 * W.grad).detach().requires_grad_()
    return loss


def test_parameters_that_a_step_replaces_are_followed_and_put_back():
    before = W
    found = dls.autopsy(_rebinds, steps=200)
    assert "exploding learning rate" in found.cause and found.growth[-1] > 1e10
    assert W is before and W.grad is None and np.array_equal(W.numpy(), np.ones((4, 1)))


def test_a_masked_row_of_a_softmax_by_hand():
    scores = _leaf(np.zeros((2, 2)))
    mask = dls.tensor([[True, False], [True, True]])

    def step():
        e = dls.exp(scores.masked_fill(mask, float("-inf")))
        return (e / e.sum(-1, keepdims=True)).sum()

    found = dls.autopsy(step)
    assert (found.op, found.element) == ("div", (1, 0)) and "fully masked" in found.cause


class Trainer:
    def __init__(self):
        self.model = nn.Linear(4, 1)
        self.optimizer = optim.RMSprop(self.model.parameters(), lr=0.1)
        self.schedule = optim.lr_scheduler.StepLR(self.optimizer, 1)
        self.losses = []

    def step(self, x):
        self.optimizer.zero_grad()
        loss = ((self.model(x) - 1) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.losses.append(loss.item())
        return loss.item()


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_methods_schedules_and_devices(device):
    trainer = Trainer()
    trainer.model.to(device)
    x = INPUTS.to(device)
    trainer.step(x)
    before = trainer.schedule.last_epoch, trainer.optimizer.param_groups[0]["lr"]
    weight = trainer.model.weight.numpy().copy()
    assert dls.autopsy(trainer.step, x, steps=3).ok
    assert (trainer.schedule.last_epoch, trainer.optimizer.param_groups[0]["lr"]) == before
    assert np.array_equal(trainer.model.weight.numpy(), weight) and len(trainer.losses) == 1
    assert dls.autopsy(trainer.step, x * float("nan")).where == "data"
