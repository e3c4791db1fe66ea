"""Checks for the exercises of c3w1-human-level-performance."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched


def test_bayes_error(lesson):
    p0, p1 = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.1, 0.2, 0.3, 0.4])
    with untouched(p0=p0, p1=p1):
        made = lesson.bayes_error(p0, p1, 1.0)
    same("the Bayes error", made, 0.25, "half of the smaller density, summed, times the area")
    same("the Bayes error on a finer grid", lesson.bayes_error(p0, p1, 0.5), 0.125)
    same("the Bayes error of equal classes", lesson.bayes_error(p1, p1, 1.0), 0.5)


def test_majority(lesson):
    votes = np.array([[1, 0, 0, 1], [1, 1, 0, 0], [0, 1, 0, 1]])
    with untouched(votes=votes):
        made = lesson.majority(votes)
    same("the labels", np.asarray(made).astype(int), [1, 1, 0, 1], "most of each column")
    one = np.array([[0, 1, 1]])
    same("the labels of one person", np.asarray(lesson.majority(one)).astype(int), [0, 1, 1])
    five = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]])
    same("of five", np.asarray(lesson.majority(five)).astype(int), [0, 1])


def test_propagate(lesson):
    rng = np.random.default_rng(3)
    p = {"W1": rng.standard_normal((4, 3)), "b1": rng.standard_normal((4, 1)),
         "W2": rng.standard_normal((1, 4)), "b2": rng.standard_normal((1, 1))}
    X, Y = rng.standard_normal((3, 7)), rng.integers(0, 6, (1, 7)) / 5
    with untouched(parameters=p, X=X, Y=Y):
        grads, cost = result("propagate", lesson.propagate(p, X, Y), 2)
    Z1 = p["W1"] @ X + p["b1"]
    Z2 = p["W2"] @ np.where(Z1 > 0, Z1, 0) + p["b2"]
    same("the cost", cost, np.mean(np.log1p(np.exp(Z2)) - Y * Z2),
         "the mean of -Y log A2 - (1 - Y) log(1 - A2)")
    gradients(lambda q: lesson.propagate(q, X, Y)[1], p, grads, m=7,
              hint="dZ2 = (A2 - Y) / m, dZ1 = W2^T dZ2 * (A1 > 0)")


def test_diagnose(lesson):
    for possible, train, dev, tolerance, right in (
        (1.0, 8.0, 10.0, 1.0, (7.0, 2.0, "avoidable bias")),
        (7.5, 8.0, 10.0, 1.0, (0.5, 2.0, "variance")),
        (10.0, 8.0, 8.5, 1.0, (-2.0, 0.5, "unknown")),
        (10.0, 8.0, 12.0, 1.0, (-2.0, 4.0, "variance")),
        (8.5, 8.0, 8.2, 1.0, (-0.5, 0.2, "variance")),
        (10.0, 8.0, 10.5, 3.0, (-2.0, 2.5, "variance")),
        (14.0, 8.0, 10.5, 3.0, (-6.0, 2.5, "unknown")),
        (9.0, 8.0, 9.0, 1.0, (-1.0, 1.0, "variance")),
        (10.0, 8.0, 9.0, 1.0, (-2.0, 1.0, "unknown")),
        (2.0, 4.0, 6.0, 1.0, (2.0, 2.0, "variance")),
    ):
        made = lesson.diagnose(possible, train, dev, tolerance)
        keys("the diagnosis", made, ["avoidable bias", "variance", "work on"])
        where = f" of possible {possible}, train {train}, dev {dev}"
        same("avoidable bias" + where, made["avoidable bias"], right[0], "train - possible")
        same("variance" + where, made["variance"], right[1], "dev - train")
        assert made["work on"] == right[2], (
            f"work on{where}, tolerance {tolerance}: {made['work on']!r}, it must be {right[2]!r}")
