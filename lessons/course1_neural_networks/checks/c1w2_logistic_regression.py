"""Checks for the exercises of c1w2-logistic-regression."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched

X = np.array([[1.0, 2.0, -1.0], [3.0, 4.0, -3.2]])
Y = np.array([[1, 0, 1]])
W, B = np.array([[1.0], [2.0]]), 2.0


def test_sigmoid(lesson):
    same("sigmoid(0)", lesson.sigmoid(0), 0.5, "e^0 is 1")
    z = np.array([[-2.0, 0.5, 3.0]])
    same("sigmoid of a row", lesson.sigmoid(z), [[0.11920292, 0.62245933, 0.95257413]])
    same("sigmoid(z) + sigmoid(-z)", lesson.sigmoid(z) + lesson.sigmoid(-z), [[1, 1, 1]])


def test_initialize_with_zeros(lesson):
    w, b = result("initialize_with_zeros(3)", lesson.initialize_with_zeros(3), 2)
    same("w", w, np.zeros((3, 1)), "a column, not a row or a flat array")
    same("b", b, 0.0)


def test_propagate(lesson):
    with untouched(w=W, X=X, Y=Y):
        grads, cost = result("propagate", lesson.propagate(W, B, X, Y), 2)
    same("the cost", cost, 5.801545319394553, "the mean of -y log a - (1 - y) log(1 - a)")
    keys("grads", grads, ["dw", "db"])

    def cost_of(p):
        return lesson.propagate(p["w"], p["b"], X, Y)[1]

    start = {"w": np.array([[0.1], [0.2]]), "b": 0.2}
    grads = lesson.propagate(start["w"], start["b"], X, Y)[0]
    gradients(cost_of, start, grads, m=3, hint="dZ = A - Y, then dw = X dZ^T / m")


def test_optimize(lesson):
    with untouched(w=W, X=X, Y=Y):
        params, grads, costs = result(
            "optimize", lesson.optimize(W, B, X, Y, 1, learning_rate=0.1), 3
        )
    first = lesson.propagate(W, B, X, Y)[0]
    keys("params", params, ["w", "b"])
    same("w after one step", params["w"], W - 0.1 * first["dw"], "w := w - alpha dw")
    same("b after one step", params["b"], B - 0.1 * first["db"], "b := b - alpha db")
    same("the returned dw", grads["dw"], first["dw"])
    params, _, costs = lesson.optimize(W, B, X, Y, 101, learning_rate=0.1)
    same("costs at 0 and 100", costs, [5.80154532, 0.31057104], rtol=1e-6)
    same("b after 101 steps", params["b"], 2.26891346, rtol=1e-6)


def test_predict(lesson):
    unseen = np.array([[1.0, -1.1, -3.2], [1.2, 2.0, 0.1]])
    w = np.array([[0.1124579], [0.23106775]])
    with untouched(w=w, X=unseen):
        labels = lesson.predict(w, -0.3, unseen)
    same("labels", labels, [[1, 1, 0]], "1 where the probability is above one half")
    biased = lesson.predict(w, 10.0, unseen)
    same("labels with b = 10", biased, [[1, 1, 1]], "is b added?")
    even = lesson.predict(np.zeros((2, 1)), 0.0, unseen)
    same("labels at exactly one half", even, [[0, 0, 0]], "above, not at, one half")


def test_model(lesson):
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((4, 30)), rng.standard_normal((4, 10))
    slope = np.array([[1.0, -2.0, 0.5, 0.0]])
    Y_train, Y_test = slope @ train > 0, slope @ test > 0
    run = lesson.model(train, 1 * Y_train, test, 1 * Y_test, 150, 0.3)
    keys("the result", run, ["costs", "w", "b", "Y_prediction_train", "Y_prediction_test"])
    w, b = lesson.initialize_with_zeros(4)
    params, _, costs = lesson.optimize(w, b, train, 1 * Y_train, 150, 0.3)
    same("costs", run["costs"], costs, "start with zeros, use the arguments given")
    same("w", run["w"], params["w"])
    labels = lesson.predict(params["w"], params["b"], test)
    same("predictions on the test set", run["Y_prediction_test"], labels)
    labels = lesson.predict(params["w"], params["b"], train)
    same("predictions on the training set", run["Y_prediction_train"], labels)
