"""Checks for the exercises of c1w2-vectorization."""

import numpy as np
from tinygrad_dls.learn.checking import (
    gradients,
    numeric_gradient,
    same,
    shape,
    untouched,
)


def test_sigmoid(lesson):
    same("sigmoid(0)", lesson.sigmoid(0), 0.5, "e^0 is 1")
    x = np.array([[1.0, 2.0], [3.0, -1.0]])
    right = [[0.73105858, 0.88079708], [0.95257413, 0.26894142]]
    with untouched(x=x):
        same("sigmoid of a table", lesson.sigmoid(x), right)


def test_sigmoid_derivative(lesson):
    same("the slope at 0", lesson.sigmoid_derivative(0), 0.25, "s (1 - s) with s = 1/2")
    x = np.array([1.0, 2.0, 3.0, -0.5])
    slope = numeric_gradient(lambda v: 1 / (1 + np.exp(-v)), x)
    same("the slope", lesson.sigmoid_derivative(x), slope, "s (1 - s), not x (1 - x)", rtol=1e-6)


def test_image2vector(lesson):
    image = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    with untouched(image=image):
        v = lesson.image2vector(image)
    hint = "height * width * channels rows, one column"
    same("the column", v, np.arange(24).reshape(24, 1), hint)
    shape("the column of (5, 1, 3)", lesson.image2vector(np.zeros((5, 1, 3))), (15, 1), hint)


def test_normalize_rows(lesson):
    x = np.array([[0.0, 3.0, 4.0], [1.0, 6.0, 4.0]])
    right = [[0, 0.6, 0.8], [0.13736056, 0.82416338, 0.54944226]]
    with untouched(x=x):
        same("the rows", lesson.normalize_rows(x), right, "a column of lengths: keepdims=True")
    square = np.array([[3.0, 4.0], [5.0, 12.0]])
    right = [[3 / 5, 4 / 5], [5 / 13, 12 / 13]]
    same("a square table", lesson.normalize_rows(square), right, "rows, not columns")


def test_softmax(lesson):
    x = np.array([[9.0, 2, 5, 0, 0], [7, 5, 0, 0, 0]])
    with untouched(x=x):
        s = lesson.softmax(x)
    right = [
        [9.80897665e-01, 8.94462891e-04, 1.79657674e-02, 1.21052389e-04, 1.21052389e-04],
        [8.78679856e-01, 1.18916387e-01, 8.01252314e-04, 8.01252314e-04, 8.01252314e-04],
    ]
    same("the rows", s, right, "e^x, divided by the sum of its row")
    square = np.log([[1.0, 3.0], [4.0, 1.0]])
    same("a square table", lesson.softmax(square), [[0.25, 0.75], [0.8, 0.2]], "rows sum to 1")
    with np.errstate(all="ignore"):
        large = lesson.softmax(np.array([[1000.0, 1000.0], [-1000.0, -1000.0 + np.log(3)]]))
    hint = "take the largest number of each row away before e^x"
    same("rows of 1000 and -1000", large, [[0.5, 0.5], [0.25, 0.75]], hint)


YHAT, Y = np.array([0.9, 0.2, 0.1, 0.4, 0.9]), np.array([1, 0, 0, 1, 1])


def test_L1(lesson):
    with untouched(yhat=YHAT, y=Y):
        same("L1", lesson.L1(YHAT, Y), 1.1, "the sum of |y - yhat|")
    same("L1 of (3) for (1)", lesson.L1(np.array([3.0]), np.array([1.0])), 2.0)


def test_L2(lesson):
    with untouched(yhat=YHAT, y=Y):
        same("L2", lesson.L2(YHAT, Y), 0.43, "the sum of (y - yhat)^2")
    same("L2 of (3) for (1)", lesson.L2(np.array([3.0]), np.array([1.0])), 4.0)


def test_gradients_by_arrays(lesson):
    rng = np.random.default_rng(5)
    X, labels = rng.standard_normal((4, 6)), rng.integers(0, 2, (1, 6))
    w, b = rng.standard_normal((4, 1)), 0.4

    def cost(p):
        A = 1 / (1 + np.exp(-(p["w"].T @ X + p["b"])))
        return -np.mean(labels * np.log(A) + (1 - labels) * np.log(1 - A))

    with untouched(w=w, X=X, Y=labels):
        grads = lesson.gradients_by_arrays(w, b, X, labels)
    gradients(cost, {"w": w, "b": b}, grads, m=6, hint="dZ = A - Y, dw = X dZ^T / m")
