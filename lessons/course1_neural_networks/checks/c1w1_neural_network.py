"""Checks for the exercises of c1w1-neural-network."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, untouched

X = np.array([[0.5, 1.0, 2.0, -1.0], [1.0, -2.0, 0.5, 0.2]])
Y = np.array([[1.0, 0.5, 3.0, 0.2]])
W, B = np.array([[1.5], [0.4]]), 0.1  # Z is positive, positive, positive, negative


def test_neuron(lesson):
    with untouched(X=X, w=W):
        A = lesson.neuron(X, W, B)
    same("A", A, [[1.25, 0.8, 3.3, 0.0]], "w^T X + b, and 0 where that is negative")


def test_squared_cost(lesson):
    A = np.array([[1.25, 0.8, 3.3, 0.0]])
    right = (0.25**2 + 0.3**2 + 0.3**2 + 0.2**2) / 4
    same("the cost", lesson.squared_cost(A, Y), right, "the mean of (a - y)^2")


def test_neuron_backward(lesson):
    def cost(p):
        return np.mean((np.maximum(0, p["w"].T @ X + p["b"]) - Y) ** 2)

    with untouched(X=X, Y=Y, w=W):
        grads = lesson.neuron_backward(X, Y, W, B)
    hint = "dZ = 2 (A - Y), but 0 where Z is negative; then dw = X dZ^T / m"
    gradients(cost, {"w": W, "b": B}, grads, m=4, hint=hint)


def test_train_neuron(lesson):
    w, b, costs = result("train_neuron", lesson.train_neuron(X, Y, 5, learning_rate=0.05), 3)
    at, bias, known = np.ones((2, 1)), 0.0, []
    for _ in range(5):
        A = np.maximum(0, at.T @ X + bias)
        known.append(np.mean((A - Y) ** 2))
        dZ = 2 * (A - Y) * (A > 0)
        at, bias = at - 0.05 * X @ dZ.T / 4, bias - 0.05 * dZ.mean()
    same("the first cost", costs[0], known[0], "the cost before the step")
    same("the five costs", costs, known, "one for each iteration")
    same("w after five steps", w, at, "w := w - alpha dw")
    same("b after five steps", b, bias, "b := b - alpha db")


def test_perceptron(lesson):
    answers = lesson.perceptron(X, W, B)
    same("the answers", answers, [[1, 1, 1, 0]], "1 where w^T X + b is positive")
    zeros = np.zeros((2, 1))
    same("the answers where it is 0", lesson.perceptron(X, zeros, 0.0), np.zeros((1, 4)))
    same("the answers with b = 9", lesson.perceptron(X, zeros, 9.0), np.ones((1, 4)))


def test_perceptron_step(lesson):
    x, w = np.array([[2.0], [-1.0]]), np.array([[0.3], [0.5]])  # w^T x = 0.1
    for y, b, right_w, right_b, why in (
        (1, 0.0, w, 0.0, "it was right: nothing changes"),
        (0, 0.0, w - x, -1.0, "it said 1 where 0 is right: minus x"),
        (1, -0.5, w + x, 0.5, "it said 0 where 1 is right: plus x"),
        (0, -0.5, w, -0.5, "it was right: nothing changes"),
    ):
        with untouched(x=x, w=w):
            new_w, new_b = result("perceptron_step", lesson.perceptron_step(x, y, w, b), 2)
        same(f"w for y = {y}, b = {b}", new_w, right_w, why)
        same(f"b for y = {y}, b = {b}", new_b, right_b, why)


def test_train_perceptron(lesson):
    points = np.array([[2.0, 1.0, -1.0, -2.0], [1.0, 3.0, -1.0, 0.5]])
    labels = np.array([[1.0, 1.0, 0.0, 0.0]])
    w, b, mistakes = result("train_perceptron", lesson.train_perceptron(points, labels), 3)
    # first round: (2, 1) is a mistake, then none; a second round is right
    same("the mistakes of each round", mistakes, [1, 0], "stop after a round without any")
    same("w", w, [[2.0], [1.0]])
    same("b", b, 1.0)
    xor = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])
    _, _, mistakes = lesson.train_perceptron(xor, np.array([[0.0, 1, 1, 0]]), rounds=7)
    assert len(mistakes) == 7, f"{len(mistakes)} rounds for XOR, which never ends: not 7"
    same("the mistakes of the first two rounds on XOR", mistakes[:2], [2, 3])
