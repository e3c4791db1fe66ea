"""Neighbours become one operation in a captured step, and no number changes by it."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tests.capturing.steps import compare, equal, parts, state
from tinygrad_dls import nn


def images(count, m=4, channels=3, size=9, classes=3, seed=0, dtype="float32"):
    rng = np.random.default_rng(seed)
    return [(dls.Tensor(rng.standard_normal((m, channels, size, size)).astype(dtype)),
             dls.Tensor(rng.integers(0, classes, m))) for _ in range(count)]


def head(channels, classes=3):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def operations(captured):
    """The names of the forward operations of a program, in order."""
    lines = [re.search(r"(?: = F|^    (?!C\d)\w+\().*  # (?!backward)(\w+)", line)
             for line in captured.source().split("\n")]
    return [line[1] for line in lines if line]


class Residual(nn.Module):
    """relu(batch norm of a convolution + x), or + another convolution's batch norm."""

    def __init__(self, channels, projected):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.side = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels)
        ) if projected else nn.Identity()

    def forward(self, x):
        return (self.bn(self.conv(x)) + self.side(x)).relu()


class Turned(Residual):
    """The same sum, its operands the other way round."""

    def forward(self, x):
        return (self.side(x) + self.bn(self.conv(x))).relu()


def test_layers_and_their_activations():
    captured = compare(lambda: nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 6, 3, bias=False), nn.BatchNorm2d(6),
        nn.ReLU6(), nn.Conv2d(6, 6, 3, groups=6), nn.ReLU(), nn.Flatten(), nn.Linear(54, 7),
        nn.ReLU(), nn.Linear(7, 3)), images(5))
    assert operations(captured) == [
        "convolution_relu", "convolution", "batch_norm_activation", "convolution_relu", "reshape",
        "linear_relu", "linear", "cross_entropy"]


@pytest.mark.parametrize("block", [Residual, Turned])
@pytest.mark.parametrize("projected", [False, True])
def test_residual_blocks(block, projected):
    captured = compare(lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), block(4, projected), block(4, projected), *head(4)), images(5))
    found = operations(captured)
    assert found.count("batch_norm_activation") == 2
    assert "relu" not in found
    assert "add" not in found
    assert found.count("batch_norm") == (2 if projected else 0)


def test_frozen_parts():
    def build():
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Residual(4, True), *head(4))
        for p in (model[0].weight, model[2].bn.weight, model[2].side[0].bias):
            p.requires_grad = False
        return model

    captured = compare(build, images(5))
    assert "convolution_relu" in operations(captured)


class Beside(nn.Module):
    """relu(batch norm of a convolution + x)."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x):
        return (self.bn(self.conv(x)) + x).relu()


def test_a_gradient_that_others_need_is_not_written_over():
    """dL/dy of the ReLU is masked in its place, unless it goes on to somebody else, too."""
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(4, 5), nn.Linear(4, 5)
            self.out = nn.Linear(5, 3)

        def forward(self, x):
            return self.out(self.one(x).relu() + self.two(x).relu())

    rng = np.random.default_rng(0)
    data = [(dls.Tensor(rng.standard_normal((6, 4)).astype("float32")),
             dls.Tensor(rng.integers(0, 3, 6))) for _ in range(5)]
    assert "reuse" not in compare(Both, data).source()
    alone = compare(lambda: nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), data)
    assert "linear_relu(reuse=True)" in alone.source()


def test_residual_without_a_gradient():
    def build():
        model = nn.Sequential(nn.Conv2d(3, 3, 3), Beside(), *head(3))
        model[0].requires_grad_(False)
        return model

    assert "batch_norm_activation" in operations(compare(build, images(5)))


def test_a_residual_that_lies_otherwise_in_memory_stays_by_itself():
    """Pixels first: the sum's order in memory, and so the order of later sums, is NumPy's."""
    found = operations(compare(lambda: nn.Sequential(Beside(), *head(3)), images(5)))
    assert found[1:4] == ["batch_norm", "add", "relu"]


def test_what_others_see_stays_as_it_is():
    """Where the sum before ReLU is returned, or used twice, nothing may swallow it."""
    class Seen(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x):
            z = self.fc(x)
            return self.out(z.relu() + 0.5 * z)

    rng = np.random.default_rng(0)
    data = [(dls.Tensor(rng.standard_normal((6, 4)).astype("float32")),
             dls.Tensor(rng.integers(0, 3, 6))) for _ in range(4)]
    assert "linear_relu" not in operations(compare(Seen, data))

    def returning(model):
        def step(x):
            z = model(x)
            return z, z.relu()
        return step

    dls.manual_seed(3)
    model = nn.Linear(4, 4)
    captured = dls.capture(returning(model))
    for x, _ in data:
        equal([t.numpy() for t in returning(model)(x)], [t.numpy() for t in captured(x)])
    assert operations(captured) == ["linear", "relu"]


def test_an_operand_of_another_shape_is_no_residual():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn, self.shift = nn.BatchNorm2d(3), nn.Parameter(np.ones((3, 1, 1), "float32"))

        def forward(self, x):
            return (self.bn(x) + self.shift).relu()

    assert "batch_norm" in operations(compare(lambda: nn.Sequential(Shifted(), *head(3)),
                                              images(4)))


def test_what_nobody_takes_is_not_computed():
    """But running statistics are kept, and dropout draws its seed."""
    class Wasteful(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.norm = nn.LSTM(4, 5), nn.BatchNorm1d(4)
            self.drop, self.out = nn.Dropout(0.5), nn.Linear(5, 3)

        def forward(self, x):
            self.norm(x)
            self.drop(x.exp())
            y, _ = self.rnn(x.reshape(1, *x.shape))
            return self.drop(self.out(y[0]))

    rng = np.random.default_rng(0)
    data = [(dls.Tensor(rng.standard_normal((6, 4)).astype("float32")),
             dls.Tensor(rng.integers(0, 3, 6))) for _ in range(4)]
    found = operations(compare(Wasteful, data))
    assert "exp" not in found
    assert "stack" not in found
    assert found.count("dropout") == 1
    assert "batch_norm" in found


def test_evaluation_without_gradients():
    dls.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *head(4)).eval()

    def predict(x):
        with dls.no_grad():
            return model(x)

    captured = dls.capture(predict)
    for x, _ in images(4):
        np.testing.assert_array_equal(predict(x).numpy(), captured(x).numpy())
    assert "convolution_relu" in operations(captured)


def test_double_precision_and_modes():
    """float64, and batch norm that changes from training to evaluation and back."""
    def build():
        return nn.Sequential(nn.Conv2d(3, 4, 3, dtype="float64"), nn.BatchNorm2d(
            4, dtype="float64"), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(4, 3, dtype="float64"))

    data = images(6, dtype="float64")
    results = []
    for wrap in (lambda f: f, dls.capture):
        model, opt, step = parts(build)
        run = wrap(step)
        losses = []
        for i, batch in enumerate(data * 2):
            model.train(i % 4 != 3)
            losses.append(run(*batch).numpy().copy())
        results.append(losses + state(model, opt))
    equal(*results)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(
    ["conv", "depthwise", "pointwise", "bn", "relu", "relu6", "residual", "projected", "tap"]),
    min_size=2, max_size=9), st.integers(0, 10**6))
def test_any_stack_of_layers(kinds, seed):
    """Random networks, some of whose inner values are also part of the loss."""
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            made = {"conv": lambda: nn.Conv2d(3, 3, 3, padding=1),
                    "depthwise": lambda: nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False),
                    "pointwise": lambda: nn.Conv2d(3, 3, 1), "bn": lambda: nn.BatchNorm2d(3),
                    "relu": nn.ReLU, "relu6": nn.ReLU6, "residual": lambda: Residual(3, False),
                    "projected": lambda: Turned(3, True), "tap": nn.Identity}
            self.layers = nn.ModuleList([made[kind]() for kind in kinds])
            self.out = nn.Sequential(*head(3))

        def forward(self, x):
            extra = 0.0
            for kind, layer in zip(kinds, self.layers):
                x = layer(x)
                if kind == "tap":
                    extra = x.mean() + extra
            return self.out(x) + extra

    compare(Stack, images(4, size=5, seed=seed))


def test_the_loss_of_a_plain_function():
    """Parameters without modules, ReLU as a function."""
    def run(wrap):
        rng = np.random.default_rng(5)
        w = dls.Tensor(rng.standard_normal((6, 4)), requires_grad=True)
        b = dls.Tensor(rng.standard_normal(6), requires_grad=True)
        x = dls.Tensor(rng.standard_normal((5, 4)))

        def step(x):
            w.grad = b.grad = None
            loss = (F.linear(x, w, b).relu() ** 2).sum()
            loss.backward()
            return loss

        captured = wrap(step)
        found = []
        for _ in range(4):
            found += [captured(x).numpy().copy(), w.grad.numpy().copy(), b.grad.numpy().copy()]
        return found

    equal(run(lambda f: f), run(dls.capture))


@pytest.mark.parametrize("layer", ["conv", "linear"])
@pytest.mark.parametrize("seen", ["by nobody", "as a result", "as a part", "once more"])
def test_norm_in_use_writes_over_what_nobody_else_sees(layer, seen):
    dls.manual_seed(3)
    conv = layer == "conv"
    one = nn.Conv2d(3, 8, 1) if conv else nn.Linear(3, 8)
    norm = (nn.BatchNorm2d(8) if conv else nn.BatchNorm1d(8)).eval()
    norm.running_mean._data[...] = np.linspace(-1, 1, 8)

    def step(x):
        z = one(x)
        part = z[:1] if seen == "as a part" else None
        y = norm(z).relu()
        if seen == "once more":
            return y, z * 2.0
        return y, *[z] * (seen == "as a result"), *[part] * (part is not None)

    captured = dls.capture(step)
    rng = np.random.default_rng(0)
    shape = (4, 3, 5, 5) if conv else (40, 3)
    with dls.no_grad():
        for _ in range(5):
            x = dls.Tensor(rng.standard_normal(shape).astype("float32"))
            found, wanted = captured(x), step(x)
            for one_found, one_wanted in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(one_found.numpy(), one_wanted.numpy())
    assert ("reuse=True" in captured.source()) == (seen == "by nobody")
