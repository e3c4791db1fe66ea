"""Checks for the exercises of c3w1-goals-and-metrics."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched


def test_confusion(lesson):
    Y = np.array([[1, 1, 1, 0, 0, 0, 0, 1, 0, 1]])
    called = np.array([[1, 0, 1, 1, 0, 0, 1, 1, 1, 1]])
    with untouched(Y=Y, called=called):
        made = lesson.confusion(Y, called)
    keys("the counts", made, ["TP", "FP", "FN", "TN"])
    for name, right, hint in (("TP", 4, "ill and called ill"), ("FP", 3, "healthy, called ill"),
                              ("FN", 1, "ill, called healthy"), ("TN", 2, "healthy both times")):
        same(name, made[name], right, hint)


def test_scores(lesson):
    for counts, cost, right in (
        ({"TP": 8, "FP": 12, "FN": 2, "TN": 78}, 10.0, (0.4, 0.8, 1.6 / 3, 0.32)),
        ({"TP": 3, "FP": 1, "FN": 3, "TN": 5}, 4.0, (0.75, 0.5, 0.6, 13 / 12)),
        ({"TP": 0, "FP": 0, "FN": 5, "TN": 5}, 10.0, (0.0, 0.0, 0.0, 5.0)),
        ({"TP": 0, "FP": 2, "FN": 0, "TN": 8}, 10.0, (0.0, 0.0, 0.0, 0.2)),
    ):
        with untouched(counts=counts):
            made = lesson.scores(counts, cost)
        names = ["precision", "recall", "F1", "cost"]
        keys("the scores", made, names)
        for name, value in zip(names, right, strict=True):
            same(f"{name} of {counts}", made[name], value)


def test_propagate(lesson):
    rng = np.random.default_rng(0)
    p = {"W": rng.standard_normal((1, 4)), "b": rng.standard_normal((1, 1))}
    X, Y = rng.standard_normal((4, 9)), (rng.random((1, 9)) < 0.5).astype(int)
    for c in (1.0, 7.0):
        with untouched(parameters=p, X=X, Y=Y):
            grads, cost = result("propagate", lesson.propagate(p, X, Y, c), 2)
        Z = p["W"] @ X + p["b"]
        losses = np.log1p(np.exp(Z)) - Y * Z
        same("the cost", cost, np.mean(np.where(Y == 1, c, 1) * losses),
             "malignant examples count miss_cost times; divide by m")
        gradients(lambda q, c=c: lesson.propagate(q, X, Y, c)[1], p, grads, m=9,
                  hint="dZ = weights * (A - Y) / m")
    far = {"W": np.array([[1000.0]]), "b": np.array([[0.0]])}
    with np.errstate(over="ignore"):
        cost = lesson.propagate(far, np.array([[1.0, -1.0]]), np.array([[1, 0]]), 2.0)[1]
    same("the cost of a sure and right answer", cost, 0.0, "log(1 + e^z) - y z by np.logaddexp")


def test_choose(lesson):
    models = {"A": {"acc": 90, "ms": 80}, "B": {"acc": 92, "ms": 100}, "C": {"acc": 95, "ms": 1500}}
    with untouched(**models):
        for limit, right in ((100, "B"), (99, "A"), (5000, "C"), (10, None)):
            made = lesson.choose(models, "acc", "ms", limit)
            assert made == right, f"with at most {limit} ms it is {made!r}, it must be {right!r}"
