"""Checks for the exercises of c3w2-transfer-and-multi-task."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.learn.checking import gradients, result, same, untouched


def test_propagate(lesson):
    rng = np.random.default_rng(0)
    p = {"W1": rng.standard_normal((6, 4)), "b1": rng.standard_normal((6, 1)),
         "W2": rng.standard_normal((3, 6)), "b2": rng.standard_normal((3, 1))}
    X, Y = rng.standard_normal((4, 9)), rng.integers(0, 3, 9)
    for frozen in ((), ("W1", "b1"), ("W2", "b2"), ("b1",), ("W1", "b2"), ("W1", "b1", "W2")):
        with untouched(parameters=p, X=X, Y=Y):
            grads, _ = result("propagate", lesson.propagate(p, X, Y, frozen), 2)
        wanted = {f"d{k}" for k in p if k not in frozen}
        assert set(grads) == wanted, (
            f"with {list(frozen)} frozen the gradients are {sorted(grads)}, "
            f"they must be {sorted(wanted)}")
        moving = {k: v for k, v in p.items() if k not in frozen}
        gradients(lambda q: lesson.propagate(p | q, X, Y)[1], moving, grads, m=9,
                  hint="dZ2 = (A2 - onehot) / m; through W2.T to dZ1, where Z1 > 0")


def network():
    dls.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2))


def test_freeze(lesson):
    for layers, moving in ((0, 25 + 36 + 14), (1, 36 + 14), (2, 36 + 14), (4, 14), (5, 0)):
        built = network()
        built[4].weight.requires_grad = False  # must be thawed, or stay as it is
        count = lesson.freeze(built, layers)
        for i, layer in enumerate(built):
            for name, p in layer.named_parameters():
                assert p.requires_grad == (i >= layers), (
                    f"with the first {layers} layers frozen, {i}.{name} has "
                    f"requires_grad={p.requires_grad}: those from layer {layers} on move")
        same(f"what can move with {layers} layers frozen", count, moving,
             "p.size of all parameters with requires_grad")


def test_features(lesson):
    built, X = network(), np.random.default_rng(1).standard_normal((7, 4)).astype("float32")
    for layers in (1, 2, 4, 5):
        with untouched(X=X):
            made = lesson.features(built, X, layers)
        assert isinstance(made, np.ndarray), f"features is a {type(made).__name__}, not an array"
        right = built[:layers](dls.Tensor(X)).detach().numpy()
        same(f"what the first {layers} layers say", made, right, "one layer after the other", 1e-5)
    recorded = []

    class Watcher(nn.Module):
        def forward(self, x):
            recorded.append((x * built[0].weight.sum()).requires_grad)
            return x

    lesson.features(nn.Sequential(Watcher()), X, 1)
    assert recorded == [False], "a graph was recorded: `with dls.no_grad():`"


def test_groups(lesson):
    for frozen in (0, 2, 4, 5):
        built = network()
        for layer in list(built)[:frozen]:
            for p in layer.parameters():
                p.requires_grad = False
        made = lesson.groups(built, 0.1, 0.5)
        body = [p for layer in list(built)[frozen:4] for p in layer.parameters()]
        head = list(built[4].parameters()) if frozen < 5 else []
        wanted = [(part, rate) for part, rate in ((body, 0.1), (head, 0.5)) if part]
        assert len(made) == len(wanted), (
            f"with {frozen} layers frozen there are {len(made)} groups, not {len(wanted)}: "
            "a group without parameters is left out")
        for group, (part, rate) in zip(made, wanted, strict=True):
            same("the rate of a group", group["lr"], rate, "the body first, then the head")
            got = list(group["params"])
            assert [id(p) for p in got] == [id(p) for p in part], (
                f"with {frozen} layers frozen the group of rate {rate} has {len(got)} "
                f"parameters, not the {len(part)} that can move")


def gaps(seed):
    rng = np.random.default_rng(seed)
    Y = np.where(rng.random((3, 8)) < 0.4, np.nan, rng.integers(0, 2, (3, 8)))
    p = {"W": rng.standard_normal((3, 5)), "b": rng.standard_normal((3, 1))}
    return p, rng.standard_normal((5, 8)), Y


def test_propagate_masked(lesson):
    for seed in range(2):
        p, X, Y = gaps(seed)
        with untouched(parameters=p, X=X, Y=Y):
            grads, cost = result("propagate_masked", lesson.propagate_masked(p, X, Y), 2)
        A = 1 / (1 + np.exp(-p["W"] @ X - p["b"]))
        losses = [
            -np.log(A[i, j] if Y[i, j] == 1 else 1 - A[i, j])
            for i in range(3) for j in range(8) if not np.isnan(Y[i, j])
        ]
        same("the cost", cost, np.mean(losses), "divide by the number of answers")
        gradients(lambda q, X=X, Y=Y: lesson.propagate_masked(q, X, Y)[1], p, grads, m=8,
                  hint="dZ = (A - Y) / number of answers where there is one, else 0")


def test_label_errors(lesson):
    for seed in range(3):
        _, _, Y = gaps(seed + 5)
        scores = np.random.default_rng(seed).standard_normal(Y.shape)
        scores[:, 0] = 0.0  # says no
        with untouched(scores=scores, Y=Y):
            made = lesson.label_errors(scores, Y)
        right = [
            100 * np.mean([(s > 0) != (y == 1) for s, y in zip(*row, strict=True)
                           if not np.isnan(y)])
            for row in zip(scores, Y, strict=True)
        ]
        same("the errors", made, np.array(right), "of each row, only where there is an answer")
